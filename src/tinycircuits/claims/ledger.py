"""The ledger: every claim with what was found about it."""

from functools import cache
from typing import Any

import torch

from tinycircuits.claims import addition, own, own_addition, own_seeds, reversal, starts
from tinycircuits.claims.measures import MEASURES, Measure, register
from tinycircuits.claims.profiles import OTHER_START, profile
from tinycircuits.claims.statements import Claim, claim, claims
from tinycircuits.claims.verdicts import Control, Elsewhere, Finding, Observed, Spread, judge
from tinycircuits.evaluation import share_interval

ROOMS = (reversal, addition, own, own_seeds, own_addition, starts)
"""The modules that enter the measuring functions."""


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

    Raises ``ValueError`` for an unknown id, and as ``profile`` does.
    """
    stated, measure = claim(name), MEASURES[name]
    seen, n_seeds = _counted(measure, profile(source, "trained"))
    met = seen.met.tolist()
    return Elsewhere(source, judge(stated.judged, met), sum(met), len(met), n_seeds, _spreads(seen))


def _counted(measure: Measure, view: Any) -> tuple[Observed, int]:
    """What the rule sees in the models that count, and how many there are with the others."""
    seen = measure.see(view)
    if measure.counted is None:
        return seen, len(seen.met)
    counted = measure.counted(view)
    values = {key: value[counted] for key, value in seen.values.items()}
    return Observed(seen.met[counted], values), len(seen.met)


def findings(source: str | None = None) -> list[Finding]:
    """What was found about every claim, or about those of one source, in the order of the file."""
    return [finding(one.id) for one in claims().values() if source in (None, one.source)]


def of_articles() -> list[Finding]:
    """What was found about the articles' statements."""
    return [finding(one.id) for one in claims().values() if one.source != "book"]


def contradicted(names: list[str] | None = None) -> list[str]:
    """One line for each claim, or each of these, whose stored verdict no longer follows from the results."""
    return [
        f"{found.claim.id}: stored {found.claim.verdict!r}, measured {found.verdict!r} ({found.met} of {found.judged})"
        for found in map(finding, names or claims())
        if found.verdict != found.claim.verdict
    ]


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


def _standing() -> list[Finding]:
    return [found for found in of_articles() if found.verdict == "holds"]


def _fallen() -> list[Finding]:
    return [found for found in of_articles() if found.verdict != "holds"]


def _chapters_before() -> list[Finding]:
    """Our own claims but for the two about the ledger itself."""
    return [finding(one.id) for one in claims().values() if one.source == "book" and one.id not in ("held", "story")]


def fewer_than_half_hold(of: list[Finding]) -> Observed:
    """Fewer than half of the statements hold."""
    share = sum(found.verdict == "holds" for found in of) / len(of)
    return Observed(torch.tensor([share < 0.5]), {"share that holds": torch.tensor([share])})


def every_one_is_caught(of: list[Finding]) -> Observed:
    """The ledger names for each statement the kind of mistake whose check would have caught it."""
    caught = sum(found.claim.kind is not None for found in of) / len(of)
    return Observed(torch.tensor([caught == 1]), {"share with a check": torch.tensor([caught])})


register("held", Measure(fewer_than_half_hold, of_articles, {"our own statements": _chapters_before}))
register("story", Measure(every_one_is_caught, _fallen, {"statements that hold": _standing}))
