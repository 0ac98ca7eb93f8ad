"""Causal scrubbing, exactly: attention's output redrawn among the inputs that agree on one digit, as a finite sum."""

from dataclasses import dataclass

import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.activations import Component
from tinycircuits.interp.all_pairs import logits_by_query
from tinycircuits.interp.frames import answers
from tinycircuits.interp.interchange import CleanRows
from tinycircuits.tasks import ReverseIncrement


@dataclass(frozen=True)
class Scrubbed:
    """What is expected of ``y_i`` when attention's output at its row is drawn anew from a group of inputs.

    Losses are in nats, ``wrong`` are shares of all draws, 0 .. 1: both are expectations over a uniform base and a
    uniform draw from the inputs that agree with it, the base itself among them.

    Shows / does not show: that nothing but the digit that they agree on is needed of attention at this row. A digit
    that explains nothing leaves what a draw among all inputs leaves.
    """

    clean_loss: Float[Tensor, " answer"]
    """Nothing is redrawn."""
    loss: Float[Tensor, "answer digit"]
    """Redrawn among the inputs with the same ``x_digit``."""
    all_loss: Float[Tensor, " answer"]
    """Redrawn among all inputs."""
    wrong: Float[Tensor, "answer digit"]
    all_wrong: Float[Tensor, " answer"]

    @property
    def source_loss(self) -> Float[Tensor, " answer"]:
        """Redrawn among the inputs that agree on the source digit ``x_{n-1-i}``."""
        return self.loss.flip(1).diagonal()

    @property
    def source_wrong(self) -> Float[Tensor, " answer"]:
        """The share of wrong answers then."""
        return self.wrong.flip(1).diagonal()

    def rows(self) -> pd.DataFrame:
        """One row for each answer: the loss in nats, by what is redrawn, and the share of wrong answers."""
        return pd.DataFrame(
            {
                "answer": answers(len(self.clean_loss)),
                "nothing": self.clean_loss,
                "same source digit": self.source_loss,
                "any input": self.all_loss,
                "wrong, same source digit": self.source_wrong,
                "wrong, any input": self.all_wrong,
            }
        )


@torch.no_grad()
def scrubbed(model: TransformerBridge, sequences: Int[Tensor, "batch n_ctx"], task: ReverseIncrement) -> Scrubbed:
    """Attention's output of a one-layer model redrawn at each row in turn, among inputs that agree on each digit.

    With the query digit q and the right answer t of the base, whose ``x_j`` is v:

        loss_j = sum over (v, q, t) of P(v, q, t) * mean over s with x_j(s) = v of -log p(t | q, attention of s)

    Source: Chan et al. 2022, "Causal Scrubbing", whose samples this replaces by the sum.

    Raises ``ValueError`` for more than one layer.
    """
    if model.cfg.n_layers != 1:
        raise ValueError(f"model must have one layer, got {model.cfg.n_layers}")
    rows = CleanRows(model, sequences, task, Component(0, "attn"))
    logits, query = logits_by_query(model, task, rows), sequences[:, rows.rows]
    digits, every = sequences[:, 1 : 1 + task.n_digits].T, torch.arange(len(sequences))
    found = []
    for i, right in enumerate(rows.right.T):
        q = query[:, i]
        loss = -logits[:, :, i].double().log_softmax(-1)[..., : task.modulus]  # [query source token]
        tokens = torch.arange(task.modulus)
        wrong = (logits[:, :, i].argmax(-1, keepdim=True) != tokens).double()
        whole = torch.zeros_like(q)
        found.append(
            (
                loss[q, every, right].mean(),
                torch.stack([_redrawn(loss, x, q, right) for x in digits]),
                _redrawn(loss, whole, q, right),
                torch.stack([_redrawn(wrong, x, q, right) for x in digits]),
                _redrawn(wrong, whole, q, right),
            )
        )
    return Scrubbed(*(torch.stack(each) for each in zip(*found, strict=True)))


def _redrawn(
    cost: Float[Tensor, "query source token"],
    label: Int[Tensor, " source"],
    query: Int[Tensor, " source"],
    right: Int[Tensor, " source"],
) -> Float[Tensor, ""]:
    """The expected cost of a base with a source of its label."""
    n_queries, n, n_tokens = cost.shape
    n_labels = int(label.max()) + 1
    total = torch.zeros(n_labels, n_queries, n_tokens, dtype=cost.dtype).index_add(0, label, cost.transpose(0, 1))
    means = total / label.bincount()[:, None, None]
    bases = torch.zeros_like(means).index_put_((label, query, right), cost.new_ones(n), accumulate=True)
    return (bases / n * means).sum()
