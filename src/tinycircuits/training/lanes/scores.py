"""How wrong each model of a stack is, over any set of sequences."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from tinycircuits.models.build import ModelSpec
from tinycircuits.tasks import Task
from tinycircuits.training.lanes.forward import evaluated


@dataclass(frozen=True)
class LaneErrors:
    """Teacher-forced counts over ``n_sequences`` sequences, one row for each model; losses are nats in float64."""

    wrong_digits: Int[Tensor, "lane answer"]
    wrong_sequences: Int[Tensor, " lane"]
    loss: Float[Tensor, " lane"]
    n_sequences: int


def score(
    spec: ModelSpec, task: Task, weights: Float[Tensor, "lane parameter"], sequences: Int[Tensor, "batch n_ctx"]
) -> LaneErrors:
    """The errors and the mean cross-entropy of an answer, for each model, given the true answers so far."""
    lanes = len(weights)
    digits = torch.zeros(lanes, task.n_answers, dtype=torch.long)
    whole, loss = torch.zeros(lanes, dtype=torch.long), torch.zeros(lanes, dtype=torch.float64)
    for part, logits in evaluated(spec, task, weights, sequences):
        answers = task.answers(part).T.expand(lanes, -1, -1)
        wrong = logits.argmax(2) != answers
        digits += wrong.sum(2).cpu()
        whole += wrong.any(1).sum(1).cpu()
        loss += cross_entropy(logits.double().transpose(1, 2), answers, reduction="none").sum((1, 2)).cpu()
    return LaneErrors(digits, whole, loss / (len(sequences) * task.n_answers), len(sequences))


def wrong_answers(
    spec: ModelSpec, task: Task, weights: Float[Tensor, "lane parameter"], sequences: Int[Tensor, "batch n_ctx"]
) -> Bool[Tensor, "lane batch answer"]:
    """Where each model, given the true answers so far, does not say the right one."""
    parts = [
        (logits.argmax(2).mT != task.answers(part)).cpu() for part, logits in evaluated(spec, task, weights, sequences)
    ]
    return torch.cat(parts, dim=1)
