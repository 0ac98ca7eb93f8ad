"""Counts and losses of guesses that are written down, over more sequences than one batch; intervals that cover."""

import math
from types import SimpleNamespace

import pytest
import torch
from scipy.stats import beta, binom

from tests.results.test_runs import TINY
from tests.swept import HELD, SWEEP, swept
from tinycircuits.models.build import build
from tinycircuits.models.errors import Scores, best_from_own_token, count, free_running, share_interval, teacher_forced
from tinycircuits.results import runs, sweeps
from tinycircuits.tasks import IncrementInPlace, ReverseIncrement
from tinycircuits.training.lanes.scores import LaneErrors
from tinycircuits.training.lanes.training import CURVE_INPUTS

LONG = ReverseIncrement(n_digits=3, modulus=11)
MANY = LONG.sequences()


def test_digits_and_sequences_are_counted_apart():
    wrong = torch.tensor([[1, 1, 1], [0, 0, 0], [0, 1, 0], [0, 0, 1]])
    found = count(wrong)
    assert (found.wrong_digits, found.wrong_sequences, found.n_digits, found.n_sequences) == (5, 3, 12, 4)
    assert found.accuracy == pytest.approx(7 / 12)


def test_scores_of_chosen_sequences_are_theirs():
    scores = Scores(torch.tensor([[1, 1], [0, 0], [0, 1]]), torch.tensor([9.0, 1.0, 2.0]).double())
    assert scores.errors(torch.tensor([1, 2])).wrong_digits == 1
    assert scores.mean_loss(torch.tensor([1, 2])) == 1.5
    assert (scores.errors().wrong_digits, scores.mean_loss()) == (3, 4)


def says(token):
    """A model that always says one token, with a probability of one half."""

    def logits(tokens):
        out = torch.zeros(*tokens.shape, LONG.d_vocab)
        out[..., token] = math.log(LONG.d_vocab - 1)
        return out

    return logits


@pytest.mark.parametrize("token", [3, LONG.bos])
def test_no_sequence_is_left_out_and_every_token_may_be_said(token):
    answers = LONG.answers(MANY)
    forced, free = teacher_forced(says(token), LONG, MANY), free_running(says(token), LONG, MANY)
    assert torch.equal(forced.wrong, (answers != token).long())
    assert torch.equal(free, forced.wrong)
    rare = math.log(2) + math.log(LONG.d_vocab - 1)
    expected = torch.where(answers == token, math.log(2), rare).double().mean(1)
    torch.testing.assert_close(forced.loss, expected, rtol=1e-6, atol=0)


def test_running_freely_reads_its_own_answers():
    """It copies the token before, so that after one wrong answer all are wrong in the same way."""
    sequences = LONG.sequences()[::50]
    wrong = free_running(lambda tokens: torch.nn.functional.one_hot(tokens, LONG.d_vocab).double(), LONG, sequences)
    last_digit = sequences[:, 3:4]
    assert torch.equal(wrong, (LONG.answers(sequences) != last_digit).long())


@pytest.mark.parametrize("task", [ReverseIncrement(n_digits=3, modulus=3), IncrementInPlace(n_digits=3, modulus=3)])
def test_the_best_from_the_own_token_is_that_of_a_loop(task):
    sequences = task.sequences().tolist()
    right = 0
    for row in task.predicting_rows:
        for token in range(task.d_vocab):
            said = [s[row + 1] for s in sequences if s[row] == token]
            right += max((said.count(each) for each in set(said)), default=0)
    assert best_from_own_token(task) == pytest.approx(right / (27 * 3))


class Lopsided(IncrementInPlace):
    """Most answers are 0, and a token does not tell which: the best guess differs from the most frequent token."""

    def _answers_to(self, digits):
        return (digits.sum(-1, keepdim=True) % 4 == 0).long().expand_as(digits) * digits


def test_the_best_guess_is_an_answer_to_a_token_and_not_a_token_to_an_answer():
    task = Lopsided(n_digits=2)
    sequences = task.sequences().tolist()
    right = sum(
        max(said.count(each) for each in said)
        for row in task.predicting_rows
        for token in range(5)
        if (said := [s[row + 1] for s in sequences if s[row] == token])
    )
    assert best_from_own_token(task) == right / 32


@pytest.mark.parametrize(("part", "whole"), [(0, 5), (1, 5), (217, 1000), (48, 50), (50, 50)])
def test_the_exact_interval_is_that_of_the_beta_distribution(part, whole):
    for level, options in ((0.95, ()), (0.8, (0.8,))):
        tail = (1 - level) / 2
        low = beta.ppf(tail, part, whole - part + 1) if part else 0
        high = beta.ppf(1 - tail, part + 1, whole - part) if part < whole else 1
        assert share_interval(part, whole, *options) == pytest.approx((low, high), rel=1e-6)


@pytest.mark.parametrize("share", [0.02, 0.2, 0.5, 0.9])
def test_in_nineteen_of_twenty_samples_and_more_the_interval_holds_the_share(share):
    """Coverage, summed over all samples of 40; and no wider: at its ends what was seen is as rare as one in forty."""
    chance = binom.pmf(range(41), 40, share)
    ends = [share_interval(part, 40) for part in range(41)]
    assert sum(p for p, (low, _) in zip(chance, ends, strict=True) if low > share) <= 0.025
    assert sum(p for p, (_, high) in zip(chance, ends, strict=True) if high < share) <= 0.025
    for part in range(1, 40):
        low, high = ends[part]
        assert binom.sf(part - 1, 40, low) == pytest.approx(0.025, rel=1e-4)
        assert binom.cdf(part, 40, high) == pytest.approx(0.025, rel=1e-4)


def test_a_run_is_measured_on_the_parts_of_its_split_in_both_modes():
    model = build(TINY.model, TINY.task, seed=3, dtype="float64")
    sequences = TINY.task.sequences()
    found = runs.measure(TINY, model)
    parts = {"all": sequences, "train": sequences[:12], "holdout": sequences[12:]}
    for name, some in parts.items():
        forced = teacher_forced(model, TINY.task, some)
        assert found["loss"][name] == pytest.approx(forced.mean_loss(), rel=1e-12)
        assert found["teacher_forced"][name] == vars(forced.errors())
        assert found["free_running"][name] == vars(count(free_running(model, TINY.task, some)))
    assert len({found["loss"][name] for name in parts}) == 3
    modes = [[found[mode][name]["wrong_digits"] for name in parts] for mode in ("teacher_forced", "free_running")]
    assert modes[0] != modes[1], "the two modes are told apart by this model"


def test_a_model_is_faultless_on_training_set_and_holdout_together():
    result = swept()
    assert result.solved.tolist() == [True, False, False, False]
    assert result.faultless.tolist() == [[False, True], [True, False], [True, False], [False, True]]
    assert result.history.n_solved == 2
    assert result.wrong_digits.tolist() == [0, 1, 3, 18]
    assert result.accuracy.tolist() == pytest.approx([1 - wrong / (6 * 4**6) for wrong in (0, 1, 3, 18)])


def test_a_course_is_the_share_of_what_was_looked_at():
    assert CURVE_INPUTS < 3000 < CURVE_INPUTS + 3000
    train, holdout = (swept().course(part) for part in ("train", "holdout"))
    assert train[:, 0].tolist() == pytest.approx([0, 1, 1, 1 - 600 / (6 * CURVE_INPUTS)])
    assert holdout[:, 0].tolist() == pytest.approx([0, 1, 1, 1 - 60 / (6 * HELD)])


def test_a_stack_is_measured_on_the_parts_of_its_split(monkeypatch):
    seen = []

    def scored(model, task, weights, sequences):
        seen.append((weights.dtype, sequences))
        lanes = len(weights)
        return LaneErrors(torch.full((lanes, 6), len(seen)), torch.full((lanes,), len(seen)), torch.ones(lanes), 1)

    monkeypatch.setattr(sweeps, "score", scored)
    found = sweeps.measure(SWEEP, torch.zeros(2, 5))
    every = SWEEP.task.sequences()
    assert [each[0] for each in seen] == [torch.float64] * 2
    assert torch.equal(seen[0][1], every[:3000])
    assert torch.equal(seen[1][1], every[3000:])
    assert found["train_wrong_sequences"].tolist() == [1, 1]
    assert found["holdout_wrong_digits"].tolist() == [[2] * 6] * 2


def test_a_part_of_a_block_is_the_models_of_its_seeds(monkeypatch):
    """Two blocks of two lanes; asked for are the last of the first and the first of the second."""
    made = {}
    for block in SWEEP.blocks(range(4)):
        at = torch.tensor(list(block))
        whole = swept()
        names = [name for name in vars(whole) if name.endswith(("digits", "sequences", "loss"))]
        tensors = {name: getattr(whole, name)[at] for name in names}
        tensors |= {
            f"history.{name}": values if name == "step" else values[at] for name, values in vars(whole.history).items()
        }
        made[block] = {**tensors, "weights": at[:, None].float()}
    monkeypatch.setattr(sweeps, "sweep", lambda name: SWEEP)
    order = iter(SWEEP.blocks(range(4)))
    monkeypatch.setattr(sweeps.door, "load", lambda _: SimpleNamespace(tensors=made[next(order)]))
    found = sweeps.load_sweep("by hand", range(1, 3))
    assert found.seeds.tolist() == [1, 2]
    assert found.weights.tolist() == [[1], [2]]
    assert found.holdout_wrong_sequences.tolist() == [0, 3]
    assert found.history.holdout_wrong_digits.tolist() == [[0, 0], [0, 3]]
