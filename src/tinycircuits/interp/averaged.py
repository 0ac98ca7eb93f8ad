"""What an answer needs of attention: its output, or where it looks, replaced by a mean over inputs."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import one_hot
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.activations import Component, Head, activations, batches, check_part
from tinycircuits.interp.attention import attention_pattern
from tinycircuits.interp.frames import answers, sources
from tinycircuits.interp.interchange import CleanRows
from tinycircuits.tasks import ReverseIncrement

Write = Callable[[Int[Tensor, " chosen"], Float[Tensor, "chosen answer value"]], Float[Tensor, "chosen answer d_model"]]


@dataclass(frozen=True)
class Averaged:
    """Inputs whose ``y_i`` is wrong when something at the row that predicts it is replaced by a mean over inputs.

    Each row is changed on its own; the answer prefix stays the true one. A mean over the inputs that agree on a digit
    keeps what that digit contributes and blurs everything else.

    Shows / does not show: that what was blurred is not needed, together with everything else as it is. A mean that
    ruins answers may also do so because no input has such a state; the other digits and the shuffled source, whose
    means are made in the same way, stand beside it for that reason.
    """

    what: str
    n_inputs: int
    overall: Int[Tensor, " answer"]
    """The mean over all inputs."""
    overall_by_source: Int[Tensor, "answer value"]
    """The same, among the inputs whose source digit is ``value``."""
    by_digit: Int[Tensor, "answer digit"]
    """The mean over the inputs with the same ``x_digit``."""
    shuffled: Int[Tensor, " answer"]
    """The mean over as large groups: the inputs that agree on a source digit shuffled among all inputs."""

    @property
    def by_source(self) -> Int[Tensor, " answer"]:
        """The mean over the inputs with the same source digit ``x_{n-1-i}``."""
        return self.by_digit.flip(1).diagonal()

    @property
    def by_other(self) -> Int[Tensor, " answer"]:
        """The fewest wrong with the mean for a digit that is not the source."""
        source = torch.eye(len(self.by_digit), dtype=torch.bool).flip(1)
        return self.by_digit.masked_fill(source, self.n_inputs + 1).amin(1)

    def rows(self) -> pd.DataFrame:
        """One row for each answer: how many inputs go wrong, by what their mean is taken over."""
        n = len(self.overall)
        return pd.DataFrame(
            {
                "answer": answers(n),
                "source": sources(n),
                "all inputs": self.overall,
                "same source digit": self.by_source,
                "same other digit (the best)": self.by_other,
                "groups drawn by lot": self.shuffled,
            }
        )


@torch.no_grad()
def averaged_output(
    model: TransformerBridge,
    sequences: Int[Tensor, "batch n_ctx"],
    task: ReverseIncrement,
    component: Component,
    *,
    seed: int,
) -> Averaged:
    """How many answers go wrong when a component's output at their row is replaced by its mean over a group of inputs.

    For input b, row r and a grouping g of the inputs: out[b, r] := mean over b' with g(b') = g(b) of out[b', r].
    ``seed`` draws the shuffle of the control.

    Source: ours; resampling within such groups is causal scrubbing (Chan et al. 2022), whose mean this takes.

    Raises ``ValueError`` for an unknown component.
    """
    rows = CleanRows(model, sequences, task, component)
    return _averaged(component.label, rows, rows.output, lambda at, move: move, sequences, task, seed)


@torch.no_grad()
def averaged_pattern(
    model: TransformerBridge,
    sequences: Int[Tensor, "batch n_ctx"],
    task: ReverseIncrement,
    *,
    layer: int,
    head: int = 0,
    seed: int,
) -> Averaged:
    """How many answers go wrong when a head's row of weights is replaced by its mean over a group of inputs.

    The values stay those of the input. With the mean over all inputs the head looks by place alone: the output at row r
    of input b becomes sum_k mean(pattern)[r, k] v[b, k] W_O, whatever the digits are. ``seed`` draws the shuffle of the
    control.

    Source: ours.

    Raises ``ValueError`` for an unknown layer or head.
    """
    part = Head(layer, head)
    check_part(model, part)
    rows = CleanRows(model, sequences, task, part.component)
    pattern = attention_pattern(model, task.inputs(sequences), layer=layer, head=head)[:, list(task.predicting_rows)]
    name = f"blocks.{layer}.attn.hook_v"
    value = activations(model, task.inputs(sequences), [name])[name][:, :, head]

    def write(at: Int[Tensor, " chosen"], move: Float[Tensor, "chosen answer pos"]) -> Tensor:
        written: Tensor = move @ value[at] @ model.W_O[layer, head]
        return written

    return _averaged(f"{part.label} pattern", rows, pattern, write, sequences, task, seed)


@torch.no_grad()
def put_means(
    model: TransformerBridge, sequences: Int[Tensor, "batch n_ctx"], task: ReverseIncrement, component: Component
) -> Int[Tensor, "answer value"]:
    """How many inputs do *not* give the answer to a digit when every one gets the component's mean output for it.

    For each value v and row r: out[b, r] := mean over b' whose source digit is v of out[b', r], for every input b. The
    answer is then that of v, (v + increment) mod modulus, if these means carry the digit and the rest of the model
    listens to nothing else.

    Shows / does not show: that one vector for each digit is enough at this row. It does not show that the model makes
    such a vector; compare ``averaged_output``. Where the base's own state decides, an answer stays the base's.

    Source: ours.

    Raises ``ValueError`` for an unknown component.
    """
    rows = CleanRows(model, sequences, task, component)
    means = _means(rows.output, _sources(sequences, task), task.modulus)
    counts = []
    for value in range(task.modulus):
        right = task.solve(torch.full((1, task.n_digits), value))
        moves = means[:, value] - rows.output
        counts.append(_wrong(rows, moves, lambda at, move: move, right).sum(0))
    return torch.stack(counts, dim=1)


def _averaged(
    what: str,
    rows: CleanRows,
    values: Float[Tensor, "batch answer value"],
    write: Write,
    sequences: Int[Tensor, "batch n_ctx"],
    task: ReverseIncrement,
    seed: int,
) -> Averaged:
    """The counts for every grouping; ``write`` turns a change of ``values`` into a change of the component's output."""
    source = _sources(sequences, task)
    order = torch.randperm(len(source), generator=torch.Generator().manual_seed(seed))
    digits = source.flip(1)  # the source of the last answer is the first digit

    def wrong(labels: Int[Tensor, "batch answer"]) -> Bool[Tensor, "batch answer"]:
        means = _means(values, labels, task.modulus)[torch.arange(task.n_answers), labels]
        return _wrong(rows, means - values, write, rows.right)

    overall = wrong(torch.zeros_like(source))
    by_digit = [wrong(digits[:, [j]].expand_as(source)).sum(0) for j in range(task.n_digits)]
    return Averaged(
        what=what,
        n_inputs=len(sequences),
        overall=overall.sum(0),
        overall_by_source=torch.stack([(overall & (source == v)).sum(0) for v in range(task.modulus)], dim=1),
        by_digit=torch.stack(by_digit, dim=1),
        shuffled=wrong(source[order]).sum(0),
    )


def _wrong(
    rows: CleanRows,
    moves: Float[Tensor, "batch answer value"],
    write: Write,
    right: Int[Tensor, "#batch answer"],
) -> Bool[Tensor, "batch answer"]:
    """Which inputs do not give the right answer when the values are moved."""
    right = right.expand(len(moves), -1)
    parts = [rows.answers(at, write(at, moves[at])) != right[at] for at in batches(torch.arange(len(moves)))]
    return torch.cat(parts)


def _means(
    values: Float[Tensor, "batch answer value"], labels: Int[Tensor, "batch answer"], n_labels: int
) -> Float[Tensor, "answer label value"]:
    """The mean of each group of inputs at each answer; 0 for an empty one."""
    belongs = one_hot(labels, n_labels).to(values.dtype)
    return torch.einsum("bal,bav->alv", belongs, values) / belongs.sum(0).clamp_min(1)[..., None]


def _sources(sequences: Int[Tensor, "batch n_ctx"], task: ReverseIncrement) -> Int[Tensor, "batch answer"]:
    """For each answer the digit that it depends on."""
    return sequences[:, list(task.source_columns)]
