"""The weights of a model by TransformerLens' names, in one order: what another program needs to compute it."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.models.build import named_parameters

_AS_IT_IS, _TURNED = "... -> ...", "output input -> input output"
_IN, _IN_BIAS = "(head d_head) d_model -> head d_model d_head", "(head d_head) -> head d_head"
_OUT = "d_model (head d_head) -> head d_head d_model"


@dataclass(frozen=True)
class Course:
    """One model after each of some rounds of its training; ``wrong`` counts over all inputs, teacher-forced."""

    rounds: tuple[int, ...]
    wrong: Int[Tensor, "round answer"]
    weights: Float[Tensor, "round weight"]
    """In the order of ``flat_weights``, float32."""


@torch.no_grad()
def named_weights(model: TransformerBridge) -> dict[str, Float[Tensor, "..."]]:
    """Every weight by its name in TransformerLens, with the shape that it has there, in order of computation.

    ``W_E [d_vocab d_model]``, ``W_pos [n_ctx d_model]``, then for each layer ``ln1``, ``attn`` with ``W_Q W_K W_V
    [head d_model d_head]`` and ``W_O [head d_head d_model]``, ``ln2``, ``mlp`` with ``W_in [d_model d_mlp]`` and
    ``W_out [d_mlp d_model]``, each with its bias; ``ln_final``; ``W_U [d_model d_vocab]``, ``b_U``. What a model lacks
    is left out: LayerNorms, MLPs. Copies.
    """
    parameters, heads = named_parameters(model), {"head": model.cfg.n_heads}
    found = {}
    for name, parameter, pattern in _table(model):
        weight = parameters.get(parameter, parameters["tok_embed.weight"])  # tied embeddings are one
        found[name] = rearrange(weight, pattern, **(heads if "(head" in pattern else {})).detach().clone()
    return {**found, "b_U": model.b_U.detach().clone()}


def flat_weights(model: TransformerBridge) -> Float[Tensor, " weight"]:
    """All of ``named_weights`` in one row, each read row by row."""
    return torch.cat([weight.flatten() for weight in named_weights(model).values()])


@torch.no_grad()
def put_weights(model: TransformerBridge, flat: Float[Tensor, " weight"]) -> TransformerBridge:
    """The same model with the weights of ``flat_weights``, in its own dtype.

    Raises ``ValueError`` for another number of weights, and for a bias of the unembedding, which no model here has.
    """
    shapes = {name: weight.shape for name, weight in named_weights(model).items()}
    sizes = [shape.numel() for shape in shapes.values()]
    if len(flat) != sum(sizes):
        raise ValueError(f"flat must hold {sum(sizes)} weights, got {len(flat)}")
    given = {
        name: part.view(shape) for part, (name, shape) in zip(torch.split(flat, sizes), shapes.items(), strict=True)
    }
    if bool(given["b_U"].any()):
        raise ValueError(f"flat must end with b_U = 0, got {given['b_U'].tolist()}")
    parameters = named_parameters(model)
    for name, parameter, pattern in _table(model):
        if parameter in parameters:
            parameters[parameter].copy_(rearrange(given[name], _turned(pattern)))
    return model


@torch.no_grad()
def with_weights(model: TransformerBridge, weights: Mapping[str, Float[Tensor, "..."]]) -> TransformerBridge:
    """A copy of the model with these weights, named and shaped as in ``named_weights``; the others stay.

    Also ``b_U`` may be other than zero. A tied model becomes one with an unembedding of its own.

    Raises ``ValueError`` for a weight that the model does not have, or another shape.
    """
    shapes = {name: tuple(weight.shape) for name, weight in named_weights(model).items()}
    for name, weight in weights.items():
        if tuple(weight.shape) != shapes.get(name):
            raise ValueError(f"weights: {name} must have the shape {shapes.get(name)}, got {tuple(weight.shape)}")
    copy = deepcopy(model)
    head = copy.unembed.original_component
    head.weight = nn.Parameter(head.weight.clone(), requires_grad=head.weight.requires_grad)
    parameters = {**named_parameters(copy), "head.weight": head.weight}
    for name, parameter, pattern in _table(model):
        if name in weights:
            parameters[parameter].copy_(rearrange(weights[name], _turned(pattern)))
    if "b_U" in weights:
        head.bias.copy_(weights["b_U"])
    return copy


def _turned(pattern: str) -> str:
    """The pattern of the way back."""
    return " -> ".join(reversed(pattern.split(" -> ")))


def _table(model: TransformerBridge) -> Iterator[tuple[str, str, str]]:
    """TransformerLens' name, the name in a bare module, and how the second's axes become the first's."""
    cfg = model.cfg
    yield "W_E", "tok_embed.weight", _AS_IT_IS
    yield "W_pos", "pos.weight", _AS_IT_IS
    for layer in range(cfg.n_layers):
        block, bare = f"blocks.{layer}", f"layers.{layer}"
        yield from _norm(model, f"{block}.ln1", f"{bare}.ln1")
        for letter in "QKVO":
            weight, bias = (_OUT, _AS_IT_IS) if letter == "O" else (_IN, _IN_BIAS)
            yield f"{block}.attn.W_{letter}", f"{bare}.attn.{letter.lower()}.weight", weight
            yield f"{block}.attn.b_{letter}", f"{bare}.attn.{letter.lower()}.bias", bias
        if not cfg.attn_only:
            yield from _norm(model, f"{block}.ln2", f"{bare}.ln2")
            for side in ("in", "out"):
                yield f"{block}.mlp.W_{side}", f"{bare}.mlp.fc_{side}.weight", _TURNED
                yield f"{block}.mlp.b_{side}", f"{bare}.mlp.fc_{side}.bias", _AS_IT_IS
    yield from _norm(model, "ln_final", "ln_out")
    yield "W_U", "head.weight", _TURNED


def _norm(model: TransformerBridge, name: str, bare: str) -> Iterator[tuple[str, str, str]]:
    if model.cfg.normalization_type == "LN":
        yield f"{name}.w", f"{bare}.weight", _AS_IT_IS
        yield f"{name}.b", f"{bare}.bias", _AS_IT_IS
