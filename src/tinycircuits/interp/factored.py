"""A one-layer model of digits taken apart: attention as tables, one term for each digit of the input.

Before the softmax everything in a one-layer model is a table over position and token. The weight of a key is
exp(score), known from the row, the query digit, the key's position and its token; so numerator and denominator of the
softmax are sums of terms, each of which one digit of the input decides. Some thousand exponentials decide all inputs.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.forward import mlp_out, project, qkv
from tinycircuits.tasks import DigitTask


@dataclass(frozen=True, eq=False)
class Factored:
    """Attention of a one-layer model at its predicting rows, teacher-forced, in the model's dtype.

    With the query digit q of row i, head by head:

        z = N(x) / D(x),  N(x) = n_0 + sum_j n_j(x_j),  D(x) = d_0 + sum_j d_j(x_j)

    ``n_0``, ``d_0`` are BOS; ``n_j``, ``d_j`` the one or two positions that show digit j: its own, and that of the
    answer made from it where the row already reads it. Attention writes sum over heads of z W_O, plus b_O.
    All weights of a (row, head, query) are divided by the largest, which the quotient does not feel; in float64 scores
    may lie 700 apart. Source: ours.
    """

    model: TransformerBridge
    task: DigitTask
    source: tuple[int, ...]
    """For each answer the digit that it is made from."""
    answer: Int[Tensor, "answer value"]
    """For each answer what it is, by the value of its source digit."""
    weight: Float[Tensor, "row head query pos token"]
    """exp(score), over the largest; 0 where the row does not see the position, and for a token that is never there."""
    value: Float[Tensor, "pos token head d_head"]
    d_0: Float[Tensor, "row head query"]
    n_0: Float[Tensor, "row head query d_head"]
    d: Float[Tensor, "row head query digit value"]
    n: Float[Tensor, "row head query digit value d_head"]

    @property
    def n_exponentials(self) -> int:
        """Exponentials that decide all inputs: for each row, head and query BOS, and each digit at each position."""
        n_heads, m = self.weight.shape[1], self.task.modulus
        return n_heads * m * sum(1 + m * row for row in self.task.predicting_rows)

    def queries(self, digits: Int[Tensor, "batch digit"]) -> Int[Tensor, "batch row"]:
        """The token at each predicting row: the last digit, then the answers that came before."""
        return torch.cat([digits[:, -1:], self.answers(digits)[:, :-1]], dim=1)

    def answers(self, digits: Int[Tensor, "batch digit"]) -> Int[Tensor, "batch answer"]:
        """The right answers, from the tables ``source`` and ``answer``."""
        given = digits[:, list(self.source)]
        return self.answer[torch.arange(len(self.source)), given]

    def attn_out(self, digits: Int[Tensor, "batch digit"]) -> Float[Tensor, "batch row d_model"]:
        """What attention writes at each predicting row: sum over heads of N/D W_O, plus b_O."""
        q = self.queries(digits)
        row = torch.arange(q.shape[1])
        above, below = self.n_0[row, :, q], self.d_0[row, :, q]
        for j, x in enumerate(digits.T):
            above = above + self.n[row, :, q, j, x[:, None]]
            below = below + self.d[row, :, q, j, x[:, None]]
        z = above / below[..., None]
        model = self.model
        written: Tensor = torch.einsum("brhe,hed->brd", z, model.W_O[0].detach()) + model.b_O[0].detach()
        return written

    def embedded(self, queries: Int[Tensor, "batch row"]) -> Float[Tensor, "batch row d_model"]:
        """The residual stream before attention at each predicting row, by its token."""
        rows = list(self.task.predicting_rows)
        state: Tensor = (self.model.W_E[queries] + self.model.W_pos[rows]).detach()
        return state

    def states(self, digits: Int[Tensor, "batch digit"]) -> Float[Tensor, "batch row d_model"]:
        """The residual stream after attention (``resid_mid``) at each predicting row."""
        return self.embedded(self.queries(digits)) + self.attn_out(digits)

    def logits_of(self, states: Float[Tensor, "batch row d_model"]) -> Float[Tensor, "batch row d_vocab"]:
        """What MLP, final LayerNorm and unembedding make of states after attention, row by row."""
        out = states if self.model.cfg.attn_only else states + mlp_out(self.model, 0, states).detach()
        return project(self.model, out, layer_norm=True)

    def logits(self, digits: Int[Tensor, "batch digit"]) -> Float[Tensor, "batch row d_vocab"]:
        """The logits at each predicting row."""
        return self.logits_of(self.states(digits))


@torch.no_grad()
def factored(model: TransformerBridge, task: DigitTask) -> Factored:
    """The tables of a one-layer model.

    Raises ``ValueError`` for more layers, and for a task of which an answer is not made from one digit.
    """
    if model.cfg.n_layers != 1:
        raise ValueError(f"model must have one layer, got {model.cfg.n_layers}")
    source, answer = made_from(task)
    weight, value = _tables(model, task)
    n, digits = task.n_digits, range(task.modulus)
    d = torch.stack([weight[..., 1 + j, : task.modulus] for j in range(n)], dim=3)
    summed = torch.einsum("rhqpt,pthe->rhqpte", weight, value)  # exp(score) * value
    terms = torch.stack([summed[..., 1 + j, : task.modulus, :] for j in range(n)], dim=3)
    for i, j in enumerate(source[:-1]):
        shown = answer[i, list(digits)]
        d[:, :, :, j] += weight[..., 1 + n + i, :][..., shown]
        terms[:, :, :, j] += summed[..., 1 + n + i, :, :][..., shown, :]
    d_0, n_0 = weight[..., 0, task.bos].clone(), summed[..., 0, task.bos, :].clone()
    return Factored(model, task, source, answer, weight, value, d_0, n_0, d, terms)


def made_from(task: DigitTask) -> tuple[tuple[int, ...], Int[Tensor, "answer value"]]:
    """For each answer the one digit that it is made from, and what it is for each value of that digit.

    Found by changing one digit at a time, and tried on up to 4,096 inputs at equal distances. Raises ``ValueError``
    where an answer is made from no digit, or from several.
    """
    n, m = task.n_digits, task.modulus
    changed = torch.zeros(n, m, n, dtype=torch.int64)
    changed[torch.arange(n), :, torch.arange(n)] = torch.arange(m)
    given = task.solve(changed.flatten(0, 1)).reshape(n, m, n)  # [digit value answer]
    moves = (given != given[:, :1]).any(1)
    number = torch.arange(0, m**n, max(1, m**n // 4096))
    tried = number[:, None] // m ** torch.arange(n - 1, -1, -1) % m
    source = moves.int().argmax(0)
    answer = given[source, :, torch.arange(n)]
    if bool((moves.sum(0) != 1).any()) or not torch.equal(answer[torch.arange(n), tried[:, source]], task.solve(tried)):
        raise ValueError(f"task must make each answer from one digit, got {type(task).__name__}")
    return tuple(source.tolist()), answer


def _tables(
    model: TransformerBridge, task: DigitTask
) -> tuple[Float[Tensor, "row head query pos token"], Float[Tensor, "pos token head d_head"]]:
    """exp(score), over the largest of its (row, head, query), and the values of each token at each position."""
    rows = list(task.predicting_rows)
    n_pos = rows[-1] + 1
    every = model.W_E[:, None] + model.W_pos[:n_pos]  # each token as if it stood everywhere
    q, k, v = qkv(model, 0, every, "QKV")  # [token head pos d_head]
    queries = q[: task.modulus, :, rows] / model.cfg.d_head**0.5
    scores = torch.einsum("qhre,thpe->rhqpt", queries, k)
    there = torch.zeros(len(rows), n_pos, task.d_vocab, dtype=torch.bool)
    there[:, 0, task.bos] = True
    there[:, 1:, : task.modulus] = (torch.arange(1, n_pos) <= torch.tensor(rows)[:, None])[..., None]
    scores = scores.masked_fill(~there[:, None, None], -torch.inf)
    return (scores - scores.amax((3, 4), keepdim=True)).exp(), v.permute(2, 0, 1, 3)
