"""Dictionaries beside their controls: effects in the plain way, rules at their edge, known directions."""

import pytest
import torch
from torch.nn.functional import cross_entropy, normalize

from tests.circuits import scrambled
from tinycircuits.interp.activations import Component, activations, components
from tinycircuits.interp.latent_effects import LatentEffects, latent_effects
from tinycircuits.interp.pairs import unit_directions
from tinycircuits.interp.sae import (
    quality,
    random_dictionary,
    some_live,
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
    first, second = (torch.Generator().manual_seed((12 + latent) * 2 + kind) for kind in (0, 1))
    z = dictionary.encode(output)[:, latent]
    at = (z > 0).nonzero().flatten()
    clean = cross_entropy(logits_with(model, at, 0 * output[at]), ANSWERS[at], reduction="none")
    move = -z[at, None] * dictionary.W_dec[latent]
    push = unit_directions(tuple(move.shape), generator=first, dtype=move.dtype) * move.norm(dim=1, keepdim=True)
    for each, rise in ((move, "ablated"), (push, "ablated_control")):
        logits = logits_with(model, at, each)
        harm = cross_entropy(logits, ANSWERS[at], reduction="none") - clean
        assert float(getattr(found, rise)) == pytest.approx(float(harm.mean()))
    others = (residue != ANSWERS).nonzero().flatten()
    tried = others[torch.randperm(len(others), generator=second)[:tries]]
    assert int(found.tried) == len(tried) == min(tries, 42)
    length = 3.0 * (output - output.mean(0)).norm(dim=1).mean()
    own = (length * dictionary.W_dec[latent]).expand(len(tried), -1)
    lie = normalize(output[residue == ANSWERS].mean(0) - output.mean(0), dim=0) * length
    push = unit_directions(tuple(own.shape), generator=second, dtype=own.dtype) * length
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


def test_effects_are_means_and_shares_of_all_tries():
    numbers = torch.tensor([1.0, 3.0])
    counts = [torch.tensor(each) for each in ([4, 9], [10, 30], [5, 15], [0, 2], [8, 30])]
    active, tried, added, pushed, mean = counts
    given = [torch.tensor([2, 7]), active, active, numbers, numbers / 2, tried, added, pushed, mean]
    assert LatentEffects(*given).row() == {
        "latents": 2,
        "loss without": 2,
        "loss, random push": 1,
        "put in": 0.5,
        "put in, random push": 0.05,
        "put in, mean output": 0.95,
    }
