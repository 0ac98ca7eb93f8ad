"""Trying a model on random inputs, many at a time: what a test sees, to be held against what a proof knows."""

import numpy as np
from jaxtyping import Int
from numpy import ndarray

from tinycircuits.proof.tables import Tables

TOGETHER = 4
"""Digits whose values are looked up as one."""


def wrong_answers(tables: Tables, digits: Int[ndarray, "batch digit"]) -> int:
    """How many answers to these inputs are wrong, as ``Tables.margins`` has it, a tie too; a million take seconds."""
    rule, found = tables.rule, 0
    n, m, size = rule.n_digits, rule.modulus, tables.terms.shape[-1]
    groups = [range(first, min(first + TOGETHER, n)) for first in range(0, n, TOGETHER)]
    looked_up = [digits[:, list(group)] @ m ** np.arange(len(group)) for group in groups]
    for row, (own, source) in enumerate(zip(rule.asked_by, rule.source, strict=True)):
        for asked, given in np.ndindex(m, m):
            here = np.flatnonzero((digits[:, own] == asked) & (digits[:, source] == given))
            sums = np.zeros((len(here), size))
            for group, index in zip(groups, looked_up, strict=True):
                table = np.zeros((1, size))
                for digit in group:  # the first digit changes fastest
                    table = (tables.terms[row, asked, digit][:, None] + table).reshape(-1, size)
                sums += table[index[here]]
            margins = tables.margins_of(sums[:, :-1] / sums[:, -1:], int(rule.answer[row, given]))
            found += int((~(margins > 0).all(1)).sum())
    return found


def elsewhere(tables: Tables, digits: Int[ndarray, "batch digit"]) -> float:
    """The mean share of attention, over answers and these inputs, that goes to what does not show the source digit.

    BOS counts with the first digit, as it does in a proof.
    """
    rule, shares = tables.rule, []
    for row, (own, source) in enumerate(zip(rule.asked_by, rule.source, strict=True)):
        weights = tables.terms[row, digits[:, own][:, None], np.arange(rule.n_digits), digits, -1]
        shares.append(1 - weights[:, source] / weights.sum(1))
    return float(np.mean(shares))
