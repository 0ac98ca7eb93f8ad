"""Waves of the embedding cut and turned: numpy's transform and TransformerLens' own forward pass as the oracles."""

import math

import numpy as np
import pytest
import torch

from tests.circuits import scrambled
from tests.interp.test_fourier import clock, random
from tinycircuits.interp.fourier import by_distance, frequency_shares
from tinycircuits.interp.frequencies import (
    alphas,
    cuts,
    logits_with,
    others,
    part_of,
    plane_of,
    turned,
    with_only,
    without,
)
from tinycircuits.models.build import ModelSpec
from tinycircuits.tasks import ModularAddition

P = 11


def changed(numbers, keys, factor):
    """The numbers with the coefficients of these frequencies multiplied, by numpy's transform."""
    terms = np.fft.fft(numbers.numpy(), axis=0)
    for k in keys:
        terms[k], terms[-k] = terms[k] * factor(k), terms[-k] * np.conj(factor(k))
    return torch.from_numpy(np.fft.ifft(terms, axis=0).real)


def test_what_is_cut_and_what_is_kept_are_numpys():
    numbers, keys = random(P, 4) + 1, [2, 5]
    gone = changed(numbers, keys, lambda k: 0)
    torch.testing.assert_close(without(numbers, keys), gone)
    torch.testing.assert_close(with_only(numbers, keys), numbers.mean(0) + numbers - gone)
    torch.testing.assert_close(frequency_shares(without(numbers, keys))[[1, 4]], torch.zeros(2).double())


def test_nothing_cut_is_nothing_changed_and_all_waves_are_everything():
    numbers, every = random(P, 4), range(1, P // 2 + 1)
    torch.testing.assert_close(without(numbers, []), numbers)
    torch.testing.assert_close(with_only(numbers, every), numbers)
    torch.testing.assert_close(part_of(numbers, every), numbers - numbers.mean(0))


@pytest.mark.parametrize("hours", [1, 3])
def test_a_hand_is_turned_on(hours):
    numbers = random(P, 4)
    angle = 2 * math.pi / P * hours
    torch.testing.assert_close(
        turned(numbers, [2], hours=hours), changed(numbers, [2], lambda k: np.exp(1j * k * angle))
    )
    torch.testing.assert_close(turned(numbers, range(1, P // 2 + 1), hours=hours), numbers.roll(-hours, 0))


def test_in_its_plane_a_wave_is_a_circle():
    angle = 2 * math.pi * 3 * torch.arange(P).double() / P
    axes = torch.linalg.qr(random(6, 3)).Q.T
    circle = torch.stack([angle.cos(), angle.sin()], dim=1)
    points = plane_of(circle @ axes[:2] + 0.5 * random(P)[:, None] * axes[2] + 4, 3)
    torch.testing.assert_close(points.norm(dim=1), torch.ones(P).double(), rtol=0, atol=0.3)
    steps = torch.atan2(*points.roll(-1, 0).flip(1).T) - torch.atan2(*points.flip(1).T)
    turn = (steps.mean() if steps.std() < 1e-6 else (steps % (2 * math.pi)).median()) / (2 * math.pi / P)
    assert min(float(turn) % P, -float(turn) % P) == pytest.approx(3, abs=0.2)


def model_of(task, **more):
    return scrambled(ModelSpec(d_model=8, n_heads=2, d_head=4, d_mlp=8, **more), task)


CASES = [
    (True, {"n_layers": 3}),
    (False, {"n_layers": 2, "act_fn": "gelu"}),
    (True, {"n_layers": 1, "layer_norm": False}),
]


def with_rows(model, task, numbers):
    """Every logit of the answer by TransformerLens' own pass, with the rows of W_E replaced."""
    weight = model.embed.original_component.weight
    with torch.no_grad():
        before = weight.clone()
        weight[: task.modulus] = numbers
        found = model(task.inputs(task.sequences()))[:, -1].reshape(task.modulus, task.modulus, -1)
        weight.copy_(before)
    return found


@pytest.mark.parametrize(("plus_sign", "more"), CASES)
def test_logits_with_other_numbers_are_those_of_the_changed_model(plus_sign, more):
    task = ModularAddition(modulus=P, plus_sign=plus_sign, unused_tokens=1)
    model = model_of(task, **more)
    numbers = random(P, 8).to(model.W_E.dtype)
    torch.testing.assert_close(logits_with(model, task, numbers), with_rows(model, task, numbers))


def test_cuts_are_counted_as_by_hand():
    task, keys = ModularAddition(modulus=P, plus_sign=False), (1, 4)
    model = model_of(task, n_layers=2)
    numbers = model.W_E[:P].detach()
    right = torch.tensor([[(a + b) % P for b in range(P)] for a in range(P)])
    later = torch.tensor([[(a + b + 2) % P for b in range(P)] for a in range(P)])

    def said(factor, of):
        return with_rows(model, task, changed(numbers, of, factor).to(numbers.dtype)).argmax(-1)

    found, untouched = cuts(model, task, keys, draws=2), with_rows(model, task, numbers).argmax(-1)
    rest = [k for k in range(1, P // 2 + 1) if k not in keys]
    turn = lambda k: np.exp(2j * math.pi * k / P)  # noqa: E731
    assert found.whole == int((untouched != right).sum())
    assert found.without == int((said(lambda k: 0, keys) != right).sum())
    assert found.only == int((said(lambda k: 0, rest) != right).sum())
    assert found.without_each.tolist() == [int((said(lambda k: 0, [k]) != right).sum()) for k in keys]
    assert found.followed == int((said(turn, keys) == later).sum())
    assert found.stayed == int((said(turn, keys) == untouched).sum())
    drawn = others(P, keys, seed=0, draws=2)
    assert found.drawn_without.tolist() == [int((said(lambda k: 0, of) != right).sum()) for of in drawn]
    kept = [[k for k in range(1, P // 2 + 1) if k not in of] for of in drawn]
    assert found.drawn_only.tolist() == [int((said(lambda k: 0, of) != right).sum()) for of in kept]
    assert found.drawn_followed.tolist() == [int((said(turn, of) == later).sum()) for of in drawn]
    assert found.drawn_stayed.tolist() == [int((said(turn, of) == untouched).sum()) for of in drawn]
    for k, row in zip(keys, found.alphas_without, strict=True):
        torch.testing.assert_close(row, alphas(with_rows(model, task, changed(numbers, [k], lambda k: 0))[..., :P]))


def test_a_model_without_key_frequencies_has_nothing_cut():
    task = ModularAddition(modulus=5, plus_sign=False)
    found = cuts(model_of(task, n_layers=1), task, (), draws=3)
    assert found.without == found.whole
    assert (found.alphas_without.shape, len(found.drawn_only)) == ((0, 2), 0)


def test_other_frequencies_are_as_many_and_none_of_the_keys():
    drawn = others(29, (3, 7, 8), seed=1, draws=40)
    assert all(len(set(waves)) == 3 and not {3, 7, 8} & set(waves) for waves in drawn)
    assert {k for waves in drawn for k in waves} == set(range(1, 15)) - {3, 7, 8}
    assert drawn == others(29, (3, 7, 8), seed=1, draws=40) != others(29, (3, 7, 8), seed=2, draws=40)


def test_alphas_are_the_weights_of_a_clock():
    found = alphas(clock(P, {2: 3.0, 5: -4.0}) + random(P, P)[..., None])
    assert found.tolist() == pytest.approx([0, 3, 0, 0, -4], abs=1e-12)


def test_a_logit_by_distance_is_a_plain_mean():
    logits, labels = random(7, 7, 7), torch.tensor([3, 0, 6, 1, 5, 2, 4])
    for names in (None, labels):
        own = list(range(7)) if names is None else names.tolist()
        sums = [0.0] * 7
        for a in range(7):
            for b in range(7):
                row = logits[a, b] - logits[a, b].mean()
                for c in range(7):
                    sums[(own[a] + own[b] - own[c]) % 7] += float(row[c]) / 49
        assert by_distance(logits, names).tolist() == pytest.approx(sums)
