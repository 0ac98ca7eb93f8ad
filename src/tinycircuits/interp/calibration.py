"""How well scores of units tell the parts that work from those that do nothing, where it is known which are which."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from scipy.stats import rankdata
from torch import Tensor

from tinycircuits.interp.lattice import Lattice
from tinycircuits.interp.unit_scores import Scores
from tinycircuits.models.planted import Role


@dataclass(frozen=True)
class Judged:
    """One method on one model. Units that counter others are no part of the two measures of the ranking.

    Shows / does not show: how the method did on parts whose truth is known, not what it does on a trained model.
    """

    method: str
    auroc: float
    """Of all pairs of a unit that works and an idle one the share in which the former has the larger score; ties count
    half. NaN where one kind is missing."""
    top: Bool[Tensor, " unit"]
    """As many of the highest scores as there are units that work, of these and the idle ones."""
    named: Bool[Tensor, " unit"]
    """What the method's own rule names."""


def judged(scores: Scores, roles: Sequence[Role]) -> Judged:
    """The method's ranking and names beside the truth; raises ``ValueError`` unless each score has a role."""
    if len(roles) != len(scores.score):
        raise ValueError(f"roles must be one for each of {len(scores.score)} scores, got {len(roles)}")
    works = torch.tensor([role == "works" for role in roles])
    ranked = torch.tensor([role != "counters" for role in roles]) & ~scores.score.isnan()
    top = torch.zeros_like(works)
    top[ranked] = highest(scores.score[ranked], int(works[ranked].sum()))
    return Judged(scores.method, auroc(scores.score[ranked], works[ranked]), top, scores.named)


def auroc(score: Float[Tensor, " unit"], positive: Bool[Tensor, " unit"]) -> float:
    """The share of pairs of a positive and a negative in which the positive has the larger score; ties count half.

    (R - n (n + 1) / 2) / (n m), R the sum of the n positives' ranks; equal scores share their mean rank (Mann-Whitney).
    NaN without a positive or without a negative.
    """
    n = int(positive.sum())
    m = len(positive) - n
    if not n or not m:
        return float("nan")
    ranks = torch.from_numpy(rankdata(score.numpy()))
    return (float(ranks[positive].sum()) - n * (n + 1) / 2) / (n * m)


def highest(score: Float[Tensor, " unit"], k: int) -> Bool[Tensor, " unit"]:
    """Which are the ``k`` highest; of equal ones the first. Units of a planted model stand in random order."""
    chosen = torch.zeros(len(score), dtype=torch.bool)
    chosen[score.argsort(descending=True, stable=True)[:k]] = True
    return chosen


def roles_of(lattice: Lattice) -> tuple[Role, ...]:
    """Each unit's role, found by trying all subsets, as ``models.planted.Planted`` has it by construction.

    ``works``: in some minimal circuit. ``idle``: no set has more or fewer wrong answers with it than without.
    """
    masks: Int[Tensor, " subset"] = torch.arange(len(lattice.wrong))
    found: list[Role] = []
    for j in range(len(lattice.units)):
        without = masks[masks >> j & 1 == 0]
        if j in lattice.used:
            found.append("works")
        elif torch.equal(lattice.wrong[without], lattice.wrong[without | 1 << j]):
            found.append("idle")
        else:
            found.append("counters")
    return tuple(found)
