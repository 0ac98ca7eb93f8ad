"""The weights by TransformerLens' names: the shapes of that library's own classic model, and nothing left out."""

import math

import pytest
import torch

from tests.circuits import SPECS, scrambled
from tinycircuits.models.build import named_parameters
from tinycircuits.models.weights import flat_weights, named_weights
from tinycircuits.tasks import ReverseIncrement

TASK = ReverseIncrement(n_digits=2)
every_spec = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)


def expected_shapes(spec) -> dict[str, tuple[int, ...]]:
    """Names and shapes as TransformerLens documents them."""
    width, heads, inner = spec.d_model, spec.n_heads, spec.d_head
    found = {"W_E": (TASK.d_vocab, width), "W_pos": (TASK.n_ctx, width)}
    norms = ["ln_final"]
    for layer in range(spec.n_layers):
        block = f"blocks.{layer}"
        norms.append(f"{block}.ln1")
        found |= {f"{block}.attn.W_{c}": (heads, width, inner) for c in "QKV"}
        found |= {f"{block}.attn.b_{c}": (heads, inner) for c in "QKV"}
        found |= {f"{block}.attn.W_O": (heads, inner, width), f"{block}.attn.b_O": (width,)}
        if spec.d_mlp is not None:
            norms.append(f"{block}.ln2")
            found |= {f"{block}.mlp.W_in": (width, spec.d_mlp), f"{block}.mlp.b_in": (spec.d_mlp,)}
            found |= {f"{block}.mlp.W_out": (spec.d_mlp, width), f"{block}.mlp.b_out": (width,)}
    if spec.layer_norm:
        found |= {f"{norm}.{leaf}": (width,) for norm in norms for leaf in "wb"}
    return found | {"W_U": (width, TASK.d_vocab), "b_U": (TASK.d_vocab,)}


@every_spec
def test_names_and_shapes_are_those_of_transformer_lens(spec):
    found = {name: tuple(weight.shape) for name, weight in named_weights(scrambled(spec, TASK)).items()}
    assert found == expected_shapes(spec)
    assert next(iter(found)) == "W_E"
    assert list(found)[-2:] == ["W_U", "b_U"]


@every_spec
def test_every_parameter_stands_among_the_weights_and_the_bias_of_the_unembedding_is_zero(spec):
    model = scrambled(spec, TASK)
    values = torch.sort(torch.cat([p.detach().flatten() for p in named_parameters(model).values()])).values
    *_, bias = named_weights(model).values()
    flat = flat_weights(model)
    assert not bias.any()
    torch.testing.assert_close(torch.sort(flat[: -len(bias)]).values, values, rtol=0, atol=0)
    assert len(flat) == sum(math.prod(shape) for shape in expected_shapes(spec).values())


def test_the_weights_are_a_copy():
    model = scrambled(SPECS["one layer"], TASK)
    before = flat_weights(model)
    named_weights(model)["W_E"].zero_()
    assert torch.equal(flat_weights(model), before)
