"""Latticing: how the lattices of many models are counted."""

from collections.abc import Iterable, Iterator
from functools import partial

import torch
from jaxtyping import Int
from torch import Tensor
from tqdm.auto import tqdm
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.lattice import lattice
from tinycircuits.models.build import build
from tinycircuits.results.door import Entry, Made, Work
from tinycircuits.results.lattices import counts, packed, place
from tinycircuits.results.rows import Row
from tinycircuits.results.store import Stored
from tinycircuits.results.sweeps import load_sweep
from tinycircuits.results.tables.lattices import LATTICES, NAME, LatticesRow
from tinycircuits.training.device import one_thread


def rows() -> list[Row]:
    """The rows of the table of lattices."""
    return [row_of(each) for each in LATTICES.values()]


def row_of(chosen: LatticesRow) -> Row:
    """The lattices of a sweep as a row of what is stored."""

    def entries(seeds: Iterable[int]) -> list[Entry]:
        asked = set(seeds)
        return [entry(chosen, block) for block in chosen.blocks if asked & set(block)]

    title = f"{chosen.sweep.title}: {', '.join(chosen.spec(chosen.blocks[0]).kinds)}"
    return Row("lattices", chosen.name, NAME, title, [seed for block in chosen.blocks for seed in block], entries)


def entry(chosen: LatticesRow, block: range) -> Entry:
    """A block as an entry."""
    return Entry(
        **vars(place(chosen, block)),
        make=partial(_make, chosen, block),
        check=partial(_check, chosen, block),
        says=lambda stored: f"{len(stored.tensors['seed'])} models",
        sampled="; one of them counted again",
    )


@one_thread()
def _make(chosen: LatticesRow, block: range, work: Work) -> Made:
    seeds, before = _seeds(chosen, block), work.latest()
    found = list(before.tensors["wrong"]) if before else []
    bar = {"desc": work.bar, "unit": "model", "disable": None if work.bar else True}
    with tqdm(initial=len(found), total=len(seeds), **bar) as shown:
        for each in _counted(chosen, block, seeds[len(found) :]):
            found.append(each)
            work.keep(len(found), {}, {"wrong": torch.stack(found)})
            shown.update()
    wrong = torch.stack(found)
    sufficient = [int((each == 0).any(1).sum()) for each in wrong.unbind(1)]
    return Made(
        {"models": len(seeds), "with a sufficient set": sufficient},
        {"seed": torch.tensor(seeds, dtype=torch.int32), "packed": packed(wrong)},
    )


def _check(chosen: LatticesRow, block: range, stored: Stored, whole: bool) -> list[str]:
    """Every model's counts, or those of the first, against a new count."""
    seeds = _seeds(chosen, block)
    if seeds != stored.tensors["seed"].tolist():
        return ["seed"]
    some = seeds if whole else seeds[:1]
    again = zip(some, _counted(chosen, block, some), counts(stored), strict=False)
    return [f"wrong of seed {seed}" for seed, now, old in again if not torch.equal(now, old)]


def _counted(chosen: LatticesRow, block: range, seeds: list[int]) -> Iterator[Int[Tensor, "kind subset"]]:
    """The counts of each model in turn, for each kind of replacement."""
    spec, task = chosen.spec(block), chosen.sweep.task
    sequences = task.sequences()
    for model in _models(chosen, block, seeds):
        yield torch.stack(
            [lattice(model, sequences, task, kind=kind, seed=spec.partner_seed).wrong for kind in spec.kinds]
        )


def _seeds(chosen: LatticesRow, block: range) -> list[int]:
    """The seeds whose lattices are kept: the faultless ones, or all before training."""
    if not chosen.trained:
        return list(block)
    found = load_sweep(chosen.source, block)
    seeds: list[int] = found.seeds[found.solved].tolist()
    return seeds


def _models(chosen: LatticesRow, block: range, seeds: list[int]) -> Iterator[TransformerBridge]:
    if chosen.trained:
        yield from load_sweep(chosen.source, block).models(seeds)
    else:
        for seed in seeds:
            yield build(chosen.sweep.model, chosen.sweep.task, seed=seed, dtype="float64")
