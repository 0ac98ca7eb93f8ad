"""Coarser bounds of boxes, for comparison: interval arithmetic all the way, or from the state after attention on.

An interval forgets with what a number was computed, so that what belongs together drifts apart: the least numerator
meets the largest denominator, though no case has both.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from tinycircuits.proof.bounds import SLACK, Bounds
from tinycircuits.proof.cases import Boxes
from tinycircuits.proof.forms import affine, least
from tinycircuits.proof.search import split
from tinycircuits.proof.tables import Tables


@dataclass(frozen=True, eq=False)
class Interval:
    """Numbers that lie between two others, each for itself."""

    low: Float[ndarray, "*shape"]
    high: Float[ndarray, "*shape"]

    def times(self, matrix: Float[ndarray, "..."]) -> "Interval":
        """The products with a matrix, or with one for each box."""
        plus, minus = np.maximum(matrix, 0), np.minimum(matrix, 0)
        low, high = self.low[..., None, :], self.high[..., None, :]
        return Interval(
            (low @ plus + high @ minus)[..., 0, :],
            (high @ plus + low @ minus)[..., 0, :],
        )

    def plus(self, other: "Interval | ndarray") -> "Interval":
        """The sums."""
        low, high = (other.low, other.high) if isinstance(other, Interval) else (other, other)
        return Interval(self.low + low, self.high + high)

    def over(self, other: "Interval") -> "Interval":
        """The quotients by what is above 0."""
        return Interval(
            np.minimum(self.low / other.low, self.low / other.high),
            np.maximum(self.high / other.low, self.high / other.high),
        )

    def root(self, eps: float) -> "Interval":
        """The root of the sum of squares and ``eps``."""
        far = np.maximum(abs(self.low), abs(self.high))
        near = np.maximum(0, np.maximum(self.low, -self.high))
        return Interval(*(np.sqrt((each**2).sum(-1, keepdims=True) + eps) for each in (near, far)))


def intervals(tables: Tables, boxes: Boxes, mu: float = 0.0) -> Bounds:
    """Bounds by interval arithmetic, from attention's sums to the logits."""
    terms, inside = tables.terms_of(boxes), boxes.allowed[..., None]
    low, high = np.where(inside, terms, np.inf).min(2).sum(1), np.where(inside, terms, -np.inf).max(2).sum(1)
    state = Interval(low[:, :-1], high[:, :-1]).over(Interval(low[:, -1:], high[:, -1:]))
    return _by_intervals(tables, boxes, mu, state)


def exact_means(tables: Tables, boxes: Boxes, mu: float = 0.0) -> Bounds:
    """The same, but each coordinate of the state after attention between its exact ends."""
    terms = tables.terms_of(boxes)
    d = terms.shape[-1] - 1
    axes = np.broadcast_to(np.concatenate([np.eye(d), -np.eye(d)]), (len(boxes), 2 * d, d))
    ends = least(affine(axes, 0.0), terms, boxes.allowed).value
    return _by_intervals(tables, boxes, mu, Interval(ends[:, :d], -ends[:, d:]))


@np.errstate(all="ignore")
def _by_intervals(tables: Tables, boxes: Boxes, mu: float, y: Interval) -> Bounds:
    """The bounds from an interval for the state after attention; ``at`` is any case of the box."""
    g = y if tables.eps is None else y.over(y.root(tables.eps))
    pre = g.times(tables.G.T).plus(tables.g_0)
    m = y.plus(Interval(np.maximum(pre.low, 0), np.maximum(pre.high, 0)).times(tables.W_out)).plus(tables.b_out)
    right = tables.right_of(boxes)
    u, beta = tables.u[right], tables.beta[right] - mu
    margin, shift = m.times(u.transpose(0, 2, 1)), Interval(beta, beta)
    if tables.eps is not None:
        s = m.root(tables.eps)
        shift = Interval(np.minimum(beta * s.low, beta * s.high), np.maximum(beta * s.low, beta * s.high))
    slack = SLACK * ((abs(u) @ np.maximum(abs(m.low), abs(m.high))[..., None])[..., 0] + abs(shift.low) + 1)
    margin = margin.plus(shift)
    known = np.isfinite(margin.low).all(1) & np.isfinite(margin.high).all(1)
    return Bounds(
        known & (margin.low > slack).all(1),
        known & (margin.high < -slack).any(1),
        margin.low - slack,
        np.zeros((len(boxes), 0)),
        boxes.allowed.argmax(2),
        (y.low + y.high) / 2,
    )


def sure_margin(tables: Tables, box: Boxes, bound: Callable[[Tables, Boxes, float], Bounds], steps: int = 40) -> float:
    """The largest margin within 100 that a way to bound proves of one box without splitting it; -inf for none."""
    low, high = -100.0, 100.0
    if not bound(tables, box, low).right[0]:
        return -np.inf
    for _ in range(steps):
        middle = (low + high) / 2
        low, high = (middle, high) if bound(tables, box, middle).right[0] else (low, middle)
    return low


def tree(
    tables: Tables, box: Boxes, bound: Callable[[Tables, Boxes, float], Bounds], depth: int = 0
) -> Iterator[tuple[int, Boxes, bool]]:
    """A box of which all cases are right, and what it is split into until all are closed, depth first.

    Each with its depth and whether it is closed.
    """
    found = bound(tables, box, 0.0)
    yield depth, box, bool(found.right[0])
    if not found.right[0]:
        for half in range(2):
            yield from tree(tables, split(tables, box, found.center)[[half]], bound, depth + 1)
