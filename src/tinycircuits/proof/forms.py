"""Linear forms of the state after attention, and their least values on boxes of cases, exactly."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

STEPS = 6
"""Of Dinkelbach's method; each about doubles the digits, and after any number of them the value bounds."""


@dataclass(frozen=True, eq=False)
class Least:
    """The least values of linear forms on boxes."""

    value: Float[ndarray, "box form"]
    lam: Float[ndarray, "box form"]
    """The value of the form at ``at``."""
    at: Int[ndarray, "box form digit"]
    """The case where it is reached."""


def affine(c: Float[ndarray, "box form d"], constant: Float[ndarray, "box form"] | float) -> ndarray:
    """c.y + constant in homogeneous coordinates: the form of (y, 1), or of (X, a) over a."""
    return np.concatenate([c, np.broadcast_to(constant, c.shape[:-1])[..., None]], axis=-1)


def least(
    forms: Float[ndarray, "box form size"],
    terms: Float[ndarray, "box digit value size"],
    allowed: Bool[ndarray, "box digit value"],
) -> Least:
    """The least value of each form on its box, a ratio of two sums over digits.

    With F(lam) = sum_j min_v (c.X_j(v) + c_0 a_j(v) - lam a_j(v)) any lam of F(lam) >= 0 is a lower bound, however it
    was found, and otherwise lam + F(lam) / (the least sum of a_j) is. The best lam is found by taking again and again
    the value at the minimiser of the last. Source: Dinkelbach 1967, On nonlinear fractional programming.
    """
    n_boxes, n, m, size = terms.shape
    above = (forms @ terms.reshape(n_boxes, n * m, size).transpose(0, 2, 1)).reshape(n_boxes, -1, n, m)
    below, shut = np.broadcast_to(terms[:, None, ..., -1], above.shape), ~allowed[:, None]
    lam = np.zeros(above.shape[:2])
    for _ in range(STEPS):
        at = np.where(shut, np.inf, above - lam[..., None, None] * below).argmin(-1)
        top, bottom = (np.take_along_axis(each, at[..., None], -1)[..., 0].sum(-1) for each in (above, below))
        lam = top / bottom
    short = np.where(shut, np.inf, above - lam[..., None, None] * below).min(-1).sum(-1)
    return Least(lam + np.minimum(short, 0) / lightest(terms, allowed)[:, None], lam, at)


def lightest(
    terms: Float[ndarray, "box digit value size"], allowed: Bool[ndarray, "box digit value"]
) -> Float[ndarray, " box"]:
    """The least sum of attention's weights on each box."""
    found: ndarray = np.where(allowed, terms[..., -1], np.inf).min(-1).sum(-1)
    return found
