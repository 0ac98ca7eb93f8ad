"""Names and places: every hook is where its name says, compared with a forward pass written out."""

import pytest
import torch

from tests.circuits import SPECS, scrambled
from tinycircuits.interp.activations import activations, attention_heads, batches, components, stages, tokens_in
from tinycircuits.tasks import ReverseIncrement

TASK = ReverseIncrement(n_digits=2)
TOKENS = TASK.inputs(TASK.sequences())
SPEC = SPECS["three layers, two heads, gelu"]


@pytest.fixture(scope="module")
def model():
    return scrambled(SPEC, TASK)


@torch.no_grad()
def written_out(model):
    """What each stage holds, what each component reads and writes, and each head's share of it: the plain pass."""
    x = model.W_E[TOKENS] + model.W_pos[: TOKENS.shape[1]]
    places, read, wrote, heads = [x], [], [], []
    future = torch.ones(TOKENS.shape[1], TOKENS.shape[1]).triu(1).bool()
    for layer, block in enumerate(model.blocks):
        state = block.ln1(x)
        outputs = []
        for head in range(SPEC.n_heads):
            q, k, v = (
                state @ getattr(model, f"W_{each}")[layer, head] + getattr(model, f"b_{each}")[layer, head]
                for each in "QKV"
            )
            pattern = (q @ k.mT / SPEC.d_head**0.5).masked_fill(future, -torch.inf).softmax(-1)
            outputs.append(pattern @ v @ model.W_O[layer, head])
        attention = sum(outputs) + model.b_O[layer]
        read, wrote, heads = [*read, x], [*wrote, attention], [*heads, *outputs]
        x = x + attention
        places.append(x)
        pre = block.ln2(x) @ model.W_in[layer] + model.b_in[layer]
        mlp = torch.nn.functional.gelu(pre) @ model.W_out[layer] + model.b_out[layer]
        read, wrote = [*read, x], [*wrote, mlp]
        x = x + mlp
        places.append(x)
    return places, read, wrote, heads


def test_stages_and_components_are_those_of_the_pass_written_out(model):
    places, read, wrote, heads = written_out(model)
    parts = components(model)
    hooks = [stage.hook for stage in stages(model)], [p.input_hook for p in parts], [p.hook for p in parts]
    kept = activations(model, TOKENS, sorted({hook for names in hooks for hook in names}))
    for names, expected in zip(hooks, (places, read, wrote), strict=True):
        for hook, values in zip(names, expected, strict=True):
            torch.testing.assert_close(kept[hook], values)
    for head, output in zip(attention_heads(model), heads, strict=True):
        z = activations(model, TOKENS, [head.hook])[head.hook][:, :, head.head]
        torch.testing.assert_close(z @ model.W_O[head.layer, head.head], output)


def test_rows_are_the_positions_asked_for_and_no_input_is_left_out(model):
    hook = "blocks.2.hook_resid_post"
    whole = activations(model, TOKENS, [hook])[hook]
    some = activations(model, TOKENS, [hook], rows=[3, 1], batch_size=7)[hook]
    torch.testing.assert_close(some, whole[:, [3, 1]])
    assert len(whole) == len(some) == 16


def test_batches_hold_everything_in_order_and_tokens_are_counted_once():
    values = torch.arange(11)
    assert [part.tolist() for part in batches(values, 4)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10]]
    assert tokens_in(torch.tensor([[5, 2], [2, 0]])).tolist() == [0, 2, 5]
