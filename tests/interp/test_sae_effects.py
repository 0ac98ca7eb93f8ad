"""Dictionaries beside their controls: effects in the plain way, rules at their edge, known directions."""

import math

import pytest
import torch
from sklearn.decomposition import PCA
from torch.nn.functional import cross_entropy, normalize

from tests.circuits import scrambled
from tinycircuits.interp.activations import Component, activations
from tinycircuits.interp.pairs import unit_directions
from tinycircuits.interp.sae import (
    CLEAR_F1,
    Meanings,
    information,
    latent_effects,
    mean_max_cosine,
    meanings,
    one_number_f1,
    principal_directions,
    random_dictionary,
    some_live,
    unexplained,
)
from tinycircuits.models.build import ModelSpec
from tinycircuits.models.dictionary import SparseAutoencoder
from tinycircuits.tasks import ModularAddition

TASK = ModularAddition(modulus=7, plus_sign=False)
SEQUENCES, ANSWERS = TASK.sequences(), TASK.answers(TASK.sequences())[:, 0]
PART, ROW = Component(0, "mlp"), 2


@pytest.fixture(scope="module")
def site():
    """A model, what its MLP writes at the answer's row, a dictionary of that, and a residue that it often says."""
    model = scrambled(ModelSpec(n_layers=2, d_model=8, n_heads=2, d_head=4, d_mlp=16), TASK)
    output = activations(model, TASK.inputs(SEQUENCES), [PART.hook])[PART.hook][:, ROW]
    said = logits_with(model, torch.arange(49), 0 * output).argmax(-1)
    return (
        model,
        output,
        random_dictionary(output, width=12, l0=3, seed=0),
        int(said.bincount(minlength=7)[:7].argmax()),
    )


@torch.no_grad()
def logits_with(model, at, move):
    """The whole model on these inputs, its MLP's output at the answer's row moved."""

    def hook(value, hook):
        value = value.clone()
        value[:, ROW] += move
        return value

    return model.run_with_hooks(TASK.inputs(SEQUENCES[at]), fwd_hooks=[(PART.hook, hook)])[:, ROW]


@pytest.mark.parametrize("tries", [10, 49])
def test_an_effect_and_its_controls_are_those_of_the_whole_model_run_in_the_same_order(site, tries):
    model, output, dictionary, residue = site
    latent = 4
    found = latent_effects(
        model,
        SEQUENCES,
        TASK,
        PART,
        dictionary,
        latents=[latent],
        residue={latent: residue},
        tries=tries,
        dose=3.0,
        seed=1,
    )
    generator = torch.Generator().manual_seed(1)
    z = dictionary.encode(output)[:, latent]
    at = (z > 0).nonzero().flatten()
    clean = cross_entropy(logits_with(model, at, 0 * output[at]), ANSWERS[at], reduction="none")
    move = -z[at, None] * dictionary.W_dec[latent]
    push = unit_directions(tuple(move.shape), generator=generator, dtype=move.dtype) * move.norm(dim=1, keepdim=True)
    for each, rise in ((move, "ablated"), (push, "ablated_control")):
        logits = logits_with(model, at, each)
        harm = cross_entropy(logits, ANSWERS[at], reduction="none") - clean
        assert float(getattr(found, rise)) == pytest.approx(float(harm.mean()))
        if rise == "ablated":
            assert int(found.ablated_wrong) == int((logits.argmax(-1) != ANSWERS[at]).sum())
    others = (residue != ANSWERS).nonzero().flatten()
    tried = others[torch.randperm(len(others), generator=generator)[:tries]]
    assert int(found.tried) == len(tried) == min(tries, 42)
    length = 3.0 * (output - output.mean(0)).norm(dim=1).mean()
    own = (length * dictionary.W_dec[latent]).expand(len(tried), -1)
    lie = normalize(output[residue == ANSWERS].mean(0) - output.mean(0), dim=0) * length
    push = unit_directions(tuple(own.shape), generator=generator, dtype=own.dtype) * length
    for each, name in ((own, "added"), (push, "added_control"), (lie.expand(len(tried), -1), "added_mean")):
        assert int(getattr(found, name)) == int((logits_with(model, tried, each).argmax(-1) == residue).sum()), name


def test_a_push_differs_from_the_latent_that_it_stands_beside_and_the_inputs_from_draw_to_draw(site):
    model, output, dictionary, residue = site
    live = some_live(dictionary, output, 6, seed=0)
    options = {"latents": live, "residue": dict.fromkeys(live, residue), "tries": 15, "dose": 2.0}
    one, two = (latent_effects(model, SEQUENCES, TASK, PART, dictionary, **options, seed=seed) for seed in (0, 1))
    assert not torch.allclose(one.ablated, one.ablated_control)
    assert not torch.equal(one.added, one.added_control)
    assert not torch.equal(one.added, one.added_mean)
    assert torch.equal(one.ablated, two.ablated)
    assert not torch.equal(one.added, two.added), "other inputs are tried"


def test_a_latent_is_clear_from_the_threshold_on():
    f1 = torch.tensor([CLEAR_F1, 0.79, 0.9, 0.2], dtype=torch.float64)
    best = torch.tensor([0.9, 0.79, 0.95, CLEAR_F1], dtype=torch.float64)
    found = Meanings(f1, best, torch.tensor([3, 1, 3, 0]), f1, f1, f1[None])
    assert CLEAR_F1 == 0.8
    assert (found.clear, found.best_clear, found.n_covered) == (0.5, 0.75, 2)


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
