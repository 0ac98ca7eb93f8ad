"""The lattice of circuits: what a model still answers with exactly these units kept, for every set of units.

A circuit is a claim about a set of parts: keep these, replace the rest, and nothing goes wrong. With k units there are
2**k such claims, and here all of them are tried, on all inputs. What two sets share is computed once: the parts of a
layer branch only where one of them is a unit, and the last one is never run for each set, because what its units write
adds up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp import subsets
from tinycircuits.interp.activations import Component, Head, activations, batches, check_part, components
from tinycircuits.interp.forward import attn_z, mlp_post, written_by_heads, written_by_neurons
from tinycircuits.interp.frames import frame
from tinycircuits.interp.pairs import derangement
from tinycircuits.tasks import Task

Replacement = Literal["zero", "mean", "resample"]
REPLACEMENTS: tuple[Replacement, ...] = ("zero", "mean", "resample")
MOST_UNITS = 20
STATES = 1 << 18
"""Positions of all branches that are computed at once."""


@dataclass(frozen=True, order=True)
class Neuron:
    """One neuron of an MLP. What it writes is its activation times ``W_out[neuron]``; ``b_out`` belongs to none."""

    layer: int
    neuron: int

    @property
    def label(self) -> str:
        """``L0N0``, ``L0N1``, ..."""
        return f"L{self.layer}N{self.neuron}"

    @property
    def hook(self) -> str:
        """TransformerLens' name of the layer's activations ``[batch pos neuron]``, of which it is one column."""
        return f"blocks.{self.layer}.mlp.hook_post"

    @property
    def component(self) -> Component:
        """The MLP that it is a part of."""
        return Component(self.layer, "mlp")


Unit = Component | Head | Neuron


@dataclass(frozen=True)
class Lattice:
    """Wrong answers with exactly some units kept and the others replaced, for every set of units; all inputs.

    ``wrong[mask]`` counts them, teacher-forced, over ``n_answers`` answers (all inputs, and all draws of a resample);
    bit j of ``mask`` is set where ``units[j]`` is kept.

    Shows / does not show: which sets suffice under *this* kind of replacement and with *these* units. Another kind, or
    units cut otherwise, has another lattice. A set that suffices need not be what the whole model uses.
    """

    units: tuple[Unit, ...]
    kind: Replacement
    wrong: Int[Tensor, " subset"]
    n_answers: int

    @property
    def labels(self) -> tuple[str, ...]:
        """The units' labels."""
        return tuple(each.label for each in self.units)

    @cached_property
    def sufficient(self) -> Bool[Tensor, " subset"]:
        """Which sets keep every answer right."""
        return self.wrong == 0

    @cached_property
    def minimal(self) -> tuple[int, ...]:
        """The masks of the sufficient sets that have no smaller sufficient set in them: the minimal circuits."""
        return tuple(subsets.minimal(self.sufficient).nonzero()[:, 0].tolist())

    @property
    def necessary(self) -> tuple[int, ...]:
        """The units that every sufficient set has, by their index; none where no set suffices."""
        return subsets.in_all(self.sufficient)

    @property
    def used(self) -> tuple[int, ...]:
        """The units that some minimal circuit has, by their index."""
        return subsets.in_any(subsets.minimal(self.sufficient))

    @property
    def single(self) -> Int[Tensor, " unit"]:
        """Wrong answers with one unit removed from the whole: the table that articles print."""
        whole = len(self.wrong) - 1
        return self.wrong[[whole ^ 1 << j for j in range(len(self.units))]]

    @cached_property
    def shapley(self) -> Float[Tensor, " unit"]:
        """Wrong answers that each unit spares, averaged over all orders; see ``subsets.shapley``, which is exact."""
        return torch.tensor([float(each) for each in subsets.shapley(self.wrong)], dtype=torch.float64)

    @property
    def interactions(self) -> pd.DataFrame:
        """``subsets.interactions`` of every pair, unit by unit."""
        values = torch.tensor([[float(x) for x in row] for row in subsets.interactions(self.wrong)])
        return frame(values, ("unit", self.labels), ("with", self.labels))

    @property
    def repairs(self) -> Int[Tensor, "unit subset"]:
        """Answers that come right when one more unit is removed; see ``subsets.repairs``."""
        return subsets.repairs(self.wrong)

    def mask(self, kept: Sequence[str]) -> int:
        """The set of the units with these labels; raises ``ValueError`` for a label that no unit has."""
        unknown = [each for each in kept if each not in self.labels]
        if unknown:
            raise ValueError(f"kept must name units of {', '.join(self.labels)}, got {', '.join(unknown)}")
        return sum(1 << self.labels.index(each) for each in set(kept))

    def named(self, mask: int) -> tuple[str, ...]:
        """The labels of a set."""
        return tuple(self.labels[j] for j in subsets.members(mask, len(self.units)))

    def rank(self, mask: int) -> tuple[int, int]:
        """Sets of its size that do as well or better, of how many; see ``subsets.rank``."""
        return subsets.rank(self.wrong, mask)

    def rows(self) -> pd.DataFrame:
        """One row for each unit: its removal alone, its Shapley value, and in how many minimal circuits it is."""
        circuits = [subsets.members(mask, len(self.units)) for mask in self.minimal]
        return pd.DataFrame(
            {
                "unit": self.labels,
                "removed alone": self.single.numpy(),
                "Shapley value": self.shapley.numpy(),
                "in minimal circuits": [sum(j in each for each in circuits) for j in range(len(self.units))],
                "necessary": [j in self.necessary for j in range(len(self.units))],
            }
        )

    def circuits(self) -> pd.DataFrame:
        """One row for each minimal circuit: its ``units`` and their number ``size``, the small ones first."""
        found = sorted(self.minimal, key=lambda mask: (mask.bit_count(), mask))
        return pd.DataFrame([{"size": m.bit_count(), "units": ", ".join(self.named(m))} for m in found])


def attentions_and_neurons(model: TransformerBridge) -> tuple[Unit, ...]:
    """The output of every attention, and every neuron, in order of computation."""
    found: list[Unit] = []
    for part in components(model):
        found += [part] if part.kind == "attn" else [Neuron(part.layer, n) for n in range(model.cfg.d_mlp)]
    return tuple(found)


@torch.no_grad()
def lattice(
    model: TransformerBridge,
    sequences: Int[Tensor, "batch n_ctx"],
    task: Task,
    *,
    kind: Replacement,
    units: Sequence[Unit] | None = None,
    seed: int = 0,
    draws: int = 1,
) -> Lattice:
    """The wrong answers over ``sequences`` with exactly each set of ``units`` kept, all others replaced everywhere.

    By default the units are ``attentions_and_neurons``, ten in article C's model. What is no unit is always kept, the
    biases of a layer among it where its neurons or heads are the units. A unit that is not kept writes at each position

    - ``zero``: nothing;
    - ``mean``: its mean over ``sequences`` in the whole clean model;
    - ``resample``: what it writes in the whole clean model on another of ``sequences``. All replaced units take it from
      the same one; ``draws`` such partners of every input, by ``pairs.derangement`` with ``shift`` 1, 2, ..., are
      counted together, and ``len(sequences) - 1`` of them are all, so that the mean over them is exact.

    Raises ``ValueError`` for another kind, units that are unknown, overlap, stand in another order than that of
    computation or number more than ``MOST_UNITS``, and for no draws.
    """
    chosen = attentions_and_neurons(model) if units is None else tuple(units)
    _check(model, chosen, kind, draws)
    values = _Replaced(model, task.inputs(sequences), chosen, kind)
    before_last = sum(each.component != components(model)[-1] for each in chosen)
    size = max(1, STATES // (task.n_ctx << before_last))
    wrong = torch.zeros(1 << len(chosen), dtype=torch.int64)
    for draw in range(draws if kind == "resample" else 1):
        partners = derangement(len(sequences), seed=seed, shift=draw + 1) if kind == "resample" else None
        for at in batches(torch.arange(len(sequences)), size):
            branches = _Branches(model, task, sequences[at], chosen, values, at if partners is None else partners[at])
            wrong += branches.wrong()
    n_draws = draws if kind == "resample" else 1
    return Lattice(chosen, kind, wrong, len(sequences) * task.n_answers * n_draws)


class _Replaced:
    """What stands in for each unit, from the whole clean model."""

    def __init__(
        self, model: TransformerBridge, tokens: Int[Tensor, "batch pos"], units: Sequence[Unit], kind: Replacement
    ) -> None:
        self.model, self.kind = model, kind
        names = [] if kind == "zero" else sorted({unit.hook for unit in units})
        found = activations(model, tokens, names) if names else {}
        self.values = {name: each.mean(0, keepdim=True) if kind == "mean" else each for name, each in found.items()}

    def at(
        self, unit: Unit, inputs: Int[Tensor, " some"], rows: slice | list[int]
    ) -> Float[Tensor, "#some #row d_model"]:
        """What is written instead of the unit's own output, on these inputs (for a resample), at these positions."""
        if self.kind == "zero":
            return torch.zeros(1, 1, self.model.cfg.d_model, dtype=self.model.W_E.dtype)
        values = self.values[unit.hook]
        return _written(self.model, unit, (values[inputs] if self.kind == "resample" else values)[:, rows])


class _Branches:
    """The residual stream of some inputs in every branch: bit j of a branch is set where unit j is kept."""

    def __init__(
        self,
        model: TransformerBridge,
        task: Task,
        sequences: Int[Tensor, "batch n_ctx"],
        units: Sequence[Unit],
        values: _Replaced,
        sources: Int[Tensor, " batch"],
    ) -> None:
        self.model, self.units, self.values, self.sources = model, units, values, sources
        self.answers, self.rows = task.answers(sequences), list(task.predicting_rows)
        tokens = task.inputs(sequences)
        embedded: Tensor = model.W_E[tokens] + model.W_pos[: tokens.shape[1]]
        self.states = embedded[None].detach()  # [branch batch pos d_model]

    def wrong(self) -> Int[Tensor, " subset"]:
        """The wrong answers of every set of units."""
        *before, last = components(self.model)
        for part in before:
            base, deltas = self._parts(part)
            for delta in deltas:
                base = torch.cat([base, base + delta.repeat(len(base) // len(delta), 1, 1, 1)])
            self.states = base
        base, deltas = self._parts(last)
        flat = torch.stack(deltas) if deltas else base.new_zeros(0, *base.shape)
        return _summed(_ReadOut(self.model), base.flatten(1, 2), flat.flatten(2, 3), self.answers.flatten())

    def _parts(self, part: Component) -> tuple[Tensor, list[Tensor]]:
        """The stream after ``part`` with all its units replaced, and what each of them adds when it is kept."""
        stream = self.states.flatten(0, 1)
        last = part == Component(self.model.cfg.n_layers - 1, "attn")
        all_rows = self.rows if last else list(range(stream.shape[1]))
        at = self.rows if part.layer == self.model.cfg.n_layers - 1 else slice(None)
        here = stream[:, self.rows] if last else stream
        if part.kind == "attn":
            kept = attn_z(self.model, part.layer, here, stream, all_rows)
            out = written_by_heads(self.model, part.layer, kept)
        else:
            kept = mlp_post(self.model, part.layer, here)
            out = written_by_neurons(self.model, part.layer, kept)
        base, deltas, shape = here + out, [], (*self.states.shape[:2], -1, self.model.cfg.d_model)
        for unit in (each for each in self.units if each.component == part):
            own = out if unit == part else _written(self.model, unit, kept)
            replaced = self.values.at(unit, self.sources, at)
            delta = (own.reshape(shape) - replaced).flatten(0, 1)
            base = base - delta
            deltas.append(delta.reshape(shape))
        return base.reshape(shape), deltas


def _written(model: TransformerBridge, unit: Unit, values: Tensor) -> Float[Tensor, "some row d_model"]:
    """What a unit writes, from the values at its hook."""
    match unit:
        case Component():
            return values
        case Head(layer=layer, head=head):
            return values[:, :, head] @ model.W_O[layer, head].detach()
        case Neuron(layer=layer, neuron=neuron):
            return values[..., neuron, None] * model.W_out[layer, neuron].detach()


class _ReadOut:
    """Whether a state says another token than the right one, without the division by the final LayerNorm's scale.

    A logit is c W / s + beta, with the centred state c and s = sqrt(mean c**2 + eps). Token v beats the right t where
    c (W_v - W_t) + s (beta_v - beta_t) > 0, and where it is 0 if v < t, as arg-max takes the first. The products are
    linear in the state, so that what several units write adds up.
    """

    def __init__(self, model: TransformerBridge) -> None:
        norm = model.ln_final.original_component
        U, b = model.W_U.detach(), model.b_U.detach()
        d_model, n_tokens = U.shape
        self.eps = norm.eps if isinstance(norm, nn.LayerNorm) else None
        self.n_others, self.d_model = n_tokens - 1, d_model
        if isinstance(norm, nn.LayerNorm):
            b = norm.bias.detach() @ U + b
            U = norm.weight.detach()[:, None] * U
            self.centred = torch.linalg.qr(torch.eye(d_model, dtype=U.dtype) - 1 / d_model)[0][:, :-1].T
            U = U - U.mean(0)
        else:
            self.centred = U.new_zeros(0, d_model)
        tokens = torch.arange(n_tokens)
        others = torch.stack([tokens[tokens != t] for t in tokens])  # [token other]
        self.ahead = U.T[others] - U.T[:, None]
        """W_v - W_t ``[token other d_model]``."""
        self.beta = (b[others] - b[:, None])[..., None]
        self.bound = (others < tokens[:, None]).to(U.dtype)[..., None] * -torch.finfo(U.dtype).smallest_normal

    def forms(self, states: Float[Tensor, "some d_model"], token: int) -> Float[Tensor, "form some"]:
        """c (W_v - W_t) for each other token, and below it c in a basis of its own where there is a LayerNorm."""
        return torch.cat([self.ahead[token], self.centred]) @ states.T

    def wrong(self, forms: Float[Tensor, "subset form some"], token: int) -> Bool[Tensor, "subset some"]:
        """Whether some other token is ahead."""
        ahead, c = forms[:, : self.n_others], forms[:, self.n_others :]
        scale = 1.0 if self.eps is None else (c.square().sum(1, keepdim=True) / self.d_model + self.eps).sqrt_()
        return (ahead + scale * self.beta[token] > self.bound[token]).any(1)


def _summed(
    read: _ReadOut,
    base: Float[Tensor, "branch state d_model"],
    deltas: Float[Tensor, "unit branch state d_model"],
    truth: Int[Tensor, " state"],
) -> Int[Tensor, " subset"]:
    """Wrong answers of each branch and each set of the last component's units, the units being the higher bits.

    A unit that adds nothing to a state, such as a neuron that is off, doubles nothing there: states are taken together
    by their right answer and by the units that add something to them.
    """
    n, (n_branches, n_states) = len(deltas), base.shape[:2]
    masks, found = torch.arange(1 << n), torch.zeros(1 << n, n_branches, dtype=torch.int64)
    acting = ((deltas != 0).any(-1).long() << torch.arange(n)[:, None, None]).sum(0)
    code = (acting + (truth << n)).flatten()
    order = code.argsort(stable=True)  # within a group by branch
    codes, counts = code[order].unique_consecutive(return_counts=True)
    flat, moved = base.flatten(0, 1), deltas.flatten(1, 2)
    for group, states in zip(codes.tolist(), order.split(counts.tolist()), strict=True):
        token, units = group >> n, subsets.members(group & ((1 << n) - 1), n)
        wrong = torch.empty(1 << len(units), len(states), dtype=torch.bool)
        step = max(64, STATES >> 4 + len(units))
        for start in range(0, len(states), step):
            some = states[start : start + step]
            forms = read.forms(flat[some], token)[None]
            for unit in units:
                forms = torch.cat([forms, forms + read.forms(moved[unit, some], token)])
            wrong[:, start : start + step] = read.wrong(forms, token)
        branch, of = (states // n_states).unique_consecutive(return_counts=True)
        starts = (of.cumsum(0) - of).numpy()
        local = torch.from_numpy(np.add.reduceat(wrong.numpy(), starts, axis=1, dtype=np.int64))
        index = sum(((masks >> unit & 1) << i for i, unit in enumerate(units)), torch.zeros_like(masks))
        found[:, branch] += local[index]
    return found.flatten()


def _check(model: TransformerBridge, units: Sequence[Unit], kind: str, draws: int) -> None:
    if kind not in REPLACEMENTS:
        raise ValueError(f"kind must be one of {', '.join(REPLACEMENTS)}, got {kind!r}")
    if draws < 1:
        raise ValueError(f"draws must be at least 1, got {draws}")
    if len(units) > MOST_UNITS:
        raise ValueError(f"units must be at most {MOST_UNITS}, got {len(units)}")
    order = components(model)
    for unit in units:
        if isinstance(unit, Neuron):
            if unit.component not in order or not 0 <= unit.neuron < model.cfg.d_mlp:
                raise ValueError(f"units must be parts of the model, got {unit.label}")
        else:
            check_part(model, unit)
    places = [order.index(unit.component) for unit in units]
    if len(set(units)) < len(units) or any(b < a for a, b in pairwise(places)):
        raise ValueError("units must be different, in order of computation")
    for unit in units:
        if isinstance(unit, Component) and places.count(order.index(unit)) > 1:
            raise ValueError(f"units must not overlap, got {unit.label} and a part of it")
