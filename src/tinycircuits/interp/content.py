"""What a row of attention weights says about the digits: a head may look by place, and by what stands there."""

from dataclasses import dataclass

import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import one_hot
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.attention import attention_pattern
from tinycircuits.interp.frames import answers, digits, frame
from tinycircuits.interp.readouts import lda_readouts
from tinycircuits.tasks import ReverseIncrement, SplitIndices

_STILL = 1e-12
"""A weight with a smaller standard deviation varies by rounding alone."""


@dataclass(frozen=True)
class WeightByDigit:
    """How the weight on an answer's source column goes with each digit of the input, over ``n_inputs`` inputs.

    The weight w is what the row that predicts ``y_i`` puts on the column of ``x_{n-1-i}``, a fraction of the row's
    attention. The digits that are not the source are the control of the one that is.

    Shows / does not show: that where a head looks depends on what stands there. A share does not say how large the
    variation is (``variance`` does), nor that the model needs it: the weights of an untrained head go with digits too.
    """

    n_inputs: int
    mean: Float[Tensor, " answer"]
    variance: Float[Tensor, " answer"]
    mean_by_digit: Float[Tensor, "answer digit value"]
    """Mean of w over the inputs in which ``x_digit`` is ``value``; NaN where there are none."""
    share: Float[Tensor, "answer digit"]
    """Share of the variance of w that ``x_digit`` alone explains, 0 .. 1; NaN where w does not vary."""

    @property
    def source_share(self) -> Float[Tensor, " answer"]:
        """``share`` of the source digit ``x_{n-1-i}``."""
        return self.share.flip(1).diagonal()

    @property
    def source_mean(self) -> Float[Tensor, "answer value"]:
        """``mean_by_digit`` of the source digit ``x_{n-1-i}``."""
        return self.mean_by_digit.flip(1).diagonal().T

    @property
    def other_share(self) -> Float[Tensor, " answer"]:
        """The largest ``share`` of a digit that is not the source."""
        source = torch.eye(len(self.share), dtype=torch.bool).flip(1)
        return self.share.masked_fill(source, 0).amax(1)

    def frame(self) -> pd.DataFrame:
        """``share`` with names."""
        n = len(self.share)
        return frame(self.share, ("answer", answers(n)), ("digit", digits(n)))

    def source_frame(self) -> pd.DataFrame:
        """``source_mean`` with names."""
        n, values = self.source_mean.shape
        return frame(self.source_mean, ("answer", answers(n)), ("source digit", range(values)))


@dataclass(frozen=True)
class WeightReadout:
    """Held-out inputs on which a straight line finds ``x_digit`` in nothing but the row of weights of an answer.

    Shows / does not show: that the row betrays the digit, not that the model reads it there; an untrained model's rows
    betray digits too.
    """

    n_fit: int
    n_holdout: int
    correct: Int[Tensor, "answer digit"]
    shuffled_correct: Int[Tensor, "shuffle answer digit"]
    """The same for read-outs fitted on shuffled labels."""

    @property
    def source_accuracy(self) -> Float[Tensor, " answer"]:
        """Share of held-out inputs on which the source digit ``x_{n-1-i}`` is found, 0 .. 1."""
        return self.correct.flip(1).diagonal().double() / self.n_holdout

    @property
    def shuffled_accuracy(self) -> Float[Tensor, "answer digit"]:
        """Mean over the shuffles of the share that is right by accident, 0 .. 1."""
        return self.shuffled_correct.double().mean(0) / self.n_holdout


def weight_by_digit(
    pattern: Float[Tensor, "batch query_pos key_pos"], sequences: Int[Tensor, "batch n_ctx"], task: ReverseIncrement
) -> WeightByDigit:
    """How much of the weight on each answer's source column every single digit explains.

    share[i, j] = sum_v p(x_j = v) (E[w_i | x_j = v] - E[w_i])^2 / Var[w_i], the correlation ratio; means and variances
    are over ``sequences``, whose patterns are ``pattern``. The shares of different digits need not sum to 1: digits can
    act together.

    Source: ours; the correlation ratio is Pearson's (1905).

    Raises ``ValueError`` for no sequences.
    """
    _check(sequences)
    weight = pattern[:, list(task.predicting_rows), list(task.source_columns)].double()
    belongs = one_hot(_digits(sequences, task), task.modulus).double()
    mean, cases = weight.mean(0), belongs.sum(0)
    mean_by_digit = torch.einsum("ba,bdv->adv", weight, belongs) / cases
    between = ((mean_by_digit - mean[:, None, None]).square() * cases / len(weight)).nansum(-1)
    variance = (weight - mean).square().mean(0)
    share = (between / variance[:, None]).masked_fill(variance[:, None] < _STILL**2, torch.nan)
    return WeightByDigit(len(weight), mean, variance, mean_by_digit, share)


def read_weights(
    pattern: Float[Tensor, "batch query_pos key_pos"],
    sequences: Int[Tensor, "batch n_ctx"],
    task: ReverseIncrement,
    split: SplitIndices,
    *,
    seed: int,
    shuffles: int = 5,
) -> WeightReadout:
    """Linear read-outs of every digit from each answer's row of weights alone, without any value.

    Linear discriminant analysis (``lda_readouts``) of ``pattern[:, row]``, fitted on the training inputs and counted on
    the held-out ones. ``shuffles`` orders of the training labels, drawn from ``seed``, are fitted beside it: few
    inputs differ in what decides a row, so that one shuffle alone can be right or wrong on many at once.

    Source: ours.

    Raises ``ValueError`` for no sequences, or a negative number of shuffles.
    """
    _check(sequences)
    if shuffles < 0:
        raise ValueError(f"shuffles must be 0 or more, got {shuffles}")
    generator = torch.Generator().manual_seed(seed)
    orders = [split.train[torch.randperm(len(split.train), generator=generator)] for _ in range(shuffles)]
    labels = _digits(sequences, task).T
    fitted = torch.cat([labels[:, order] for order in (split.train, *orders)])
    counts = []
    for row in task.predicting_rows:
        guess = lda_readouts(pattern[split.train, row], fitted, pattern[split.holdout, row])
        right = guess.reshape(-1, task.n_digits, len(split.holdout)) == labels[:, split.holdout]
        counts.append(right.sum(-1))
    correct = torch.stack(counts, dim=1)
    return WeightReadout(len(split.train), len(split.holdout), correct[0], correct[1:])


def read_attention(
    model: TransformerBridge,
    sequences: Int[Tensor, "batch n_ctx"],
    task: ReverseIncrement,
    split: SplitIndices,
    *,
    layer: int,
    seed: int,
) -> WeightReadout:
    """``read_weights`` of the pattern of a model's only head in a layer; raises as that does."""
    pattern = attention_pattern(model, task.inputs(sequences), layer=layer)
    return read_weights(pattern, sequences, task, split, seed=seed)


def _digits(sequences: Int[Tensor, "batch n_ctx"], task: ReverseIncrement) -> Int[Tensor, "batch digit"]:
    return sequences[:, 1 : task.n_digits + 1]


def _check(sequences: Int[Tensor, "batch n_ctx"]) -> None:
    if len(sequences) == 0:
        raise ValueError("sequences must hold at least one sequence, got 0")
