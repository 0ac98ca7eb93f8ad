"""The bound of two layers lies below the truth of TransformerLens on every box, and what it closes is right."""

from copy import deepcopy
from functools import cache

import numpy as np
import pytest
import torch

from tests.circuits import scrambled
from tests.proof.models import TASK, digits_of, perturbed, random_boxes, some_cases
from tinycircuits.models.build import ModelSpec
from tinycircuits.proof import two_layers
from tinycircuits.proof.cases import Boxes, joined, roots
from tinycircuits.proof.subject import ordinary_margins, rule_of
from tinycircuits.proof.tables import EPS
from tinycircuits.proof.two_layers import Before, bounds_of_two, how_far, reach, stack
from tinycircuits.results.runs import load
from tinycircuits.tasks import IncrementInPlace

SPECS = {
    "with both": ModelSpec(n_layers=2, d_model=4, n_heads=1, d_head=2, d_mlp=6),
    "no LayerNorm": ModelSpec(n_layers=2, d_model=4, n_heads=1, d_head=3, d_mlp=5, layer_norm=False),
    "no MLP": ModelSpec(n_layers=2, d_model=5, n_heads=1, d_head=2, d_mlp=None),
    "in place": ModelSpec(n_layers=2, d_model=3, n_heads=1, d_head=2, d_mlp=4),
}
TRAINED = ["trained C", "perturbed C", "trained A"]


@cache
def subjects(name):
    """(model in float64, task)."""
    if name in SPECS:
        task = IncrementInPlace(n_digits=3) if name == "in place" else TASK
        return scrambled(SPECS[name], task), task
    run = load("reversal-8d-2l" if name.endswith("A") else "reversal-4d-2l")
    model = deepcopy(run.model).double()
    return perturbed(model, 0) if name.startswith("perturbed") else model, run.study.task


def parts_of(name):
    model, task = subjects(name)
    return stack({key: each.numpy() for key, each in model.state_dict().items()}, rule_of(task))


def truth(name, row, digits):
    """Margins, and the root that the final LayerNorm divides by; 1 without. From TransformerLens."""
    model, task = subjects(name)
    rule = rule_of(task)
    _, cache_ = model.run_with_cache(torch.from_numpy(rule.tokens(digits)))
    m = cache_["resid_post", 1][torch.arange(len(row)), rule.n_digits + torch.from_numpy(row)].numpy()
    m = m - m.mean(1, keepdims=True)
    norm = "ln_final.weight" in model.state_dict()
    root = np.sqrt((m**2).sum(1) + m.shape[1] * EPS) if norm else np.ones(len(m))
    return ordinary_margins(model, rule, row, digits), root[:, None]


@pytest.mark.parametrize("name", [*SPECS, *TRAINED])
def test_no_case_lies_below_the_bounds_of_its_box(name):
    parts = parts_of(name)
    n_boxes = 6 if name == "trained A" else 24
    for share in (0.1, 0.3, 0.6, 1.0):
        boxes = random_boxes(parts.first.rule, n_boxes, 1, share)
        index, row, digits = some_cases(boxes, 20, 2)
        margins, root = truth(name, row, digits)
        found = bounds_of_two(parts, boxes)
        known = np.isfinite(found.lower)[index]
        assert (found.lower[index] <= margins * root + 1e-8 * (1 + abs(margins)) * root)[known].all()
        assert (margins.min(1) > 0)[found.right[index]].all()
        assert known.any() or share > 0.1


@pytest.mark.parametrize("name", [*SPECS, *TRAINED])
def test_the_bound_of_a_single_case_is_its_margin(name):
    parts = parts_of(name)
    boxes = random_boxes(parts.first.rule, 6 if name == "trained A" else 24, 3, 0.5)
    _, row, digits = some_cases(boxes, 1, 4)
    single = Boxes(row, np.arange(parts.first.rule.modulus) == digits[..., None])
    margins, root = truth(name, row, digits)
    np.testing.assert_allclose(bounds_of_two(parts, single).lower, margins * root, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", [*SPECS, "trained C"])
def test_the_pieces_lie_on_the_right_side_too(name):
    """A loose piece must not hide another that is wrong: weights, means and states, from TransformerLens."""
    model, task = subjects(name)
    parts, rule = parts_of(name), rule_of(task)
    boxes = random_boxes(rule, 30, 5, 0.5)
    index, row, digits = some_cases(boxes, 20, 6)
    before = Before.of(parts, boxes)
    light, heavy = before.weights()
    _, cache_ = model.run_with_cache(torch.from_numpy(rule.tokens(digits)))
    at, batch = rule.n_digits + row, np.arange(len(row))
    pattern = cache_["pattern", 1][batch, 0, at].numpy()
    shown = np.concatenate([np.zeros((len(row), 1), int), digits, digits[:, list(rule.source[:-1])]], axis=1)
    positions = np.arange(pattern.shape[1])
    lo, hi = light[index[:, None], positions, shown], heavy[index[:, None], positions, shown]
    lo[:, 0], hi[:, 0] = light[index, 0].max(1), heavy[index, 0].max(1)  # BOS, whatever the first digit is
    seen = pattern > 0
    least = np.where(seen, pattern / np.where(hi > 0, hi, np.inf), 0).max(1)  # one scale puts all into their ranges
    most = np.where(seen & (lo > 0), pattern / np.where(lo > 0, lo, 1), np.inf).min(1)
    assert (hi[seen] > 0).all()
    assert (least <= most * (1 + 1e-9)).all()
    c = np.random.default_rng(0).normal(size=(len(boxes), 6, parts.written[0].shape[0]))
    low = before.mean(c, light, heavy)
    out = cache_["attn_out", 1][batch, at].numpy()
    out = out - out.mean(1, keepdims=True) if parts.first.eps is not None else out
    true = np.einsum("bfd,bd->bf", c[index], out)
    known = np.isfinite(low[index])
    assert (low[index] <= true + 1e-8 * (1 + abs(true)))[known].all()
    assert known.any()


def test_after_any_number_of_steps_a_mean_is_bounded_from_below(monkeypatch):
    """The last of many steps is exact, so no bound may lie above it."""
    parts = parts_of("with both")
    boxes = random_boxes(parts.first.rule, 30, 7, 0.5)
    before = Before.of(parts, boxes)
    c = np.random.default_rng(1).normal(size=(len(boxes), 6, 4))
    monkeypatch.setattr(two_layers, "STEPS", 20)
    exact = before.mean(c, *before.weights())
    for steps in (0, 1, 2):
        monkeypatch.setattr(two_layers, "STEPS", steps)
        found = before.mean(c, *before.weights())
        known = np.isfinite(found) & np.isfinite(exact)
        assert known.any()
        assert (found <= exact + 1e-6 * (1 + abs(exact)))[known].all()


def test_a_search_accounts_for_every_case_once_and_closes_only_right_ones():
    model, task = subjects("with both")
    parts, rule = parts_of("with both"), rule_of(task)
    found = reach(parts, roots(rule), most=10_000)
    cases = list(joined([found.closed, found.single, found.waiting]).inputs())
    assert len(cases) == len(set(cases)) == rule.n_cases
    row, digits = (np.array(part) for part in zip(*found.closed.inputs(), strict=True))
    assert (ordinary_margins(model, rule, row, digits) > 0).all()
    row, digits = (np.array(part) for part in zip(*found.single.inputs(), strict=True))
    assert (ordinary_margins(model, rule, row, digits).min(1) <= 1e-6).all()


def test_what_is_stored_adds_up_and_a_search_that_is_stopped_says_what_is_left():
    model, task = subjects("with both")
    found = how_far(model, task, most=33)
    assert (found.closed + found.open_alone + found.left == len(digits_of(task))).all()
    assert (found.left > 0).any()
    assert (found.bounded < 33 + 32).all()
    assert (found.largest * found.boxes >= found.closed).all()


@pytest.mark.parametrize(
    "spec",
    [
        ModelSpec(n_layers=1, d_model=4, n_heads=1, d_head=2, d_mlp=4),
        ModelSpec(n_layers=2, d_model=4, n_heads=2, d_head=2, d_mlp=4),
        ModelSpec(n_layers=2, d_model=4, n_heads=1, d_head=2, d_mlp=4, act_fn="gelu"),
    ],
)
def test_other_models_are_refused(spec):
    with pytest.raises(ValueError, match="model must have two layers, one head and ReLUs"):
        how_far(scrambled(spec, TASK), TASK, most=1)
