"""Arithmetic that bounds its own rounding: balls of real numbers, in numpy.

Assumed: + - * / and sqrt of binary64 round correctly; a matrix product sums in any order, with or without fused
multiply-add; exp of Python's ``decimal`` is right to 30 digits. Source: Higham, Accuracy and Stability, chapter 3.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any

import numpy as np
from numpy import ndarray

U = 2.0**-53
TINY = 1e-290
"""More than what underflow can lose."""
DIGITS = Context(prec=30)


@dataclass(frozen=True, eq=False)
class Ball:
    """Every real number within ``r`` of ``m``, element by element. NaN bounds nothing."""

    m: ndarray
    r: ndarray

    def __add__(self, other: "Ball") -> "Ball":
        m = self.m + other.m
        return Ball(m, _up(self.r + other.r + U * abs(m)))

    def __neg__(self) -> "Ball":
        return Ball(-self.m, self.r)

    def __mul__(self, other: "Ball") -> "Ball":
        m = self.m * other.m
        return Ball(m, _up(abs(self.m) * other.r + self.r * (abs(other.m) + other.r) + U * abs(m)))

    def __matmul__(self, other: "Ball") -> "Ball":
        a, b, n = abs(self.m), abs(other.m), self.m.shape[-1]
        return Ball(self.m @ other.m, _up(a @ other.r + self.r @ (b + other.r) + 2 * n * U * (a @ b), n))

    def __getitem__(self, at: Any) -> "Ball":
        return Ball(self.m[at], self.r[at])

    def inverse(self) -> "Ball":
        """1/x; of a ball that holds 0 everything."""
        m, room = 1 / self.m, abs(self.m) - self.r
        return Ball(m, np.where(room > 0, _up(self.r / (abs(self.m) * room) + U * abs(m)), np.inf))

    def sqrt(self) -> "Ball":
        """The root; what the ball holds below 0 is taken for rounding."""
        m = np.sqrt(self.m)
        return Ball(m, _up(self.r / m + U * m))

    def exp(self) -> "Ball":
        """exp; of a ball wider than a tenth everything."""
        m = np.array([float(Decimal(x).exp(DIGITS)) for x in self.m.ravel().tolist()]).reshape(self.m.shape)
        return Ball(m, np.where(self.r < 0.1, _up(m * (self.r + self.r**2 + 2 * U)), np.inf))

    def squares(self) -> "Ball":
        """The sum of squares along the last axis, which stays."""
        return self * self @ ball(np.ones((self.m.shape[-1], 1)))

    def turned(self) -> "Ball":
        """The last two axes exchanged."""
        return self.each(lambda x: np.swapaxes(x, -1, -2))

    def each(self, change: Callable[[ndarray], ndarray]) -> "Ball":
        """Both arrays reshaped alike."""
        return Ball(change(self.m), change(self.r))

    @property
    def low(self) -> ndarray:
        """No number of the ball lies below."""
        found: ndarray = np.nextafter(self.m - self.r, -np.inf)
        return found

    @property
    def high(self) -> ndarray:
        """No number of the ball lies above."""
        found: ndarray = np.nextafter(self.m + self.r, np.inf)
        return found


def ball(m: ndarray | float, r: float = 0.0) -> Ball:
    """The ball around floating-point numbers, which are themselves exact."""
    exact = np.atleast_1d(np.asarray(m, dtype=np.float64))
    return Ball(exact, np.full(exact.shape, r))


def joined(balls: list[Ball], axis: int = -1) -> Ball:
    """Balls one after another along an axis."""
    return Ball(np.concatenate([b.m for b in balls], axis), np.concatenate([b.r for b in balls], axis))


def sum_below(x: ndarray) -> ndarray:
    """A number that the true sum along the last axis does not fall below."""
    found: ndarray = x.sum(-1) - 4 * x.shape[-1] * U * abs(x).sum(-1) - TINY
    return found


def _up(r: ndarray, n: int = 0) -> ndarray:
    """A radius, rounded up by more than the operations that made it can have lost, ``n`` of them in a sum."""
    return r * (1 + (16 + 4 * n) * U) + TINY * (1 + n)
