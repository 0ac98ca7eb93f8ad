"""What follows from counts of all subsets, against plain loops over subsets and over orders."""

from fractions import Fraction
from itertools import combinations, permutations
from math import comb

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tinycircuits.models import subsets

COUNTS = (
    st.integers(0, 4).flatmap(lambda k: st.lists(st.integers(0, 3), min_size=2**k, max_size=2**k)).map(torch.tensor)
)
FOUR = st.lists(st.integers(0, 9), min_size=16, max_size=16).map(torch.tensor)


def mask_of(units):
    return sum(1 << j for j in units)


def subsets_of(mask):
    units = subsets.members(mask, mask.bit_length())
    return [mask_of(chosen) for n in range(len(units) + 1) for chosen in combinations(units, n)]


def test_a_subset_is_a_bit_mask():
    assert subsets.sizes(3).tolist() == [0, 1, 1, 2, 1, 2, 2, 3]
    assert subsets.members(0b101, 3) == (0, 2)
    assert subsets.sizes(0).tolist() == [0]


@given(COUNTS)
def test_minimal_subsets_are_those_of_a_plain_loop(wrong):
    sufficient = wrong == 0
    expected = [
        bool(sufficient[mask]) and not any(sufficient[each] for each in subsets_of(mask) if each != mask)
        for mask in range(len(wrong))
    ]
    assert subsets.minimal(sufficient).tolist() == expected


def test_a_subset_is_not_minimal_when_one_two_steps_smaller_suffices():
    sufficient = torch.zeros(8, dtype=torch.bool)
    sufficient[[0b001, 0b111]] = True
    assert subsets.minimal(sufficient).nonzero().flatten().tolist() == [0b001]


def test_what_all_and_what_some_subsets_have():
    chosen = torch.zeros(8, dtype=torch.bool)
    assert not subsets.in_all(chosen).any()
    assert not subsets.in_any(chosen).any()
    other = chosen.clone()
    other[[0b011, 0b010]] = True
    both = torch.stack([chosen, other])  # of two models at once
    assert subsets.in_all(both).tolist() == [[False] * 3, [False, True, False]]
    assert subsets.in_any(both).tolist() == [[False] * 3, [True, True, False]]


def test_single_removals_leave_out_one_unit_of_the_whole():
    wrong = torch.tensor([[9, 3, 1, 5, 3, 2, 4, 0], [8, 1, 1, 0, 1, 7, 6, 0]])
    assert subsets.single(wrong).tolist() == [[4, 2, 5], [6, 7, 0]]


@given(st.lists(COUNTS, min_size=2, max_size=2).filter(lambda pair: len(pair[0]) == len(pair[1])))
def test_many_models_at_once_are_each_by_itself(pair):
    sufficient = torch.stack(pair) == 0
    assert torch.equal(subsets.minimal(sufficient), torch.stack([subsets.minimal(each) for each in sufficient]))


@given(FOUR)
def test_shapley_values_are_means_over_all_orders(wrong):
    spared = [Fraction(0)] * 4
    for order in permutations(range(4)):
        mask = 0
        for j in order:
            spared[j] += Fraction(int(wrong[mask] - wrong[mask | 1 << j]), 24)
            mask |= 1 << j
    assert subsets.shapley(wrong) == tuple(spared)
    assert sum(subsets.shapley(wrong)) == int(wrong[0] - wrong[-1])


def test_where_effects_add_up_the_shapley_values_are_the_single_removals_and_nothing_interacts():
    costs = (5, 0, 2, 11)
    wrong = torch.tensor([sum(c for j, c in enumerate(costs) if not mask >> j & 1) for mask in range(16)])
    assert subsets.shapley(wrong) == costs
    assert not any(map(any, subsets.interactions(wrong)))
    assert not subsets.repairs(wrong).any()


@given(FOUR)
def test_interactions_are_the_values_of_a_plain_sum(wrong):
    """Grabisch and Roubens: a weight for each subset of the other units, (k - n - 2)! n! / (k - 1)!."""
    found = subsets.interactions(wrong)
    right = (-wrong).tolist()
    for i, j in combinations(range(4), 2):
        both, expected = mask_of((i, j)), Fraction(0)
        for s in subsets_of(15 ^ both):
            change = right[s | both] - right[s | 1 << i] - right[s | 1 << j] + right[s]
            expected += Fraction(change, 3 * comb(2, s.bit_count()))
        assert found[i][j] == found[j][i] == expected


def test_two_that_stand_in_for_each_other_interact_downwards_and_two_that_need_each_other_upwards():
    either, both = torch.tensor([6, 0, 0, 0]), torch.tensor([6, 6, 6, 0])
    assert (subsets.interactions(either)[0][1], subsets.interactions(both)[0][1]) == (-6, 6)


def test_a_repair_names_the_unit_and_the_subset_that_it_is_removed_from():
    wrong = torch.tensor([4, 1, 3, 6])
    found = subsets.repairs(wrong)
    assert found.tolist() == [[0, 0, 0, 3], [0, 0, 0, 5]]


def test_the_rank_counts_subsets_of_the_same_size_ties_and_itself_included():
    wrong = torch.tensor([9, 3, 1, 0, 3, 2, 2, 0])
    assert subsets.rank(wrong, 0b001) == (3, 3)
    assert subsets.rank(wrong, 0b010) == (1, 3)
    assert subsets.rank(wrong, 0b101) == (3, 3)
    with pytest.raises(ValueError, match=r"mask must lie in 0\.\.7, got 8"):
        subsets.rank(wrong, 8)


def test_counts_that_are_not_of_all_subsets_are_refused():
    with pytest.raises(ValueError, match="got 6"):
        subsets.shapley(torch.zeros(6, dtype=torch.int64))
