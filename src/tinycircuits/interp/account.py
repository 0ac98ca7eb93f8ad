"""What is left when the variables inside a model are replaced by a program's, one at a time and together."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.activations import activations, batches, components
from tinycircuits.interp.factored import factored, made_from
from tinycircuits.interp.forward import mlp_pre, project, written_by_neurons
from tinycircuits.interp.interchange import CleanRows
from tinycircuits.interp.pairs import unit_directions
from tinycircuits.interp.program import RUNGS, Cells, Program, cells, program
from tinycircuits.tasks import DigitTask


@dataclass(frozen=True)
class Account:
    """Over all inputs, what changes when a variable takes its value from a table of the program of ``rung``.

    ``alone`` replaces one variable at the row of one answer and lets the rest of the model run; the control moves it as
    far in a random direction. ``together`` puts the program in place of all parts at once.

    Shows / does not show: that a table of means is enough for the answer. What the model says besides, how sure it is,
    is left over: ``nats`` and ``unexplained`` measure it.
    """

    rung: str
    n_inputs: int
    variables: tuple[str, ...]
    alone: Int[Tensor, "variable answer"]
    """Answers that are no longer the model's."""
    pushed: Int[Tensor, "variable answer"]
    unexplained: Float[Tensor, " variable"]
    """Share of the variable's variance over inputs, at its row, that the table does not have, 0 .. 1."""
    together: Int[Tensor, " answer"]
    nats: Float[Tensor, " answer"]
    """Mean over all inputs of KL(model, program), for the next token."""

    def rows(self) -> pd.DataFrame:
        """One row for each variable: answers changed, the same after a random push, and what is unexplained."""
        return pd.DataFrame(
            {
                "variable": self.variables,
                "answers changed": self.alone.sum(1),
                "random push": self.pushed.sum(1),
                "unexplained": self.unexplained,
            }
        )


@dataclass(frozen=True, eq=False)
class Look:
    """What the head of a one-layer model brings to each answer, told in one weight for each digit.

        fetched_i[v] = weight_i[v] * source_i[v] + (1 - weight_i[v]) * rest_i + b_O

    ``weight`` is the mean attention on the source where it is v, ``source`` = LN(W_E[v] + W_pos) W_V W_O, from the
    weights alone, ``rest`` the mean of what everything else brings, each by the attention that it gets. Source: ours.
    """

    weight: Float[Tensor, "answer value"]
    source: Float[Tensor, "answer value d_model"]
    rest: Float[Tensor, "answer d_model"]
    bias: Float[Tensor, " d_model"]

    @property
    def fetched(self) -> Float[Tensor, "answer value d_model"]:
        """Attention's output for each source digit."""
        weight = self.weight[..., None]
        return weight * self.source + (1 - weight) * self.rest[:, None] + self.bias

    def put(self, told: Program) -> Program:
        """The program with this in place of its first layer's table."""
        return replace(told, fetched=(self.fetched[:, :, None], *told.fetched[1:]))


@torch.no_grad()
def account(model: TransformerBridge, task: DigitTask, *, rung: str, seed: int) -> Account:
    """What is left of a model when the program of ``rung`` takes the place of its variables.

    The variables: what each attention brings (``fetched``), for each MLP which neurons pass on (``switches``) and what
    it writes (``written``), each by the table of the rung; of a rung with the model's own switches or none, ``written``
    alone. ``written`` goes by the source digit. ``seed`` draws the directions of the control.

    Source: ours; the interventions are those of causal abstraction (Geiger et al. 2021).

    Raises ``ValueError`` for an unknown rung, and as ``cells`` does.
    """
    by_name = {each.name: each for each in RUNGS}
    if rung not in by_name:
        raise ValueError(f"rung must be one of {', '.join(by_name)}, got {rung!r}")
    found = cells(model, task)
    told = program(model, found, by_name[rung])
    sequences, rows = task.sequences(), list(task.predicting_rows)
    source, _ = made_from(task)
    value, token = sequences[:, 1:][:, list(source)], task.inputs(sequences)[:, rows]
    at = torch.arange(len(rows)), value, token
    generator = torch.Generator().manual_seed(seed)
    names, alone, pushed, unexplained = [], [], [], []
    for name, clean, output in _variables(model, sequences, task, told, at):
        move = output - clean.output
        names.append(name)
        alone.append(_changed(clean, move))
        drawn = unit_directions(tuple(move.shape), generator=generator, dtype=move.dtype)
        pushed.append(_changed(clean, move.norm(dim=-1, keepdim=True) * drawn))
        varies = clean.output - clean.output.mean(0)
        unexplained.append(move.square().sum() / varies.square().sum())
    last = f"blocks.{model.cfg.n_layers - 1}.hook_resid_post"
    final = activations(model, task.inputs(sequences), [last], rows=rows)[last]
    of_model = project(model, final, layer_norm=True).log_softmax(-1)
    of_program = told.logits().log_softmax(-1)[at]
    return Account(
        rung=rung,
        n_inputs=len(sequences),
        variables=tuple(names),
        alone=torch.stack(alone),
        pushed=torch.stack(pushed),
        unexplained=torch.stack(unexplained),
        together=told.changed,
        nats=(of_model.exp() * (of_model - of_program)).sum(-1).mean(0),
    )


@torch.no_grad()
def look(model: TransformerBridge, task: DigitTask) -> Look:
    """How much of each source digit the head of a one-layer model brings, and what else.

    Raises ``ValueError`` for more than one layer or head, and as ``factored`` does.
    """
    if model.cfg.n_heads != 1:
        raise ValueError(f"model must have one head, got {model.cfg.n_heads}")
    tables = factored(model, task)
    digits = task.sequences()[:, 1 : 1 + task.n_digits]
    source, pos = list(tables.source), torch.tensor(tables.source) + 1
    row, query, value = torch.arange(len(source)), tables.queries(digits), digits[:, source]
    below = tables.d_0[row, 0, query] + sum(tables.d[row, 0, query, j, digits[:, [j]]] for j in range(task.n_digits))
    weight = tables.weight[row, 0, query, pos, value] / below
    brought = tables.value[pos, :, 0] @ model.W_O[0, 0]  # [answer token d_model]
    written = tables.attn_out(digits) - model.b_O[0]
    others = (written - weight[..., None] * brought[row, value]).mean(0)
    by_digit = torch.stack([(weight * (value == v)).sum(0) / (value == v).sum(0) for v in range(task.modulus)], dim=1)
    share = (1 - weight).mean(0)[:, None]
    rest = torch.where(share > 0, others / share, 0)
    return Look(by_digit, brought[:, : task.modulus], rest, model.b_O[0].detach())


Replaced = tuple[str, CleanRows, Float[Tensor, "batch answer d_model"]]


def _variables(
    model: TransformerBridge,
    sequences: Int[Tensor, "batch n_ctx"],
    task: DigitTask,
    told: Program,
    at: tuple[Tensor, Tensor, Tensor],
) -> Iterator[Replaced]:
    """Each variable by its name: the clean run around its part, and what the part writes with the table's value."""
    found: Cells = told.cells
    size = found.count.shape
    for part in components(model):
        clean = CleanRows(model, sequences, task, part)
        if part.kind == "attn":
            yield f"L{part.layer} fetched", clean, told.fetched[part.layer].expand(*size, -1)[at]
            continue
        if told.switched:
            pre = mlp_pre(model, part.layer, clean.after - clean.output)
            on = told.switched[part.layer].expand(*size, -1)[at]
            yield f"L{part.layer} switches", clean, written_by_neurons(model, part.layer, pre * on)
        by_digit = found.over(found.written[part.layer], "digit")
        table = told.written[part.layer] if told.written else by_digit
        yield f"L{part.layer} written", clean, table.expand(*size, -1)[at]


def _changed(clean: CleanRows, move: Float[Tensor, "batch answer d_model"]) -> Int[Tensor, " answer"]:
    """Answers that are no longer the clean run's when the part's output moves at their row."""
    still = torch.zeros_like(move)
    parts = [clean.answers(at, move[at]) != clean.answers(at, still[at]) for at in batches(torch.arange(len(move)))]
    return torch.cat(parts).sum(0)
