"""What the MLP adds: its outputs, its move from one digit to the next, and its neurons."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cosine_similarity
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.activations import Component, activations, check_layer
from tinycircuits.interp.frames import answers, frame
from tinycircuits.tasks import ReverseIncrement


@dataclass(frozen=True)
class DigitContributions:
    """What one MLP adds at the predicting rows, by the digit ``k`` that the answer depends on.

    The cosines, -1 .. 1, compare its output with the step from the digit's vector to its answer's vector:
    ``W_E[k'] - W_E[k]`` or ``W_U[:, k'] - W_U[:, k]`` with ``k' = (k + increment) mod modulus``.

    Shows / does not show: the direction of the move. Whether the move suffices to change the answer is a question
    for ``logits`` and ``interchange``.
    """

    layer: int
    cases: Int[Tensor, " digit"]
    """(input, row) pairs for each digit."""
    mean_output: Float[Tensor, "digit d_model"]
    cosine_W_E: Float[Tensor, " digit"]
    """Cosine of the mean output."""
    cosine_W_U: Float[Tensor, " digit"]
    mean_cosine_W_E: Float[Tensor, " digit"]
    """Mean of the cosines of the single outputs."""
    mean_cosine_W_U: Float[Tensor, " digit"]

    def frame(self) -> pd.DataFrame:
        """The mean cosines of the single outputs with the step of either matrix, by digit."""
        cosines = torch.stack([self.mean_cosine_W_E, self.mean_cosine_W_U], dim=1)
        return frame(cosines, ("digit to be raised", range(len(cosines))), ("step of", ("W_E", "W_U")))


@dataclass(frozen=True)
class NeuronActivity:
    """On how many (input, predicting row) each neuron of one MLP is active (pre-activation above zero)."""

    layer: int
    n_inputs: int
    active: Int[Tensor, "answer digit neuron"]
    """Counts by answer position and by the digit that the answer depends on."""
    cases: Int[Tensor, "answer digit"]
    """Of how many."""

    @property
    def share(self) -> Float[Tensor, " neuron"]:
        """Share of all (input, row) on which the neuron is active, 0 .. 1."""
        return self.active.sum((0, 1)).double() / self.cases.sum()

    @property
    def share_by_digit(self) -> Float[Tensor, "digit neuron"]:
        """The same among the rows whose answer depends on this digit (NaN where there are none)."""
        return self.active.sum(0).double() / self.cases.sum(0)[:, None]

    @property
    def share_by_answer(self) -> Float[Tensor, "answer neuron"]:
        """The same at each answer position."""
        return self.active.sum(1).double() / self.cases.sum(1)[:, None]

    def frame(self) -> pd.DataFrame:
        """``share_by_answer``, with names."""
        n_answers, n_neurons = self.share_by_answer.shape
        neurons = [f"n{i}" for i in range(n_neurons)]
        return frame(self.share_by_answer, ("answer", answers(n_answers)), ("neuron", neurons))

    @property
    def fixed_by_answer(self) -> int:
        """Pairs of a neuron and an answer position at which it is active for every input, or for none."""
        active = self.active.sum(1)
        return int(((active == 0) | (active == self.cases.sum(1)[:, None])).sum())

    @property
    def explained_by_answer(self) -> float:
        """Share of the variance of "active or not", of all neurons together, that the answer position explains."""
        return self._explained(self.share_by_answer, self.cases.sum(1))

    @property
    def explained_by_digit(self) -> float:
        """The same for the digit that the answer depends on."""
        return self._explained(self.share_by_digit, self.cases.sum(0))

    def _explained(self, shares: Float[Tensor, "group neuron"], cases: Int[Tensor, " group"]) -> float:
        weight = cases.double()[:, None] / cases.sum()
        between = ((shares - self.share).square() * weight).nansum()
        return float(between / (self.share * (1 - self.share)).sum())


def mlp_outputs(
    model: TransformerBridge,
    tokens: Int[Tensor, "batch pos"],
    *,
    layer: int,
    rows: Sequence[int] | None = None,
) -> Float[Tensor, "batch row d_model"]:
    """What one layer's MLP adds to the residual stream, at ``rows`` or everywhere.

    Raises ``ValueError`` for an unknown layer or a model without MLPs.
    """
    check_layer(model, layer, mlp=True)
    hook = Component(layer, "mlp").hook
    return activations(model, tokens, [hook], rows=rows)[hook]


@torch.no_grad()
def digit_contributions(
    model: TransformerBridge, sequences: Int[Tensor, "batch n_ctx"], task: ReverseIncrement, *, layer: int
) -> DigitContributions:
    """What one MLP adds for each digit to be incremented, and how it lies to the step that would be needed.

    Raises ``ValueError`` for an unknown layer or a model without MLPs.
    """
    outputs = mlp_outputs(model, task.inputs(sequences), layer=layer, rows=task.predicting_rows)
    source = sequences[:, list(task.source_columns)]
    is_digit = (source[..., None] == torch.arange(task.modulus)).to(outputs.dtype)
    cases = is_digit.sum((0, 1))

    def mean_by_digit(values: Float[Tensor, "batch answer *rest"]) -> Float[Tensor, "digit *rest"]:
        flat = values.reshape(*is_digit.shape[:2], -1)
        summed = torch.einsum("bad,bar->dr", is_digit, flat)
        return (summed / cases[:, None]).reshape(-1, *values.shape[2:])

    digits = torch.arange(task.modulus)
    raised = (digits + task.increment) % task.modulus
    steps = {
        "W_E": model.W_E[raised] - model.W_E[digits],
        "W_U": (model.W_U[:, raised] - model.W_U[:, digits]).T,
    }
    mean_output = mean_by_digit(outputs)
    single = {to: mean_by_digit(cosine_similarity(outputs, step[source], dim=-1)) for to, step in steps.items()}
    return DigitContributions(
        layer=layer,
        cases=cases.to(torch.int64),
        mean_output=mean_output,
        cosine_W_E=cosine_similarity(mean_output, steps["W_E"], dim=-1),
        cosine_W_U=cosine_similarity(mean_output, steps["W_U"], dim=-1),
        mean_cosine_W_E=single["W_E"],
        mean_cosine_W_U=single["W_U"],
    )


@torch.no_grad()
def neuron_activity(
    model: TransformerBridge, sequences: Int[Tensor, "batch n_ctx"], task: ReverseIncrement, *, layer: int
) -> NeuronActivity:
    """How often each neuron of one MLP is active, by answer position and by digit.

    Raises ``ValueError`` for an unknown layer or a model without MLPs.
    """
    check_layer(model, layer, mlp=True)
    hook = f"blocks.{layer}.mlp.hook_pre"
    pre = activations(model, task.inputs(sequences), [hook], rows=task.predicting_rows)[hook]
    is_digit = sequences[:, list(task.source_columns)][..., None] == torch.arange(task.modulus)
    active = torch.einsum("bad,ban->adn", is_digit.double(), (pre > 0).double())
    return NeuronActivity(layer, len(sequences), active.to(torch.int64), is_digit.sum(0))
