"""Machines that a certificate speaks of, what is supposed of them, and how far sums of roundings can go."""

from dataclasses import dataclass

import numpy as np
from numpy import ndarray

U = 2.0**-53
"""The roundoff of what is computed here."""
UP = 1 + 2.0**-30
"""More than the computing of a bound can lose."""
ASSUMED = (
    "+ - * / and sqrt of the machine round correctly, or better; exp and erf are right within 8 units of roundoff; the "
    " softmax subtracts the largest score, LayerNorm the mean before it squares, with 1e-5 under the root; sums in "
    "any order, with or without fused multiply-add; no overflow, and underflow loses at most the smallest normal "
    "number; no TF32, no bfloat16"
)


VERDICTS = ("right", "wrong", "undecided")
"""What can be certain of an answer."""


@dataclass(frozen=True)
class Machine:
    """All computers whose single steps err by at most ``roundoff``, relative to their result; 0 is real arithmetic."""

    name: str
    roundoff: float
    weights: str
    """The numbers that its weights are: the stored ones are rounded to them first."""


MACHINES = {
    each.name: each
    for each in (
        Machine("real", 0.0, "float64"),
        Machine("float64", U, "float64"),
        Machine("float32", 2.0**-24, "float32"),
    )
}


def machine(name: str) -> Machine:
    """The machine of that name; raises ``ValueError`` that lists the known ones."""
    if name not in MACHINES:
        raise ValueError(f"machine must be one of {', '.join(MACHINES)}, got {name!r}")
    return MACHINES[name]


def gamma(n: int, u: ndarray | float) -> ndarray:
    """n u / (1 - n u): what n roundings in a row can change, as a share; without a bound where n u reaches one half.

    Source: Higham, Accuracy and Stability of Numerical Algorithms, chapter 3.
    """
    nu = n * np.asarray(u, dtype=np.float64)
    return np.where(nu < 0.5, nu / (1 - np.minimum(nu, 0.5)), np.inf)


def tiny(u: ndarray | float) -> ndarray:
    """What one underflow can lose on a machine of this roundoff."""
    u = np.asarray(u)
    return np.where(u == 0, 0.0, np.where(u <= U, 2.0**-1022, 2.0**-126))
