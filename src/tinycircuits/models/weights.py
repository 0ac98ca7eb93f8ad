"""The weights of a model by TransformerLens' names, in one order: what another program needs to compute it."""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformer_lens.model_bridge import TransformerBridge


@torch.no_grad()
def named_weights(model: TransformerBridge) -> dict[str, Float[Tensor, "..."]]:
    """Every weight by its name in TransformerLens, with the shape that it has there, in order of computation.

    ``W_E [d_vocab d_model]``, ``W_pos [n_ctx d_model]``, then for each layer ``ln1``, ``attn`` with ``W_Q W_K W_V
    [head d_model d_head]`` and ``W_O [head d_head d_model]``, ``ln2``, ``mlp`` with ``W_in [d_model d_mlp]`` and
    ``W_out [d_mlp d_model]``, each with its bias; ``ln_final``; ``W_U [d_model d_vocab]``, ``b_U``. What a model lacks
    is left out: LayerNorms, MLPs.
    """
    return {name: weight.detach().clone() for name, weight in _named(model)}


def flat_weights(model: TransformerBridge) -> Float[Tensor, " weight"]:
    """All of ``named_weights`` in one row, each read row by row."""
    return torch.cat([weight.flatten() for weight in named_weights(model).values()])


def _named(model: TransformerBridge) -> Iterator[tuple[str, Tensor]]:
    yield "W_E", model.W_E
    yield "W_pos", model.W_pos
    for layer in range(model.cfg.n_layers):
        block = f"blocks.{layer}"
        yield from _norm(f"{block}.ln1", model.blocks[layer].ln1)
        for letter in "QKVO":
            yield f"{block}.attn.W_{letter}", getattr(model, f"W_{letter}")[layer]
            yield f"{block}.attn.b_{letter}", getattr(model, f"b_{letter}")[layer]
        if not model.cfg.attn_only:
            yield from _norm(f"{block}.ln2", model.blocks[layer].ln2)
            for side in ("in", "out"):
                yield f"{block}.mlp.W_{side}", getattr(model, f"W_{side}")[layer]
                yield f"{block}.mlp.b_{side}", getattr(model, f"b_{side}")[layer]
    yield from _norm("ln_final", model.ln_final)
    yield "W_U", model.W_U
    yield "b_U", model.b_U


def _norm(name: str, module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    inner = module.original_component
    if isinstance(inner, nn.LayerNorm):
        yield f"{name}.w", inner.weight
        yield f"{name}.b", inner.bias
