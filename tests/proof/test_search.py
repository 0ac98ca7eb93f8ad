"""What the search says, against a list of all cases; and what it must refuse."""

import math
from functools import partial

import numpy as np
import pytest
import torch

from tests.circuits import scrambled
from tests.proof.models import SPECS, TASK, TASKS, of_sweep, published, random_boxes, subjects
from tinycircuits.models.by_hand import hand_built
from tinycircuits.models.spoiled import bos_as_a_digit, moved_position, rolled
from tinycircuits.models.weights import named_weights, with_weights
from tinycircuits.proof.cases import roots
from tinycircuits.proof.search import search, smallest_margin, split
from tinycircuits.proof.subject import ordinary_margins, rule_of, tables_of
from tinycircuits.results.sweeps import load_sweep
from tinycircuits.tasks import ReverseIncrement

EIGHT = ReverseIncrement(n_digits=8)


def listed(tables, mu=0.0):
    """The wrong cases, one by one."""
    cases = list(roots(tables.rule).inputs())
    margins = tables.margins(np.array([row for row, _ in cases]), np.array([digits for _, digits in cases]))
    return {case for case, low in zip(cases, margins.min(1), strict=True) if not low > mu}, float(margins.min())


def searched(model, task, **asked):
    rule = rule_of(task)
    return search(tables_of(model, rule), margins=partial(ordinary_margins, model, rule), **asked)


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
@pytest.mark.parametrize("mu", [0.0, 1.0])
def test_the_wrong_cases_of_models_drawn_at_random_are_those_of_the_list(spec, task, mu):
    model = scrambled(spec, task, seed=2)
    verdict = searched(model, task, mu=mu, count=True)
    wrong, _ = listed(tables_of(model, rule_of(task)), mu)
    assert set(verdict.wrong_cases()) == wrong
    assert verdict.n_wrong == len(wrong)
    assert sum(verdict.right.sizes) == verdict.rule.n_cases - len(wrong)
    assert not len(verdict.open)
    assert verdict.word == ("refuted" if wrong else "proved")


@pytest.mark.parametrize("name", ["attention-4", "attention-4-raw", "attention-4-in-place", "attention-8"])
def test_models_of_the_sweeps_have_the_wrong_digits_that_are_stored(name):
    sweep = load_sweep(name, range(6))
    task = sweep.sweep.task
    for seed, model in zip(range(6), sweep.models(range(6)), strict=True):
        verdict = searched(model, task, count=True)
        assert verdict.n_wrong == int(sweep.wrong_digits[seed])
        assert not len(verdict.open)
        assert (searched(model, task).word == "proved") == bool(sweep.solved[seed])


@pytest.mark.parametrize("seed", [0, 51, 39, 54, 168])
def test_models_of_eight_digits_have_the_wrong_digits_that_are_stored(seed):
    verdict = searched(of_sweep("seeds-b", seed), EIGHT, count=True)
    sweep = load_sweep("seeds-b", range(seed, seed + 1))
    assert verdict.n_wrong == int(sweep.wrong_digits[0])
    assert not len(verdict.open)


def test_the_published_model_is_proved_in_few_boxes():
    verdict = searched(published().model, EIGHT)
    assert verdict.word == "proved"
    assert verdict.n_boxes <= 200
    assert sum(verdict.right.sizes) == 8 * 4**8
    assert len(verdict.hints) == verdict.n_boxes


def test_its_smallest_margin_is_enclosed_in_few_boxes():
    found = smallest_margin(tables_of(published().model, rule_of(EIGHT)))
    row, digits = np.array([found.case[0]]), np.array([found.case[1]])
    assert ordinary_margins(published().model, rule_of(EIGHT), row, digits).min() == pytest.approx(found.high)
    assert 0.99 * found.high == pytest.approx(found.low)
    assert found.n_boxes <= 600
    assert found.high == pytest.approx(5.4014, abs=1e-4)


@pytest.mark.parametrize("name", ["random, with both, 0", "random, no LayerNorm, 1", "random, no MLP, 0", "in place"])
def test_the_smallest_margin_is_that_of_the_list(name):
    tables = subjects()[name]
    _, true = listed(tables)
    found = smallest_margin(tables)
    assert found.low < true <= found.high + 1e-9
    assert found.high - found.low == pytest.approx(0.01 * abs(found.high))


@pytest.mark.parametrize("name", ["trained 51", "random, with both, 0", "random, no MLP, 1"])
def test_the_halves_of_a_box_are_the_box(name):
    tables = subjects()[name]
    boxes = random_boxes(tables.rule, 200, 0, 0.8)
    boxes = boxes[boxes.allowed.sum(2).max(1) > 1]
    halves = split(tables, boxes, np.zeros((len(boxes), tables.terms.shape[-1] - 1)))
    one, other = halves[: len(boxes)], halves[len(boxes) :]
    assert np.array_equal(one.row, boxes.row)
    assert np.array_equal(one.allowed | other.allowed, boxes.allowed)
    apart = ~(one.allowed & other.allowed).any(2).all(1)
    assert apart.all()
    assert [a + b for a, b in zip(one.sizes, other.sizes, strict=True)] == boxes.sizes
    assert one.allowed.any(2).all()
    assert other.allowed.any(2).all()


@pytest.mark.parametrize("spoil", [rolled, moved_position, bos_as_a_digit])
@pytest.mark.parametrize("count", [False, True])
def test_a_spoiled_model_is_refused_with_an_input_that_it_gets_wrong(spoil, count):
    model, rule = spoil(published().model), rule_of(EIGHT)
    verdict = searched(model, EIGHT, count=count)
    assert verdict.word == "refuted"
    row, digits = next(verdict.wrong_cases())
    with torch.no_grad():
        logits = model(torch.from_numpy(rule.tokens(np.array([digits]))))[0, 8 + row]
    right = int(rule.answer[row, digits[rule.source[row]]])
    others = torch.cat([logits[:right], logits[right + 1 :]])
    assert not logits[right] > others.max()


def test_a_tie_is_wrong():
    """BOS says exactly what the digit 1 says: every case whose answer is 1 is a tie, and no other one."""
    verdict = searched(bos_as_a_digit(published().model), EIGHT, count=True)
    assert verdict.n_wrong == 8 * 4**7
    assert {verdict.rule.answer[row, digits[7 - row]] for row, digits in verdict.wrong_cases()} == {1}


def test_a_tie_in_a_whole_box_decides_it_at_once():
    model = bos_as_a_digit(hand_built(TASK, mlp=False))
    verdict = searched(model, TASK, count=True)
    assert verdict.n_wrong == 3 * 4**2
    assert verdict.n_boxes == len(roots(verdict.rule))


def test_a_margin_that_is_just_met_is_refused_and_just_below_is_proved():
    tables = tables_of(hand_built(TASK, mlp=True), rule_of(TASK))
    exact = listed(tables)[1]
    assert search(tables, mu=exact).word == "refuted"
    assert search(tables, mu=exact, count=True).n_wrong > 0
    assert search(tables, mu=exact - 1e-6).word == "proved"


def test_what_is_not_a_number_is_never_right():
    tables = tables_of(hand_built(TASK, mlp=True), rule_of(TASK))
    broken = type(tables)(**{**vars(tables), "beta": np.full_like(tables.beta, np.nan)})
    assert search(broken).word == "refuted"
    assert search(broken, count=True).n_wrong == broken.rule.n_cases


def test_a_wrong_case_that_the_ordinary_model_gets_right_refutes_nothing():
    tables = tables_of(scrambled(SPECS["with both"], TASK), rule_of(TASK))
    assert search(tables).word == "refuted"
    always_right = search(tables, margins=lambda row, digits: np.ones((len(row), 4)))
    assert always_right.word == "undecided"


def test_a_search_that_gives_up_leaves_the_rest_open():
    tables = tables_of(of_sweep("seeds-b", 51), rule_of(EIGHT))
    verdict = search(tables, most=130)
    assert verdict.word == "undecided"
    assert sum(verdict.right.sizes) + sum(verdict.open.sizes) == verdict.rule.n_cases


def test_it_tells_how_many_cases_were_decided():
    told = []
    search(tables_of(published().model, rule_of(EIGHT)), on_decided=told.append)
    assert sum(told) == 8 * 4**8


@pytest.mark.parametrize("mlp", [False, True])
@pytest.mark.parametrize("n", [12, 16])
def test_circuits_set_by_hand_of_many_digits_are_proved(n, mlp):
    task = ReverseIncrement(n_digits=n)
    verdict = searched(hand_built(task, mlp=mlp), task)
    assert verdict.word == "proved"
    assert sum(verdict.right.sizes) == n * 4**n


@pytest.mark.parametrize(("n", "mlp"), [(8, True), (16, False)])
def test_a_dozen_wrong_cases_in_any_number_of_inputs_are_found_and_counted(n, mlp):
    """The first row gives its source the weight of n - 1.5 other digits: outvoted if all others have one value."""
    task = ReverseIncrement(n_digits=n)
    model = hand_built(task, mlp=mlp)
    query = named_weights(model)["blocks.0.attn.W_Q"]
    query[0, task.d_vocab + n, n] = math.log(n - 1.5) * model.cfg.d_head**0.5
    model = with_weights(model, {"blocks.0.attn.W_Q": query})
    assert searched(model, task).word == "refuted"
    verdict = searched(model, task, count=True)
    expected = {(0, (other,) * (n - 1) + (own,)) for other in range(4) for own in range(4) if own != other}
    assert set(verdict.wrong_cases()) == expected
    assert not len(verdict.open)
