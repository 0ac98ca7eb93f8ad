"""Which head reads what: the attention of one row, for every head at once, over all inputs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.activations import batches

SPREAD = "spread"
ROLE_SHARE = 0.6
"""Mean share from which a head is said to read one position; the rule that the book fixes before its results."""


@dataclass(frozen=True)
class HeadSummary:
    """What every head's row looks at, over ``n_inputs`` inputs.

    Shares are fractions of the row's attention. Shows / does not show: where the heads read, not what they take from
    there or whether the model needs it.
    """

    n_inputs: int
    mean: Float[Tensor, "layer head key_pos"]
    std: Float[Tensor, "layer head key_pos"]
    """Standard deviation over inputs (0 for a head that reads the same whatever the input is)."""
    entropy_bits: Float[Tensor, "layer head"]
    """Mean over inputs of the row's entropy, 0 .. log2(positions)."""


@torch.no_grad()
def head_rows(
    model: TransformerBridge, tokens: Int[Tensor, "batch pos"], *, row: int
) -> Float[Tensor, "batch layer head key_pos"]:
    """How position ``row`` spreads its attention, in every head of every layer; each row sums to 1.

    Raises ``ValueError`` for a row outside the tokens.
    """
    if not 0 <= row < tokens.shape[1]:
        raise ValueError(f"row must lie in 0..{tokens.shape[1] - 1}, got {row}")
    names = [f"blocks.{layer}.attn.hook_pattern" for layer in range(model.cfg.n_layers)]
    parts = []
    for batch in batches(tokens, 1024):
        cache = model.run_with_cache(batch, names_filter=names, return_cache_object=False)[1]
        parts.append(torch.stack([cache[name][:, :, row] for name in names], dim=1))
    return torch.cat(parts)


def summarize_heads(rows: Float[Tensor, "batch layer head key_pos"]) -> HeadSummary:
    """Mean, spread and entropy of ``head_rows`` over its inputs, in float64.

    Raises ``ValueError`` for no inputs.
    """
    if len(rows) == 0:
        raise ValueError("rows must hold at least one input, got 0")
    rows = rows.double()
    return HeadSummary(
        n_inputs=len(rows),
        mean=rows.mean(0),
        std=rows.std(0, correction=0),
        entropy_bits=-torch.special.xlogy(rows, rows).sum(-1).mean(0) / math.log(2),
    )


def head_roles(
    mean: Float[Tensor, "layer head key_pos"], names: Sequence[str], *, threshold: float = ROLE_SHARE
) -> tuple[tuple[str, ...], ...]:
    """For each layer and head the name of the position that holds at least ``threshold`` of its mean attention.

    ``spread`` where no position does. The rule says nothing of single inputs: a head that reads ``a`` on some and ``b``
    on others is called spread.

    Raises ``ValueError`` for a wrong number of names, or a threshold at which two positions could win.
    """
    if len(names) != mean.shape[-1]:
        raise ValueError(f"names must name {mean.shape[-1]} positions, got {len(names)}")
    if not 0.5 < threshold <= 1:
        raise ValueError(f"threshold must lie above 0.5 and not above 1, got {threshold}")
    top = mean.max(-1)
    return tuple(
        tuple(names[at] if share >= threshold else SPREAD for share, at in zip(*layer, strict=True))
        for layer in zip(top.values.tolist(), top.indices.tolist(), strict=True)
    )


def by_head(values: Float[Tensor, "layer head key_pos"], names: Sequence[str]) -> pd.DataFrame:
    """One row for each head, ``L0H0`` first, one column for each position that it may read, by ``names``."""
    heads = [f"L{layer}H{head}" for layer in range(values.shape[0]) for head in range(values.shape[1])]
    frame = pd.DataFrame(values.flatten(0, 1).numpy(), index=heads, columns=list(names))
    return frame.rename_axis(index="head", columns="token read")


def story(row: Float[Tensor, "layer head key_pos"], names: Sequence[str]) -> list[str]:
    """What one would say of a single input: ``L0H3 reads a`` for each head that has a role on it.

    Raises as ``head_roles`` does.
    """
    return [
        f"L{layer}H{head} reads {role}"
        for layer, heads in enumerate(head_roles(row, names))
        for head, role in enumerate(heads)
        if role != SPREAD
    ]


def all_read(
    rows: Float[Tensor, "batch layer head key_pos"], names: Sequence[str], among: Sequence[str]
) -> Bool[Tensor, " batch"]:
    """On which inputs each of the positions ``among`` is read by some head, by the rule for roles on that input alone.

    Raises ``ValueError`` for a position that is not among ``names``.
    """
    if unknown := set(among) - set(names):
        raise ValueError(f"among must be of {', '.join(names)}, got {', '.join(sorted(unknown))}")
    read = (rows >= ROLE_SHARE).flatten(1, 2).any(1)
    return read[:, [list(names).index(name) for name in among]].all(1)


def deviation(
    rows: Float[Tensor, "batch layer head key_pos"], mean: Float[Tensor, "layer head key_pos"]
) -> Float[Tensor, " batch"]:
    """How far each input's attention lies from ``mean``: mean |row - mean| over layers, heads and positions, 0 .. 1.

    A row of four positions that moves all its attention from one to another deviates by 0.5.
    """
    return (rows - mean).abs().mean((1, 2, 3))
