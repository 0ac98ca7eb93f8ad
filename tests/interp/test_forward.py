"""The rest of the pass with outputs held: at some positions, at all, against TransformerLens with hooks."""

import pytest
import torch

from tests.circuits import SPECS, scrambled
from tinycircuits.interp.activations import activations, components
from tinycircuits.interp.forward import logits_after
from tinycircuits.tasks import ReverseIncrement

TASK = ReverseIncrement(n_digits=2)
TOKENS = TASK.inputs(TASK.sequences())
ROWS = list(TASK.predicting_rows)


@torch.no_grad()
@pytest.mark.parametrize("shape", ["two layers", "attention only", "three layers, two heads, gelu"])
@pytest.mark.parametrize("held_at", [None, [2], [0, 3]])
def test_outputs_held_at_some_positions_are_those_of_a_hook_there(shape, held_at):
    model = scrambled(SPECS[shape], TASK)
    first, *later = components(model)
    kept = activations(model, TOKENS, ["blocks.0.hook_resid_pre", first.hook])
    resid = kept["blocks.0.hook_resid_pre"] + kept[first.hook]
    generator = torch.Generator().manual_seed(0)
    for component in later:
        other = torch.randn(resid.shape, generator=generator, dtype=resid.dtype)

        def hook(output, hook, other=other):
            output = output.clone()
            at = slice(None) if held_at is None else held_at
            output[:, at] = other[:, at]
            return output

        expected = model.run_with_hooks(TOKENS, fwd_hooks=[(component.hook, hook)])[:, ROWS]
        found = logits_after(model, resid, first, rows=ROWS, held={component: other}, held_at=held_at)
        torch.testing.assert_close(found, expected)
