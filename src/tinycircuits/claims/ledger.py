"""The ledger: every claim with what was found about it."""

import torch

from tinycircuits.claims import addition, own, own_addition, own_choices, own_seeds, reversal, starts
from tinycircuits.claims.judging import elsewhere, finding
from tinycircuits.claims.measures import Measure, register
from tinycircuits.claims.statements import claims
from tinycircuits.claims.verdicts import Finding, Observed

__all__ = ["contradicted", "elsewhere", "finding", "findings", "of_articles"]

ROOMS = (reversal, addition, own, own_seeds, own_addition, starts, own_choices)
"""The modules that enter the measuring functions."""


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
