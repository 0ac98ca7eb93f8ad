"""The profiles: whose models speak for a statement, and what is measured on them."""

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from tinycircuits.models.build import Dtype, ModelSpec
from tinycircuits.results.tables.alternatives import ALTERNATIVES, Alternative
from tinycircuits.results.tables.fits import FitSpec
from tinycircuits.results.tables.studies import RunSpec, Study
from tinycircuits.results.tables.sweeps import SweepSpec
from tinycircuits.specs import Spec
from tinycircuits.tasks import ShuffledSums, Task

Kind = Literal["trained", "published", "untrained", "shuffled answers", "random encoder"]
"""Whose numbers they are: those of many seeds, of the model that the book shows, of the controls."""

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
    of the controls only ``many_parts`` are measured, where it names some, and in ``dtype``. Models with shuffled
    answers are those of a sweep, or are trained on a task when they are measured: of these only the profile is kept,
    for their weights are as large as the study's. So it is with the models of an ``alternative`` to the study. Where
    ``fit`` is named, dictionaries that are fitted on the study's published model take the place of models. ``beside``
    marks models that only stand beside an article's own: no controls are measured of them. ``only`` names the kinds of
    a row that does not have all: what the book's own claims ask of a few models.
    """

    study: str
    parts: tuple[str, ...]
    trained: str | None = None
    n_seeds: int = 0
    shuffled: str | Task | None = None
    many_parts: tuple[str, ...] = ()
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


_DIGITS = ("errors", "attention", "cosines", "ablation", "read-out", "interchange", "shift")
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
        return Source(of, asked, dtype="float32", alternative=other, beside=True)
    dtype: Dtype = "float64" if other.study.article == "C" else "float32"
    seeds = len(other.seeds)
    return Source(of, asked, other.sweep, seeds, many_parts=asked, dtype=dtype, beside=True)


def _told(study: str, trained: str, n_seeds: int) -> Source:
    """What the chapter on programs asks of the published model and of the seeds of a sweep."""
    whole = ("program", "program of a wrong digit", "account")
    return Source(study, whole, trained, n_seeds, many_parts=("program",), only=("trained", "published"))


def _shown(study: str, parts: tuple[str, ...], of_untrained: tuple[str, ...], dtype: Dtype = "float64") -> Source:
    """What the book's own claims ask of the published model of a study, and of untrained ones."""
    return Source(study, parts, many_parts=of_untrained, dtype=dtype, only=("published", "untrained"))


OTHER_START = "E, another start"
"""Article E's task in models whose weights start as TransformerLens has it, embeddings at 0.07."""

SOURCES = {
    "A": Source(
        "reversal-8d-2l",
        _DIGITS,
        trained="seeds-a",
        n_seeds=100,
        shuffled="shuffled-a",
        many_parts=_ASKED["A"],
        dtype="float32",
    ),
    "B": Source(
        "reversal-8d-1l",
        _DIGITS,
        trained="seeds-b",
        n_seeds=100,
        shuffled="shuffled-b",
        many_parts=_ASKED["B"],
        dtype="float32",
    ),
    "C": Source(
        "reversal-4d-2l",
        _DIGITS,
        trained="seeds-c-ordered",
        n_seeds=1_000,
        shuffled="shuffled-c",
    ),
    "D": Source(
        "addition-113-3l",
        _WHOLE,
        shuffled=ShuffledSums(modulus=113, plus_sign=True, seed=0),
        many_parts=_CONTROL,
        dtype="float32",
    ),
    "E": Source(
        "addition-97-2l",
        _WHOLE + _OF_E,
        shuffled=ShuffledSums(modulus=97, plus_sign=False, unused_tokens=2, seed=0),
        many_parts=_CONTROL + _OF_E,
        dtype="float32",
    ),
    OTHER_START: Source("addition-97-2l-gpt2", _CONTROL + _OF_E, dtype="float32", beside=True),
    **{name: _beside(each) for name, each in ALTERNATIVES.items()},
    "E, latents, summed": Source("addition-97-2l", ("latents",), fit="addition-97-2l-sae-summed"),
    "E, latents, averaged": Source("addition-97-2l", ("latents",), fit="addition-97-2l-sae-averaged"),
    f"{OTHER_START}, latents": Source(
        "addition-97-2l-gpt2", ("latents",), fit="addition-97-2l-gpt2-sae-summed", beside=True
    ),
    "B, shown": _shown("reversal-8d-1l", ("errors", "diagonal", "followed"), ("errors", "diagonal")),
    "C, shown": _shown("reversal-4d-2l", ("errors", "set by hand", "last attention"), ("errors", "last attention")),
    "C, rewritten": Source("reversal-4d-2l", ("errors", "rewritten"), only=("published",)),
    "D, shown": _shown("addition-113-3l", ("errors", "waves"), ("errors", "waves"), "float32"),
    "E, shown": _shown("addition-97-2l", ("errors", "waves"), ("errors", "waves"), "float32"),
    "C, prints": Source(
        "reversal-4d-2l",
        (),
        trained="seeds-c-shuffled",
        n_seeds=250,
        many_parts=("errors", "fingerprint"),
        only=("trained", "untrained"),
    ),
    "B, programs": _told("reversal-8d-1l", "seeds-b", 200),
    "C, programs": _told("reversal-4d-2l", "seeds-c-ordered", 1_000),
    "C, programs, shuffled": Source(
        "reversal-4d-2l", (), "seeds-c-shuffled", 1_000, many_parts=("program",), only=("trained",)
    ),
}
"""By article. A long task takes seconds a seed: there only what a claim asks for, in the precision of training."""


def shuffled_run(chosen: Study) -> RunSpec:
    """The run of a study's first seed on the answers of other inputs, of which no sweep is kept.

    Raises ``ValueError`` where there is none.
    """
    source = SOURCES.get(chosen.article)
    if source is None or not isinstance(source.shuffled, Task):
        raise ValueError(f"study must have a task with shuffled answers, got {chosen.name}")
    return chosen.spec(0).model_copy(update={"task": source.shuffled})
