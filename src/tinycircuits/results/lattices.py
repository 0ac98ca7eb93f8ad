"""Lattices of many models: which sets of units suffice, for every faultless model of a sweep, as they are stored."""

import lzma
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor
from tqdm.auto import tqdm

from tinycircuits.interp.lattice import Lattice, Replacement, Unit, attentions_and_neurons, lattice
from tinycircuits.models.build import build
from tinycircuits.results import door
from tinycircuits.results.door import Entry, Made, Work
from tinycircuits.results.rows import Row
from tinycircuits.results.store import Stored
from tinycircuits.results.sweeps import load_sweep
from tinycircuits.results.tables.lattices import LATTICES, NAME, LatticesRow, lattices_row
from tinycircuits.training.device import one_thread


@dataclass(frozen=True)
class SweptLattices:
    """The lattices of every faultless model of a sweep: ``wrong`` answers for each kind, seed and set of units."""

    source: str
    units: tuple[Unit, ...]
    kinds: tuple[Replacement, ...]
    seeds: Int[Tensor, " seed"]
    counts: Int[Tensor, "kind seed subset"]
    n_answers: int

    def wrong(self, kind: Replacement) -> Int[Tensor, "seed subset"]:
        """The counts of one kind of replacement; raises ``ValueError`` for one that is not kept."""
        if kind not in self.kinds:
            raise ValueError(f"kind must be one of {', '.join(self.kinds)}, got {kind!r}")
        return self.counts[self.kinds.index(kind)]

    def each(self, kind: Replacement) -> Iterator[Lattice]:
        """The lattice of each seed in turn."""
        for row in self.wrong(kind):
            yield Lattice(self.units, kind, row, self.n_answers)


@cache
def load_lattices(source: str) -> SweptLattices:
    """Stored lattices of the faultless models of a sweep; never computes them.

    Raises as ``door.load`` does, and ``ValueError`` for a sweep of which none are kept.
    """
    chosen = lattices_row(source)
    stored = [door.load(entry(chosen, block)) for block in _blocks(chosen)]
    task, spec = chosen.sweep.task, chosen.spec(chosen.sweep.blocks(range(1))[0])
    return SweptLattices(
        source,
        _units(chosen),
        spec.kinds,
        torch.cat([each.tensors["seed"] for each in stored]).long(),
        torch.cat([_counts(chosen, each) for each in stored], dim=1),
        len(task.sequences()) * task.n_answers,
    )


def rows() -> list[Row]:
    """The rows of the table of lattices."""
    return [row_of(each) for each in LATTICES.values()]


def row_of(chosen: LatticesRow) -> Row:
    """The lattices of a sweep as a row of what is stored."""

    def entries(seeds: Iterable[int]) -> list[Entry]:
        asked = set(seeds)
        return [entry(chosen, block) for block in _blocks(chosen) if asked & set(block)]

    title = f"{chosen.sweep.title}: {', '.join(chosen.spec(range(1)).kinds)}"
    return Row("lattices", chosen.name, NAME, title, range(chosen.sweep.n_seeds), entries)


def entry(chosen: LatticesRow, block: range) -> Entry:
    """A block as an entry."""
    return Entry(
        folder=NAME,
        spec=chosen.spec(block),
        name=chosen.name,
        seeds=block,
        command=door.retraining(chosen.name, block),
        make=partial(_make, chosen, block),
        check=partial(_check, chosen),
        says=lambda stored: f"{len(stored.tensors['seed'])} models",
        sampled="; one model counted again",
    )


@one_thread()
def _make(chosen: LatticesRow, block: range, work: Work) -> Made:
    found = load_sweep(chosen.source, block)
    seeds = found.seeds[found.solved].tolist()
    before = work.latest()
    counts = list(before.tensors["wrong"]) if before else []
    left = seeds[len(counts) :]
    shown = tqdm(initial=len(counts), total=len(seeds), desc=work.bar, unit="model", disable=None if work.bar else True)
    with shown:
        for row in _counted(chosen, block, left):
            counts.append(row)
            work.keep(len(counts), {}, {"wrong": torch.stack(counts)})
            shown.update()
    wrong = torch.stack(counts) if counts else torch.zeros(0, len(chosen.spec(block).kinds), 1, dtype=torch.int64)
    return Made(
        {"models": len(seeds), "with a sufficient set": [int((each == 0).any(1).sum()) for each in wrong.unbind(1)]},
        {"seed": torch.tensor(seeds, dtype=torch.int32), "packed": packed(wrong)},
    )


def _check(chosen: LatticesRow, stored: Stored, whole: bool) -> list[str]:
    """Every model's counts, or those of the first, against a new count."""
    first = int(stored.spec["of"]["first_seed"])
    block = range(first, first + int(stored.spec["of"]["lanes"]))
    found = load_sweep(chosen.source, block)
    if not torch.equal(found.seeds[found.solved], stored.tensors["seed"].long()):
        return ["seed"]
    seeds = stored.tensors["seed"].tolist()[: None if whole else 1]
    kept = _counts(chosen, stored)
    again = zip(seeds, _counted(chosen, block, seeds), kept.unbind(1), strict=False)
    return [f"wrong of seed {seed}" for seed, row, old in again if not torch.equal(row, old)]


def _counted(chosen: LatticesRow, block: range, seeds: list[int]) -> Iterator[Int[Tensor, "kind subset"]]:
    """The counts of each seed, for each kind of replacement."""
    spec, task = chosen.spec(block), chosen.sweep.task
    sequences = task.sequences()
    for model in load_sweep(chosen.source, block).models(seeds):
        yield torch.stack([lattice(model, sequences, task, kind=kind, seed=spec.seed).wrong for kind in spec.kinds])


def packed(wrong: Int[Tensor, "seed kind subset"]) -> Int[Tensor, " byte"]:
    """The counts as two bytes each, compressed to a fifth; raises ``ValueError`` for one that needs more."""
    if wrong.numel() and not 0 <= int(wrong.min()) <= int(wrong.max()) < 1 << 16:
        raise ValueError(f"wrong must lie in 0..65535, got up to {int(wrong.max())}")
    squeezed = lzma.compress(wrong.numpy().astype("<u2").tobytes(), preset=9)
    return torch.from_numpy(np.frombuffer(squeezed, dtype=np.uint8).copy())


def unpacked(squeezed: Int[Tensor, " byte"], n_kinds: int, n_subsets: int) -> Int[Tensor, "seed kind subset"]:
    """The counts that were ``packed``."""
    flat = np.frombuffer(lzma.decompress(squeezed.numpy().tobytes()), dtype="<u2")
    return torch.from_numpy(flat.astype(np.int64)).reshape(-1, n_kinds, n_subsets)


def _counts(chosen: LatticesRow, stored: Stored) -> Int[Tensor, "kind seed subset"]:
    n_kinds, n_subsets = len(stored.spec["kinds"]), 1 << len(_units(chosen))
    return unpacked(stored.tensors["packed"], n_kinds, n_subsets).transpose(0, 1)


def _units(chosen: LatticesRow) -> tuple[Unit, ...]:
    return attentions_and_neurons(build(chosen.sweep.model, chosen.sweep.task, seed=0))


def _blocks(chosen: LatticesRow) -> list[range]:
    return chosen.sweep.blocks(range(chosen.sweep.n_seeds))
