"""Clock and pizza, set by hand: no mistake on any pair, the logits of their formulas, and phases alone between them."""

import math

import numpy as np
import pytest
import torch

from tinycircuits.interp.fourier import clock_shares, pair_logits
from tinycircuits.models.build import named_parameters
from tinycircuits.models.clockwork import ClockworkSpec, circles, clockwork, phases, with_noise
from tinycircuits.results.tables.machines import D_MODEL, MACHINES, hand_set
from tinycircuits.tasks import ModularAddition

TASK = ModularAddition(modulus=13, plus_sign=False)
FREQUENCIES = (1, 5)
A, B, C = np.ogrid[:13, :13, :13]


def logits(spread, frequencies=FREQUENCIES):
    return pair_logits(clockwork(TASK, frequencies=frequencies, spread=spread), TASK)[..., :13].numpy()


def wrong(model, task=TASK):
    p = task.modulus
    return int((pair_logits(model, task).argmax(-1) != task.answers(task.sequences()).reshape(p, p)).sum())


@pytest.mark.parametrize("spread", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_no_machine_makes_a_mistake_on_any_pair(spread):
    assert wrong(clockwork(TASK, frequencies=FREQUENCIES, spread=spread)) == 0


def test_the_stored_machines_make_no_mistake():
    for spec in MACHINES.values():
        assert wrong(spec.model(), spec.task) == 0
        assert spec.model().cfg.d_model == D_MODEL


def test_a_machine_computes_what_its_neurons_say():
    """A loop over neurons in numpy, from the formula in the docstring."""
    turned = phases(0.25)
    of_a, of_b = turned.of_a.numpy(), turned.of_b.numpy()
    expected = np.zeros((13, 13, 13))
    for k in FREQUENCIES:
        w = 2 * math.pi * k / 13
        for phi, psi in zip(of_a, of_b, strict=True):
            fires = np.maximum(0, np.cos(w * A + phi) + np.cos(w * B + psi))
            expected = expected + fires * np.cos(w * C + phi + psi)
    np.testing.assert_allclose(logits(0.25), 2.2 / 63 * expected, atol=1e-9)


def test_a_pizza_is_blind_where_its_formula_says_and_a_clock_nowhere():
    waves = [2 * math.pi * k / 13 for k in FREQUENCIES]
    clock = sum(np.cos(w * (A + B - C)) for w in waves)
    pizza = sum(abs(np.cos(w * (A - B) / 2)) * np.cos(w * (A + B - C)) for w in waves)
    for spread, formula, other in ((1.0, clock, pizza), (0.0, pizza, clock)):
        found = logits(spread)
        fit = (found * formula).sum() / (formula**2).sum()
        assert abs(found - fit * formula).max() < 0.02 * abs(found).max()
        assert abs(found - fit * other).max() > 0.1 * abs(found).max()


def test_waves_of_the_sum_hold_all_of_a_clock_and_four_fifths_of_a_pizza():
    """Over all angles the mean of |cos| is 2 / pi, that of its square 1 / 2: their waves hold 8 / pi^2."""
    task = ModularAddition(modulus=31, plus_sign=False)
    for spread, share in ((1.0, 1), (0.0, 8 / math.pi**2)):
        machine = clockwork(task, frequencies=(1, 4, 7), spread=spread)
        assert float(clock_shares(pair_logits(machine, task)[..., :31]).sum()) == pytest.approx(share, abs=0.003)


def test_phases_differ_by_nothing_or_go_all_round():
    pizza, clock = phases(0.0), phases(1.0)
    torch.testing.assert_close(pizza.of_a, pizza.of_b)
    assert len(pizza.of_a.remainder(2 * math.pi).mul(1e6).round().unique()) == 63
    differences = torch.polar(torch.ones(63).double(), clock.of_a - clock.of_b)
    assert float(differences.mean().abs()) < 1e-12
    torch.testing.assert_close(clock.of_a + clock.of_b, pizza.of_a + pizza.of_b)


def test_circles_stand_where_cosine_and_sine_say():
    angle = 2 * np.pi * np.outer(np.arange(13), FREQUENCIES) / 13
    np.testing.assert_allclose(circles(13, FREQUENCIES)[:, ::2], np.cos(angle), atol=1e-12)
    np.testing.assert_allclose(circles(13, FREQUENCIES)[:, 1::2], np.sin(angle), atol=1e-12)


@torch.no_grad()
def test_noise_is_a_share_of_each_weight_and_comes_out_the_same_again():
    before = named_parameters(clockwork(TASK, frequencies=FREQUENCIES, spread=1.0))
    after, again = (named_parameters(hand_noise(seed)) for seed in (3, 3))
    for name, weight in before.items():
        change = float((after[name] - weight).norm())
        assert change == pytest.approx(0.1 * float(weight.norm()), rel=0.25), name
        assert torch.equal(after[name], again[name])
    assert any(not torch.equal(each, after[name]) for name, each in named_parameters(hand_noise(4)).items())


def hand_noise(seed):
    return ClockworkSpec(task=TASK, frequencies=FREQUENCIES, spread=1.0, noise=0.1, seed=seed).model()


def test_much_noise_makes_mistakes_and_a_little_none():
    assert wrong(hand_set(1.0, noise=0.02).model(), hand_set(1.0).task) == 0
    assert wrong(hand_set(1.0, noise=0.5).model(), hand_set(1.0).task) > 1000


@pytest.mark.parametrize("frequencies", [(), (0,), (7,), (2, 2)])
def test_frequencies_that_are_none_are_refused(frequencies):
    with pytest.raises(ValueError, match=r"frequencies must be different ones in 1\.\.6"):
        clockwork(TASK, frequencies=frequencies, spread=0.0)


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match=r"spread must lie in 0\.\.1, got 1.5"):
        phases(1.5)
    with pytest.raises(ValueError, match="level must be 0 or larger, got -1"):
        with_noise(clockwork(TASK, frequencies=(1,), spread=0.0), -1, seed=0)
