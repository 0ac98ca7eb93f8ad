"""The register of measuring functions: one for each claim, with the models that it looks at."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from jaxtyping import Bool
from torch import Tensor

from tinycircuits.claims.profiles import SOURCES, Profile, profile
from tinycircuits.claims.verdicts import Observed
from tinycircuits.claims.views import Trials, trials

View = TypeVar("View")
See = Callable[[View], Observed]


@dataclass(frozen=True)
class Measure:
    """How a claim is measured: what its rule sees in a view, and the views of models, controls and published model."""

    see: Callable[[Any], Observed]
    models: Callable[[], Any]
    controls: dict[str, Callable[[], Any]]
    published: Callable[[], Any] | None = None
    counted: Callable[[Any], Bool[Tensor, " seed"]] | None = None


MEASURES: dict[str, Measure] = {}
"""Every claim's measure, by its id."""


def register(name: str, measure: Measure) -> None:
    """Enter the measure of a claim; raises ``ValueError`` for a second one."""
    if name in MEASURES:
        raise ValueError(f"claim {name} is measured twice")
    MEASURES[name] = measure


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
        )
        register(name, measure)
        return see

    return enter


def of_published(name: str, article: str) -> Callable[[See[Profile]], See[Profile]]:
    """Enter a function of a profile that is judged by the published model alone."""

    def enter(see: See[Profile]) -> See[Profile]:
        controls = [kind for kind in SOURCES[article].kinds if kind not in ("trained", "published")]
        shown = partial(profile, article, "published")
        register(name, Measure(see, shown, {kind: partial(profile, article, kind) for kind in controls}, shown))
        return see

    return enter


def of_sweeps(name: str, *names: str) -> Callable[[See[Trials]], See[Trials]]:
    """Enter a function of the trials of whole sweeps; the control is the same models before training."""

    def enter(see: See[Trials]) -> See[Trials]:
        untrained = partial(trials, *names, trained=False)
        register(name, Measure(see, partial(trials, *names), {"untrained": untrained}))
        return see

    return enter
