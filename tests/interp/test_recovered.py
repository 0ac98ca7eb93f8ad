"""What a dictionary recovers, on dictionaries that are written down."""

import math

import pytest
import torch

from tinycircuits.interp.recovered import planes_of_sum, recovered
from tinycircuits.models.dictionary import SparseAutoencoder

P = 11
SUMS = torch.arange(P).repeat(5)
ANGLE = 2 * math.pi * SUMS / P
STATES = torch.stack([ANGLE.cos(), ANGLE.sin(), 2 * (3 * ANGLE).cos(), 2 * (3 * ANGLE).sin(), 0 * ANGLE], dim=1)
PLANES = planes_of_sum(STATES, SUMS, (1, 3), modulus=P)


def written(W_dec, threshold=0.0):
    """A dictionary whose latents write these rows and fire where the state lies along them, above a threshold."""
    rows = torch.nn.functional.normalize(torch.tensor(W_dec), dim=1)
    return SparseAutoencoder(rows.T.clone(), torch.full((len(rows),), -threshold), rows, torch.zeros(5))


def found(dictionary, sums=SUMS):
    return recovered(dictionary, STATES, sums, PLANES, modulus=P)


def test_planes_are_those_in_which_the_waves_turn():
    assert PLANES.shape == (2, 5, 2)
    torch.testing.assert_close(PLANES.mT @ PLANES, torch.eye(2).expand(2, 2, 2), atol=1e-5, rtol=0)
    for plane, places in zip(PLANES, ((0, 1), (2, 3)), strict=True):
        torch.testing.assert_close(plane[list(places)].square().sum(), torch.tensor(2.0), atol=1e-4, rtol=0)


@pytest.mark.parametrize(("off", "near"), [(0.4, 1), (0.6, 0)])  # cosines 0.93 and 0.86
def test_a_wave_is_recovered_by_a_latent_near_its_plane(off, near):
    one = found(written([[0.6, 0.8, 0, 0, off]]))
    assert (one.live, one.waves, one.latents_of_waves) == (1, near, near)


def test_two_latents_of_one_plane_recover_one_wave():
    both = found(written([[1.0, 0, 0, 0, 0], [0, 1.0, 0, 0, 0]]))
    assert (both.waves, both.latents_of_waves) == (1, 2)


def test_a_latent_between_two_planes_is_of_neither():
    assert found(written([[1.0, 0, 1.0, 0, 0]])).waves == 0


def test_a_residue_is_recovered_by_a_latent_that_fires_for_it_alone():
    spikes = [STATES[2].tolist(), STATES[5].tolist()]
    sharp = found(written(spikes, threshold=2.1))
    assert (sharp.live, sharp.residues, sharp.latents_of_residues) == (2, 2, 2)
    dull = found(written(spikes, threshold=0.1))
    assert (dull.live, dull.residues) == (2, 0)
    twice = found(written([spikes[0], spikes[0]], threshold=2.1))
    assert (twice.residues, twice.latents_of_residues) == (1, 2)


def test_dead_latents_count_for_nothing_and_shuffled_sums_have_no_residues():
    dead = written([STATES[2].tolist()], threshold=9.0)
    assert (found(dead).live, found(dead).waves, found(dead).residues) == (0, 0, 0)
    order = torch.randperm(len(SUMS), generator=torch.Generator().manual_seed(0))
    assert found(written([STATES[2].tolist()], threshold=2.1), SUMS[order]).residues == 0
