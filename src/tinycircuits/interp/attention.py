"""Where attention reads: patterns, and what they have in common over all inputs."""

import math
from dataclasses import dataclass
from typing import Literal

import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import pad
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.activations import batches, check_layer
from tinycircuits.interp.frames import answers, digits, frame, input_names, sources
from tinycircuits.tasks import ReverseIncrement, Task

Rows = Literal["predicting", "labelled"]


@dataclass(frozen=True)
class AttentionSummary:
    """What one head's rows for the answers ``y_0 .. y_{n-1}`` look at, over ``n_inputs`` inputs.

    Weights and masses are fractions of the row's attention, means over inputs. A row that lies outside the
    input (the last of the ``labelled`` rows) holds NaN, count 0 and digit -1.

    Shows / does not show: where the head reads, not what it takes from there or whether the model needs it.
    """

    rows: Rows
    n_inputs: int
    query_rows: tuple[int, ...]
    mean_pattern: Float[Tensor, "query_pos key_pos"]
    """The whole pattern."""
    mean_block: Float[Tensor, "answer digit"]
    """Rows of the answers by columns ``x_0 .. x_{n-1}``."""
    source_weight: Float[Tensor, " answer"]
    """Weight on the digit that the answer depends on, ``x_{n-1-i}``."""
    source_argmax_count: Int[Tensor, " answer"]
    """Inputs for which that column has the largest weight of all columns."""
    top_digit: Int[Tensor, " answer"]
    """The ``j`` of the ``x_j`` with the largest mean weight."""
    top_digit_weight: Float[Tensor, " answer"]
    entropy_bits: Float[Tensor, " answer"]
    """Mean over inputs of each row's entropy, all columns."""
    mass_bos: Float[Tensor, " answer"]
    mass_digits: Float[Tensor, " answer"]
    """Weight on all ``x_j`` together."""
    mass_answers: Float[Tensor, " answer"]
    """Weight on all ``y_i`` together."""

    @property
    def source_argmax_share(self) -> Float[Tensor, " answer"]:
        """Share of inputs for which the source column has the largest weight (NaN outside the input)."""
        share = self.source_argmax_count / self.n_inputs
        return share.masked_fill(self.source_weight.isnan(), torch.nan)

    def frame(self) -> pd.DataFrame:
        """The answers' rows of the mean pattern, by all tokens that the model reads."""
        n = len(self.source_weight)
        read = ["BOS", *digits(n), *answers(n - 1)]
        kept = pad(self.mean_pattern, (0, 0, 0, 1), value=torch.nan)[list(self.query_rows)]
        return frame(kept, ("token predicted", answers(n)), ("token read", read))

    def by_answer(self) -> pd.DataFrame:
        """One row for each answer: its ``source``, the mean weight there, how often it is the largest, and the rest."""
        n = len(self.source_weight)
        return pd.DataFrame(
            {
                "answer": answers(n),
                "source": sources(n),
                "weight on source": self.source_weight,
                "largest there": self.source_argmax_share,
                "on BOS": self.mass_bos,
                "on all x": self.mass_digits,
                "on y": self.mass_answers,
            }
        )


@torch.no_grad()
def attention_pattern(
    model: TransformerBridge, tokens: Int[Tensor, "batch pos"], *, layer: int, head: int = 0
) -> Float[Tensor, "batch query_pos key_pos"]:
    """The attention pattern of one head: row ``q`` is how position ``q`` spreads its attention over ``0 .. q``.

    pattern[q] = softmax over k <= q of (q_q . k_k / sqrt(d_head)).

    Raises ``ValueError`` for an unknown layer or head.
    """
    check_layer(model, layer)
    if not 0 <= head < model.cfg.n_heads:
        raise ValueError(f"head must lie in 0..{model.cfg.n_heads - 1}, got {head}")
    name = f"blocks.{layer}.attn.hook_pattern"
    parts = []
    for batch in batches(tokens):
        cache = model.run_with_cache(batch, names_filter=[name], stop_at_layer=layer + 1)[1]
        parts.append(cache[name][:, head])
    return torch.cat(parts)


def answer_rows(task: Task, rows: Rows) -> tuple[int, ...]:
    """For each answer the row that is read as its own.

    ``predicting``: where the model says the answer. ``labelled``: one row lower, where the answer's
    token itself stands; article C reads its rows so. The last labelled row is not part of the model's input.

    Raises ``ValueError`` for another word.
    """
    shifts = {"predicting": 0, "labelled": 1}
    if rows not in shifts:
        raise ValueError(f"rows must be 'predicting' or 'labelled', got {rows!r}")
    return tuple(row + shifts[rows] for row in task.predicting_rows)


def attention_block(
    pattern: Float[Tensor, "batch query_pos key_pos"], task: ReverseIncrement, *, rows: Rows = "predicting"
) -> Float[Tensor, "batch answer digit"]:
    """The rows of the answers by the columns ``x_0 .. x_{n-1}``; NaN for a row outside the input.

    Rows need not sum to 1: the rest lies on BOS and on the ``y`` tokens.

    Raises ``ValueError`` for other rows than ``predicting`` and ``labelled``.
    """
    return _rows_of_answers(pattern, task, rows)[..., 1 : task.n_digits + 1]


def named_blocks(
    pattern: Float[Tensor, "batch query_pos key_pos"], sequences: Int[Tensor, "batch n_ctx"], task: ReverseIncrement
) -> dict[str, pd.DataFrame]:
    """``attention_block`` of each input under its name, with names for rows and columns."""
    rows, columns = ("token predicted", answers(task.n_digits)), ("token read", digits(task.n_digits))
    blocks = attention_block(pattern, task)
    named = zip(input_names(task, sequences), blocks, strict=True)
    return {name: frame(block, rows, columns) for name, block in named}


def named_patterns(
    pattern: Float[Tensor, "batch query_pos key_pos"], sequences: Int[Tensor, "batch n_ctx"], task: ReverseIncrement
) -> dict[str, pd.DataFrame]:
    """The whole pattern of each input under its name; a row is called by the token that stands there."""
    tokens = task.position_names[:-1]
    rows, columns = ("token held (query)", tokens), ("token read (key)", tokens)
    named = zip(input_names(task, sequences), pattern, strict=True)
    return {name: frame(each, rows, columns) for name, each in named}


def summarize_attention(
    pattern: Float[Tensor, "batch query_pos key_pos"], task: ReverseIncrement, *, rows: Rows = "predicting"
) -> AttentionSummary:
    """What the rows of the answers look at, over the inputs of ``pattern``.

    Raises ``ValueError`` for other rows than ``predicting`` and ``labelled``, or a pattern that is not ``2n`` wide.
    """
    n, source = task.n_digits, list(task.source_columns)
    if pattern.shape[1] != task.n_ctx - 1:
        raise ValueError(f"pattern must have {task.n_ctx - 1} query positions, got {pattern.shape[1]}")
    each = _rows_of_answers(pattern, task, rows)
    mean = each.mean(0)
    block, outside = mean[:, 1 : n + 1], mean[:, 0].isnan()
    top = block.nan_to_num(-1.0).max(dim=1)
    return AttentionSummary(
        rows=rows,
        n_inputs=len(pattern),
        query_rows=answer_rows(task, rows),
        mean_pattern=pattern.mean(0),
        mean_block=block,
        source_weight=mean[torch.arange(n), source],
        source_argmax_count=(each.argmax(-1) == torch.tensor(source)).sum(0).masked_fill(outside, 0),
        top_digit=top.indices.masked_fill(outside, -1),
        top_digit_weight=top.values.masked_fill(outside, torch.nan),
        entropy_bits=-torch.special.xlogy(each, each).sum(-1).mean(0) / math.log(2),
        mass_bos=mean[:, 0],
        mass_digits=block.sum(1),
        mass_answers=mean[:, n + 1 :].sum(1),
    )


def attention_summary(
    model: TransformerBridge,
    sequences: Int[Tensor, "batch n_ctx"],
    task: ReverseIncrement,
    *,
    layer: int,
    rows: Rows = "predicting",
) -> AttentionSummary:
    """``summarize_attention`` of the only head of a layer.

    Raises ``ValueError`` for an unknown layer, other rows than ``predicting`` and ``labelled``, no sequences.
    """
    if len(sequences) == 0:
        raise ValueError("sequences must hold at least one sequence, got 0")
    return summarize_attention(attention_pattern(model, task.inputs(sequences), layer=layer), task, rows=rows)


def _rows_of_answers(
    pattern: Float[Tensor, "batch query_pos key_pos"], task: ReverseIncrement, rows: Rows
) -> Float[Tensor, "batch answer key_pos"]:
    """The answers' rows of the pattern; NaN for a row just outside the input."""
    return pad(pattern, (0, 0, 0, 1), value=torch.nan)[:, list(answer_rows(task, rows))]
