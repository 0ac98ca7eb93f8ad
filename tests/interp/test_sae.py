import subprocess
import sys

import pytest
import torch
from sklearn.decomposition import PCA
from torch.nn.functional import normalize

from tinycircuits.interp.activations import Component
from tinycircuits.interp.meanings import (
    meanings,
)
from tinycircuits.interp.sae import (
    _quantile,
    both_signs,
    fourier_directions,
    live_activity,
    mean_max_cosine,
    mean_pairwise_cosine,
    principal_directions,
    quality,
    random_dictionary,
    some_live,
    stability,
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


def test_dead_latents_do_not_count_for_the_stability():
    states = torch.rand(20, 3, generator=torch.Generator().manual_seed(0)) + 0.1
    one = SparseAutoencoder(torch.eye(3), torch.zeros(3), torch.eye(3), torch.zeros(3))
    dead = torch.tensor([0.0, 0.0, -9.0])  # the third latent never fires, so that its direction is nobody's
    other = SparseAutoencoder(torch.eye(3), dead, torch.eye(3), torch.zeros(3))
    assert stability([other, other], states) == pytest.approx(1)
    assert stability([one, other], states) == pytest.approx((2 / 3 + 1) / 2)


SPECS = {
    "last layer": (ModelSpec(n_layers=2, d_model=8, n_heads=2, d_head=4, d_mlp=16), Component(1, "mlp")),
    "earlier layer": (ModelSpec(n_layers=3, d_model=8, n_heads=2, d_head=4, d_mlp=16), Component(0, "mlp")),
}


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


def test_interp_does_not_need_the_fits():
    above = {"tinycircuits.results", "tinycircuits.training"}
    code = f"import sys, tinycircuits.interp.sae; assert not {above} & {{*sys.modules}}"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.937, 1.0])
def test_the_quantile_of_each_column_is_that_of_torch(share: float) -> None:
    values = torch.randn(1001, 7, generator=torch.Generator().manual_seed(0))
    assert torch.equal(_quantile(values, share), torch.quantile(values, share, dim=0))


def test_variance_is_that_around_the_mean():
    states = torch.tensor([[10.0, 1.0], [12.0, 1.0], [11.0, 4.0]])
    rebuilt = states + torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]])
    assert unexplained(states, rebuilt) == pytest.approx(2 / (2 + 6))


def test_principal_directions_are_those_of_scikit_learn_away_from_the_origin():
    generator = torch.Generator().manual_seed(0)
    states = torch.randn(80, 4, generator=generator, dtype=torch.float64) * torch.tensor([3.0, 2.0, 1.0, 0.3]) + 20
    theirs = torch.from_numpy(PCA(4).fit(states.numpy()).components_)
    torch.testing.assert_close((principal_directions(states).T * theirs).sum(1).abs(), torch.ones(4).double())


def test_the_cosine_is_how_well_the_second_holds_the_first():
    one = torch.tensor([[1.0, 0.0]])
    other = torch.tensor([[2.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    assert mean_max_cosine(one, other) == pytest.approx(1)
    assert mean_max_cosine(other, one) == pytest.approx((1 + 0 - 1) / 3)


def test_live_latents_are_drawn_from_all_of_them():
    width = 200
    states = torch.eye(width)
    dictionary = SparseAutoencoder(torch.eye(width), torch.zeros(width), torch.eye(width), torch.zeros(width))
    drawn = some_live(dictionary, states, 20, seed=0)
    assert len(set(drawn)) == 20
    assert max(drawn) > 100
