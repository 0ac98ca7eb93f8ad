"""The forward pass of a stack of models, the batch axis innermost: ``[lane pos feature batch]``.

With the batch innermost every product of a tiny matrix is a broadcast multiply and sum over vectors of the batch,
which a compiler fuses with its neighbours. The last layer is computed at the predicting rows only.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import gelu

from tinycircuits.models.build import ModelSpec
from tinycircuits.tasks import Task
from tinycircuits.training.lanes.layout import layout

EPS = 1e-5
"""TransformerLens' LayerNorm adds it to the variance."""

CHUNK = 65_536
"""Lanes times sequences that are evaluated at once."""


@dataclass(frozen=True)
class Tables:
    """Constants of a forward pass, made once: a compiler vectorises a small table, but not a choice between indices."""

    vocabulary: Float[Tensor, " d_vocab"]
    future: Float[Tensor, "query_pos key_pos"]
    """0 where a query may look, minus infinity where the key lies in its future."""


def tables(task: Task, *, dtype: torch.dtype, device: torch.device) -> Tables:
    """The constants for the vocabulary and length of ``task``."""
    n_pos = task.n_ctx - 1
    later = torch.ones(n_pos, n_pos, dtype=torch.bool, device=device).triu(1)
    return Tables(
        vocabulary=torch.arange(task.d_vocab, dtype=dtype, device=device),
        future=torch.zeros(n_pos, n_pos, dtype=dtype, device=device).masked_fill(later, -math.inf),
    )


def answer_logits(
    spec: ModelSpec,
    named: dict[str, Tensor],
    tokens: Float[Tensor, "lane pos batch"],
    constants: Tables,
    n_answers: int,
) -> Float[Tensor, "lane answer d_vocab batch"]:
    """Logits at the last ``n_answers`` positions; ``tokens`` are what the models read, as floats.

    ``named`` holds the stacked parameters of ``Layout.unpack``.
    """
    n_pos = tokens.shape[1]
    one_hot = (tokens[:, :, None] == constants.vocabulary[:, None]).to(tokens.dtype)
    x = _times(named["tok_embed.weight"].mT, one_hot) + named["pos.weight"][:, :n_pos, :, None]
    for layer in range(spec.n_layers):
        first = n_pos - n_answers if layer == spec.n_layers - 1 else 0
        prefix = f"layers.{layer}."
        block = {name.removeprefix(prefix): w for name, w in named.items() if name.startswith(prefix)}
        moved = _attention(spec, block, _norm(spec, block, "ln1", x), constants, first) if spec.attention else 0
        x = x[:, first:] + moved
        if spec.d_mlp is not None:
            x = x + _mlp(spec, block, _norm(spec, block, "ln2", x))
    return _times(named["head.weight"], _norm(spec, named, "ln_out", x))


def evaluated(
    spec: ModelSpec, task: Task, weights: Float[Tensor, "lane parameter"], sequences: Int[Tensor, "batch n_ctx"]
) -> Iterator[tuple[Int[Tensor, "part n_ctx"], Float[Tensor, "lane answer d_vocab part"]]]:
    """The sequences in parts, each with the logits of every model on it; all on the device of ``weights``."""
    named = layout(spec, task).unpack(weights)
    constants = tables(task, dtype=weights.dtype, device=weights.device)
    with torch.no_grad():
        for part in torch.split(sequences.to(weights.device), max(1, CHUNK // len(weights))):
            read = task.inputs(part).T.to(weights.dtype)[None].expand(len(weights), -1, -1)
            yield part, answer_logits(spec, named, read, constants, task.n_answers)


def _times(
    weight: Float[Tensor, "lane out in"], x: Float[Tensor, "lane pos in batch"]
) -> Float[Tensor, "lane pos out batch"]:
    if torch.compiler.is_compiling():
        return (weight[:, None, :, :, None] * x[:, :, None]).sum(3)
    return weight[:, None] @ x


def _linear(block: dict[str, Tensor], name: str, x: Float[Tensor, "lane pos in batch"]) -> Tensor:
    return _times(block[f"{name}.weight"], x) + block[f"{name}.bias"][:, None, :, None]


def _norm(spec: ModelSpec, block: dict[str, Tensor], name: str, x: Float[Tensor, "lane pos d_model batch"]) -> Tensor:
    if not spec.layer_norm:
        return x
    centred = x - x.mean(2, keepdim=True)
    scale = torch.rsqrt((centred * centred).mean(2, keepdim=True) + EPS)
    return centred * scale * block[f"{name}.weight"][:, None, :, None] + block[f"{name}.bias"][:, None, :, None]


def _attention(
    spec: ModelSpec, block: dict[str, Tensor], x: Float[Tensor, "lane pos d_model batch"], constants: Tables, first: int
) -> Float[Tensor, "lane query d_model batch"]:
    q = _heads(spec, _linear(block, "attn.q", x[:, first:]))[:, :, None]
    k = _heads(spec, _linear(block, "attn.k", x))[:, None]
    v = _heads(spec, _linear(block, "attn.v", x))[:, None]
    scores = (q * k).sum(4) / math.sqrt(spec.d_head) + constants.future[None, first:, :, None, None]
    pattern = torch.softmax(scores, dim=2)
    return _linear(block, "attn.o", (pattern[:, :, :, :, None] * v).sum(2).flatten(2, 3))


def _heads(spec: ModelSpec, x: Float[Tensor, "lane pos head_and_d_head batch"]) -> Tensor:
    return x.reshape(*x.shape[:2], spec.n_heads, spec.d_head, x.shape[3])


def _mlp(spec: ModelSpec, block: dict[str, Tensor], x: Float[Tensor, "lane pos d_model batch"]) -> Tensor:
    hidden = _linear(block, "mlp.fc_in", x)
    return _linear(block, "mlp.fc_out", torch.relu(hidden) if spec.act_fn == "relu" else gelu(hidden))
