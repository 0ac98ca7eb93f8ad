"""Partners are random, others, and each taken once; random directions prefer no side."""

import pytest
import torch

from tinycircuits.interp.pairs import derangement, shuffle_apart, unit_directions


@pytest.mark.parametrize("shift", [1, 2, 40])
def test_partners_are_a_permutation_without_a_fixed_point_and_no_neighbours(shift):
    n = 400
    partners = derangement(n, seed=1, shift=shift)
    own = torch.arange(n)
    assert sorted(partners.tolist()) == own.tolist()
    assert not bool((partners == own).any())
    steps = (partners - own) % n
    assert len(steps.unique()) > n / 2, "partners that lie at one distance in the list are not random"
    assert not torch.equal(partners, derangement(n, seed=2, shift=shift))
    assert not torch.equal(partners, derangement(n, seed=1, shift=shift + 1))


def test_every_other_input_is_about_as_often_the_partner():
    drawn = torch.stack([derangement(6, seed=seed) for seed in range(1000)])
    for own in range(6):
        share = drawn[:, own].bincount(minlength=6) / 1000
        assert share[own] == 0
        assert ((share - 1 / 5).abs() < 0.065)[torch.arange(6) != own].all(), "five standard errors are 0.063"


def test_partners_that_are_kept_apart_are_still_random():
    n = 300
    partners = shuffle_apart(n, lambda chosen: chosen == torch.arange(n), seed=0)
    assert sorted(partners.tolist()) == list(range(n))
    assert len(((partners - torch.arange(n)) % n).unique()) > n / 2


def test_random_directions_have_the_moments_of_the_sphere():
    """On the sphere in d dimensions the mean is 0, E x_i x_j = 1/d if i = j, and E x_i^4 = 3 / (d (d + 2))."""
    n, d = 40_000, 4
    drawn = unit_directions((n, d), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(drawn.norm(dim=1), torch.ones(n, dtype=torch.float64))
    assert drawn.mean(0).abs().max() < 0.015
    torch.testing.assert_close(drawn.T @ drawn / n, torch.eye(d, dtype=torch.float64) / d, rtol=0, atol=0.01)
    torch.testing.assert_close(drawn.pow(4).mean(0), torch.full((d,), 3 / 24).double(), rtol=0, atol=0.005)
