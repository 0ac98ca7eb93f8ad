"""What each place of the residual stream would say if the model stopped there (the logit lens)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp import frames
from tinycircuits.interp.activations import Component, activations, components, stage_named, stages, tokens_in
from tinycircuits.interp.forward import final_norm, project
from tinycircuits.tasks import Task


@dataclass(frozen=True)
class Turn:
    """How a component changed the read-out: counts of inputs per answer, right or wrong before and after it."""

    component: Component
    wrong_to_right: Int[Tensor, " answer"]
    right_to_wrong: Int[Tensor, " answer"]
    right_to_right: Int[Tensor, " answer"]
    wrong_to_wrong: Int[Tensor, " answer"]

    @property
    def totals(self) -> dict[str, int]:
        """The four counts over all answers; together the number of inputs times the number of answers."""
        names = ("wrong_to_right", "right_to_wrong", "right_to_right", "wrong_to_wrong")
        return {name: int(getattr(self, name).sum()) for name in names}


@dataclass(frozen=True)
class LogitLens:
    """The read-out at every stage of the residual stream, over ``n_inputs`` inputs.

    Shows / does not show: what the unembedding, a direction chosen for the last stage, reads earlier. A digit may
    be there in other directions; ``probes`` looks for those.
    """

    stages: tuple[str, ...]
    layer_norm: bool
    n_inputs: int
    correct: Int[Tensor, "stage answer"]
    """Inputs for which the arg-max over the whole vocabulary is the answer."""
    predicted: Int[Tensor, "stage answer d_vocab"]
    """Inputs for which each token is the arg-max."""
    turns: tuple[Turn, ...]
    """One for each component, in order of computation."""

    @property
    def accuracy(self) -> Float[Tensor, "stage answer"]:
        """Share of inputs read right, 0 .. 1."""
        return self.correct.double() / self.n_inputs

    @property
    def overall(self) -> Float[Tensor, " stage"]:
        """Share of all answers read right at each stage, 0 .. 1."""
        return self.accuracy.mean(1)

    def at(self, stage: str) -> float:
        """Share of all answers read right at one stage; raises ``ValueError`` for an unknown one."""
        if stage not in self.stages:
            raise ValueError(f"stage must be one of {', '.join(self.stages)}, got {stage!r}")
        return float(self.overall[self.stages.index(stage)])

    def frame(self) -> pd.DataFrame:
        """``accuracy`` with names."""
        n = self.accuracy.shape[1]
        return frames.frame(self.accuracy, ("stage", self.stages), ("answer", frames.answers(n)))


@dataclass(frozen=True)
class SampleReadout:
    """The read-out of one stage for one sequence, in the order of the answers."""

    stage: str
    layer_norm: bool
    probabilities: Float[Tensor, "answer d_vocab"]
    predicted: Int[Tensor, " answer"]
    """The token with the largest probability."""
    answers: Int[Tensor, " answer"]

    @property
    def n_right(self) -> int:
        """How many answers are read right."""
        return int((self.predicted == self.answers).sum())

    def frame(self, tokens: Sequence[str]) -> pd.DataFrame:
        """``probabilities`` with names; ``tokens`` are those of the vocabulary."""
        return frames.frame(self.probabilities, ("answer", frames.answers(len(self.answers))), ("token", tokens))


@dataclass(frozen=True)
class CosineReadout:
    """How the residual stream at the predicting rows lies to the vectors of the answer tokens.

    Shows / does not show: the angle only. The model itself reads inner products with ``W_U``, where length counts.
    """

    stage: str
    to: Literal["W_E", "W_U"]
    layer_norm: bool
    n_inputs: int
    tokens: tuple[int, ...]
    """The answer tokens, in the order of the axes ``true`` and ``token``."""
    nearest_correct: Int[Tensor, " answer"]
    """Inputs for which the right token's vector has the largest cosine of these tokens."""
    mean_cosine: Float[Tensor, "true token"]
    """Mean cosine, -1 .. 1, over all (input, row) whose right answer is ``true``."""
    cases: Int[Tensor, " true"]
    """How many (input, row) these are."""

    @property
    def share_by_answer(self) -> Float[Tensor, " answer"]:
        """Share of inputs whose nearest vector is the right one, 0 .. 1."""
        return self.nearest_correct.double() / self.n_inputs

    @property
    def share(self) -> float:
        """The same over all (input, row)."""
        return float(self.share_by_answer.mean())

    def frame(self) -> pd.DataFrame:
        """``mean_cosine`` with names."""
        return frames.frame(self.mean_cosine, ("right answer", self.tokens), ("digit in the dictionary", self.tokens))


@torch.no_grad()
def logit_lens(
    model: TransformerBridge, sequences: Int[Tensor, "batch n_ctx"], task: Task, *, layer_norm: bool
) -> LogitLens:
    """The read-out at every stage and answer, with what each component turned right or wrong.

    Source: nostalgebraist 2020, "interpreting GPT: the logit lens"; without ``layer_norm`` as in article B.

    Raises ``ValueError`` for no sequences.
    """
    if len(sequences) == 0:
        raise ValueError("sequences must hold at least one sequence, got 0")
    places = stages(model)
    kept = activations(model, task.inputs(sequences), [s.hook for s in places], rows=task.predicting_rows)
    predicted = torch.stack([project(model, kept[s.hook], layer_norm=layer_norm).argmax(-1) for s in places])
    right = predicted == task.answers(sequences)
    return LogitLens(
        stages=tuple(s.label for s in places),
        layer_norm=layer_norm,
        n_inputs=len(sequences),
        correct=right.sum(1),
        predicted=torch.stack([(predicted == token).sum(1) for token in range(task.d_vocab)], dim=-1),
        turns=tuple(
            Turn(
                component=component,
                wrong_to_right=(~before & after).sum(0),
                right_to_wrong=(before & ~after).sum(0),
                right_to_right=(before & after).sum(0),
                wrong_to_wrong=(~before & ~after).sum(0),
            )
            for component, before, after in zip(components(model), right[:-1], right[1:], strict=True)
        ),
    )


@torch.no_grad()
def sample_readout(
    model: TransformerBridge, sequence: Int[Tensor, " n_ctx"], task: Task, *, stage: str, layer_norm: bool
) -> SampleReadout:
    """The probabilities that the unembedding reads at one stage for one sequence.

    Raises ``ValueError`` for an unknown stage.
    """
    hook = stage_named(model, stage).hook
    kept = activations(model, task.inputs(sequence[None]), [hook], rows=task.predicting_rows)
    probabilities = project(model, kept[hook][0], layer_norm=layer_norm).softmax(-1)
    answers = task.answers(sequence[None])[0]
    return SampleReadout(stage, layer_norm, probabilities, probabilities.argmax(-1), answers)


@torch.no_grad()
def cosine_to_digits(
    model: TransformerBridge,
    sequences: Int[Tensor, "batch n_ctx"],
    task: Task,
    *,
    stage: str,
    to: Literal["W_E", "W_U"] = "W_E",
    layer_norm: bool = False,
) -> CosineReadout:
    """The cosine of the residual stream at one stage with the vector of each answer token.

    cos = r . v_t / (|r| |v_t|), with ``r`` the state (after the final LayerNorm if ``layer_norm``) and ``v_t`` the
    row ``W_E[t]`` or the column ``W_U[:, t]``. Answer tokens are those that occur as an answer in ``sequences``.

    Raises ``ValueError`` for an unknown stage, another ``to`` than ``W_E`` and ``W_U``, no sequences.
    """
    if len(sequences) == 0:
        raise ValueError("sequences must hold at least one sequence, got 0")
    if to not in ("W_E", "W_U"):
        raise ValueError(f"to must be 'W_E' or 'W_U', got {to!r}")
    hook = stage_named(model, stage).hook
    resid = activations(model, task.inputs(sequences), [hook], rows=task.predicting_rows)[hook]
    state = final_norm(model, resid) if layer_norm else resid
    answers = task.answers(sequences)
    tokens = tokens_in(answers)
    vectors = (model.W_E if to == "W_E" else model.W_U.T)[tokens]
    cosine = torch.nn.functional.normalize(state, dim=-1) @ torch.nn.functional.normalize(vectors, dim=-1).T
    is_true = answers[..., None] == tokens
    weight = is_true.to(cosine.dtype).flatten(0, 1)
    return CosineReadout(
        stage=stage,
        to=to,
        layer_norm=layer_norm,
        n_inputs=len(sequences),
        tokens=tuple(tokens.tolist()),
        nearest_correct=(tokens[cosine.argmax(-1)] == answers).sum(0),
        mean_cosine=(weight.T @ cosine.flatten(0, 1)) / weight.sum(0)[:, None],
        cases=is_true.sum((0, 1)),
    )
