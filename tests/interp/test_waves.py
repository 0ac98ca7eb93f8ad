"""Waves of a pair: planted waves with their phases, least squares and numpy's transform as the oracles."""

import math

import numpy as np
import pytest
import torch

from tinycircuits.interp.waves import SPANS, wave_fits

P = 13
A, B = torch.arange(P, dtype=torch.float64)[:, None], torch.arange(P, dtype=torch.float64)[None]


def turn(k, of):
    return 2 * math.pi * k / P * of


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def planted():
    """A wave of a and b, one of the sum, one of the difference, a rectified one, and a constant."""
    return torch.stack(
        [
            1.5 * torch.cos(turn(3, A) + 0.4) + 0.7 * torch.cos(turn(3, B) - 2.0) + 5,
            2 * torch.cos(turn(5, A + B) + 1.1),
            torch.cos(turn(4, A - B) + 0.3),
            torch.relu(torch.cos(turn(2, A) + 0.3) + torch.cos(turn(2, B) + 0.5)),
            torch.full((P, P), 0.1, dtype=torch.float64),
        ],
        dim=-1,
    )


def test_planted_waves_have_their_frequency_and_their_span():
    fits = wave_fits(planted())
    for span, value, frequency in (("linear", 0, 3), ("sums", 1, 5), ("differences", 2, 4)):
        assert int(fits.best(span)[value]) == int(fits.best("full")[value]) == frequency
        found = {name: float(fits.r2(name)[value]) for name in SPANS}
        assert found == pytest.approx({name: float(name in (span, "full")) for name in SPANS}, abs=1e-12)


def test_planted_phases_and_amplitudes_come_back():
    fits = wave_fits(planted())
    phi_a, phi_b, of_sum = fits.at(torch.tensor([3, 5, 1, 1, 1]))
    assert (float(phi_a[0]), float(phi_b[0]), float(of_sum[1])) == pytest.approx((0.4, -2.0, 1.1))
    assert fits.amplitudes[:, 2, 0].tolist() == pytest.approx([1.5, 0.7, 0], abs=1e-12)
    assert float(fits.amplitudes[2, 4, 1]) == pytest.approx(2)


def test_a_value_that_never_changes_is_not_alive_and_fits_nothing():
    fits = wave_fits(planted())
    assert fits.alive.tolist() == [True, True, True, True, False]
    assert all(float(fits.shares[span][:, 4].sum()) == 0 for span in SPANS)


OF = {"linear": [A + 0 * B, B + 0 * A], "sums": [A + B], "differences": [A - B]}
OF["full"] = [each for name in ("linear", "sums", "differences") for each in OF[name]]


@pytest.mark.parametrize("span", SPANS)
def test_a_share_is_the_r2_of_least_squares(span):
    values = noise(P, P, 3) + planted()[..., 3:4]
    shares = wave_fits(values).shares[span]
    for k in (1, 2, 6):
        waves = torch.stack([of(turn(k, x)) for x in OF[span] for of in (torch.cos, torch.sin)], -1).reshape(P * P, -1)
        wanted = (values - values.mean((0, 1))).reshape(P * P, -1)
        rest = wanted - waves @ torch.linalg.lstsq(waves, wanted).solution
        torch.testing.assert_close(shares[k - 1], 1 - rest.square().sum(0) / wanted.square().sum(0))


def test_two_waves_are_the_two_best_of_numpys_transform():
    values = noise(P, P, 2, seed=1)
    fits = wave_fits(values)
    power = np.abs(np.fft.fft2(values.numpy(), axes=(0, 1))) ** 2
    total = power.sum((0, 1)) - power[0, 0]
    of_k = [2 * (power[k, 0] + power[0, k] + power[k, k] + power[k, P - k]) / total for k in range(1, P // 2 + 1)]
    np.testing.assert_allclose(fits.shares["full"].numpy(), of_k)
    best = np.sort(of_k, axis=0)[::-1]
    np.testing.assert_allclose(fits.r2("full"), best[0])
    np.testing.assert_allclose(fits.r2("full", waves=2), best[0] + best[1])
    for row, (i, j) in enumerate([(2, 0), (0, 2), (2, 2)]):
        there = np.fft.fft2(values.numpy(), axes=(0, 1))[i, j]
        np.testing.assert_allclose(fits.phases[row, 1], np.angle(there))
        np.testing.assert_allclose(fits.amplitudes[row, 1], 2 * np.abs(there) / P**2)


def test_single_precision_is_widened_first():
    fits = wave_fits((planted() + 1_000).float())
    assert fits.shares["full"].dtype == torch.float64
    assert float(fits.r2("linear")[0]) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("shape", [(4, 4, 1), (5, 3, 1)])
def test_what_is_no_square_of_odd_size_is_refused(shape):
    with pytest.raises(ValueError, match=r"values must be a square \(a, b\) of odd size"):
        wave_fits(torch.ones(shape))
