import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score, mutual_info_score
from torch.nn.functional import normalize

from tests.circuits import scrambled
from tinycircuits.interp.activations import Component, activations, components
from tinycircuits.interp.fourier import fourier_basis, frequency_shares
from tinycircuits.interp.sae import (
    _quantile,
    best_for_each,
    both_signs,
    fourier_directions,
    latent_effects,
    live_activity,
    mean_by_number,
    mean_max_cosine,
    mean_pairwise_cosine,
    meanings,
    principal_directions,
    quality,
    random_dictionary,
    some_live,
    unexplained,
)
from tinycircuits.models.build import ModelSpec
from tinycircuits.models.dictionary import SparseAutoencoder
from tinycircuits.tasks import ModularAddition
from tinycircuits.training.dictionaries import SaeSpec, fit_sae

TASK = ModularAddition(modulus=7, plus_sign=False)
SEQUENCES = TASK.sequences()
P = 11


def planted(n=4000, width=40, d_in=32, active=0.04, seed=0):
    """States that are sparse sums of known directions, with those directions."""
    generator = torch.Generator().manual_seed(seed)
    directions = normalize(torch.randn(width, d_in, generator=generator), dim=1)
    on = torch.rand(n, width, generator=generator) < active
    strength = 1 + torch.rand(n, width, generator=generator)
    return (on * strength) @ directions, directions


@pytest.fixture(scope="module")
def recovered():
    states, directions = planted()
    spec = SaeSpec(width=64, l1=0.2, lr=1e-2, epochs=100, batch_size=256, decay="cosine")
    dictionary, losses = fit_sae(states, spec, seed=0)
    return states, directions, dictionary, losses


def test_the_autoencoder_recovers_a_planted_dictionary_and_a_random_one_does_not(recovered):
    states, directions, dictionary, losses = recovered
    found = quality(dictionary, states)
    assert mean_max_cosine(directions, dictionary.W_dec) > 0.97
    assert found.fvu < 0.05
    assert found.l0 < 4
    assert losses[-1] < losses[0] / 3
    control = random_dictionary(states, width=64, l0=found.l0, seed=0)
    assert mean_max_cosine(directions, control.W_dec) < 0.8
    assert quality(control, states).fvu > 0.2
    assert quality(control, states).l0 == pytest.approx(found.l0, rel=0.05)


def test_decoder_rows_have_length_one_and_the_seed_decides(recovered):
    states, _, dictionary, _ = recovered
    torch.testing.assert_close(dictionary.W_dec.norm(dim=1), torch.ones(64))
    spec = SaeSpec(width=8, l1=0.1, lr=1e-3, epochs=2, batch_size=512)
    first, again, other = (fit_sae(states, spec, seed=seed)[0] for seed in (1, 1, 2))
    assert all(torch.equal(first.tensors[name], again.tensors[name]) for name in first.tensors)
    assert not torch.equal(first.W_dec, other.W_dec)
    torch.testing.assert_close(first.W_dec.norm(dim=1), torch.ones(8))


def test_one_step_of_the_fit_is_the_plain_step():
    """The plain way: the loss written out, one step of torch's own Adam, rows scaled back."""
    states, _ = planted(n=50)
    spec = SaeSpec(width=8, l1=0.5, lr=1e-2, epochs=1, batch_size=50)
    start = torch.Generator().manual_seed(3)
    drawn = torch.randn(8, 32, generator=start, dtype=torch.float64)
    W_dec = normalize(drawn, dim=1).float()
    weights = [W_dec.T.clone(), torch.zeros(8), W_dec.clone(), states.mean(0)]
    W_enc, b_enc, W_dec, b_dec = (weight.requires_grad_() for weight in weights)
    z = torch.relu((states - b_dec) @ W_enc + b_enc)
    loss = (
        sum(((x - (z_i @ W_dec + b_dec)) ** 2).sum() + 0.5 * z_i.abs().sum() for x, z_i in zip(states, z, strict=True))
        / 50
    )
    loss.backward()
    torch.optim.Adam(weights, lr=1e-2, foreach=False).step()
    found, losses = fit_sae(states, spec, seed=3)
    assert losses == [pytest.approx(loss.item(), rel=1e-5)]
    torch.testing.assert_close(found.W_enc, W_enc.detach(), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(found.b_enc, b_enc.detach(), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(found.W_dec, normalize(W_dec.detach(), dim=1), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(found.b_dec, b_dec.detach(), atol=1e-5, rtol=1e-4)


def test_quality_counts_what_the_definition_says():
    dictionary = SparseAutoencoder(
        W_enc=torch.eye(2, 3), b_enc=torch.tensor([0.0, 0.0, -1.0]), W_dec=torch.eye(3, 2), b_dec=torch.zeros(2)
    )
    found = quality(dictionary, torch.tensor([[1.0, 0.0], [2.0, 3.0], [-4.0, 0.0]]))
    assert found.l0 == pytest.approx((1 + 2 + 0) / 3)
    assert found.live.tolist() == [True, True, False]
    assert found.dead == 1
    mean = torch.tensor([-1 / 3, 1.0])
    total = sum(float((torch.tensor(x) - mean).square().sum()) for x in ([1.0, 0.0], [2.0, 3.0], [-4.0, 0.0]))
    assert found.fvu == pytest.approx(16 / total)


def test_the_mean_leaves_all_variance_unexplained_and_the_states_themselves_none():
    states, _ = planted(n=100)
    assert unexplained(states, states.mean(0).expand_as(states)) == pytest.approx(1, abs=1e-5)
    assert unexplained(states, states) == 0
    with pytest.raises(ValueError, match="states must vary"):
        unexplained(torch.ones(3, 2), torch.ones(3, 2))


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


def test_principal_and_fourier_directions_are_orthonormal_and_find_what_was_put_in():
    numbers = torch.arange(P).repeat(20)
    plane = torch.linalg.qr(torch.randn(8, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)).Q
    angle = 2 * torch.pi * 3 * numbers / P
    noise = 0.01 * torch.randn(len(numbers), 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    states = torch.stack([angle.cos(), angle.sin()], dim=1).double() @ plane.T + noise
    for found in (principal_directions(states)[:, :2], fourier_directions(states, numbers, modulus=P, n_frequencies=1)):
        torch.testing.assert_close(found.T @ found, torch.eye(2, dtype=torch.float64))
        assert torch.linalg.svdvals(plane.T @ found).min() > 0.999


def test_both_signs_keep_everything():
    values = torch.tensor([[1.0, -2.0]])
    assert both_signs(values).tolist() == [[1, 0, 0, 2]]


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


def test_live_latents_are_those_that_fire_and_a_draw_of_them_repeats():
    states = torch.randn(200, 6, generator=torch.Generator().manual_seed(0))
    whole = random_dictionary(states, width=10, l0=3, seed=0)
    b_enc = whole.b_enc.clone()
    b_enc[[2, 5]] = -1e6
    dictionary = SparseAutoencoder(whole.W_enc, b_enc, whole.W_dec, whole.b_dec)
    live = [i for i in range(10) if i not in {2, 5}]
    torch.testing.assert_close(live_activity(dictionary, states), dictionary.encode(states)[:, live])
    drawn = some_live(dictionary, states, 4, seed=0)
    assert drawn == some_live(dictionary, states, 4, seed=0) != some_live(dictionary, states, 4, seed=1)
    assert sorted(some_live(dictionary, states, 99, seed=0)) == live


def test_the_same_directions_agree_whatever_their_order_and_others_do_not():
    one, other = (torch.randn(8, 100, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    assert mean_pairwise_cosine([one, one.flip(0), 3 * one]) == pytest.approx(1)
    across = mean_max_cosine(one, other) + mean_max_cosine(other, one)
    assert mean_pairwise_cosine([one, one, other]) == pytest.approx((2 + 2 * across) / 6)
    with pytest.raises(ValueError, match="directions must be of two dictionaries or more, got 1"):
        mean_pairwise_cosine([one])


SPECS = {
    "last layer": (ModelSpec(n_layers=2, d_model=8, n_heads=2, d_head=4, d_mlp=16), Component(1, "mlp")),
    "earlier layer": (ModelSpec(n_layers=3, d_model=8, n_heads=2, d_head=4, d_mlp=16), Component(0, "mlp")),
}


@pytest.mark.parametrize(("spec", "component"), SPECS.values(), ids=SPECS)
def test_taking_a_latent_out_and_putting_it_in_equal_the_full_run_with_a_hook(spec, component):
    model = scrambled(spec, TASK)
    row = TASK.predicting_rows[0]
    output = activations(model, TASK.inputs(SEQUENCES), [component.hook])[component.hook][:, row]
    dictionary = random_dictionary(output, width=12, l0=3, seed=0)
    latents = dictionary.encode(output)
    found = latent_effects(
        model, SEQUENCES, TASK, component, dictionary, latents=[4, 7], residue={4: 2, 7: 5}, tries=49, dose=0.7, seed=0
    )
    answers = TASK.answers(SEQUENCES)[:, 0]

    def logits_with(move):
        def hook(value, hook):
            value = value.clone()
            value[:, row] += move
            return value

        with torch.no_grad():
            return model.run_with_hooks(TASK.inputs(SEQUENCES), fwd_hooks=[(component.hook, hook)])[:, -1]

    def loss(logits):
        return torch.nn.functional.cross_entropy(logits, answers, reduction="none")

    clean = loss(logits_with(torch.zeros_like(output)))
    for i, latent in enumerate((4, 7)):
        active = latents[:, latent] > 0
        without = logits_with(-latents[:, latent, None] * dictionary.W_dec[latent])
        assert int(found.active[i]) == int(active.sum())
        assert float(found.ablated[i]) == pytest.approx(float((loss(without) - clean)[active].mean()))
        assert int(found.ablated_wrong[i]) == int((without.argmax(-1) != answers)[active].sum())
        others = answers != int(found.residue[i])
        length = 0.7 * (output - output.mean(0)).norm(dim=1).mean()
        added = logits_with(length * dictionary.W_dec[latent]).argmax(-1)
        assert int(found.tried[i]) == int(others.sum())
        assert int(found.added[i]) == int((added == found.residue[i])[others].sum())


def test_a_latent_that_is_the_answers_direction_is_enough_and_a_push_is_not():
    """A model whose last MLP output is read by the unembedding alone: adding residue r's column of W_U says r."""
    spec, component = SPECS["last layer"]
    model = scrambled(spec, TASK)
    row = TASK.predicting_rows[0]
    output = activations(model, TASK.inputs(SEQUENCES), [component.hook])[component.hook][:, row]
    columns = normalize(model.W_U.T.detach() - model.W_U.mean(1).detach(), dim=1)[:7]
    dictionary = SparseAutoencoder(columns.T * 50, torch.full((7,), 1.0).double(), columns, output.mean(0))
    residue = {latent: latent for latent in range(7)}
    live = quality(dictionary, output).live.nonzero().flatten().tolist()
    found = latent_effects(
        model, SEQUENCES, TASK, component, dictionary, latents=live, residue=residue, tries=42, dose=20, seed=0
    )
    assert found.said(found.added) == int(found.added.sum()) / (42 * len(live)) > 0.5
    assert found.added_control.sum() < 0.5 * found.added.sum()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: meanings(torch.ones(2, 1), torch.tensor([0, 9]), modulus=7),
            r"numbers must lie in 0\.\.6, got 0\.\.9",
        ),
        (lambda: meanings(-torch.ones(2, 1), torch.tensor([0, 1]), modulus=7), "activity must not be negative, got -1"),
        (lambda: random_dictionary(torch.ones(2, 2), width=4, l0=4, seed=0), "between 0 and the width 4, got 4"),
        (
            lambda: fourier_directions(torch.ones(2, 8), torch.tensor([0, 1]), modulus=7, n_frequencies=4),
            r"n_frequencies must lie in 1\.\.3, got 4",
        ),
        (lambda: SaeSpec(width=0, l1=0.1, lr=1e-3, epochs=1, batch_size=1), "SaeSpec: width"),
    ],
)
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("latents", "component", "message"),
    [
        ([12], Component(1, "mlp"), r"latents must lie in 0\.\.11, got 12"),
        ([0], Component(2, "mlp"), "component must be one of L0 attn"),
        ([3], Component(1, "mlp"), "latents must be live, but 3 is zero on all inputs"),
    ],
)
def test_effects_of_what_is_not_there_are_refused(latents, component, message):
    model = scrambled(SPECS["last layer"][0], TASK)
    hook = components(model)[-1].hook
    output = activations(model, TASK.inputs(SEQUENCES), [hook])[hook][:, TASK.predicting_rows[0]]
    whole = random_dictionary(output, width=12, l0=3, seed=0)
    b_enc = whole.b_enc.clone()
    b_enc[3] = -1e6
    dictionary = SparseAutoencoder(whole.W_enc, b_enc, whole.W_dec, whole.b_dec)
    with pytest.raises(ValueError, match=message):
        latent_effects(
            model, SEQUENCES, TASK, component, dictionary, latents=latents, residue=dict.fromkeys(latents, 0), seed=0
        )


def test_interp_does_not_need_the_fits():
    above = {"tinycircuits.fits", "tinycircuits.fitting", "tinycircuits.training"}
    code = f"import sys, tinycircuits.interp.sae; assert not {above} & {{*sys.modules}}"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.937, 1.0])
def test_the_quantile_of_each_column_is_that_of_torch(share: float) -> None:
    values = torch.randn(1001, 7, generator=torch.Generator().manual_seed(0))
    assert torch.equal(_quantile(values, share), torch.quantile(values, share, dim=0))
