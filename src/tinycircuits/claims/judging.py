"""How a claim is judged: by its models, by its controls, and by models of another recipe."""

from functools import cache
from typing import Any

from tinycircuits.claims.measures import MEASURES, Measure
from tinycircuits.claims.statements import Claim, claim
from tinycircuits.claims.verdicts import Control, Elsewhere, Finding, Observed, Spread, judge
from tinycircuits.models.errors import share_interval
from tinycircuits.results.tables.profiles import OTHER_START


@cache
def finding(name: str) -> Finding:
    """Measure and judge one claim, from stored results; nothing is trained.

    Raises ``ValueError`` that lists the known ids; ``MissingResult`` and ``CorruptResult`` name what mends them.
    """
    stated, measure = claim(name), MEASURES[name]
    seen, n_seeds = _counted(measure, measure.models())
    met = seen.met.tolist()
    shown = measure.see(measure.published()) if measure.published else None
    return Finding(
        claim=stated,
        verdict=judge(stated.judged, met),
        met=sum(met),
        judged=len(met),
        n_seeds=n_seeds,
        interval=share_interval(sum(met), len(met)) if met else (0.0, 1.0),
        values=_spreads(seen),
        published={key: float(value[0]) for key, value in shown.values.items()} if shown else None,
        published_met=bool(shown.met[0]) if shown else None,
        controls=tuple(_controls(stated, measure)),
        second=elsewhere(name, SECOND_COLUMN[name]) if name in SECOND_COLUMN else None,
        rows=seen,
    )


SECOND_COLUMN = {f"E{i}": f"{OTHER_START}, latents" if i == 6 else OTHER_START for i in range(1, 8)}
"""For each statement of article E the same task in models that start otherwise."""


@cache
def elsewhere(name: str, source: str) -> Elsewhere:
    """What a claim's rule says of the trained models of another row of ``profiles.SOURCES``.

    Raises ``ValueError`` for an unknown id and for a claim that no other models can stand in for; and as ``profile``
    and ``trials`` do.
    """
    stated, measure = claim(name), MEASURES[name]
    if measure.elsewhere is None:
        raise ValueError(f"claim {stated.id} is not about the trained models of one recipe")
    return judged_in(name, measure.elsewhere(source), source)


def judged_in(name: str, view: Any, label: str) -> Elsewhere:
    """What a claim's rule says of the models in a view, which are called ``label``."""
    stated, measure = claim(name), MEASURES[name]
    seen, n_seeds = _counted(measure, view)
    met = seen.met.tolist()
    return Elsewhere(label, judge(stated.judged, met), sum(met), len(met), n_seeds, _spreads(seen))


def _counted(measure: Measure, view: Any) -> tuple[Observed, int]:
    """What the rule sees in the models that count, and how many there are with the others."""
    seen = measure.see(view)
    if measure.counted is None:
        return seen, len(seen.met)
    counted = measure.counted(view)
    values = {key: value[counted] for key, value in seen.values.items()}
    return Observed(seen.met[counted], values), len(seen.met)


def _spreads(seen: Observed) -> dict[str, Spread]:
    return {name: Spread.of(value) for name, value in seen.values.items()}


def _controls(stated: Claim, measure: Measure) -> list[Control]:
    """The same rule on each control; every model counts, none of them solves the task."""
    found = []
    for name, view in measure.controls.items():
        seen = measure.see(view())
        met = seen.met.tolist()
        found.append(Control(name, sum(met), len(met), _spreads(seen), judge(stated.judged, met)))
    return found
