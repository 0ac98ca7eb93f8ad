"""The register of measuring functions: one for each claim, with the models that it looks at."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from jaxtyping import Bool
from torch import Tensor

from tinycircuits.articles import ARTICLES
from tinycircuits.claims.verdicts import Observed
from tinycircuits.claims.views import Trials, trials
from tinycircuits.results.profiles import Profile, profile
from tinycircuits.results.tables.profiles import SOURCES

View = TypeVar("View")
See = Callable[[View], Observed]


@dataclass(frozen=True)
class Measure:
    """How a claim is measured: what its rule sees in a view, and the views of models, controls and published model.

    ``of`` is the row of ``profiles.SOURCES`` whose trained models it looks at, where it is one; ``elsewhere`` gives the
    view of the models of another row.
    """

    see: Callable[[Any], Observed]
    models: Callable[[], Any]
    controls: Mapping[Any, Callable[[], Any]]
    published: Callable[[], Any] | None = None
    counted: Callable[[Any], Bool[Tensor, " seed"]] | None = None
    of: str | None = None
    elsewhere: Callable[[str], Any] | None = None


MEASURES: dict[str, Measure] = {}
"""Every claim's measure, by its id."""


def register(name: str, measure: Measure) -> None:
    """Enter the measure of a claim; raises ``ValueError`` for a second one."""
    if name in MEASURES:
        raise ValueError(f"claim {name} is measured twice")
    MEASURES[name] = measure


def trained_models(source: str) -> Profile:
    """What was measured on the trained models of a row of ``profiles.SOURCES``; raises as ``profile`` does."""
    return profile(source, "trained")


def shown_model(source: str) -> Profile:
    """The model of a row of ``profiles.SOURCES`` that would be published: its smallest seed without a held-out mistake.

    There is none where every seed makes one. Raises as ``profile`` does.
    """
    return to_publish(trained_models(source))


def to_publish(found: Profile) -> Profile:
    """The smallest seed without a held-out mistake, or none."""
    return found.of_seeds((found["wrong.holdout"].sum(1) == 0).nonzero()[:1, 0])


def of_models(name: str, article: str, *, every_seed: bool = False) -> Callable[[See[Profile]], See[Profile]]:
    """Enter a function of a profile: judged over an article's trained seeds that solve the task, or over every seed."""

    def enter(see: See[Profile]) -> See[Profile]:
        controls = [kind for kind in SOURCES[article].kinds if kind not in ("trained", "published")]
        measure = Measure(
            see,
            partial(profile, article, "trained"),
            {kind: partial(profile, article, kind) for kind in controls},
            partial(profile, article, "published"),
            None if every_seed else lambda found: found.solved,
            article,
            trained_models,
        )
        register(name, measure)
        return see

    return enter


def of_published(name: str, article: str) -> Callable[[See[Profile]], See[Profile]]:
    """Enter a function of a profile that is judged by the published model alone."""

    def enter(see: See[Profile]) -> See[Profile]:
        controls = [kind for kind in SOURCES[article].kinds if kind not in ("trained", "published")]
        shown = partial(profile, article, "published")
        views = {kind: partial(profile, article, kind) for kind in controls}
        register(name, Measure(see, shown, views, shown, of=article, elsewhere=shown_model))
        return see

    return enter


def of_sweeps(name: str, *names: str) -> Callable[[See[Trials]], See[Trials]]:
    """Enter a function of the trials of whole sweeps; the control is the same models before training.

    Where one of them is an article's own, the sweep of another row of ``profiles.SOURCES`` can stand in for it.
    """
    own = next((article for article in ARTICLES if SOURCES[article].trained in names), None)

    def standing_in(source: str) -> Trials:
        assert own is not None
        one, other = SOURCES[own].trained, SOURCES[source].trained
        if one is None or other is None:
            raise ValueError(f"source: a row of profiles.SOURCES with a sweep expected for {name}, got {source!r}")
        return trials(*names, instead=(one, other))

    def enter(see: See[Trials]) -> See[Trials]:
        views = {"untrained": partial(trials, *names, trained=False)}
        register(name, Measure(see, partial(trials, *names), views, of=own, elsewhere=standing_in if own else None))
        return see

    return enter
