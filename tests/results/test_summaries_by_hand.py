"""Rows of results that are written down: every cell can be counted on the fingers."""

import numpy as np
import pytest
import torch
from scipy.stats import binom

from tests.swept import HELD as HELD_OUT
from tests.swept import swept
from tinycircuits.display.categories import in_order
from tinycircuits.interp.ablation import REMOVALS
from tinycircuits.models.build import ModelSpec, build
from tinycircuits.models.errors import Errors
from tinycircuits.results.fits import Fitted
from tinycircuits.results.profiles import Profile
from tinycircuits.results.runs import Run
from tinycircuits.results.summaries import dictionaries, sweeps
from tinycircuits.results.summaries.attention import attention_follows
from tinycircuits.results.summaries.courses import courses, mirrored, mistakes
from tinycircuits.results.summaries.removals import removals
from tinycircuits.results.sweeps import SweepResult
from tinycircuits.results.tables.fits import Fit
from tinycircuits.results.tables.studies import Study
from tinycircuits.tasks import ModularAddition, OrderedSplit
from tinycircuits.training.dictionaries import SaeSpec
from tinycircuits.training.lanes.training import CURVE_INPUTS
from tinycircuits.training.recipe import EpochBatches, TrainSpec

TASK = ModularAddition(modulus=5, plus_sign=False)
HELD = range(19, 25)  # 3 + 4, 4 + 0, 4 + 1, 4 + 2, 4 + 3, 4 + 4
STUDY = Study(
    name="by hand",
    article="E",
    title="addition modulo five, for tests",
    task=TASK,
    model=ModelSpec(n_layers=1, d_model=2, n_heads=1, d_head=2, d_mlp=None),
    train=TrainSpec(split=OrderedSplit(n_train=19), batches=EpochBatches(epochs=1, batch_size=5), lr=1),
    published_seed=1,
)


def made(seed, missed):
    """A run that errs on these pairs; its history has two rounds."""
    wrong = {"all": missed, "train": [p for p in missed if p not in HELD], "holdout": [p for p in missed if p in HELD]}
    sizes = {"all": 25, "train": 19, "holdout": 6}
    history = {
        "train_wrong_digits": [10, len(wrong["train"])],
        "holdout_wrong_digits": [5, len(wrong["holdout"])],
        "train_loss": [2.0, 0.5],
        "holdout_loss": [3.0, 0.25],
    }
    errors = {part: vars(Errors(len(each), len(each), sizes[part], sizes[part])) for part, each in wrong.items()}
    metrics = {"history": history, "teacher_forced": errors}
    return Run(STUDY, seed, "none", build(STUDY.model, TASK, seed=seed), metrics, {})


def test_a_pair_is_mirrored_when_the_other_order_was_trained():
    """3 + 4 and 4 + 3 are both held out, and 4 + 4 is its own mirror image."""
    assert mirrored(STUDY).tolist() == [False, True, True, True, False, False]


def test_mistakes_are_counted_by_set_and_by_what_could_be_known():
    missed = [3, 19, 20, 24]
    logits = torch.zeros(5, 5, 5)
    for i in range(25):
        logits[i // 5, i % 5, (i // 5 + i % 5 + (i in missed)) % 5] = 1
    row = mistakes([made(0, missed)], {0: logits.argmax(-1)}).iloc[0]
    assert row["all pairs"] == "4 of 25"
    assert row["training"] == "1 of 19"
    assert row["held out"] == "3 of 6"
    assert row["held out, hard"] == 2, "3 + 4 and 4 + 4, but not 4 + 0, whose mirror image was trained"
    assert row.missed == "0 + 3, 3 + 4, 4 + 0, 4 + 4"


def test_courses_are_shares_of_the_set_that_they_name():
    runs = [made(0, [3, 20]), made(1, [])]
    found = courses(runs, runs[1], "wrong")
    assert list(found) == ["seed 0", "training pairs", "held-out pairs"]
    assert found["seed 0"][1] == [5 / 6, 1 / 6]
    assert found["training pairs"][1] == [10 / 19, 0]
    assert found["held-out pairs"][1] == [5 / 6, 0]
    assert courses(runs, runs[1], "loss")["held-out pairs"][1] == [3.0, 0.25]


def test_what_attention_follows_is_the_mean_of_the_seeds_between_their_extremes():
    shares = torch.tensor([[0.1, 0.0, 0.2, 0.3, 0.4], [0.2, 0.5, 0.1, 0.1, 0.1], [0.9, 0.0, 0.05, 0.05, 0.0]])
    over = Profile("trained", torch.arange(3), {"attention.follows": shares[:, None].double()})
    row = attention_follows(over).set_index("function of").loc["a"]
    assert [row.share, row.low, row.high] == pytest.approx([0.4, 0.1, 0.9])


def test_the_last_fall_is_over_the_last_tenth_of_the_epochs():
    losses = [100.0 - i for i in range(90)] + [8.0 - 0.5 * i for i in range(10)]
    recipe = SaeSpec(width=2, l1=0.1, lr=1, epochs=100, batch_size=1)
    tensors = {"W_enc": torch.eye(2), "b_enc": torch.zeros(2), "W_dec": torch.eye(2), "b_dec": torch.zeros(2)}
    fitted = Fitted(Fit("any", "any", "for tests", "L0 mlp", recipe), 0, {"loss": losses}, tensors, {})
    row = dictionaries.fit_qualities({"one": [fitted]}, torch.tensor([[1.0, 0.0], [3.0, 2.0]])).iloc[0]
    assert row["last fall"] == pytest.approx(1 - 3.5 / 8)
    assert [row.loss, row.penalty, row.l0, row.fvu, row.dead] == [3.5, 0.1, 1.5, 0, 0]


def test_shares_of_seeds_have_their_exact_interval():
    row = sweeps.share_table({"one": swept()}, "recipe").iloc[0]
    assert (row.seeds, row.faultless, row.share, row["best accuracy"]) == (4, 1, 0.25, 1)
    assert row.low == pytest.approx(1 - 0.975 ** (1 / 4)), "one or more of four is as rare as one in forty"
    assert binom.cdf(1, 4, row.high) == pytest.approx(0.025), "and so is one or fewer"


def test_the_seed_without_a_mistake_is_the_one_called_faultless():
    table = sweeps.seed_table({"one": swept()}, "recipe").set_index("seed")
    assert table.outcome.to_dict() == {0: "faultless", 1: "with mistakes", 2: "with mistakes", 3: "with mistakes"}
    assert table["wrong digits"].to_dict() == {0: 0, 1: 1, 2: 3, 3: 18}


def test_figures_show_sweeps_in_the_order_given_also_those_without_a_faultless_seed():
    failing = swept(train_wrong_sequences=[1] * 4)
    table = sweeps.seed_table({"z": failing, "a": swept()}, "recipe")
    assert table.recipe[0] == "a", "the faultless seed stands first"
    assert in_order(table.recipe) == ["z", "a"]
    assert in_order(table.outcome) == ["faultless", "with mistakes"]


def test_failing_seeds_are_counted_on_both_sides_of_the_split():
    row = sweeps.failure_table({"one": swept()}, "recipe").iloc[0]
    assert (row["with mistakes"], row["none in training"], row["median wrong"]) == (3, 1, 3)
    assert row["wrong in training"] == pytest.approx((1 + 0 + 12) / 3 / (3000 * 6))
    assert row["wrong in holdout"] == pytest.approx((0 + 3 + 6) / 3 / (HELD_OUT * 6))
    assert sweeps.fitted(swept()).tolist() == [False, False, True, False]


def test_errors_by_first_digit_are_those_of_the_seeds_with_mistakes(monkeypatch):
    first = torch.arange(4**6) // 4**5
    planted = torch.zeros(4, 4**6, 6, dtype=torch.bool)
    planted[0] = True  # the faultless seed, which is not looked at
    planted[1:3, first == 3, 5] = True
    planted[3, first == 1, 0] = True
    monkeypatch.setattr(SweepResult, "wrong", lambda result, chosen: planted[chosen])
    table = sweeps.wrong_by_first_digit(swept())
    assert (table.index.name, table.columns.name) == ("first digit of the input", "answer")
    assert table.loc["3", "y_5"] == pytest.approx(2 / 3)
    assert table.loc["1", "y_0"] == pytest.approx(1 / 3)
    assert table.to_numpy().sum() == pytest.approx(1)


def test_a_seed_that_was_faultless_once_may_end_with_mistakes():
    """All four have a point without a mistake; one of them ends so."""
    assert sweeps.lost_again(swept()) == (3, 4)


def test_the_band_of_courses_is_that_of_the_seeds_at_each_step():
    band = sweeps.course_band(swept(), "train")
    shares = [[0, 1, 1, 1 - 100 / CURVE_INPUTS], [1, 1 - 1 / (6 * CURVE_INPUTS), 1, 1]]
    assert band.step.tolist() == [0, 12]
    for column, level in (("low", 0.05), ("median", 0.5), ("high", 0.95)):
        assert band[column].tolist() == pytest.approx(np.quantile(shares, level, axis=1).tolist())


def test_the_whiskers_of_a_removal_reach_over_the_seeds():
    """Two seeds, one part, every kind of removal: each cell has a number of its own."""
    right = torch.tensor([[[0.9, 0.1, 0.5]], [[0.8, 0.3, 0.6]]], dtype=torch.float64)
    over = Profile("trained", torch.tensor([3, 5]), {"ablation.heads": right, "ablation.heads, random push": right / 2})
    table = removals(over, ["x"], seed=5, what="heads")
    assert table[["low", "share right", "high"]].to_numpy().tolist() == [
        [0.8, 0.8, 0.9],
        [0.1, 0.3, 0.3],
        [0.5, 0.6, 0.6],
    ]
    assert table["random push"].tolist() == [0.4, 0.15, 0.3]
    assert table.kind.tolist() == list(REMOVALS)
