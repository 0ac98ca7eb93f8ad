"""Trials of sweeps and holdouts of splits: numbers made by hand, and the models themselves before training."""

import pytest
import torch

from tests.results.test_sweeps import TINY
from tinycircuits.claims import views
from tinycircuits.claims.ledger import RULES
from tinycircuits.claims.views import Trials, holdout, trials
from tinycircuits.models.build import build
from tinycircuits.models.errors import teacher_forced
from tinycircuits.results.sweeps import SweepResult, load_sweep
from tinycircuits.results.tables.studies import study
from tinycircuits.results.tables.sweeps import sweep
from tinycircuits.tasks import OrderedSplit, ShuffledSplit
from tinycircuits.training.lanes.training import LaneHistory

pytestmark = pytest.mark.xdist_group("ledger")

STEPS = torch.tensor([0, 40, 80, 120])
TRAIN_COURSE = torch.tensor([[20, 9, 3, 2], [18, 6, 0, 0], [22, 2, 0, 5]])
HELD_COURSE = torch.tensor([[7, 4, 2, 1], [6, 0, 0, 0], [8, 0, 0, 3]])
NAME = TINY.name


def made_up() -> SweepResult:
    """Three models of two digits: 12 inputs train, 4 are held out, so 24 and 8 digits; wrong digits set by hand."""
    zero = torch.zeros(3)
    return SweepResult(
        TINY,
        torch.arange(3),
        torch.zeros(3, 5),
        torch.tensor([[1, 1], [0, 0], [4, 1]]),
        torch.tensor([[1, 0], [0, 0], [0, 3]]),
        torch.tensor([2, 0, 4]),
        torch.tensor([1, 0, 3]),
        zero,
        zero,
        LaneHistory(STEPS, torch.zeros(3, 4), torch.zeros(3, 4), TRAIN_COURSE, HELD_COURSE),
    )


@pytest.fixture
def both():
    return {trained: Trials({NAME: made_up()}, trained) for trained in (True, False)}


def test_wrong_digits_are_those_of_all_inputs_at_the_end_or_before_the_first_step(both):
    assert both[True].wrong(NAME).tolist() == [3, 0, 8]
    assert both[False].wrong(NAME).tolist() == [27, 24, 30]
    assert both[True].share(NAME).tolist() == [1 - 3 / 32, 1, 1 - 8 / 32]
    assert both[False].share(NAME).tolist() == [1 - 27 / 32, 1 - 24 / 32, 1 - 30 / 32]


def test_the_shares_of_a_part_are_of_its_own_digits_at_its_own_point(both):
    assert both[True].wrong_share(NAME, "train").tolist() == pytest.approx([2 / 24, 0, 5 / 24])
    assert both[True].wrong_share(NAME, "holdout").tolist() == pytest.approx([1 / 8, 0, 3 / 8])
    assert both[False].wrong_share(NAME, "train").tolist() == pytest.approx([20 / 24, 18 / 24, 22 / 24])
    assert both[False].wrong_share(NAME, "holdout").tolist() == pytest.approx([7 / 8, 6 / 8, 1])


@pytest.mark.parametrize(("step", "point"), [(0, 0), (19, 0), (21, 1), (80, 2), (95, 2), (1000, 3)])
def test_a_course_is_read_at_the_point_nearest_to_a_step_and_untrained_always_at_the_first(both, step, point):
    assert both[True].held_out(NAME, step).tolist() == pytest.approx((1 - HELD_COURSE[:, point] / 8).tolist())
    assert both[False].held_out(NAME, step).tolist() == pytest.approx((1 - HELD_COURSE[:, 0] / 8).tolist())


def test_a_model_was_ever_faultless_if_both_parts_were_at_one_point(both):
    assert both[True].ever(NAME).tolist() == [False, True, True]
    assert both[False].ever(NAME).tolist() == [False] * 3


@pytest.mark.parametrize("name", ["seeds-c-ordered", "attention-4-raw", "mlp-only-in-place"])
def test_the_untrained_view_is_that_of_the_models_before_their_first_step(name):
    chosen = sweep(name)
    wrong = [
        teacher_forced(build(chosen.model, chosen.task, seed=seed), chosen.task, chosen.task.sequences()).errors()
        for seed in (0, 7)
    ]
    seen = trials(name, trained=False).wrong(name)
    assert [int(seen[seed]) for seed in (0, 7)] == [each.wrong_digits for each in wrong]
    at_end = teacher_forced(load_sweep(name).model(7), chosen.task, chosen.task.sequences()).errors().wrong_digits
    assert int(trials(name).wrong(name)[7]) == at_end != wrong[1].wrong_digits


def test_of_sweeps_sees_all_its_sweeps_and_the_control_is_the_same_before_training():
    for name, sweeps in (("C2", ["seeds-c-ordered"]), ("A6", ["attention-4-reversal", "attention-16-reversal"])):
        measure = RULES[name]
        seen, control = measure.models(), measure.controls["untrained"]()
        assert list(seen.results) == list(control.results) == sweeps
        assert (seen.trained, control.trained) == (True, False)
        assert measure.published is measure.counted is None


@pytest.mark.parametrize("split", [OrderedSplit(n_train=12), ShuffledSplit(n_train=11, seed=3)])
def test_a_holdout_holds_the_digits_of_the_inputs_that_a_split_leaves_out(monkeypatch, split):
    found, task = made_up(), TINY.task
    monkeypatch.setattr(views, "study", lambda name: TINY)
    asked = []
    monkeypatch.setattr(views, "load_sweep", lambda name, seeds: asked.append((name, seeds)) or found)
    seen = holdout.__wrapped__("tiny", split, "another sweep", 3)
    assert asked == [("another sweep", range(3))]
    left_out = sorted(set(range(16)) - set(split.indices(16).train.tolist()))
    digits = sorted([index // 4, index % 4] for index in left_out)
    assert sorted(seen.digits.tolist()) == digits
    counts = [[sum(pair[place] == digit for pair in digits) / len(digits) for digit in range(4)] for place in (0, 1)]
    torch.testing.assert_close(seen.shares, torch.tensor(counts, dtype=torch.float64)[:, : seen.modulus])
    answers = len(left_out) * task.n_answers
    assert seen.wrong_held_out.tolist() == pytest.approx([1 / answers, 0, 3 / answers])
    assert seen.wrong.tolist() == pytest.approx([3 / 32, 0, 8 / 32])


def test_article_b_is_judged_on_the_ordered_holdout_and_the_control_is_its_own_split():
    b = study("reversal-8d-1l")
    sequences = b.task.sequences()
    ordered, own = RULES["B9"].models(), RULES["B9"].controls["shuffled split"]()
    assert torch.equal(ordered.digits, sequences[60_000:, 1:9])
    assert torch.equal(own.digits, sequences[b.train.split.indices(len(sequences)).holdout, 1:9])
    assert set(ordered.digits[:, 0].tolist()) == {3}  # the last 5,536 of 65,536 inputs all begin with a three
    assert (len(ordered.wrong), len(own.wrong)) == (25, 25)
    assert torch.equal(ordered.wrong, 1 - load_sweep("seeds-b-ordered").accuracy)
