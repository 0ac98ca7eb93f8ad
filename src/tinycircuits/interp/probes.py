"""What a straight line can read: linear read-outs fitted on the residual stream, with their controls.

Not exported by ``tinycircuits.interp``: scikit-learn takes long to import.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.activations import activations, stage_named, stages
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


By = Literal["lda", "ridge"]
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

    Raises:
        ValueError: for no seeds, an unknown position or read-out, a share that leaves nothing to fit on or to hold out.
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


def lda_readouts(
    states: Float[Tensor, "batch d_model"],
    labels: Int[Tensor, "target batch"],
    held_out: Float[Tensor, "held d_model"],
    *,
    shrinkage: float = 1e-3,
) -> Int[Tensor, "target held"]:
    """The classes that linear discriminant analysis guesses for ``held_out``, for each row of labels.

    argmax over c of x' S^-1 m_c - m_c' S^-1 m_c / 2 + log p_c, with m_c the mean of the class, p_c its share and S the
    pooled covariance inside the classes, of which ``shrinkage`` is replaced by a multiple of the identity with the same
    trace. It has a closed form, so that there is no question of convergence, and all sets of labels share the second
    moments. A floor of 1e-9 of the total variance lets it read classes that do not vary inside.

    Equal to scikit-learn's ``LinearDiscriminantAnalysis(solver="lsqr")`` in the tests, which cannot share the work.
    Source: Hastie, Tibshirani and Friedman, "The Elements of Statistical Learning", section 4.3.
    """
    mean = states.mean(0, dtype=torch.float64)
    x, held = states.double() - mean, held_out.double() - mean
    n, d = x.shape
    total = x.T @ x / n
    identity = torch.eye(d, dtype=torch.float64)
    guesses = []
    for means, share in _class_means(x, labels):
        within = total - (means.T * share) @ means
        shrunk = (1 - shrinkage) * within + shrinkage * within.trace() / d * identity
        floor = 1e-9 * total.trace() / d + 1e-30
        weights = torch.linalg.solve(shrunk + floor * identity, means.T)
        guesses.append((held @ weights - (means.T * weights).sum(0) / 2 + share.log()).argmax(1))
    return torch.stack(guesses)


def ridge_readouts(
    states: Float[Tensor, "batch d_model"],
    labels: Int[Tensor, "target batch"],
    held_out: Float[Tensor, "held d_model"],
    *,
    penalty: float = 1.0,
) -> Int[Tensor, "target held"]:
    """The classes that ridge regression on class indicators guesses for ``held_out``, for each row of labels.

    For standardised x and the indicator Y of the class, W = (x'x + penalty)^-1 x'Y; the guess is the largest output
    x W + mean Y. With many classes in few dimensions the outputs of some classes are masked by others', so that this
    read-out can fail where another straight line succeeds: a warning, and not the one to trust.

    Equal to scikit-learn's ``Ridge`` in the tests, which cannot share the work.
    Source: Hastie, Tibshirani and Friedman, "The Elements of Statistical Learning", section 4.2.
    """
    mean, scale = states.mean(0), states.std(0, correction=0)
    scale = torch.where(scale > 1e-6 * states.abs().max(), scale, torch.inf)  # what never varies tells nothing
    x, held = ((each - mean).double() / scale for each in (states, held_out))
    gram = x.T @ x + penalty * torch.eye(x.shape[1], dtype=torch.float64)
    guesses = []
    for means, share in _class_means(x, labels):
        weights = torch.linalg.solve(gram, (means.T * share) * len(x))
        guesses.append((held @ weights + share).argmax(1))
    return torch.stack(guesses)


READOUTS: dict[By, Callable[[Tensor, Tensor, Tensor], Tensor]] = {"lda": lda_readouts, "ridge": ridge_readouts}


def _class_means(
    x: Float[Tensor, "batch d_model"], labels: Int[Tensor, "target batch"]
) -> Iterator[tuple[Float[Tensor, "class d_model"], Float[Tensor, " class"]]]:
    """For each row of labels the mean of every class (0 for an empty one) and its share of the inputs."""
    for each in labels:
        cases = each.bincount().double()
        sums = x.new_zeros(len(cases), x.shape[1]).index_add_(0, each, x)
        yield sums / cases.clamp_min(1)[:, None], cases / len(x)


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

    Raises:
        ValueError: for an unknown stage, or too few rows to fit on.
        sklearn.exceptions.ConvergenceWarning: is warned when the fit has not converged.
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
