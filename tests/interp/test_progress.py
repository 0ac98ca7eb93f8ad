"""Progress measures: against plain loops over waves, a planted sum of waves, and numpy's transform."""

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from tinycircuits.interp.progress import PROTOCOLS, Waves, above_the_floor, gini, noise_floor, progress

P, KEYS = 7, (1, 3)
NUMBERS = torch.arange(P)


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def angle(k, numbers):
    return 2 * math.pi * k * numbers.double() / P


def of_pairs(function):
    """A direction among the functions of (a, b), of length 1."""
    values = function(NUMBERS[:, None].expand(P, P), NUMBERS.expand(P, P))
    return values / values.norm()


def directions(protocol, keys):
    """The directions that a protocol keeps, written out one by one; the constant is the first."""
    found = [of_pairs(lambda a, b: torch.ones(P, P, dtype=torch.float64))]
    waves = [lambda n, k=k, turn=turn: turn(angle(k, n)) for k in keys for turn in (torch.cos, torch.sin)]
    if protocol == "10dir":
        return found + [of_pairs(lambda a, b, w=wave: w(a + b)) for wave in waves]
    if protocol == "20term":
        pairs = [
            (one, other) for at in range(0, len(waves), 2) for one in waves[at : at + 2] for other in waves[at : at + 2]
        ]
        return found + [of_pairs(lambda a, b, f=one, g=other: f(a) * g(b)) for one, other in pairs]
    sides = [lambda n: torch.ones_like(n, dtype=torch.float64), *waves]
    return [of_pairs(lambda a, b, f=one, g=other: f(a) * g(b)) for one in sides for other in sides]


def onto(logits, kept):
    return sum((direction[..., None] * (direction[..., None] * logits).sum((0, 1)) for direction in kept), 0 * logits)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_restricted_logits_are_the_projection_on_the_directions_of_the_protocol(protocol):
    logits = random(P, P, 4)
    kept = directions(protocol, KEYS)
    assert len(kept) == {"10dir": 5, "20term": 9, "2x2": 25}[protocol]
    torch.testing.assert_close(Waves(logits).restricted(KEYS, protocol), onto(logits, kept))


def test_excluded_logits_are_what_the_two_directions_of_each_key_leave():
    logits, waves = random(P, P, 4), Waves(random(P, P, 4))
    gone = onto(logits, directions("10dir", KEYS)[1:])
    torch.testing.assert_close(waves.excluded(KEYS), logits - gone)
    torch.testing.assert_close(waves.of_sum(3), onto(logits, directions("10dir", (3,))[1:]))
    assert torch.equal(waves.excluded(()), logits)


def test_all_frequencies_hold_what_numpys_transform_has_on_its_diagonal():
    logits = random(P, P, 2)
    diagonal = np.fft.fft2(logits.numpy(), axes=(0, 1))[range(P), range(P)]
    kept = np.zeros((P, P, 2), complex)
    kept[range(P), range(P)] = diagonal
    ours = Waves(logits).restricted(range(1, P // 2 + 1), "10dir")
    np.testing.assert_allclose(ours.numpy(), np.fft.ifft2(kept, axes=(0, 1)).real, atol=1e-12)


def planted(scale=4.0):
    """Logits that are two waves of a + b - c, and what the model must answer."""
    off = NUMBERS[:, None, None] + NUMBERS[:, None] - NUMBERS
    logits = scale * sum(torch.cos(angle(k, off)) for k in KEYS)
    return logits, (NUMBERS[:, None] + NUMBERS) % P


def test_a_planted_sum_of_waves_loses_nothing_when_restricted_and_everything_when_excluded():
    logits, answers = planted()
    parts = {"train": torch.rand(P, P, generator=torch.Generator().manual_seed(0)) < 0.4}
    parts["holdout"] = ~parts["train"]
    found = progress(logits, answers, KEYS, parts)
    for part, mask in parts.items():
        plain = cross_entropy(logits[mask], answers[mask])
        for name in ("loss", *(f"restricted_{protocol}" for protocol in PROTOCOLS)):
            torch.testing.assert_close(found[f"{name}.{part}"], plain)
        torch.testing.assert_close(found[f"excluded_all.{part}"], torch.tensor(math.log(P)).double())
        alone = [cross_entropy((logits - 4 * torch.cos(angle(k, wave_off())))[mask], answers[mask]) for k in KEYS]
        torch.testing.assert_close(found[f"excluded_each.{part}"], torch.stack(alone))


def wave_off():
    return NUMBERS[:, None, None] + NUMBERS[:, None] - NUMBERS


def test_each_part_has_the_loss_of_its_own_pairs():
    logits, (_, answers) = random(P, P, P), planted()
    parts = {"train": torch.rand(P, P, generator=torch.Generator().manual_seed(0)) < 0.4}
    parts["holdout"] = ~parts["train"]
    found = progress(logits, answers, KEYS, parts)
    for part, mask in parts.items():
        torch.testing.assert_close(found[f"loss.{part}"], cross_entropy(logits[mask], answers[mask]))
        kept = onto(logits, directions("20term", KEYS))
        torch.testing.assert_close(found[f"restricted_20term.{part}"], cross_entropy(kept[mask], answers[mask]))


def test_protocols_differ_where_the_logits_have_other_waves():
    logits, answers = planted()
    other = logits + 3 * torch.cos(angle(1, NUMBERS[:, None] - NUMBERS))[..., None] * random(P)
    only_a = logits + 3 * torch.cos(angle(1, NUMBERS))[:, None, None] * random(P)
    parts = {"all": torch.ones(P, P, dtype=torch.bool)}
    difference, single = progress(other, answers, KEYS, parts), progress(only_a, answers, KEYS, parts)
    assert difference["restricted_10dir.all"] < difference["restricted_20term.all"]
    torch.testing.assert_close(difference["restricted_20term.all"], difference["restricted_2x2.all"])
    torch.testing.assert_close(single["restricted_10dir.all"], single["restricted_20term.all"])
    assert single["restricted_20term.all"] < single["restricted_2x2.all"]


def test_without_a_key_frequency_the_excluded_loss_is_the_loss():
    logits, answers = planted()
    found = progress(logits, answers, (), {"all": torch.ones(P, P, dtype=torch.bool)})
    assert torch.equal(found["excluded_all.all"], found["loss.all"])
    assert found["excluded_each.all"].shape == (0,)
    torch.testing.assert_close(found["restricted_10dir.all"], torch.tensor(math.log(P)).double())


@pytest.mark.parametrize("k", [0, 4, -1])
def test_a_frequency_that_is_none_is_refused(k):
    with pytest.raises(ValueError, match=f"frequency must lie in 1..3, got {k}"):
        Waves(random(P, P, 2)).of_sum(k)


@pytest.mark.parametrize("shape", [(7, 5, 2), (6, 6, 2)])
def test_logits_of_no_odd_square_are_refused(shape):
    with pytest.raises(ValueError, match="square"):
        Waves(random(*shape))


def test_the_last_frequency_counts_like_any_other():
    """A published loop over ``range(1, p // 2)`` never tests it: 56 for p = 113."""
    number = torch.arange(113).double()
    wave = torch.cos(2 * math.pi * 56 * number / 113)[:, None] * random(4) + 0.1 * random(113, 4)
    assert above_the_floor(wave) == (56,)


def test_the_floor_is_the_largest_share_of_the_permuted_rows():
    values, n = random(11, 3), 20
    generator = torch.Generator().manual_seed(5)
    largest = 0.0
    for _ in range(n):
        moved = np.empty((11, 3))
        moved[torch.randperm(11, generator=generator)] = values
        power = (np.abs(np.fft.rfft(moved - moved.mean(0), axis=0)) ** 2).sum(1)[1:]
        largest = max(largest, (power / power.sum()).max())
    assert noise_floor(values, seed=5, n=n) == pytest.approx(largest)
    assert noise_floor(values + 100, seed=5, n=n) == pytest.approx(largest)


def test_noise_has_no_key_frequency_and_a_planted_one_is_found():
    number = torch.arange(31).double()
    wave = torch.cos(2 * math.pi * 5 * number / 31)[:, None] * random(8)
    noise = random(31, 8, seed=1)
    assert above_the_floor(noise) == ()
    assert above_the_floor(wave + 0.5 * noise) == (5,)


def test_gini_is_0_where_all_are_equal_and_counts_pairs_of_differences():
    assert gini(torch.ones(2, 5)).tolist() == [0, 0]
    assert float(gini(torch.tensor([0.0, 0, 1, 0]))) == pytest.approx(3 / 4)
    x = random(9).abs()
    plain = (x[:, None] - x).abs().sum() / (2 * 9 * x.sum())
    torch.testing.assert_close(gini(x), plain)
