"""Profiles: what was measured on the models of many seeds, loaded from the store, or measured and stored."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from typing import Literal, TypeVar

import torch
from jaxtyping import Bool, Int
from pydantic import Field
from torch import Tensor
from tqdm.auto import tqdm
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.sae import random_dictionary
from tinycircuits.models.build import Dtype, ModelSpec, build
from tinycircuits.models.dictionary import SparseAutoencoder
from tinycircuits.results.digits import PARTS, digit_profile
from tinycircuits.results.fits import fitted_on, load_fit
from tinycircuits.results.pairs import latent_profile, pair_profile
from tinycircuits.results.runs import checkpoints, load, provenance, results
from tinycircuits.results.sweeps import SweepResult, load_sweep
from tinycircuits.results.tables.alternatives import ALTERNATIVES, Alternative
from tinycircuits.results.tables.fits import FitSpec, fit_named
from tinycircuits.results.tables.studies import RunSpec, study
from tinycircuits.results.tables.sweeps import SweepSpec, sweep
from tinycircuits.specs import Spec
from tinycircuits.tasks import ShuffledSums, Split, SplitIndices, Task
from tinycircuits.training.loop import train

Kind = Literal["trained", "published", "untrained", "shuffled answers", "random encoder"]
"""Whose numbers they are: those of many seeds, of the model that the book shows, of the controls."""

P = TypeVar("P", bound="Profile")
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


class RandomEncoders(Spec):
    """Dictionaries with a random encoder, as sparse as the fits of this description; seeds ``0 .. n_seeds - 1``."""

    like: FitSpec
    n_seeds: int = Field(ge=1)


class ProfileSpec(Spec):
    """All that one stored profile depends on: the models, and what is measured on them.

    ``recipe`` is raised by hand whenever a change of the analyses changes a number.
    """

    of: RunSpec | SweepSpec | Untrained | FitSpec | RandomEncoders
    parts: tuple[str, ...]
    recipe: int = 1


@dataclass(frozen=True)
class Source:
    """One row of the table: whose models speak for an article, and what is measured on them.

    The trained seeds are the first ``n_seeds`` of a sweep, or all seeds of the study where there is none; of them and
    of the controls only ``many_parts`` are measured, and in ``dtype``. Models with shuffled answers are those of a
    sweep, or are trained on a task when they are measured: of these only the profile is kept, for their weights are
    as large as the study's. So it is with the models of an ``alternative`` to the study. Where ``fit`` is named,
    dictionaries that are fitted on the study's published model take the place of models. ``beside`` marks models that
    only stand beside an article's own: no controls are measured of them. ``only`` names the kinds of a row that does
    not have all: what the book's own claims ask of a few models.
    """

    study: str
    measure: Measure
    parts: tuple[str, ...]
    trained: str | None = None
    n_seeds: int = 0
    shuffled: str | Task | None = None
    many_parts: tuple[str, ...] = PARTS
    dtype: Dtype = "float64"
    fit: str | None = None
    alternative: Alternative | None = None
    beside: bool = False
    only: tuple[Kind, ...] = ()

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of models that there are."""
        if self.only:
            return self.only
        if self.beside:
            return ("trained",)
        if self.fit is not None:
            return ("trained", "random encoder")
        return ("trained", "published", "untrained", *(("shuffled answers",) if self.shuffled else ()))


_WHOLE = ("errors", "attention", "read-outs", "patching", "ablation")
_CONTROL = ("errors", "attention", "read-outs", "patching")
"""A model that answers nothing right has nothing to lose."""
_FEW = ("errors", "attention", "sum", "patching")
_OF_E = ("row patching", "probe")
"""Article E looks at ``=`` only, and prints its probe."""

_ASKED = {
    "A": ("errors", "attention", "cosines", "ablation"),
    "B": ("errors", "attention", "ablation", "read-out", "interchange"),
    "C": ("errors", "attention", "shift"),
    "D": _FEW,
    "E": _FEW + _OF_E,
}
"""By article: what its statements ask of the models of many seeds."""


def _beside(other: Alternative) -> Source:
    """An alternative as a row of the table, measured as the seeds of its article are."""
    of, asked = other.study.name, _ASKED[other.study.article]
    if other.sweep is None:
        return Source(of, pair_profile, asked, dtype="float32", alternative=other, beside=True)
    dtype: Dtype = "float64" if other.study.article == "C" else "float32"
    seeds = len(other.seeds)
    return Source(of, digit_profile, asked, other.sweep, seeds, many_parts=asked, dtype=dtype, beside=True)


def _shown(
    study: str, measure: Measure, parts: tuple[str, ...], of_untrained: tuple[str, ...], dtype: Dtype = "float64"
) -> Source:
    """What the book's own claims ask of the published model of a study, and of untrained ones."""
    return Source(study, measure, parts, many_parts=of_untrained, dtype=dtype, only=("published", "untrained"))


OTHER_START = "E, another start"
"""Article E's task in models whose weights start as TransformerLens has it, embeddings at 0.07."""

SOURCES = {
    "A": Source(
        "reversal-8d-2l",
        digit_profile,
        PARTS,
        trained="seeds-a",
        n_seeds=100,
        shuffled="shuffled-a",
        many_parts=_ASKED["A"],
        dtype="float32",
    ),
    "B": Source(
        "reversal-8d-1l",
        digit_profile,
        PARTS,
        trained="seeds-b",
        n_seeds=100,
        shuffled="shuffled-b",
        many_parts=_ASKED["B"],
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
    "D": Source(
        "addition-113-3l",
        pair_profile,
        _WHOLE,
        shuffled=ShuffledSums(modulus=113, plus_sign=True, seed=0),
        many_parts=_CONTROL,
        dtype="float32",
    ),
    "E": Source(
        "addition-97-2l",
        pair_profile,
        _WHOLE + _OF_E,
        shuffled=ShuffledSums(modulus=97, plus_sign=False, unused_tokens=2, seed=0),
        many_parts=_CONTROL + _OF_E,
        dtype="float32",
    ),
    OTHER_START: Source("addition-97-2l-gpt2", pair_profile, _CONTROL + _OF_E, dtype="float32", beside=True),
    **{name: _beside(each) for name, each in ALTERNATIVES.items()},
    "E, latents, summed": Source("addition-97-2l", pair_profile, ("latents",), fit="addition-97-2l-sae-summed"),
    "E, latents, averaged": Source("addition-97-2l", pair_profile, ("latents",), fit="addition-97-2l-sae-averaged"),
    f"{OTHER_START}, latents": Source(
        "addition-97-2l-gpt2", pair_profile, ("latents",), fit="addition-97-2l-gpt2-sae-summed", beside=True
    ),
    "B, shown": _shown("reversal-8d-1l", digit_profile, ("errors", "diagonal", "followed"), ("errors", "diagonal")),
    "C, shown": _shown(
        "reversal-4d-2l", digit_profile, ("errors", "set by hand", "last attention"), ("errors", "last attention")
    ),
    "D, shown": _shown("addition-113-3l", pair_profile, ("errors", "waves"), ("errors", "waves"), "float32"),
    "E, shown": _shown("addition-97-2l", pair_profile, ("errors", "waves"), ("errors", "waves"), "float32"),
    "C, prints": Source(
        "reversal-4d-2l",
        digit_profile,
        (),
        trained="seeds-c-shuffled",
        n_seeds=250,
        many_parts=("errors", "fingerprint"),
        only=("trained", "untrained"),
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

    def of_seeds(self: P, rows: Int[Tensor, " row"]) -> P:
        """The same of some seeds only, by the index of their rows."""
        return replace(self, seeds=self.seeds[rows], numbers={name: each[rows] for name, each in self.numbers.items()})

    @cached_property
    def solved(self) -> Bool[Tensor, " seed"]:
        """Which models make no mistake on any input."""
        return self["wrong.all"].reshape(len(self.seeds), -1).sum(1) == 0


@dataclass(frozen=True)
class Block:
    """Models whose profile is stored as one result."""

    spec: ProfileSpec
    seeds: range
    label: str
    row: Callable[[int], Numbers]
    """Measures the model of one seed."""

    @property
    def stored(self) -> bool:
        """Whether the profile is there."""
        return results().holds(NAME, self.spec.described())

    def load(self) -> Numbers:
        """The stored numbers; raises ``MissingResult`` and ``CorruptResult`` with the command that mends it."""
        return results().load(NAME, self.spec.described(), remedy="tinycircuits claims --measure").tensors

    def measure(self, *, progress: bool = False) -> Numbers:
        """The numbers, measured on the models; nothing is stored."""
        seeds = tqdm(self.seeds, desc=self.label, unit="seed", disable=None if progress else True)
        rows = [self.row(seed) for seed in seeds]
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
    return _of_fits(source, kind, label) if source.fit is not None else _of_models(source, kind, label)


def _of_models(source: Source, kind: Kind, label: str) -> list[Block]:
    chosen = study(source.study)

    def block(
        spec: ProfileSpec,
        seeds: range,
        label: str,
        model: Callable[[int], TransformerBridge],
        held_out: Split = chosen.train.split,
    ) -> Block:
        split = held_out.indices(len(chosen.task.sequences()))
        return Block(spec, seeds, label, lambda seed: source.measure(model(seed), chosen.task, split, spec.parts))

    if kind == "untrained":
        of = Untrained(task=chosen.task, model=chosen.model, n_seeds=N_CONTROLS)
        fresh = partial(build, chosen.model, chosen.task, dtype=source.dtype)
        spec = ProfileSpec(of=of, parts=source.many_parts)
        return [block(spec, range(N_CONTROLS), label, lambda seed: fresh(seed=seed))]
    if (other := source.alternative) is not None:
        return [_trained_anew(source, source.parts, other.spec(seed), f"{label} seed {seed}") for seed in other.seeds]
    if kind == "published" or (kind == "trained" and source.trained is None):
        seeds = (chosen.published_seed,) if kind == "published" else chosen.seeds
        return [
            block(
                ProfileSpec(of=chosen.spec(seed), parts=source.parts),
                range(seed, seed + 1),
                f"{label} seed {seed}",
                lambda seed: load(source.study, seed).model,
            )
            for seed in seeds
        ]
    if isinstance(source.shuffled, Task) and kind == "shuffled answers":
        memorised = [chosen.spec(seed).model_copy(update={"task": source.shuffled}) for seed in range(N_CONTROLS)]
        return [_trained_anew(source, source.many_parts, one, f"{label} seed {one.seed}") for one in memorised]
    name, n_seeds = (source.trained, source.n_seeds) if kind == "trained" else (source.shuffled, N_CONTROLS)
    assert isinstance(name, str)
    return [
        block(
            ProfileSpec(of=sweep(name).spec(part), parts=source.many_parts),
            part,
            f"{label} seeds {part[0]}..{part[-1]}",
            lambda seed, part=part: _of_sweep(name, part).model(seed, source.dtype),  # type: ignore[misc]
            sweep(name).train.split,
        )
        for part in sweep(name).blocks(range(n_seeds))
    ]


def _trained_anew(source: Source, parts: tuple[str, ...], of: RunSpec, label: str) -> Block:
    """One model that is trained when it is measured, with how many of its training inputs it gets wrong."""
    task = study(source.study).task
    split = of.train.split.indices(len(task.sequences()))

    def row(seed: int) -> Numbers:
        model, history = train(of.task, of.model, of.train, seed=seed, progress=label, watched=False)
        own = {"wrong.train, own answers": torch.tensor(history[-1].train_wrong_digits)}
        return own | source.measure(model, task, split, parts)

    return Block(ProfileSpec(of=of, parts=parts), range(of.seed, of.seed + 1), label, row)


def _of_fits(source: Source, kind: Kind, label: str) -> list[Block]:
    assert source.fit is not None
    fit, parts = fit_named(source.fit), source.parts

    def measured(dictionary: SparseAutoencoder) -> Numbers:
        states, sums = _fitted_on(fit.name)
        return latent_profile(dictionary, states, sums, modulus=int(sums.max()) + 1)

    if kind == "trained":
        return [
            Block(
                ProfileSpec(of=fit.spec(seed), parts=parts),
                range(seed, seed + 1),
                f"{label} seed {seed}",
                lambda seed: measured(load_fit(fit.name, seed).dictionary),
            )
            for seed in fit.seeds
        ]
    of = RandomEncoders(like=fit.spec(0), n_seeds=N_CONTROLS)
    return [
        Block(
            ProfileSpec(of=of, parts=parts), range(N_CONTROLS), label, lambda seed: measured(_as_sparse(fit.name, seed))
        )
    ]


@cache
def _fitted_on(name: str) -> tuple[Tensor, Tensor]:
    return fitted_on(fit_named(name))


def _as_sparse(name: str, seed: int) -> SparseAutoencoder:
    """A random encoder with as many active latents as the first fit."""
    first = load_fit(name, 0)
    width = first.dictionary.W_enc.shape[1]
    return random_dictionary(_fitted_on(name)[0], width=width, l0=first.metrics["l0"], seed=seed)


@cache
def _of_sweep(name: str, block: range) -> SweepResult:
    return load_sweep(name, block)
