"""Profiles: what was measured on the models of many seeds, loaded from the store, or measured and stored."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property, partial
from typing import Literal

import torch
from jaxtyping import Bool, Int
from pydantic import Field
from torch import Tensor
from tqdm.auto import tqdm
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.claims.digits import PARTS, digit_profile
from tinycircuits.models import Dtype, ModelSpec, build
from tinycircuits.runs import checkpoints, load, provenance, results
from tinycircuits.specs import Spec
from tinycircuits.studies import RunSpec, SweepSpec, study, sweep
from tinycircuits.sweeps import SweepResult, load_sweep
from tinycircuits.tasks import SplitIndices, Task

Kind = Literal["trained", "published", "untrained", "shuffled answers"]
"""Whose numbers they are: those of many seeds, of the model that the book shows, of the two controls."""

Numbers = dict[str, Tensor]
Measure = Callable[[TransformerBridge, Task, SplitIndices, tuple[str, ...]], Numbers]

NAME = "profiles"
"""Under which profiles lie in the store."""
N_CONTROLS = 5
"""Models of each control."""


class Untrained(Spec):
    """Models as they are before training, seeds ``0 .. n_seeds - 1``."""

    task: Task
    model: ModelSpec
    n_seeds: int = Field(ge=1)


class ProfileSpec(Spec):
    """All that one stored profile depends on: the models, and what is measured on them.

    ``recipe`` is raised by hand whenever a change of the analyses changes a number.
    """

    of: RunSpec | SweepSpec | Untrained
    parts: tuple[str, ...]
    recipe: int = 1


@dataclass(frozen=True)
class Source:
    """One row of the table: whose models speak for an article, and what is measured on them.

    The trained seeds are the first ``n_seeds`` of a sweep, or all seeds of the study where there is none; of them and
    of the controls only ``many_parts`` are measured, and in ``dtype``.
    """

    study: str
    measure: Measure
    parts: tuple[str, ...]
    trained: str | None = None
    n_seeds: int = 0
    shuffled: str | None = None
    many_parts: tuple[str, ...] = PARTS
    dtype: Dtype = "float64"

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of models that there are."""
        return ("trained", "published", "untrained", *(("shuffled answers",) if self.shuffled else ()))


SOURCES = {
    "A": Source(
        "reversal-8d-2l",
        digit_profile,
        PARTS,
        trained="seeds-a",
        n_seeds=100,
        shuffled="shuffled-a",
        many_parts=("errors", "attention", "cosines", "ablation"),
        dtype="float32",
    ),
    "B": Source(
        "reversal-8d-1l",
        digit_profile,
        PARTS,
        trained="seeds-b",
        n_seeds=100,
        shuffled="shuffled-b",
        many_parts=("errors", "attention", "ablation", "read-out", "interchange"),
        dtype="float32",
    ),
    "C": Source(
        "reversal-4d-2l",
        digit_profile,
        PARTS,
        trained="seeds-c-ordered",
        n_seeds=1_000,
        shuffled="shuffled-c",
    ),
}
"""By article. A long task takes seconds a seed: there only what a claim asks for, in the precision of training."""


@dataclass(frozen=True)
class Profile:
    """The numbers of some models, one row for each seed."""

    kind: Kind
    seeds: Int[Tensor, " seed"]
    numbers: Numbers

    def __getitem__(self, name: str) -> Tensor:
        """One number of every seed, ``[seed ...]``; raises ``KeyError`` that names what there is."""
        if name not in self.numbers:
            raise KeyError(f"{name!r} was not measured; there are {', '.join(self.numbers)}")
        return self.numbers[name]

    @cached_property
    def solved(self) -> Bool[Tensor, " seed"]:
        """Which models make no mistake on any input."""
        return self["wrong.all"].reshape(len(self.seeds), -1).sum(1) == 0


@dataclass(frozen=True)
class Block:
    """Models whose profile is stored as one result."""

    source: Source
    spec: ProfileSpec
    seeds: range
    label: str
    model: Callable[[int], TransformerBridge]

    @property
    def stored(self) -> bool:
        """Whether the profile is there."""
        return results().holds(NAME, self.spec.described())

    def load(self) -> Numbers:
        """The stored numbers; raises ``MissingResult`` and ``CorruptResult`` with the command that mends it."""
        return results().load(NAME, self.spec.described(), remedy="tinycircuits claims --measure").tensors

    def measure(self, *, progress: bool = False) -> Numbers:
        """The numbers, measured on the models; nothing is stored."""
        chosen = study(self.source.study)
        split = chosen.train.split.indices(len(chosen.task.sequences()))
        seeds = tqdm(self.seeds, desc=self.label, unit="seed", disable=None if progress else True)
        rows = [self.source.measure(self.model(seed), chosen.task, split, self.spec.parts) for seed in seeds]
        return {name: torch.stack([row[name] for row in rows]).contiguous() for name in rows[0]}

    def measure_and_store(self, *, progress: bool = False) -> None:
        """Measure and store, unless another process does or has done so."""
        with checkpoints().locked(NAME, self.spec.described()):
            if not self.stored:
                started = time.monotonic()
                numbers = self.measure(progress=progress)
                made = provenance("cpu", time.monotonic() - started)
                about = {"models": self.label, "seeds": [self.seeds[0], self.seeds[-1]]}
                results().save(NAME, self.spec.described(), about, numbers, made)


@cache
def profile(article: str, kind: Kind) -> Profile:
    """What was measured on the models of that kind; never measures.

    Raises ``MissingResult`` or ``CorruptResult``, and ``ValueError`` for a kind that the article has no models of.
    """
    found = blocks(article, kind)
    loaded = [block.load() for block in found]
    seeds = torch.tensor([seed for block in found for seed in block.seeds])
    return Profile(kind, seeds, {name: torch.cat([one[name] for one in loaded]) for name in loaded[0]})


def every_block() -> Iterator[Block]:
    """All blocks of all articles and kinds."""
    for article, source in SOURCES.items():
        for kind in source.kinds:
            yield from blocks(article, kind)


def blocks(article: str, kind: Kind) -> list[Block]:
    """The blocks that hold an article's models of one kind; raises ``ValueError`` where there are none."""
    source = SOURCES[article]
    if kind not in source.kinds:
        raise ValueError(f"kind must be one of {', '.join(source.kinds)} for article {article}, got {kind!r}")
    label = f"article {article}, {kind}"
    chosen = study(source.study)
    if kind == "untrained":
        of = Untrained(task=chosen.task, model=chosen.model, n_seeds=N_CONTROLS)
        spec = ProfileSpec(of=of, parts=source.many_parts)
        fresh = partial(build, chosen.model, chosen.task, dtype=source.dtype)
        return [Block(source, spec, range(N_CONTROLS), label, lambda seed: fresh(seed=seed))]
    if kind == "published" or (kind == "trained" and source.trained is None):
        seeds = range(chosen.published_seed, chosen.published_seed + 1) if kind == "published" else chosen.seeds
        return [
            Block(
                source,
                ProfileSpec(of=chosen.spec(seed), parts=source.parts),
                range(seed, seed + 1),
                f"{label} seed {seed}",
                lambda seed: load(source.study, seed).model,
            )
            for seed in seeds
        ]
    name, n_seeds = (source.trained, source.n_seeds) if kind == "trained" else (source.shuffled, N_CONTROLS)
    assert name is not None
    return [
        Block(
            source,
            ProfileSpec(of=sweep(name).spec(block), parts=source.many_parts),
            block,
            f"{label} seeds {block[0]}..{block[-1]}",
            lambda seed, block=block: _of_sweep(name, block).model(seed, source.dtype),  # type: ignore[misc]
        )
        for block in sweep(name).blocks(range(n_seeds))
    ]


@cache
def _of_sweep(name: str, block: range) -> SweepResult:
    return load_sweep(name, block)
