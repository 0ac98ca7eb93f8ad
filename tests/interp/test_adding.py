"""How a model adds: hand-set waves and phases, and each number against the plain way to compute it."""

import math

import pytest
import torch

from tests.circuits import scrambled
from tests.interp.test_fourier import clock, random
from tinycircuits.interp.activations import activations
from tinycircuits.interp.adding import (
    SumWaves,
    adding,
    circular,
    phases,
    relabelled_floor,
    written_on_logits,
)
from tinycircuits.interp.fourier import by_distance, clock_shares, dependence, frequency_shares, pair_logits
from tinycircuits.interp.frequencies import alphas
from tinycircuits.interp.progress import Waves
from tinycircuits.interp.waves import wave_fits
from tinycircuits.models.build import ModelSpec
from tinycircuits.tasks import ModularAddition

P = 13
TASK = ModularAddition(modulus=P, plus_sign=False)
X = 2 * math.pi / P * torch.arange(P, dtype=torch.float64)


def model_of(task=TASK, **more):
    return scrambled(ModelSpec(n_layers=2, d_model=8, n_heads=2, d_head=4, d_mlp=8, **more), task)


def neurons(*, sign=1):
    """Neurons of two frequencies with their own phases, and what they write: at phi_a + sign * phi_b."""
    k = torch.tensor([2] * 30 + [5] * 30)
    phi_a, phi_b = 2 * math.pi * torch.rand(2, len(k), generator=torch.Generator().manual_seed(3)).double()
    read = (k * X[:, None] + phi_a).cos()[:, None] + (k * X[:, None] + phi_b).cos()[None]
    return wave_fits(read.relu()), 3 * (k[:, None] * X + (phi_a + sign * phi_b)[:, None]).cos()


def test_a_hand_set_clock_writes_where_its_two_phases_lead():
    found = phases(*neurons())
    assert found.n_neurons == 60
    assert found.errors.tolist() == pytest.approx([0] * 60, abs=0.05), "thirteen points"
    assert float(found.control.min()) > 1


def test_phases_that_are_subtracted_do_not_fit():
    assert float(phases(*neurons(sign=-1)).errors.median()) > 1


def test_the_control_exchanges_neurons_of_one_frequency_only():
    fits, written = neurons()
    k, of_frequency = torch.tensor([2] * 30 + [5] * 30)[:, None], torch.tensor([0.0] * 30 + [1.5] * 30)[:, None]
    same = (k * X + of_frequency).cos()
    assert phases(fits, same).errors.max() > 0.5
    torch.testing.assert_close(phases(fits, same).control, phases(fits, same).errors.median().expand(20))
    assert phases(fits, written, seed=1).control.tolist() != phases(fits, written).control.tolist()


def test_neurons_of_a_sum_have_no_two_phases():
    of_sum = (X[:, None, None] + X[None, :, None] + random(3)).cos()
    found = phases(wave_fits(of_sum), random(3, P))
    assert found.n_neurons == 0 == len(found.errors) == len(found.control)


def test_a_distance_on_the_circle_is_at_most_half_a_turn():
    angles = torch.tensor([0.1, 3.0, -3.0, 7.0])
    others = torch.tensor([-0.1, -3.0, 3.0, 7.0 - 2 * math.pi])
    assert circular(angles, others).tolist() == pytest.approx([0.2, 2 * math.pi - 6, 2 * math.pi - 6, 0], abs=1e-5)


def test_without_layer_norm_a_neuron_writes_what_it_moves_the_logits_by():
    model = model_of(layer_norm=False)
    state, neuron = random(8).to(model.W_E.dtype), 5
    moved = (state + model.W_out[1, neuron]) @ model.W_U - state @ model.W_U
    torch.testing.assert_close(written_on_logits(model, TASK, 1)[neuron], moved[:P].double())


def test_with_layer_norm_the_mean_goes_and_the_gain_counts():
    model = model_of()
    row, gain = model.W_out[0, 3].double(), model.ln_final.original_component.weight.double()
    row, gain = row.detach(), gain.detach()
    wanted = sum(float((row[i] - row.mean()) * gain[i]) * model.W_U[i, :P].double() for i in range(8))
    torch.testing.assert_close(written_on_logits(model, TASK, 0)[3], wanted)


def test_logits_of_some_waves_of_the_sum_are_those_of_the_progress_measures():
    logits = 0.3 * random(P, P, TASK.d_vocab) + torch.nn.functional.pad(clock(P, {2: 1.0, 5: 1.0}), (0, 1))
    logits[..., 4] += 1  # a mean that decides some answers
    right = (torch.arange(P)[:, None] + torch.arange(P)) % P
    for keys in ([2], [2, 5], [1, 3, 4], range(1, P // 2 + 1)):
        said = Waves(logits).restricted(list(keys), "10dir").argmax(-1)
        assert SumWaves(logits, TASK).wrong(list(keys)) == int((said != right).sum())


def test_a_clock_needs_one_of_its_waves_and_no_other_helps():
    logits = clock(P, {2: 1.0, 5: 1.0})
    waves = SumWaves(logits, TASK)
    assert waves.wrong([2]) == waves.wrong([2, 5]) == 0
    assert waves.wrong([3]) > P * P / 2


def test_the_floor_is_the_largest_share_under_other_names():
    logits = clock(P, {3: 1.0}) + random(P, P, P)
    generator, largest = torch.Generator().manual_seed(0), 0.0
    for _ in range(5):
        names = torch.randperm(P, generator=generator)
        renamed = torch.empty_like(logits)
        for a in range(P):
            renamed[names[a], names[:, None], names] = logits[a]
        largest = max(largest, float(clock_shares(renamed).max()))
    assert relabelled_floor(logits, n=5) == pytest.approx(largest)
    assert largest < float(clock_shares(logits)[2])


def test_what_is_stored_of_a_model_is_each_number_computed_alone():
    model = model_of()
    found, logits = adding(model, TASK), pair_logits(model, TASK)[..., :P]
    torch.testing.assert_close(found.of_embedding, frequency_shares(model.W_E[:P].detach()))
    torch.testing.assert_close(found.of_logits, clock_shares(logits))
    torch.testing.assert_close(found.profile, by_distance(logits))
    torch.testing.assert_close(
        found.rebuilt([1, 4])[3], alphas(logits)[[0, 3]] @ torch.cos(torch.tensor([1, 4]) * X[3])
    )
    assert found.cuts.keys == found.keys
    strongest = (found.of_logits.argsort(descending=True) + 1).tolist()
    waves = SumWaves(pair_logits(model, TASK), TASK)
    assert found.wrong_of_first.tolist() == [waves.wrong(strongest[:n]) for n in range(1, P // 2 + 1)]
    assert [part.part for part in found.parts] == ["L0 attn", "L0 mlp", "L1 attn", "L1 mlp"]
    assert [part.phases is None for part in found.parts] == [True, False, True, False]


def test_a_part_is_looked_at_where_the_answer_is_read():
    task = ModularAddition(modulus=7, plus_sign=True)
    model = model_of(task)
    part = adding(model, task).parts[1]
    hook = "blocks.0.mlp.hook_post"
    values = activations(model, task.inputs(task.sequences()), [hook])[hook][:, 3].reshape(7, 7, -1)
    fits = wave_fits(values)
    assert part.follows == pytest.approx(dependence(values))
    assert part.n_alive == int(fits.alive.sum())
    torch.testing.assert_close(part.two["full"], fits.r2("full", waves=2)[fits.alive].sort().values.float())
    torch.testing.assert_close(part.one["linear"], fits.r2("linear")[fits.alive].sort().values.float())


def test_keys_of_the_logits_are_those_above_a_fiftieth_or_above_the_floor():
    model = model_of()
    found = adding(model, TASK)
    shares = found.of_logits.tolist()
    assert found.logit_keys == tuple(k + 1 for k, share in enumerate(shares) if share >= 0.02)
    assert found.logit_keys_above_floor == tuple(k + 1 for k, s in enumerate(shares) if s > found.logits_floor)
