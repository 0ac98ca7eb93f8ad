"""Profiles: what was measured on the models of many seeds, as it is stored. ``profiling`` measures."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import TypeVar

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from tinycircuits.results import door
from tinycircuits.results.door import Place
from tinycircuits.results.tables.fits import fit_named
from tinycircuits.results.tables.profiles import (
    N_CONTROLS,
    NAME,
    SOURCES,
    Kind,
    ProfileSpec,
    RandomEncoders,
    Source,
    Untrained,
)
from tinycircuits.results.tables.studies import RunSpec, study
from tinycircuits.results.tables.sweeps import sweep
from tinycircuits.tasks import Task

Numbers = dict[str, Tensor]
Some = TypeVar("Some", bound="Profile")


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

    def of_seeds(self: Some, rows: Int[Tensor, " row"]) -> Some:
        """The same of some seeds only, by the index of their rows."""
        return replace(self, seeds=self.seeds[rows], numbers={name: each[rows] for name, each in self.numbers.items()})

    def faultless(self: Some) -> Some:
        """The same of the models that make no mistake on any input."""
        return self.of_seeds(self.solved.nonzero()[:, 0])

    @cached_property
    def solved(self) -> Bool[Tensor, " seed"]:
        """Which models make no mistake on any input."""
        return self["wrong.all"].reshape(len(self.seeds), -1).sum(1) == 0


@cache
def profile(article: str, kind: Kind) -> Profile:
    """What was measured on the models of that kind; never measures.

    Raises ``MissingResult`` or ``CorruptResult``, and ``ValueError`` for a kind that the article has no models of.
    """
    found = places(article, kind)
    loaded = [door.load(place).tensors for place in found]
    seeds = torch.tensor([seed for place in found for seed in place.seeds])
    return Profile(kind, seeds, {name: torch.cat([one[name] for one in loaded]) for name in loaded[0]})


def places(article: str, kind: Kind) -> list[Place]:
    """Where an article's models of one kind have their profiles; raises ``ValueError`` where there are none."""
    source = SOURCES[article]
    if kind not in source.kinds:
        raise ValueError(f"kind must be one of {', '.join(source.kinds)} for article {article}, got {kind!r}")
    row = f"{NAME} of {article}, {kind}"
    described = _of_fits(source, kind) if source.fit is not None else _of_models(source, kind)
    return [Place(NAME, spec, row, seeds, door.retraining(row, seeds)) for spec, seeds in described]


Described = Iterator[tuple[ProfileSpec, range]]
"""What is measured on which models, and their seeds."""


def _of_models(source: Source, kind: Kind) -> Described:
    chosen = study(source.study)
    many, whole = source.many_parts or source.parts, source.parts
    if kind == "untrained":
        of = Untrained(task=chosen.task, model=chosen.model, n_seeds=N_CONTROLS)
        yield ProfileSpec(of=of, parts=many), range(N_CONTROLS)
    elif source.alternative is not None:
        for seed in source.alternative.seeds:
            yield _of_one(source.alternative.spec(seed), whole)
    elif kind == "published":
        yield _of_one(chosen.spec(chosen.published_seed), whole)
    elif kind == "trained" and source.trained is None:
        for seed in chosen.seeds:
            yield _of_one(chosen.spec(seed), whole)
    elif isinstance(source.shuffled, Task) and kind == "shuffled answers":
        for seed in range(N_CONTROLS):
            yield _of_one(chosen.spec(seed).model_copy(update={"task": source.shuffled}), many)
    else:
        name, n_seeds = (source.trained, source.n_seeds) if kind == "trained" else (source.shuffled, N_CONTROLS)
        assert isinstance(name, str)
        for block in sweep(name).blocks(range(n_seeds)):
            yield ProfileSpec(of=sweep(name).spec(block), parts=many), block


def _of_one(of: RunSpec, parts: tuple[str, ...]) -> tuple[ProfileSpec, range]:
    return ProfileSpec(of=of, parts=parts), range(of.seed, of.seed + 1)


def _of_fits(source: Source, kind: Kind) -> Described:
    assert source.fit is not None
    fit = fit_named(source.fit)
    if kind == "trained":
        for seed in fit.seeds:
            yield ProfileSpec(of=fit.spec(seed), parts=source.parts), range(seed, seed + 1)
    else:
        of = RandomEncoders(like=fit.spec(0), n_seeds=N_CONTROLS)
        yield ProfileSpec(of=of, parts=source.parts), range(N_CONTROLS)
