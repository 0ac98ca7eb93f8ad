"""How wrong a model is: counts of digits and sequences, teacher-forced and free-running."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from tinycircuits.tasks import Task

Model = Callable[[Tensor], Tensor]
"""Anything that maps tokens ``[batch pos]`` to logits ``[batch pos d_vocab]``."""

BATCH = 1024
"""Sequences per forward pass: of 128 .. 8,192 among the fastest for every published architecture on one core."""


@dataclass(frozen=True)
class Errors:
    """Counts over a set of sequences: answer tokens ("digits") that are wrong, sequences with any wrong digit."""

    wrong_digits: int
    wrong_sequences: int
    n_digits: int
    n_sequences: int

    @property
    def accuracy(self) -> float:
        """Share of answer digits that are right, in 0..1."""
        return 1 - self.wrong_digits / self.n_digits


@dataclass(frozen=True)
class Scores:
    """One row for each sequence: its wrong digits and its mean cross-entropy over the answers (nats, float64)."""

    wrong: Int[Tensor, "batch answer"]
    loss: Float[Tensor, " batch"]

    def errors(self, index: Int[Tensor, " some"] | None = None) -> Errors:
        """The counts over all sequences, or over those at ``index``."""
        return count(self.wrong if index is None else self.wrong[index])

    def mean_loss(self, index: Int[Tensor, " some"] | None = None) -> float:
        """Mean cross-entropy of an answer digit in nats, over all sequences or over those at ``index``."""
        return float((self.loss if index is None else self.loss[index]).mean())


def count(wrong: Int[Tensor, "batch answer"]) -> Errors:
    """The counts of a table that holds 1 where an answer is wrong."""
    return Errors(
        wrong_digits=int(wrong.sum()),
        wrong_sequences=int(wrong.any(dim=1).sum()),
        n_digits=wrong.numel(),
        n_sequences=len(wrong),
    )


@torch.no_grad()
def teacher_forced(model: Model, task: Task, sequences: Int[Tensor, "batch n_ctx"]) -> Scores:
    """The scores of next-token predictions that are given the true answers so far.

    The guess is the arg-max over the whole vocabulary; losses are computed in float64.
    """
    wrong, losses = [], []
    for part in torch.split(sequences, BATCH):
        logits = model(task.inputs(part))[:, task.predicting_rows].double()
        answers = task.answers(part)
        wrong.append((logits.argmax(-1) != answers).long())
        losses.append(cross_entropy(logits.mT, answers, reduction="none").mean(1))
    return Scores(torch.cat(wrong), torch.cat(losses))


@torch.no_grad()
def free_running(model: Model, task: Task, sequences: Int[Tensor, "batch n_ctx"]) -> Int[Tensor, "batch answer"]:
    """1 where an answer is wrong when the model reads its own answers, so that one wrong digit may spoil the next."""
    wrong = []
    for part in torch.split(sequences, BATCH):
        tokens = part[:, : -task.n_answers]
        for _ in range(task.n_answers):
            guess = model(tokens)[:, -1].argmax(-1)
            tokens = torch.cat([tokens, guess[:, None]], dim=1)
        wrong.append((task.answers(tokens) != task.answers(part)).long())
    return torch.cat(wrong)


def best_from_own_token(task: Task) -> float:
    """Share of right answers of the best possible model that sees, at each row, only the token there, in 0..1.

    At each predicting row it says the most frequent answer to the token that stands there. No model without attention
    can do better.
    """
    sequences = task.sequences()
    answers, read = task.answers(sequences), task.inputs(sequences)[:, task.predicting_rows]
    right = 0
    for tokens, said in zip(read.T, answers.T, strict=True):
        pairs = torch.bincount(tokens * task.d_vocab + said, minlength=task.d_vocab**2)
        right += int(pairs.view(task.d_vocab, task.d_vocab).max(1).values.sum())
    return right / answers.numel()


def share_interval(part: int, whole: int, confidence: float = 0.95) -> tuple[float, float]:
    """The exact (Clopper-Pearson) interval of a share of which ``part`` of ``whole`` was seen, both ends in 0..1.

    Raises ``ValueError`` unless ``0 <= part <= whole`` and ``whole`` is positive.
    """
    from scipy.stats import binomtest

    found = binomtest(part, whole).proportion_ci(confidence_level=confidence, method="exact")
    return float(found.low), float(found.high)
