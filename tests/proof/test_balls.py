"""Every operation on balls holds the exact result, computed in rationals, for any numbers within."""

from decimal import Decimal, getcontext
from fractions import Fraction

import numpy as np
import pytest

from tinycircuits.proof.balls import Ball, ball, joined, sum_below

DRAW = np.random.default_rng(0)


def drawn(*shape, wide=True):
    """Balls of unlike sizes, and a number of each: the middle, an end, or between."""
    m = DRAW.normal(size=shape) * np.exp(DRAW.normal(size=shape) * 6)
    r = abs(m) * np.exp(DRAW.normal(size=shape) * 4 - 25) if wide else np.zeros(shape)
    where = DRAW.choice([-1, 0, 0.5, 1], size=shape)
    exact = np.vectorize(lambda a, b, c: Fraction(a) + Fraction(b) * Fraction(c), otypes=[object])(m, r, where)
    return Ball(m, r), exact


def holds(found, exact):
    inside = np.vectorize(lambda m, r, x: abs(Fraction(m) - x) <= Fraction(r), otypes=[bool])
    return inside(found.m, found.r, exact).all()


@pytest.mark.parametrize("wide", [True, False])
def test_sums_products_and_quotients(wide):
    (a, x), (b, y) = drawn(2000, wide=wide), drawn(2000, wide=wide)
    assert holds(a + b, x + y)
    assert holds(a + -b, x - y)
    assert holds(a * b, x * y)
    assert holds(b.inverse(), 1 / y)


@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("n", [1, 3, 16, 64])
def test_matrix_products(wide, n):
    (a, x), (b, y) = drawn(5, n, wide=wide), drawn(n, 7, wide=wide)
    assert holds(a @ b, x @ y)
    assert holds(a.squares(), (x * x).sum(1, keepdims=True))


def test_products_that_cancel():
    """Sums of large terms that nearly vanish: the error is relative to the terms."""
    a = DRAW.normal(size=(50, 20))
    a = np.concatenate([a, -a], axis=1) + DRAW.normal(size=(50, 40)) * 1e-16
    exact = np.vectorize(Fraction, otypes=[object])(a) @ np.full((40, 1), Fraction(1))
    assert holds(ball(a) @ ball(np.ones((40, 1))), exact)


def test_roots():
    (a, x) = drawn(1000)
    root = (a * a).sqrt()
    assert ((root.m - root.r) ** 2 <= np.array([float(v * v) for v in x]) * (1 + 1e-12)).all()
    low, high = (np.vectorize(Fraction, otypes=[object])(each) for each in (root.m - root.r, root.m + root.r))
    assert all(max(one, Fraction(0)) <= abs(v) <= two for one, two, v in zip(low, high, x, strict=True))


@pytest.mark.parametrize("r", [0.0, 1e-12, 1e-3])
def test_exponentials(r):
    getcontext().prec = 60
    m = np.concatenate([DRAW.normal(size=200) * 20, [-700.0, -1000.0, 0.0]])
    found = ball(m, r).exp()
    for middle, radius, center in zip(found.m, found.r, m, strict=True):
        for end in (Decimal(float(center)) - Decimal(r), Decimal(float(center)) + Decimal(r)):
            assert abs(Decimal(float(middle)) - end.exp()) <= Decimal(float(radius))


def test_what_is_too_wide_bounds_nothing():
    assert np.isinf(ball(np.array([0.5]), 0.6).inverse().r).all()
    assert np.isinf(ball(np.array([0.5]), 0.2).exp().r).all()


def test_ends_lie_outside():
    a, _ = drawn(1000)
    for k in range(1000):
        assert Fraction(a.low[k]) <= Fraction(a.m[k]) - Fraction(a.r[k])
        assert Fraction(a.high[k]) >= Fraction(a.m[k]) + Fraction(a.r[k])


def test_sums_from_below():
    x = DRAW.normal(size=(300, 30)) * np.exp(DRAW.normal(size=(300, 30)) * 10)
    assert all(Fraction(low) <= sum(map(Fraction, row)) for low, row in zip(sum_below(x), x, strict=True))


def test_joined_and_turned():
    a, b = ball(np.arange(6.0).reshape(2, 3), 0.5), ball(np.ones((2, 1)))
    both = joined([a, b])
    assert both.turned().m.shape == (4, 2)
    assert np.array_equal(both[:, 3].m, [1, 1])
    assert both.r.tolist() == [[0.5, 0.5, 0.5, 0]] * 2
