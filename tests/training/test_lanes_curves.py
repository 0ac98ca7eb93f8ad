"""Curves of many models: thinned evenly, over both parts of the split, in the recipe's own words."""

import itertools

import torch

from tests.training.test_lanes import SHAPES, STEPS, TASK, parameters, scattered, single_flat, unstable
from tinycircuits.models.errors import teacher_forced
from tinycircuits.training.lanes.layout import model_of
from tinycircuits.training.lanes.scores import score
from tinycircuits.training.lanes.training import (
    CURVE_INPUTS,
    CURVE_POINTS,
    LaneHistory,
    _curve_rounds,
    _thinned,
    train_lanes,
)
from tinycircuits.training.loop import train
from tinycircuits.training.recipe import IndependentBatches, generator_of

__all__ = ["parameters"]
SPEC = SHAPES["one layer"]


def test_a_curve_is_measured_on_inputs_from_the_whole_set():
    index = 10 * torch.arange(3 * CURVE_INPUTS)
    some = _thinned(index)
    assert len(some) == CURVE_INPUTS
    assert (some[0], some[-1]) == (index[0], index[-1])
    gaps = some.diff()
    assert gaps.min() >= 20
    assert gaps.max() <= 40
    assert torch.equal(_thinned(index[:CURVE_INPUTS]), index[:CURVE_INPUTS])


def test_the_points_of_a_curve_reach_from_the_first_round_to_the_last():
    assert _curve_rounds(5) == {0, 1, 2, 3, 4, 5}
    points = sorted(_curve_rounds(1000))
    assert len(points) == CURVE_POINTS
    assert (points[0], points[-1]) == (0, 1000)
    assert {b - a for a, b in itertools.pairwise(points)} == {25}


def test_a_lane_is_solved_when_it_errs_on_neither_part_at_the_last_point():
    train_wrong = torch.tensor([[0, 0], [3, 0], [0, 2], [5, 0]])
    holdout_wrong = torch.tensor([[4, 0], [0, 1], [0, 0], [6, 0]])
    history = LaneHistory(torch.tensor([0, 9]), *(torch.zeros(4, 2) for _ in range(2)), train_wrong, holdout_wrong)
    assert history.n_solved == 2


def test_both_parts_of_a_curve_are_those_of_each_model_alone():
    weights, history = train_lanes(TASK, SPEC, STEPS, seeds=[1, 4], compiled=False)
    sequences, split = TASK.sequences(), STEPS.split.indices(16)
    for lane, row in enumerate(weights):
        model = model_of(SPEC, TASK, row, dtype="float64")
        for part, index in (("train", split.train), ("holdout", split.holdout)):
            errors = teacher_forced(model, TASK, sequences[index]).errors()
            assert int(getattr(history, f"{part}_wrong_digits")[lane, -1]) == errors.wrong_digits
    assert errors.wrong_digits > errors.wrong_sequences, "the two counts are told apart"


def test_every_round_of_a_lane_draws_the_batches_of_its_seed_and_round(monkeypatch):
    drawn = []
    monkeypatch.setattr(
        IndependentBatches,
        "draw",
        lambda self, n, generators: drawn.append([g.initial_seed() for g in generators]) or (),
    )
    train_lanes(TASK, SPEC, STEPS, seeds=[7, 3], compiled=False)
    assert drawn == [[generator_of(seed, index).initial_seed() for seed in (7, 3)] for index in range(3)]


def test_other_betas_of_the_recipe_reach_the_stacks_optimizer():
    recipe = STEPS.model_copy(update={"betas": (0.5, 0.6), "weight_decay": 0.3})
    weights, _ = train_lanes(TASK, SPEC, recipe, seeds=[5], compiled=False)
    alone = single_flat(train(TASK, SPEC, recipe, seed=5)[0], SPEC)
    matters = ~unstable(SPEC)
    torch.testing.assert_close(weights[0][matters], alone[matters], rtol=1e-6, atol=1e-7)


def test_scores_in_parts_are_those_of_the_whole_and_losses_keep_double_precision(monkeypatch):
    stack, sequences = scattered(SPEC), TASK.sequences()
    whole = score(SPEC, TASK, stack, sequences)
    monkeypatch.setattr("tinycircuits.training.lanes.forward.CHUNK", 9)
    parts = score(SPEC, TASK, stack, sequences)
    assert torch.equal(parts.wrong_digits, whole.wrong_digits)
    assert torch.equal(parts.wrong_sequences, whole.wrong_sequences)
    torch.testing.assert_close(parts.loss, whole.loss, rtol=1e-12, atol=0)
    for lane, row in enumerate(stack):
        alone = teacher_forced(model_of(SPEC, TASK, row, dtype="float64"), TASK, sequences).mean_loss()
        assert abs(float(whole.loss[lane]) / alone - 1) < 1e-12
