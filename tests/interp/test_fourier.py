"""Waves on a clock: an orthonormal basis, Parseval, planted waves, and numpy's transform as the oracle."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.circuits import scrambled
from tinycircuits.interp.fourier import (
    clock_shares,
    dependence,
    fourier_basis,
    frequency_shares,
    key_frequencies,
    multiples,
    pair_logits,
)
from tinycircuits.models.build import ModelSpec
from tinycircuits.tasks import ModularAddition, ReverseIncrement

moduli = st.integers(2, 120)


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(moduli)
def test_the_basis_is_orthonormal_up_to_its_last_frequency(p):
    basis = fourier_basis(p)
    assert basis.shape == (p, p)
    torch.testing.assert_close(basis @ basis.T, torch.eye(p, dtype=torch.float64), rtol=0, atol=1e-12)


@given(moduli, st.integers(0, 9))
def test_parseval_the_projections_hold_all_of_the_square(p, seed):
    values = random(p, 3, seed=seed)
    torch.testing.assert_close((fourier_basis(p) @ values).square().sum(), values.square().sum())
    assert float(frequency_shares(values).sum()) == pytest.approx(1)


@given(moduli)
def test_shares_are_those_of_numpys_transform(p):
    values = random(p, 2)
    power = np.abs(np.fft.fft(values.numpy(), axis=0)) ** 2
    folded = [sum(power[sorted({k, p - k})].sum(1)) for k in range(1, p // 2 + 1)]
    np.testing.assert_allclose(frequency_shares(values).numpy(), np.array(folded) / sum(folded), atol=1e-12)


@given(st.integers(3, 60), st.data())
def test_a_planted_wave_is_found_whatever_its_phase_and_offset(p, data):
    k = data.draw(st.integers(1, (p - 1) // 2))
    phase = data.draw(st.floats(0, 6))
    wave = torch.cos(2 * math.pi * k * torch.arange(p) / p + phase).double() + 3
    shares = frequency_shares(wave[:, None])
    assert int(shares.argmax()) == k - 1
    assert float(shares[k - 1]) == pytest.approx(1, abs=1e-6)


def clock(p, weights):
    """The logits sum_k alpha_k cos w_k (a + b - c), written as a plain loop."""
    cube = torch.zeros(p, p, p, dtype=torch.float64)
    for a in range(p):
        for b in range(p):
            for c in range(p):
                cube[a, b, c] = sum(w * math.cos(2 * math.pi * k * (a + b - c) / p) for k, w in weights.items())
    return cube


def test_logits_built_as_a_clock_are_nothing_but_a_clock():
    shares = clock_shares(clock(11, {2: 3.0, 5: 4.0}))
    assert shares.tolist() == pytest.approx([0, 9 / 25, 0, 0, 16 / 25], abs=1e-12)


def test_an_even_clock_has_its_last_frequency_too():
    assert clock_shares(clock(6, {3: 1.0})).tolist() == pytest.approx([0, 0, 1], abs=1e-12)


def test_what_is_the_same_for_every_answer_does_not_count():
    added = clock(7, {1: 1.0}) + 5 * random(7, 7)[..., None]
    assert clock_shares(added).tolist() == pytest.approx([1, 0, 0], abs=1e-12)


def test_random_logits_and_a_clock_that_subtracts_are_no_clock():
    assert float(clock_shares(random(31, 31, 31)).sum()) < 0.01
    subtracting = clock(7, {1: 1.0})[:, [0, 6, 5, 4, 3, 2, 1]]
    assert float(clock_shares(subtracting).sum()) < 1e-12


def test_a_clock_share_is_the_squared_cosine_with_the_wave():
    logits = random(5, 5, 5)
    centred = logits - logits.mean(-1, keepdim=True)
    wave = clock(5, {2: 1.0})
    cosine = float((centred * wave).sum() / (centred.norm() * wave.norm()))
    assert float(clock_shares(logits)[1]) == pytest.approx(cosine**2)


def test_key_frequencies_are_the_planted_ones_and_their_multiples_are_counted():
    turn = 2 * math.pi * torch.arange(13).double()[:, None] / 13
    embedding = torch.cat([2 * torch.cos(2 * turn), torch.sin(3 * turn), torch.cos(3 * turn)], dim=1)
    found = key_frequencies(embedding, clock(13, {2: 3.0, 4: 3.0, 3: 1.0, 5: 0.1}))
    assert found.keys == (2, 3, 4)
    assert (found.strongest, found.n_multiples) == (2, 3), "3 is 5 times 2, turned back"
    assert found.of_embedding == pytest.approx(1)
    assert (found.of_logits, found.all_waves) == (pytest.approx(19 / 19.01), pytest.approx(1))


@given(st.integers(3, 200), st.data())
def test_multiples_turn_a_whole_number_of_times_as_fast(p, data):
    k = data.draw(st.integers(1, p // 2))
    hand = torch.cos(2 * math.pi * torch.arange(p).double() * k / p)
    for found, j in ((multiples(k, p, first=j) - multiples(k, p, first=j - 1), j) for j in range(2, 6)):
        for other in found:
            faster = torch.cos(2 * math.pi * torch.arange(p).double() * other / p)
            torch.testing.assert_close(faster, torch.cos(j * torch.acos(hand.clamp(-1, 1))), rtol=0, atol=1e-5)


@pytest.mark.parametrize("plus_sign", [True, False])
def test_pair_logits_are_those_of_the_model_on_that_pair(plus_sign):
    task = ModularAddition(modulus=5, plus_sign=plus_sign)
    model = scrambled(ModelSpec(n_layers=1, d_model=8, n_heads=2, d_head=4, d_mlp=8), task)
    found = pair_logits(model, task)
    (one,) = task.inputs(task.sequences_of(torch.tensor([[3, 1]])))
    with torch.no_grad():
        torch.testing.assert_close(found[3, 1], model(one[None])[0, -1])
    assert found.shape == (5, 5, task.d_vocab)
    with pytest.raises(ValueError, match="task must be a ModularAddition, got ReverseIncrement"):
        pair_logits(model, ReverseIncrement(n_digits=4))


X = torch.arange(9)
OF = {"a": X[:, None] + 0 * X, "b": 0 * X[:, None] + X, "a + b": (X[:, None] + X) % 9, "a - b": (X[:, None] - X) % 9}


@pytest.mark.parametrize("name", OF)
def test_a_function_of_one_thing_depends_on_that_alone(name):
    shares = dependence(random(9)[OF[name]])
    assert shares.pop(name) == pytest.approx(1)
    assert list(shares.values()) == pytest.approx([0] * 4, abs=1e-12)


def test_functions_of_different_things_share_the_variance():
    parts = {name: random(9, seed=k)[of] for k, (name, of) in enumerate(OF.items())}
    centred = {name: part - part.mean() for name, part in parts.items()}
    total = sum(part.square().sum() for part in centred.values())
    shares = dependence(sum(parts.values()))
    assert {n: shares[n] for n in OF} == pytest.approx({n: float(p.square().sum() / total) for n, p in centred.items()})
    assert shares["rest"] == pytest.approx(0, abs=1e-12)


def test_dimensions_count_by_their_variance():
    both = torch.stack([3 * random(9)[OF["a"]], 4 * random(9)[OF["a + b"]]], dim=-1)
    shares = dependence(both)
    assert (shares["a"], shares["a + b"]) == pytest.approx((9 / 25, 16 / 25))


def test_noise_depends_on_nothing_alone():
    assert dependence(random(101, 101))["rest"] > 0.9


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: fourier_basis(1), "modulus must be 2 or larger, got 1"),
        (lambda: frequency_shares(torch.ones(5, 2)), "values must differ between numbers"),
        (lambda: clock_shares(torch.ones(3, 3, 4)), r"logits must be a cube \(a, b, c\), got \(3, 3, 4\)"),
        (lambda: clock_shares(torch.ones(3, 3, 3)), "logits must differ between answers"),
        (lambda: dependence(random(4, 4)), r"values must be a square \(a, b\) of odd size, got \(4, 4\)"),
        (lambda: dependence(random(3, 5)), r"values must be a square \(a, b\) of odd size, got \(3, 5\)"),
        (lambda: dependence(torch.ones(3, 3)), "values must differ between pairs"),
    ],
)
def test_what_has_no_spectrum_is_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()


def test_the_strongest_frequency_is_the_embeddings_not_that_of_the_logits():
    turn = 2 * math.pi * torch.arange(13).double()[:, None] / 13
    found = key_frequencies(torch.cat([torch.cos(5 * turn), 0.1 * torch.sin(2 * turn)], dim=1), clock(13, {2: 1.0}))
    assert (found.strongest, found.keys) == (5, (2,))
    assert found.of_embedding == pytest.approx(0.01 / 1.01)
    assert found.n_multiples == 1, "2 is 3 times 5, turned back"


def test_a_frequency_is_key_from_a_fiftieth_of_the_variance_on():
    turn = 2 * math.pi * torch.arange(13).double()[:, None] / 13
    embedding = torch.cos(turn)
    for share, keys in ((0.021, (1, 4)), (0.019, (1,))):
        logits = clock(13, {1: math.sqrt(1 - share), 4: math.sqrt(share)})
        assert key_frequencies(embedding, logits).keys == keys
