"""Profiling: how the numbers of a profile are measured on its models."""

from collections.abc import Iterable, Iterator
from functools import cache, partial

import torch
from torch import Tensor
from tqdm.auto import tqdm
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.sae import random_dictionary
from tinycircuits.models.build import Dtype, build
from tinycircuits.models.dictionary import SparseAutoencoder
from tinycircuits.results.differences import tensors_that_differ
from tinycircuits.results.digits import digit_profile
from tinycircuits.results.door import Entry, Made, Place, Work
from tinycircuits.results.fits import fitted_on, load_fit
from tinycircuits.results.pairs import latent_profile, pair_profile
from tinycircuits.results.profiles import Numbers, places
from tinycircuits.results.provenance import made_here
from tinycircuits.results.rows import Row
from tinycircuits.results.runs import load, trained_anew
from tinycircuits.results.store import Stored
from tinycircuits.results.sweeps import SweepResult, load_sweep
from tinycircuits.results.tables.fits import FitSpec, fit_named
from tinycircuits.results.tables.profiles import SOURCES, Kind, ProfileSpec, RandomEncoders, Source, Untrained
from tinycircuits.results.tables.studies import RunSpec, study
from tinycircuits.results.tables.sweeps import SweepSpec
from tinycircuits.tasks import ReverseIncrement, Split

PROFILE_TOLERANCE = 2e-3
"""Difference of a number measured again that another machine may make: it rounds otherwise in single precision."""


def rows() -> list[Row]:
    """The rows of the table of profiles: one for each kind of models of each source."""
    return [row_of(article, kind) for article, source in SOURCES.items() for kind in source.kinds]


def row_of(article: str, kind: Kind) -> Row:
    """The profiles of one kind of models as a row of what is stored."""
    found = places(article, kind)

    def entries(seeds: Iterable[int]) -> list[Entry]:
        asked = set(seeds)
        wanted = [place for place in found if asked & set(place.seeds)]
        return [entry(SOURCES[article], place, sampled=place == found[0]) for place in wanted]

    seeds = [seed for place in found for seed in place.seeds]
    return Row("profile", found[0].name, found[0].folder, ", ".join(_described(found[0]).parts), seeds, entries)


def entry(source: Source, place: Place, *, sampled: bool = True) -> Entry:
    """A profile as an entry. Where it is not checked whole, the first seed is measured again if it is ``sampled``.

    A model that is not kept comes out the same only on the processor that trained it: elsewhere its sums are all.
    """
    of = _described(place).of
    anew = isinstance(of, RunSpec) and of != study(source.study).spec(of.seed)
    few = place.seeds[:1] if sampled and not anew else place.seeds[:0]

    def check(stored: Stored, whole: bool) -> list[str]:
        there = not anew or made_here(stored.provenance)
        seeds = place.seeds if whole and there else few
        return [said for seed in seeds for said in _differing(source, place, stored, seed)]

    return Entry(
        **vars(place),
        make=partial(_make, source, place),
        check=check,
        says=lambda stored: f"{len(stored.tensors)} numbers a seed",
        sampled=f"; seed {few[0]} measured again" if few else "; sums only",
    )


def _make(source: Source, place: Place, work: Work) -> Made:
    seeds = tqdm(place.seeds, desc=work.bar, unit="seed", disable=None if work.bar else True)
    rows = [_measured(source, place, seed, work.bar) for seed in seeds]
    numbers = {name: torch.stack([row[name] for row in rows]).contiguous() for name in rows[0]}
    models = place.label.replace(f"{place.folder} of", "article", 1)  # as those of old say it
    return Made({"models": models, "seeds": [place.seeds[0], place.seeds[-1]]}, numbers)


def _differing(source: Source, place: Place, stored: Stored, seed: int) -> Iterator[str]:
    at = seed - place.seeds[0]
    before = {name: rows[at] for name, rows in stored.tensors.items()}
    for name in tensors_that_differ(_measured(source, place, seed), before, tolerance=PROFILE_TOLERANCE):
        yield f"{name} of seed {seed}"


def _measured(source: Source, place: Place, seed: int, bar: str | None = None) -> Numbers:
    """The numbers of one seed, measured on its model or dictionary."""
    spec = _described(place)
    match spec.of:
        case FitSpec() | RandomEncoders():
            assert source.fit is not None
            states, sums = _states(source.fit)
            trained = isinstance(spec.of, FitSpec)
            dictionary = load_fit(source.fit, seed).dictionary if trained else _as_sparse(source.fit, seed)
            return latent_profile(dictionary, states, sums, modulus=int(sums.max()) + 1)
        case Untrained(model=model, task=task):
            fresh = build(model, task, seed=seed, dtype=source.dtype)
            return _of_model(source, spec, fresh, study(source.study).train.split)
        case SweepSpec(train=recipe):
            name = source.trained if spec.of.task == study(source.study).task else source.shuffled
            model = _block(name, place.seeds).put(_bare(spec.of, source.dtype), seed)
            return _of_model(source, spec, model, recipe.split)
    if spec.of == study(source.study).spec(seed):
        return _of_model(source, spec, load(source.study, seed).model, spec.of.train.split)
    return _trained_anew(source, spec, spec.of, bar)


def _trained_anew(source: Source, spec: ProfileSpec, of: RunSpec, bar: str | None) -> Numbers:
    """The numbers of a model that is not kept, with how many of its training inputs it gets wrong."""
    model, last = trained_anew(of, bar)
    own = {"wrong.train, own answers": torch.tensor(last.train_wrong_digits)}
    return own | _of_model(source, spec, model, of.train.split)


def _of_model(source: Source, spec: ProfileSpec, model: TransformerBridge, held_out: Split) -> Numbers:
    task = study(source.study).task
    split = held_out.indices(len(task.sequences()))
    measure = digit_profile if isinstance(task, ReverseIncrement) else pair_profile
    return measure(model, task, split, spec.parts)


def _described(place: Place) -> ProfileSpec:
    assert isinstance(place.spec, ProfileSpec)
    return place.spec


@cache
def _states(fit: str) -> tuple[Tensor, Tensor]:
    return fitted_on(fit_named(fit))


def _as_sparse(fit: str, seed: int) -> SparseAutoencoder:
    """A random encoder with as many active latents as the first fit."""
    first = load_fit(fit, 0)
    width = first.dictionary.W_enc.shape[1]
    return random_dictionary(_states(fit)[0], width=width, l0=first.metrics["l0"], seed=seed)


@cache
def _bare(of: SweepSpec, dtype: Dtype) -> TransformerBridge:
    """One model of a sweep's shape, which takes the weights of each seed in turn: to build it takes half a second."""
    return build(of.model, of.task, seed=0, dtype=dtype)


@cache
def _block(name: str, seeds: range) -> SweepResult:
    return load_sweep(name, seeds)
