"""The calibration's own yardsticks are right on cases counted by hand, and its truth is what all subsets say."""

import math

import pytest
import torch
from scipy.stats import binomtest

from tinycircuits.interp.calibration import auroc, highest, judged, roles_of
from tinycircuits.interp.lattice import lattice
from tinycircuits.interp.unit_scores import Scores, units
from tinycircuits.models.planted import PATTERNS, SITES, TASK, planted

NAN = float("nan")


def test_auroc_of_hand_counted_cases():
    for score, positive, expected in (
        ([3.0, 2.0, 1.0], [True, False, False], 1.0),
        ([3.0, 2.0, 1.0], [False, False, True], 0.0),
        ([3.0, 2.0, 1.0, 0.0], [True, False, True, False], 0.75),
        ([1.0, 1.0], [True, False], 0.5),
        ([2.0, 1.0, 1.0], [True, True, False], 0.75),
    ):
        assert auroc(torch.tensor(score), torch.tensor(positive)) == expected
    assert math.isnan(auroc(torch.tensor([1.0, 2.0]), torch.tensor([True, True])))
    assert math.isnan(auroc(torch.tensor([1.0, 2.0]), torch.tensor([False, False])))


def test_auroc_is_the_share_of_pairs_and_swapped_labels_flip_it():
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        score = torch.randint(4, (9,), generator=generator).double()
        positive = torch.randperm(9, generator=generator) < 4
        pairs = [(p > n) + 0.5 * (p == n) for p in score[positive] for n in score[~positive]]
        found = auroc(score, positive)
        assert found == pytest.approx(float(sum(pairs)) / len(pairs))
        assert auroc(score, ~positive) == pytest.approx(1 - found)


def test_random_rankings_are_right_half_the_time():
    """With one part that works and one that does not, each ranking is a coin."""
    generator = torch.Generator().manual_seed(0)
    n, truth = 2000, torch.tensor([True, False])
    won = sum(auroc(torch.rand(2, generator=generator), truth) for _ in range(n))
    low, high = binomtest(int(won), n).proportion_ci(0.999)
    assert low < 0.5 < high


def test_the_highest_are_the_first_of_equal_ones():
    assert highest(torch.tensor([0.0, 5.0, 0.0, 7.0]), 3).tolist() == [True, True, False, True]
    assert not highest(torch.tensor([0.0, 5.0]), 0).any()


def test_units_that_counter_others_and_units_without_a_score_are_not_ranked():
    scores = Scores("some", torch.tensor([9.0, 5.0, NAN, 1.0, 7.0]), torch.tensor([True, True, False, False, False]))
    found = judged(scores, ("counters", "works", "works", "idle", "idle"))
    assert found.top.tolist() == [False, False, False, False, True]
    assert found.auroc == 0.5  # above one idle unit, below the other
    assert torch.equal(found.named, scores.named)
    with pytest.raises(ValueError, match="each of 5 scores, got 1"):
        judged(scores, ("works",))


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("seed", [0, 1])
def test_what_is_true_by_construction_is_true_of_all_subsets(pattern, site, seed):
    one = planted(pattern, site, seed=seed)
    found = lattice(one.model, TASK.sequences(), TASK, kind="zero", units=units(one.model))
    assert found.wrong[-1] == 0
    assert dict(zip(found.labels, roles_of(found), strict=True)) == one.roles
    pairs = pattern in ("half pair", "full pair", "suppressor")
    assert len(found.minimal) == (2 if pairs else 1)
