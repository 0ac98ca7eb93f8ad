"""The weights by TransformerLens' names: the shapes of that library's own classic model, and nothing left out."""

import math

import pytest
import torch

from tests.circuits import SPECS, scrambled
from tinycircuits.models.build import build, named_parameters
from tinycircuits.models.weights import flat_weights, named_weights, put_weights, with_weights
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


@every_spec
def test_the_values_are_those_of_transformer_lens(spec):
    model = scrambled(spec, TASK)
    found = named_weights(model)
    for layer in range(spec.n_layers):
        for letter in "QKVO":
            for kind in "Wb":
                expected = getattr(model, f"{kind}_{letter}")[layer]
                torch.testing.assert_close(found[f"blocks.{layer}.attn.{kind}_{letter}"], expected, rtol=0, atol=0)
    for name in ("W_E", "W_pos", "W_U", "b_U"):
        torch.testing.assert_close(found[name], getattr(model, name), rtol=0, atol=0)


@every_spec
@torch.no_grad()
def test_put_back_the_weights_make_the_same_model(spec):
    model, other = scrambled(spec, TASK), scrambled(spec, TASK, seed=1)
    tokens = TASK.inputs(TASK.sequences())
    assert not torch.equal(other(tokens), model(tokens))
    assert torch.equal(put_weights(other, flat_weights(model))(tokens), model(tokens))


def test_tied_embeddings_stand_twice_and_are_put_back_as_one():
    spec = SPECS["one layer"].model_copy(update={"tied": True})
    model, other = scrambled(spec, TASK), scrambled(spec, TASK, seed=1)
    found = named_weights(put_weights(other, flat_weights(model)))
    assert torch.equal(found["W_U"].T, found["W_E"])
    assert torch.equal(found["W_E"], model.W_E)


def test_what_is_no_row_of_weights_of_the_model_is_refused():
    model = scrambled(SPECS["one layer"], TASK)
    flat = flat_weights(model)
    with pytest.raises(ValueError, match=f"flat must hold {len(flat)} weights, got 3"):
        put_weights(model, flat[:3])
    flat[-1] = 1
    with pytest.raises(ValueError, match="flat must end with b_U = 0"):
        put_weights(model, flat)


def test_the_weights_are_a_copy():
    model = scrambled(SPECS["one layer"], TASK)
    before = flat_weights(model)
    named_weights(model)["W_E"].zero_()
    assert torch.equal(flat_weights(model), before)


@every_spec
def test_weights_that_are_written_back_make_the_same_model(spec):
    model, fresh = scrambled(spec, TASK), build(spec, TASK, seed=3, dtype="float64")
    weights = named_weights(model) | {"b_U": torch.arange(TASK.d_vocab).double()}
    written = with_weights(fresh, weights)
    for name, weight in named_weights(written).items():
        assert torch.equal(weight, weights[name]), name
    tokens = TASK.inputs(TASK.sequences())
    with torch.no_grad():
        torch.testing.assert_close(written(tokens), model(tokens) + weights["b_U"], rtol=0, atol=1e-12)


@every_spec
def test_a_weight_that_is_not_named_stays_and_the_model_that_is_given_does_as_well(spec):
    model = scrambled(spec, TASK)
    before = named_weights(model)
    for name, weight in before.items():
        after = named_weights(with_weights(model, {name: weight + 1}))
        assert all(torch.equal(after[each], before[each] + (each == name)) for each in before), name
    assert all(torch.equal(each, before[name]) for name, each in named_weights(model).items())


def test_a_tied_model_gets_an_unembedding_of_its_own():
    spec = SPECS["two layers"].model_copy(update={"tied": True})
    model = build(spec, TASK, seed=0, dtype="float64")
    embedding = torch.ones_like(named_weights(model)["W_E"])
    after = named_weights(with_weights(model, {"W_E": embedding}))
    assert torch.equal(after["W_E"], embedding)
    assert torch.equal(after["W_U"], named_weights(model)["W_U"])


@pytest.mark.parametrize(("name", "shape"), [("W_X", (2, 4)), ("W_E", (2, 4))])
def test_a_weight_that_the_model_does_not_have_is_refused(name, shape):
    with pytest.raises(ValueError, match=rf"weights: {name} must have the shape .*, got \(2, 4\)"):
        with_weights(scrambled(SPECS["one layer"], TASK), {name: torch.zeros(shape)})
