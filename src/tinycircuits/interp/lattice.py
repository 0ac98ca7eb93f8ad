"""The lattice of circuits: what a model still answers with exactly these units kept, for every set of units.

A circuit is a claim about a set of parts: keep these, replace the rest, and nothing goes wrong. With k units there are
2**k such claims, and here all of them are tried, on all inputs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import get_args

import pandas as pd
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp import branches
from tinycircuits.interp.activations import Component, batches, check_part, components
from tinycircuits.interp.branches import Branches, Neuron, Replaced, Replacement, Unit
from tinycircuits.interp.frames import frame
from tinycircuits.interp.pairs import derangement
from tinycircuits.models import subsets
from tinycircuits.tasks import Task

REPLACEMENTS: tuple[Replacement, ...] = get_args(Replacement)
MOST_UNITS = 20


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
        return tuple(subsets.in_all(self.sufficient).nonzero()[:, 0].tolist())

    @property
    def used(self) -> tuple[int, ...]:
        """The units that some minimal circuit has, by their index."""
        return tuple(subsets.in_any(subsets.minimal(self.sufficient)).nonzero()[:, 0].tolist())

    @property
    def single(self) -> Int[Tensor, " unit"]:
        """Wrong answers with one unit removed from the whole: the table that articles print."""
        return subsets.single(self.wrong)

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
    values = Replaced(model, task.inputs(sequences), chosen, kind)
    before_last = sum(each.component != components(model)[-1] for each in chosen)
    size = max(1, branches.STATES // (task.n_ctx << before_last))
    wrong = torch.zeros(1 << len(chosen), dtype=torch.int64)
    for draw in range(draws if kind == "resample" else 1):
        partners = derangement(len(sequences), seed=seed, shift=draw + 1) if kind == "resample" else None
        for at in batches(torch.arange(len(sequences)), size):
            sources = at if partners is None else partners[at]
            wrong += Branches(model, task, sequences[at], chosen, values, sources).wrong()
    n_draws = draws if kind == "resample" else 1
    return Lattice(chosen, kind, wrong, len(sequences) * task.n_answers * n_draws)


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
