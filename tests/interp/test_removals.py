"""Removed parts and neurons against full passes of TransformerLens with a hook."""

import pytest
import torch

from tests.circuits import SPECS, scrambled
from tinycircuits.interp.activations import activations
from tinycircuits.interp.removals import neuron_wrong, removals
from tinycircuits.models.build import build
from tinycircuits.tasks import ReverseIncrement

TASK = ReverseIncrement(n_digits=3)
SEQUENCES = TASK.sequences()
TOKENS = TASK.inputs(SEQUENCES)
ROWS = list(TASK.predicting_rows)
WITH_MLP = {name: spec for name, spec in SPECS.items() if spec.d_mlp is not None}


@torch.no_grad()
def wrong_with(model, hook_name, hook):
    logits = model.run_with_hooks(TOKENS, fwd_hooks=[(hook_name, hook)])[:, ROWS]
    return (logits.argmax(-1) != TASK.answers(SEQUENCES)).sum(0)


@pytest.mark.parametrize("spec", WITH_MLP.values(), ids=WITH_MLP)
@pytest.mark.parametrize("kind", ["zero", "mean"])
def test_a_neuron_is_removed_as_by_a_hook_on_it(spec, kind):
    model = scrambled(spec, TASK)
    for layer in range(spec.n_layers):
        name = f"blocks.{layer}.mlp.hook_post"
        mean = activations(model, TOKENS, [name])[name].mean(0)
        found = neuron_wrong(model, SEQUENCES, TASK, layer=layer, kind=kind)
        for neuron in range(spec.d_mlp):

            def remove(post, hook, neuron=neuron, mean=mean):
                post = post.clone()
                post[..., neuron] = 0 if kind == "zero" else mean[:, neuron]
                return post

            assert torch.equal(found[neuron], wrong_with(model, name, remove))


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_there_is_one_row_for_each_removal(spec):
    found = [(each.removed, each.kind) for each in removals(scrambled(spec, TASK), SEQUENCES, TASK)]
    per_layer = 2 * spec.n_heads + (3 if spec.d_mlp is None else 6 + 2 * spec.d_mlp)
    assert len(set(found)) == len(found) == spec.n_layers * per_layer
    assert {("L0 attn", "zero_weights"), ("L0H0", "mean")} <= set(found)
    assert (("L0N0", "zero") in found) == (spec.d_mlp is not None)


def test_the_counts_of_a_component_are_those_of_a_hook_on_it():
    model = scrambled(SPECS["two layers"], TASK)
    found = {(each.removed, each.kind): each.wrong for each in removals(model, SEQUENCES, TASK)}
    assert torch.equal(
        found["L1 mlp", "zero"], wrong_with(model, "blocks.1.hook_mlp_out", lambda out, hook: torch.zeros_like(out))
    )
    assert torch.equal(
        found["L0H0", "zero"], wrong_with(model, "blocks.0.attn.hook_z", lambda z, hook: torch.zeros_like(z))
    )


def test_what_cannot_be_removed_is_refused():
    model = scrambled(SPECS["two layers"], TASK)
    with pytest.raises(ValueError, match=r"layer must lie in 0\.\.1, got 2"):
        neuron_wrong(model, SEQUENCES, TASK, layer=2, kind="zero")
    with pytest.raises(ValueError, match="attention-only"):
        neuron_wrong(build(SPECS["attention only"], TASK, seed=0), SEQUENCES, TASK, layer=0, kind="zero")
