"""Lattices of many models as they are stored: which sets of units suffice. ``latticing`` makes them."""

import lzma
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import torch
from jaxtyping import Bool, Int, UInt8
from torch import Tensor

from tinycircuits.models import subsets
from tinycircuits.models.build import ModelSpec
from tinycircuits.results import door
from tinycircuits.results.door import Place
from tinycircuits.results.store import Stored
from tinycircuits.results.tables.lattices import NAME, LatticesRow, Replacement, lattices_row


@dataclass(frozen=True, eq=False)
class SweptLattices:
    """The lattices of many models: ``wrong`` answers for each kind of replacement, model and set of kept units.

    The bits of a set are those of ``interp.lattice.Lattice``; ``units`` are their labels.
    """

    units: tuple[str, ...]
    kinds: tuple[Replacement, ...]
    seeds: Int[Tensor, " model"]
    counts: Int[Tensor, "kind model subset"]
    n_answers: int

    def wrong(self, kind: Replacement) -> Int[Tensor, "model subset"]:
        """The counts of one kind of replacement."""
        return self.counts[self.kinds.index(kind)]

    def minimal(self, kind: Replacement) -> Bool[Tensor, "model subset"]:
        """Which sets are minimal circuits."""
        return self._minimal[self.kinds.index(kind)]

    @cached_property
    def _minimal(self) -> Bool[Tensor, "kind model subset"]:
        return subsets.minimal(self.counts == 0)

    def single(self, kind: Replacement) -> Int[Tensor, "model unit"]:
        """Wrong answers with one unit removed from the whole."""
        return subsets.single(self.wrong(kind))

    def necessary(self, kind: Replacement) -> Bool[Tensor, "model unit"]:
        """Whether every sufficient set has the unit."""
        return subsets.in_all(self.wrong(kind) == 0)

    def used(self, kind: Replacement) -> Bool[Tensor, "model unit"]:
        """Whether some minimal circuit has the unit."""
        return subsets.in_any(self.minimal(kind))


def joined(several: list[SweptLattices]) -> SweptLattices:
    """The models of several sweeps of one shape, one after the other; raises ``ValueError`` for unlike shapes."""
    first = several[0]
    if any((each.units, each.kinds, each.n_answers) != (first.units, first.kinds, first.n_answers) for each in several):
        raise ValueError("several must be lattices of models of one shape")
    seeds = torch.cat([each.seeds for each in several])
    return SweptLattices(
        first.units, first.kinds, seeds, torch.cat([each.counts for each in several], dim=1), first.n_answers
    )


@cache
def load_lattices(source: str, *, trained: bool = True) -> SweptLattices:
    """Stored lattices of the faultless models of a sweep, or of models before training; never computes them.

    Raises as ``door.load`` does, and ``ValueError`` for a sweep of which none are kept.
    """
    chosen = lattices_row(source, trained=trained)
    stored = [door.load(place(chosen, block)) for block in chosen.blocks]
    task = chosen.sweep.task
    return SweptLattices(
        labels(chosen.sweep.model),
        chosen.spec(chosen.blocks[0]).kinds,
        torch.cat([each.tensors["seed"] for each in stored]).long(),
        torch.cat([counts(each) for each in stored]).movedim(1, 0),
        len(task.sequences()) * task.n_answers,
    )


def place(chosen: LatticesRow, block: range) -> Place:
    """Where a block lies."""
    return Place(NAME, chosen.spec(block), chosen.name, block, door.retraining(chosen.name, block))


def labels(model: ModelSpec) -> tuple[str, ...]:
    """The labels of every attention and every neuron of models of this shape, in order of computation."""
    layers = range(model.n_layers)
    return tuple(each for i in layers for each in (f"L{i} attn", *(f"L{i}N{n}" for n in range(model.d_mlp or 0))))


def counts(stored: Stored) -> Int[Tensor, "model kind subset"]:
    """The counts of a stored block."""
    n_kinds, n_units = len(stored.spec["kinds"]), len(labels(ModelSpec.model_validate(_model(stored))))
    return unpacked(stored.tensors["packed"], n_kinds, 1 << n_units)


def packed(wrong: Int[Tensor, "model kind subset"]) -> UInt8[Tensor, " byte"]:
    """The counts as two bytes each, compressed to a fifth; raises ``ValueError`` for one that needs more."""
    if wrong.numel() and not 0 <= int(wrong.min()) <= int(wrong.max()) < 1 << 16:
        raise ValueError(f"wrong must lie in 0..65535, got {int(wrong.min())}..{int(wrong.max())}")
    squeezed = lzma.compress(wrong.numpy().astype("<u2").tobytes(), preset=9)
    return torch.from_numpy(np.frombuffer(squeezed, dtype=np.uint8).copy())


def unpacked(squeezed: UInt8[Tensor, " byte"], n_kinds: int, n_subsets: int) -> Int[Tensor, "model kind subset"]:
    """The counts that were ``packed``."""
    flat = np.frombuffer(lzma.decompress(squeezed.numpy().tobytes()), dtype="<u2")
    return torch.from_numpy(flat.astype(np.int64)).reshape(-1, n_kinds, n_subsets)


def _model(stored: Stored) -> dict[str, object]:
    """The model's description, without what names its class."""
    return {name: value for name, value in stored.spec["of"]["model"].items() if name != "type"}
