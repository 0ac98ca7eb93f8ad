"""What follows from one whole number for each subset of k units: which subsets suffice, and what each unit adds.

A subset is a bit mask: bit j is set where unit j is in it. ``wrong[mask]`` counts the wrong answers with exactly these
units kept, so that the last entry belongs to the whole and the first to nothing.
"""

from fractions import Fraction
from math import comb

import torch
from jaxtyping import Bool, Int, Shaped
from torch import Tensor

Counts = Int[Tensor, " subset"]


def n_units(values: Shaped[Tensor, "*model subset"]) -> int:
    """k, for one value of each of 2**k subsets; raises ``ValueError`` for another number of values."""
    n = values.shape[-1]
    k = n.bit_length() - 1
    if n != 1 << k:
        raise ValueError(f"values must be one for each subset, 2**k of them, got {n}")
    return k


def sizes(k: int) -> Int[Tensor, " subset"]:
    """How many units each subset has."""
    return sum((_masks(k) >> j & 1 for j in range(k)), torch.zeros(1 << k, dtype=torch.int64))


def members(mask: int, k: int) -> tuple[int, ...]:
    """The units of one subset, rising."""
    return tuple(j for j in range(k) if mask >> j & 1)


def minimal(sufficient: Bool[Tensor, "*model subset"]) -> Bool[Tensor, "*model subset"]:
    """Which sufficient subsets have no sufficient subset but themselves.

    All smaller ones are asked, not only those that lack one unit: between two sufficient subsets there may lie one
    that is not.
    """
    k = n_units(sufficient)
    within = sufficient.clone()  # some subset of it, or itself, is sufficient
    below = torch.zeros_like(sufficient)  # some smaller subset of it is
    for j in range(k):
        has = _with(j, k)
        below[..., has] |= within[..., has ^ 1 << j]
        within[..., has] |= within[..., has ^ 1 << j]
    return sufficient & ~below


def in_all(chosen: Bool[Tensor, "*model subset"]) -> Bool[Tensor, "*model unit"]:
    """Whether each unit is in every chosen subset; none is where nothing is chosen."""
    k = n_units(chosen)
    without = torch.stack([chosen[..., _with(j, k) ^ 1 << j].any(-1) for j in range(k)], dim=-1)
    return ~without & chosen.any(-1, keepdim=True)


def in_any(chosen: Bool[Tensor, "*model subset"]) -> Bool[Tensor, "*model unit"]:
    """Whether each unit is in some chosen subset."""
    k = n_units(chosen)
    return torch.stack([chosen[..., _with(j, k)].any(-1) for j in range(k)], dim=-1)


def single(wrong: Int[Tensor, "*model subset"]) -> Int[Tensor, "*model unit"]:
    """The wrong answers with one unit removed from the whole."""
    k = n_units(wrong)
    return wrong[..., (1 << k) - 1 - (1 << torch.arange(k))]


def shapley(wrong: Counts) -> tuple[Fraction, ...]:
    """For each unit the wrong answers that it spares, averaged over all orders in which units may be added; exact.

    phi_j = sum over S without j of |S|! (k - 1 - |S|)! / k! (w(S) - w(S + j)); they add up to w(nothing) - w(all).
    Source: Shapley 1953.
    """
    k = n_units(wrong)
    size = sizes(k)
    found = []
    for j in range(k):
        without = _with(j, k) ^ 1 << j
        gain = _by_size(wrong[without] - wrong[without | 1 << j], size[without], k)
        found.append(sum((Fraction(gain[s], k * comb(k - 1, s)) for s in range(k)), Fraction(0)))
    return tuple(found)


def interactions(wrong: Counts) -> tuple[tuple[Fraction, ...], ...]:
    """For each pair of units how much more they spare together than each alone, averaged over all orders; exact.

    I_ij = sum over S without i, j of |S|! (k - 2 - |S|)! / (k - 1)! (w(S + i) + w(S + j) - w(S + i + j) - w(S)).
    Positive: they need each other. Negative: one stands in for the other. On the diagonal zero.
    Source: Grabisch and Roubens 1999, the Shapley interaction index.
    """
    k = n_units(wrong)
    size = sizes(k)
    found = [[Fraction(0)] * k for _ in range(k)]
    for i in range(k):
        for j in range(i):
            a, b = 1 << i, 1 << j
            s = _with(i, k) ^ a
            s = s[s & b == 0]
            gain = _by_size(wrong[s | a] + wrong[s | b] - wrong[s | a | b] - wrong[s], size[s], k)
            both = sum((Fraction(gain[n], (k - 1) * comb(k - 2, n)) for n in range(k - 1)), Fraction(0))
            found[i][j] = found[j][i] = both
    return tuple(map(tuple, found))


def repairs(wrong: Counts) -> Int[Tensor, "unit subset"]:
    """How many answers come right when one more unit is *removed* from a subset; 0 where none does.

    The row is the unit, the column the subset that it is removed from.
    """
    k = n_units(wrong)
    found = torch.zeros(k, len(wrong), dtype=torch.int64)
    for j in range(k):
        has = _with(j, k)
        found[j, has] = (wrong[has] - wrong[has ^ 1 << j]).clamp(min=0)
    return found


def rank(wrong: Counts, mask: int) -> tuple[int, int]:
    """How many subsets of the size of ``mask`` have as few wrong answers as it or fewer, and how many there are.

    The quotient is the exact p-value of a claimed circuit: the chance that a subset of its size, drawn blindly, does as
    well. Raises ``ValueError`` for a mask out of range.
    """
    k = n_units(wrong)
    if not 0 <= mask < 1 << k:
        raise ValueError(f"mask must lie in 0..{(1 << k) - 1}, got {mask}")
    same = sizes(k) == mask.bit_count()
    return int((wrong[same] <= wrong[mask]).sum()), int(same.sum())


def _masks(k: int) -> Int[Tensor, " subset"]:
    return torch.arange(1 << k)


def _with(j: int, k: int) -> Int[Tensor, " half"]:
    """The subsets that hold unit j."""
    masks = _masks(k)
    return masks[masks >> j & 1 == 1]


def _by_size(values: Int[Tensor, " some"], size: Int[Tensor, " some"], k: int) -> list[int]:
    summed = torch.zeros(k + 1, dtype=torch.int64).index_add_(0, size, values.long())
    return [int(each) for each in summed]
