"""The waves of a sum: planted ones are found, numpy's FFT and plain loops find the same, and a sum is put together."""

import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from tests.circuits import SPECS, scrambled
from tinycircuits.interp.fourier import clock_shares, key_frequencies, pair_logits
from tinycircuits.interp.interference import SumWaves, answer_logits, sum_waves, waves_of
from tinycircuits.interp.progress import Waves
from tinycircuits.tasks import ModularAddition, ReverseIncrement

P = 11
X = torch.arange(P)
SUMS = (X[:, None] + X) % P


def planted(noise: float = 0.0) -> torch.Tensor:
    """2 cos w_4(a + b - c) - 3 cos w_1(a + b - c), a mean that depends on c, and noise."""
    distance = (X[:, None, None] + X[None, :, None] - X).double()
    waves = sum(height * (2 * math.pi * k * distance / P).cos() for k, height in ((4, 2.0), (1, -3.0)))
    generator = torch.Generator().manual_seed(0)
    return waves + X / 7 + noise * torch.randn(P, P, P, generator=generator, dtype=torch.float64)


def uneven() -> torch.Tensor:
    """Waves that are higher at some answers than at others, so that few of them answer some pairs only."""
    generator = torch.Generator().manual_seed(1)
    distance = (X[:, None, None] + X[None, :, None] - X).double()
    height = (1 + torch.randn(6, P, generator=generator, dtype=torch.float64)) / torch.arange(1, 7)[:, None]
    return sum(height[k] * (2 * math.pi * (k + 1) * distance / P).cos() for k in range(5))


@pytest.fixture(scope="module")
def task() -> ModularAddition:
    return ModularAddition(modulus=P, plus_sign=True, unused_tokens=1)


@pytest.fixture(scope="module")
def model(task):
    return scrambled(SPECS["three layers, two heads, gelu"], task)


def test_planted_waves_are_found_the_strongest_first_with_their_sign() -> None:
    found = waves_of(planted())
    assert found.frequencies == (1, 4)
    assert_allclose(found.heights, [-3, 2], atol=1e-12)
    mean = X.double() / 7
    assert_allclose(found.mean, mean - mean.mean(), atol=1e-6)
    assert_allclose(found.cos[1], 2 * np.cos(2 * np.pi * 4 * X.numpy() / P), atol=1e-12)
    assert_allclose(found.sin[1], 2 * np.sin(2 * np.pi * 4 * X.numpy() / P), atol=1e-12)


def test_all_waves_of_perfect_logits_are_the_logits() -> None:
    found, logits = waves_of(planted()), planted()
    centred = logits - logits.mean(-1, keepdim=True)
    assert_allclose(found.kept(2)[SUMS], centred, atol=1e-12)
    for a, b in ((0, 0), (3, 9), (P - 1, P - 1)):
        assert_allclose(found.perfect(a, b).sum(0), centred[a, b] - found.mean, atol=1e-12)


def test_numpy_finds_the_same_waves() -> None:
    logits = planted(noise=0.5)
    found = waves_of(logits, least=0.001)
    centred = logits.numpy() - logits.numpy().mean(-1, keepdims=True)
    spectrum = np.fft.fftn(centred) / P**3
    shares = {k: 2 * spectrum[k, k, -k].real ** 2 / (centred**2).mean() for k in range(1, P // 2 + 1)}
    assert set(found.frequencies) == {k for k, share in shares.items() if share >= 0.001}
    assert list(found.frequencies) == sorted(found.frequencies, key=lambda k: -shares[k])
    assert_allclose(found.heights, [2 * spectrum[k, k, -k].real for k in found.frequencies], atol=1e-12)
    over_pairs = np.fft.fft2(centred, axes=(0, 1))
    for n in range(len(found.frequencies) + 1):
        only = np.zeros_like(over_pairs)
        for k in (0, *found.frequencies[:n], *(-k for k in found.frequencies[:n])):
            only[k, k] = over_pairs[k, k]
        rebuilt = np.fft.ifft2(only, axes=(0, 1)).real
        assert_allclose(found.kept(n)[SUMS], rebuilt, atol=1e-12)
        assert found.right(n) == int((rebuilt.argmax(-1) == SUMS.numpy()).sum())


def test_what_is_kept_is_the_restricted_logits_of_progress() -> None:
    logits = planted(noise=2.0)
    found = waves_of(logits)
    restricted = Waves(logits - logits.mean(-1, keepdim=True)).restricted(found.frequencies, "10dir")
    assert_allclose(found.kept(len(found.frequencies))[SUMS], restricted, atol=1e-12)


def test_right_pairs_are_counted_one_by_one() -> None:
    found = waves_of(uneven(), least=0.0)
    counts = []
    for n in range(len(found.frequencies) + 1):
        right = 0
        for a in range(P):
            for b in range(P):
                row = found.mean.clone()
                for k, cos, sin in zip(found.frequencies[:n], found.cos, found.sin, strict=False):
                    angle = 2 * math.pi * k * (a + b) / P
                    row += math.cos(angle) * cos + math.sin(angle) * sin
                right += int(row.argmax()) == (a + b) % P
        assert found.right(n) == right
        counts.append(right)
    assert counts[0] == P  # the mean says one answer to every pair
    assert len(set(counts)) > 3


def test_a_model_has_the_frequencies_that_key_frequencies_names(model, task) -> None:
    logits = pair_logits(model, task)[..., :P]
    least = float(clock_shares(logits).sort(descending=True).values[2])
    found = sum_waves(model, task, least=least)
    assert sorted(found.frequencies) == list(key_frequencies(model.W_E[:P].detach(), logits, least=least).keys)
    assert len(found.frequencies) == 3
    assert found.modulus == P


def test_the_logits_of_one_pair_are_those_of_the_table(model, task) -> None:
    logits = pair_logits(model, task)[..., :P]
    for a, b in ((0, 0), (2, 7), (P - 1, 0)):
        assert_allclose(answer_logits(model, task, a, b), logits[a, b] - logits[a, b].mean(), atol=1e-12)


def test_what_has_no_waves_is_refused(model) -> None:
    with pytest.raises(ValueError, match=r"a wave of 0\.9, got 11"):
        waves_of(planted(noise=5.0), least=0.9)
    with pytest.raises(ValueError, match="an odd modulus"):
        waves_of(torch.randn(4, 4, 4, generator=torch.Generator().manual_seed(0)), least=0.0)
    for refused in (lambda task: sum_waves(model, task), lambda task: answer_logits(model, task, 0, 0)):
        with pytest.raises(ValueError, match="task must be a ModularAddition, got ReverseIncrement"):
            refused(ReverseIncrement(n_digits=3))


def test_a_wave_by_hand() -> None:
    found = SumWaves((2,), torch.tensor([5.0]), torch.zeros(1, 5), torch.zeros(1, 5), torch.zeros(5))
    assert_allclose(found.perfect(4, 3), [[5 * math.cos(2 * math.pi * 2 * (7 - c) / 5) for c in range(5)]], atol=1e-6)
