"""What latents say about a number: scikit-learn, waves, and the plain count."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import f1_score, mutual_info_score

from tinycircuits.interp.fourier import fourier_basis, frequency_shares
from tinycircuits.interp.meanings import (
    CLEAR_F1,
    Meanings,
    best_for_each,
    information,
    mean_by_number,
    meanings,
    one_number_f1,
)

P = 11


def test_one_latent_for_each_residue_is_read_as_such():
    numbers = torch.arange(P).repeat(5)
    found = meanings(torch.eye(P, dtype=torch.float64)[numbers], numbers, modulus=P)
    assert found.f1.tolist() == found.best_f1.tolist() == [1] * P
    assert found.residue.tolist() == list(range(P))
    torch.testing.assert_close(found.explained, torch.ones(P, dtype=torch.float64))
    share = 1 / P
    entropy = -share * np.log2(share) - (1 - share) * np.log2(1 - share)
    np.testing.assert_allclose(found.bits, entropy)
    np.testing.assert_allclose(found.spectrum, 1 / (P // 2), atol=1e-12)  # a spike has every frequency alike


def test_a_wave_is_read_as_its_frequency():
    numbers = torch.arange(P).repeat(3)
    waves = torch.stack([1 + (2 * torch.pi * k * numbers / P).cos() for k in (1, 4)], dim=1)
    found = meanings(waves, numbers, modulus=P)
    assert found.spectrum.argmax(0).tolist() == [0, 3]
    np.testing.assert_allclose(found.spectrum.max(0).values, 1, atol=1e-6)
    np.testing.assert_allclose(found.spectrum.sum(0), 1)


@pytest.mark.parametrize("modulus", [10, 11])
def test_the_spectrum_is_that_of_the_real_fourier_basis(modulus):
    """Parseval: the shares of all frequencies add up to the variance of the mean by number."""
    generator = torch.Generator().manual_seed(0)
    numbers = torch.arange(modulus).repeat(4)
    activity = torch.rand(len(numbers), 3, generator=generator, dtype=torch.float64)
    found = meanings(activity, numbers, modulus=modulus)
    means = torch.stack([activity[numbers == n].mean(0) for n in range(modulus)])
    for latent in range(3):
        expected = frequency_shares(means[:, latent])
        torch.testing.assert_close(found.spectrum[:, latent], expected)
    power = (fourier_basis(modulus) @ means).square().sum(0) - modulus * means.mean(0).square()
    torch.testing.assert_close(power, (means - means.mean(0)).square().sum(0))
    between = ((means - activity.mean(0)) ** 2).sum(0) * 4 / ((activity - activity.mean(0)) ** 2).sum(0)
    torch.testing.assert_close(found.explained, between)


def test_f1_and_bits_are_those_of_scikit_learn():
    generator = torch.Generator().manual_seed(1)
    numbers = torch.randint(0, P, (600,), generator=generator)
    activity = torch.relu(torch.randn(600, 6, generator=generator) + 2 * (numbers[:, None] == torch.arange(6)) - 0.5)
    found = meanings(activity, numbers, modulus=P)
    for latent in range(6):
        fires = (activity[:, latent] > 0).numpy()
        assert float(found.f1[latent]) == pytest.approx(max(f1_score(numbers == r, fires) for r in range(P)), abs=1e-6)
        at = int(found.residue[latent])
        every = [f1_score(numbers == at, activity[:, latent] > t) for t in activity[:, latent].unique()[:-1]]
        assert found.f1[latent] <= found.best_f1[latent] <= max(every) + 1e-6
        assert found.best_f1[latent] > max(every) - 0.08
        positive = activity[:, latent][activity[:, latent] > 0]
        quarters = positive.sort(descending=True).values[[int(share * len(positive)) for share in (0.25, 0.5, 0.75)]]
        level = (activity[:, latent] > 0).long() + (activity[:, latent, None] > quarters).sum(1)
        assert float(found.bits[latent]) == pytest.approx(mutual_info_score(numbers, level) / np.log(2), abs=1e-6)


def test_activity_that_knows_nothing_is_near_zero_bits_and_a_dead_latent_is_nothing():
    generator = torch.Generator().manual_seed(2)
    numbers = torch.arange(P).repeat(400)
    activity = torch.relu(torch.randn(len(numbers), 5, generator=generator))
    activity[:, 0] = 0
    found = meanings(activity, numbers, modulus=P)
    assert found.bits.max() < 0.02
    assert found.best_f1[1:].max() < 0.3
    nothing = [found.f1[0], found.bits[0], found.explained[0], found.spectrum[:, 0].sum()]
    assert [float(value) for value in nothing] == pytest.approx([0] * 4, abs=1e-12)


def test_shares_of_clear_latents_and_the_numbers_they_cover():
    numbers = torch.arange(P).repeat(20)
    spikes = torch.eye(P, dtype=torch.float64)[numbers]
    shy = spikes[:, :3] + 0.1  # fires everywhere: clear only above a threshold
    found = meanings(torch.cat([spikes[:, :2], shy, torch.ones(len(numbers), 1)], dim=1), numbers, modulus=P)
    assert found.clear == pytest.approx(2 / 6)
    assert found.best_clear == pytest.approx(5 / 6)
    assert found.n_covered == 3


def test_each_number_gets_the_latent_that_stands_for_it_best():
    numbers = torch.arange(P).repeat(20)
    spikes = torch.eye(P, dtype=torch.float64)[numbers]
    order = torch.randperm(P, generator=torch.Generator().manual_seed(0))
    broad = spikes.roll(1, 0) + spikes + 0.5
    activity = torch.cat([broad, 3 * spikes[:, order]], dim=1)
    found = best_for_each(activity, meanings(activity, numbers, modulus=P), numbers, modulus=P)
    torch.testing.assert_close(found, torch.eye(P, dtype=torch.float64))


def test_means_by_number_are_those_of_a_loop():
    numbers = torch.tensor([0, 2, 2, 0, 2])
    values = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    found = mean_by_number(values, numbers, modulus=4)
    for number in (0, 2):
        torch.testing.assert_close(found[number], values[numbers == number].mean(0))
    assert found[[1, 3]].abs().sum() == 0


def test_a_latent_is_clear_from_the_threshold_on():
    f1 = torch.tensor([CLEAR_F1, 0.79, 0.9, 0.2], dtype=torch.float64)
    best = torch.tensor([0.9, 0.79, 0.95, CLEAR_F1], dtype=torch.float64)
    found = Meanings(f1, best, torch.tensor([3, 1, 3, 0]), f1, f1, f1[None])
    assert CLEAR_F1 == 0.8
    assert (found.clear, found.best_clear, found.n_covered) == (0.5, 0.75, 2)


def test_a_detector_that_is_rarely_on_has_precision_and_little_f1():
    numbers = torch.arange(5).repeat(20)
    rare = torch.zeros(100, 1)
    rare[3] = 1.0  # on once, where the number is 3
    f1, best, residue = one_number_f1(rare, numbers, modulus=5)
    assert float(f1) == float(best) == pytest.approx(2 * 1 / (1 + 20))
    assert int(residue) == 3


def test_information_sees_four_levels_above_zero():
    """Four numbers at four heights and one silent: five levels tell all five apart."""
    numbers = torch.arange(5).repeat(8)
    activity = torch.tensor([0.0, 1.0, 2.0, 3.0, 4.0])[numbers][:, None]
    assert float(information(activity, numbers, modulus=5)) == pytest.approx(math.log2(5))
    assert float(meanings(activity, numbers, modulus=5).explained) == pytest.approx(1)


def test_what_latents_stand_for_is_counted_by_dictionary():
    numbers = torch.arange(7).repeat(30)
    other = torch.arange(7).repeat_interleave(30)
    spikes = torch.eye(7, dtype=torch.float64)[numbers]
    activity = {"spikes": spikes, "shy": spikes + 0.1}
    found = {name: meanings(each, numbers, modulus=7) for name, each in activity.items()}
    shares = (
        pd.concat({name: each.shares() for name, each in found.items()})
        .set_index("fires", append=True)
        .droplevel(1)
        .share
    )
    assert shares.to_dict() == {
        ("spikes", "above zero"): 1,
        ("spikes", "above its best threshold"): 1,
        ("shy", "above zero"): 0,
        ("shy", "above its best threshold"): 1,
    }
    row = found["spikes"].row(other=float(information(spikes, other, modulus=7).mean()))
    assert [row["latents"], row["residues"], row["F1, above zero"], row["by sum"]] == [7, 7, 1, pytest.approx(1)]
    yes_or_no = -(math.log2(1 / 7) / 7 + 6 / 7 * math.log2(6 / 7))
    assert row["bits, a + b"] == pytest.approx(yes_or_no)
    assert row["bits, other"] < 0.3 * yes_or_no


def test_a_row_of_meanings_holds_medians_over_latents():
    """Three latents of unequal quality, so that mean and median differ everywhere."""
    f1, best = torch.tensor([0.1, 0.2, 0.9]), torch.tensor([0.3, 0.4, 0.95])
    bits, explained = torch.tensor([1.0, 2.0, 6.0]), torch.tensor([0.0, 0.3, 0.9])
    spectrum = torch.tensor([[0.9, 0.5, 0.3], [0.1, 0.4, 0.3], [0.0, 0.1, 0.4]])
    found = Meanings(f1, best, torch.tensor([0, 1, 2]), bits, explained, spectrum)
    row = found.row(a=0.5)
    shown = [row["F1, above zero"], row["F1, best"], row["by sum"], row["top wave"], row["bits, a + b"]]
    assert shown == pytest.approx([0.2, 0.4, 0.3, 0.5, 3.0])
    assert (row["bits, a"], row["latents"], row["residues"]) == (0.5, 3, 1)
