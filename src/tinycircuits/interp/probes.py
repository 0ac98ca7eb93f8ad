"""What a straight line can read: linear read-outs fitted on the residual stream, with their controls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.activations import activations, stage_named, stages
from tinycircuits.interp.readouts import READOUTS, By
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


FIT_SHARE = 0.8
"""Share of the inputs that a read-out is fitted on; the others are held out."""


@dataclass(frozen=True)
class ReadoutMap:
    """How many held-out inputs a linear read-out finds a number in, at every stage and position, for every probe seed.

    Shows / does not show: that the number is linearly decodable there, not that the model uses it. At chance it may be
    there all the same, in a form that no straight line reads.
    """

    stages: tuple[str, ...]
    positions: tuple[str, ...]
    targets: tuple[str, ...]
    n_fit: int
    n_holdout: int
    correct: Int[Tensor, "seed target stage pos"]
    shuffled_correct: Int[Tensor, "seed target stage pos"]
    """The same for read-outs fitted on shuffled labels."""
    chance: float
    """Share of the most frequent class of any target among all inputs."""

    def accuracy(self, target: str, *, shuffled: bool = False) -> Float[Tensor, "seed stage pos"]:
        """Share of held-out inputs read right, 0 .. 1; raises ``ValueError`` for an unknown target."""
        if target not in self.targets:
            raise ValueError(f"target must be one of {', '.join(self.targets)}, got {target!r}")
        counts = self.shuffled_correct if shuffled else self.correct
        return counts[:, self.targets.index(target)].double() / self.n_holdout

    def at(self, target: str, stage: str, position: str, *, shuffled: bool = False) -> Float[Tensor, " seed"]:
        """``accuracy`` at one place; raises ``ValueError`` for an unknown target, stage or position."""
        for name, value, known in (("stage", stage, self.stages), ("position", position, self.positions)):
            if value not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, got {value!r}")
        place = self.stages.index(stage), self.positions.index(position)
        return self.accuracy(target, shuffled=shuffled)[:, place[0], place[1]]


def readout_map(
    model: TransformerBridge,
    sequences: Int[Tensor, "batch n_ctx"],
    task: Task,
    targets: Mapping[str, Int[Tensor, " batch"]],
    *,
    seeds: Sequence[int],
    positions: Sequence[str] | None = None,
    by: By = "lda",
    fit_share: float = FIT_SHARE,
) -> ReadoutMap:
    """Linear read-outs of each of ``targets`` from the residual stream at every stage and input position.

    ``positions`` names those to look at, all if left out; ``by`` is ``lda_readouts`` or ``ridge_readouts``.

    Each seed draws its own fitted and held-out inputs and its own shuffled labels. The control of an untrained model is
    this function on one.

    Raises ``ValueError`` for no seeds, an unknown position or read-out, a share that leaves nothing to fit on or to
    hold out.
    """
    known = task.position_names[:-1]
    chosen = known if positions is None else tuple(positions)
    for position in chosen:
        if position not in known:
            raise ValueError(f"positions must be of {', '.join(known)}, got {position!r}")
    n = int(fit_share * len(sequences))
    if not seeds or not 0 < n < len(sequences):
        raise ValueError(f"seeds must be some and fit_share between 0 and 1, got {len(seeds)} seeds and {fit_share}")
    if by not in READOUTS:
        raise ValueError(f"by must be one of {', '.join(READOUTS)}, got {by!r}")
    names = [stage.hook for stage in stages(model)]
    kept = activations(model, task.inputs(sequences), names)
    labels = torch.stack(list(targets.values()))
    shape = (2, len(seeds), len(targets), len(names), len(chosen))
    counts = torch.zeros(shape, dtype=torch.int64)
    for i, seed in enumerate(seeds):
        generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(len(sequences), generator=generator)
        fitted, held = order[:n], order[n:]
        shuffled = labels[:, fitted[torch.randperm(n, generator=generator)]]
        both = torch.cat([labels[:, fitted], shuffled])
        for s, name in enumerate(names):
            for p, position in enumerate(chosen):
                states = kept[name][:, known.index(position)]
                guess = READOUTS[by](states[fitted], both, states[held])
                right = (guess == labels[:, held].repeat(2, 1)).sum(1)
                counts[:, i, :, s, p] = right.reshape(2, -1)
    return ReadoutMap(
        stages=tuple(stage.label for stage in stages(model)),
        positions=chosen,
        targets=tuple(targets),
        n_fit=n,
        n_holdout=len(sequences) - n,
        correct=counts[0],
        shuffled_correct=counts[1],
        chance=max(float(each.bincount().max()) for each in labels) / len(sequences),
    )


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
