"""What a straight line can read: linear read-outs fitted on the residual stream, with their controls."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.activations import activations, stage_named
from tinycircuits.tasks import SplitIndices, Task

_INVERSE_PENALTY = 100.0
"""Weak enough that the penalty does not decide what can be read, strong enough that the fit converges."""


@dataclass(frozen=True)
class Probe:
    """How well a linear read-out finds the answer ``y_i`` in the residual stream at the row that predicts it.

    Fitted on ``n_fit_rows`` rows drawn from the training sequences, measured on every row of the ``n_holdout``
    held-out sequences. ``y_i`` is a renaming of the digit ``x_{n-1-i}`` and a linear read-out does not care what its
    classes are called: the same numbers hold for reading the digit before it is incremented.

    Shows / does not show: that the digit is linearly decodable there, not that the model uses it.
    """

    stage: str
    per_row: bool
    """One read-out for each answer position, or one for all."""
    n_fit_rows: int
    n_holdout: int
    fit_correct: int
    """Of ``n_fit_rows``."""
    correct: Int[Tensor, " answer"]
    """Held-out sequences read right."""
    shuffled_correct: Int[Tensor, " answer"]
    """The same for a read-out fitted on shuffled labels."""
    chance: float
    """Share of the most frequent answer among all held-out rows."""

    @property
    def accuracy(self) -> float:
        """Share of held-out rows read right, 0 .. 1."""
        return float(self.correct.sum()) / (self.n_holdout * len(self.correct))

    @property
    def accuracy_by_answer(self) -> Float[Tensor, " answer"]:
        """The same at each answer position."""
        return self.correct.double() / self.n_holdout

    @property
    def shuffled_accuracy(self) -> float:
        """``accuracy`` of the read-out fitted on shuffled labels."""
        return float(self.shuffled_correct.sum()) / (self.n_holdout * len(self.correct))


def fit_probe(
    model: TransformerBridge,
    sequences: Int[Tensor, "batch n_ctx"],
    task: Task,
    split: SplitIndices,
    *,
    stage: str,
    seed: int,
    n_fit_rows: int = 10_000,
    per_row: bool = False,
) -> Probe:
    """A linear read-out of the answers from one stage: multinomial logistic regression on standardised states.

    p(y | r) = softmax(W r + b), fitted with an L2 penalty too weak to matter. At most ``n_fit_rows`` (input, row)
    pairs, drawn from ``seed``, are used for fitting; with ``per_row`` they are shared out among the positions. The
    other control, an untrained model, is this function on an untrained model.

    Raises ``ValueError`` for an unknown stage, or too few rows to fit on. Warns
    ``sklearn.exceptions.ConvergenceWarning`` when the fit has not converged.
    """
    hook = stage_named(model, stage).hook
    if n_fit_rows < task.n_answers * task.d_vocab:
        raise ValueError(f"n_fit_rows must be at least {task.n_answers * task.d_vocab}, got {n_fit_rows}")
    resid = activations(model, task.inputs(sequences), [hook], rows=task.predicting_rows)[hook].double()
    answers = task.answers(sequences)
    rng = np.random.default_rng(seed)
    positions = list(range(task.n_answers))
    groups = [[i] for i in positions] if per_row else [positions]
    totals = np.zeros((2, task.n_answers), dtype=np.int64)
    fit_correct = fitted = 0
    for group in groups:
        states, labels = _rows(resid[split.train][:, group], answers[split.train][:, group])
        drawn = rng.permutation(len(labels))[: n_fit_rows // len(groups)]
        states, labels = states[drawn], labels[drawn]
        readout = _fit(states, labels)
        control = _fit(states, rng.permutation(labels))
        fit_correct += int((readout.predict(states) == labels).sum())
        fitted += len(labels)
        held, truth = _rows(resid[split.holdout][:, group], answers[split.holdout][:, group])
        for which, fitted_readout in enumerate((readout, control)):
            hits = (fitted_readout.predict(held) == truth).reshape(-1, len(group))
            totals[which, group] = hits.sum(0)
    held_answers = answers[split.holdout]
    return Probe(
        stage=stage,
        per_row=per_row,
        n_fit_rows=fitted,
        n_holdout=len(split.holdout),
        fit_correct=fit_correct,
        correct=torch.from_numpy(totals[0]),
        shuffled_correct=torch.from_numpy(totals[1]),
        chance=float(held_answers.flatten().bincount().max()) / held_answers.numel(),
    )


def _rows(
    states: Float[Tensor, "batch row d_model"], labels: Int[Tensor, "batch row"]
) -> tuple[np.ndarray, np.ndarray]:
    return states.flatten(0, 1).numpy(), labels.flatten().numpy()


def _fit(states: np.ndarray, labels: np.ndarray) -> Pipeline:
    regression = LogisticRegression(C=_INVERSE_PENALTY, max_iter=2000)
    return make_pipeline(StandardScaler(), regression).fit(states, labels)
