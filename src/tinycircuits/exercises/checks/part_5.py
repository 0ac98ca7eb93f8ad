"""Checks of the exercises on certainty, on proofs, and on what a verdict hangs on."""

import re
from functools import cache
from itertools import permutations, product
from math import comb
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from tinycircuits.exercises.asking import ask, brief, function, number, wholes
from tinycircuits.exercises.kinds import Wrong
from tinycircuits.exercises.subjects import TWO_LAYERS, model_of, task_of

NEAR = 1e-9
MOST_TERMS, LARGEST, SHARE = 6, 2**40, 1e-7
"""Numbers in a sum, the largest of them, and the least share of their absolute values that the sum must be."""
ELSEWHERE = 3
"""Rows of four that must be brightest at another column than on average."""


def rounding_decides(given: Any) -> None:
    """``numbers``: whole numbers whose sum is above zero, and in single precision is so in some orders only."""
    if not isinstance(given, list | tuple | np.ndarray):
        raise Wrong(f"numbers must be a list of whole numbers, got {brief(given)}")
    if not 2 <= len(listed := list(given)) <= MOST_TERMS:
        raise Wrong(f"numbers must be 2 .. {MOST_TERMS} whole numbers, got {len(listed)}")
    numbers = wholes(listed, len(listed), "numbers")
    for each in numbers:
        if abs(each) > LARGEST:
            raise Wrong(f"a number must lie in -{LARGEST} .. {LARGEST}, got {each}")
        if int(np.float32(each)) != each:
            raise Wrong(f"single precision does not hold {each}; the nearest that it holds is {int(np.float32(each))}")
    true, size = sum(numbers), sum(map(abs, numbers))
    if true <= 0:
        raise Wrong(f"the true sum is {true}, and must be above zero")
    if true < SHARE * size:
        raise Wrong(f"the true sum is {true}, a share of {true / size:.3g} of the absolute values; at least {SHARE:g}")
    orders = [*permutations(numbers)]
    sums = np.add.accumulate(np.array(orders, dtype=np.float32), axis=1)[:, -1]
    if (sums > 0).all():
        at = int(sums.argmin())
        raise Wrong(
            f"in every order the rounded sum is above zero; the least is {sums[at]:.0f}, in the order {[*orders[at]]}"
        )
    if not (sums > 0).any():
        raise Wrong("in no order is the rounded sum above zero; some order must give the right answer")


def least_mean(given: Any) -> None:
    """``least_mean(values, weights)``: the least weighted mean when each position takes one of its options.

    A mean of at least m is a sum of (value - m) weight of at least zero, in which each position stands for itself.
    """
    find = function(given, "least_mean")
    draw = np.random.default_rng(8)
    for n, options in ((1, 1), (1, 3), (2, 2), (2, 2), (2, 3), (4, 3), (16, 4)):
        values = draw.normal(size=(n, options)).round(1)
        weights = np.exp(2 * draw.normal(size=(n, options))).round(2).clip(0.01)
        shown = f" (values {values.tolist()}, weights {weights.tolist()})" if n * options < 5 else ""
        of = f"{n} x {options} options{shown}"
        found = number(ask(find, values, weights, of=of), f"least_mean for {of}")
        terms = (values - found) * weights
        best = terms.argmin(1)
        above = float(terms.min(1).sum())
        if above < -1e-6 * weights.sum():
            at = (np.arange(n), best)
            mean = float((values[at] * weights[at]).sum() / weights[at].sum())
            raise Wrong(f"{of}: you give {found:.6g}, and the options {best.tolist()} have the mean {mean:.6g}")
        if above > 1e-6 * weights.sum():
            raise Wrong(f"{of}: you give {found:.6g}, and no choice of options has a mean as low as that")


def by_luck(given: Any) -> None:
    """``luck(met, judged, other_met, other_judged)``: the chance of a deal no more probable than the one seen."""
    luck = function(given, "luck")

    def told(*counts: int) -> tuple[float, str]:
        of = f"luck{counts}"
        found = number(ask(luck, *counts, of=of), of)
        if not -NEAR <= found <= 1 + NEAR:
            raise Wrong(f"{of} is {found:.6g}, and a chance lies in 0 .. 1")
        return found, of

    small = [(k, n, j, m) for n, m in product(range(1, 5), repeat=2) for k in range(n + 1) for j in range(m + 1)]
    for k, n, j, m in [*sorted(small, key=sum), (0, 5, 5, 5), (2, 20, 9, 12), (0, 5, 97, 97), (30, 40, 150, 300)]:
        found, of = told(k, n, j, m)
        ways = [comb(k + j, met) * comb(n + m - k - j, n - met) for met in range(n + 1)]
        rare = sum(each for each in ways if each <= ways[k])
        if abs(found - rare / sum(ways)) > 1e-6 * rare / sum(ways):
            raise Wrong(
                f"{of} is {found:.6g}; of all {sum(ways):,} ways to draw the first set, {ways[k]:,} bring {k} that "
                f"learned, and {rare:,} bring a number that comes no more often"
            )


def another_slide(given: Any) -> None:
    """Four digits on which most rows of article C's first layer are brightest elsewhere than on average."""
    if not isinstance(given, str) or not re.fullmatch("[0-3]{4}", given):
        raise Wrong(f"answer must be four digits from 0 to 3 in a text, such as '0123', got {brief(given)}")
    moved = [f"y_{i}" for i, each in enumerate(_elsewhere()[int(given, 4)].tolist()) if each]
    if len(moved) < ELSEWHERE:
        which = f" ({' and '.join(moved)})" if moved else ""
        raise Wrong(
            f"on {given} {len(moved)} of the 4 rows{which} are brightest at another column than on average; at least "
            f"{ELSEWHERE} must be"
        )


@cache
def _elsewhere() -> Bool[Tensor, "batch answer"]:
    """For each input, in counting order, which rows have their brightest column elsewhere than the mean has it."""
    model, task = model_of(TWO_LAYERS), task_of(TWO_LAYERS)
    with torch.no_grad():
        pattern = model.run_with_cache(task.inputs(task.sequences()))[1]["pattern", 0][:, 0, list(task.predicting_rows)]
    elsewhere: Tensor = pattern.argmax(-1) != pattern.mean(0).argmax(-1)
    return elsewhere
