"""A certified norm is never too small, and hardly too large."""

import numpy as np
import pytest

from tinycircuits.proof.norms import norm_bound

CASES = {
    "tall": np.random.default_rng(0).normal(size=(50, 7)),
    "wide": np.random.default_rng(1).normal(size=(7, 50)),
    "of one direction": np.outer(np.arange(1.0, 6), np.arange(3.0)),
    "of many alike": np.eye(128),
    "tiny": np.random.default_rng(2).normal(size=(4, 4)) * 1e-150,
    "large": np.random.default_rng(3).normal(size=(4, 4)) * 1e150,
    "one row": np.array([[3.0, 4.0]]),
    "far apart": np.diag([1.0, 1e-12, 1e-200]),
}


@pytest.mark.parametrize("W", CASES.values(), ids=CASES)
def test_the_bound_is_above_the_largest_singular_value_and_within_two_hundredths(W):
    true = np.linalg.norm(W, 2)
    assert true < norm_bound(W) < 1.025 * true


def test_a_matrix_whose_powers_would_vanish_is_bounded_all_the_same():
    """A wide spectrum: the largest value is a small share of the whole, and its 128th power less than any number."""
    W = np.linalg.qr(np.random.default_rng(0).normal(size=(512, 512)))[0] * (1 + 1e-3 * np.arange(512))
    assert np.linalg.norm(W, 2) < norm_bound(W)


def test_nothing_stretches_by_nothing_and_what_is_no_number_by_all():
    assert norm_bound(np.zeros((3, 2))) == 0
    assert not np.isfinite(norm_bound(np.array([[np.inf, 0.0]])))
