"""The ledger: every claim with what was found about it."""

from collections.abc import Mapping
from functools import cache, partial

import torch

from tinycircuits.claims.choices import of_all, other_seeds, otherwise, they_decide_what_is_learned_and_some_verdict
from tinycircuits.claims.judge import Finding, Judgement, Measure, Observed, judged, judged_elsewhere
from tinycircuits.claims.rules import OF_MODELS
from tinycircuits.claims.statements import claim, claims
from tinycircuits.results.tables.profiles import OTHER_START

SECOND_COLUMN = {f"E{i}": f"{OTHER_START}, latents" if i == 6 else OTHER_START for i in range(1, 8)}
"""For each statement of article E the same task in models that start otherwise."""


@cache
def finding(name: str) -> Finding:
    """Measure and judge one claim, from stored results; nothing is trained.

    Raises ``ValueError`` that lists the known ids; ``MissingResult`` and ``CorruptResult`` name what mends them.
    """
    stated = claim(name)
    return judged(stated, RULES[name], elsewhere(name, SECOND_COLUMN[name]) if name in SECOND_COLUMN else None)


@cache
def elsewhere(name: str, source: str) -> Judgement:
    """What a claim's rule says of the trained models of another row of ``profiles.SOURCES``.

    Raises ``ValueError`` for an unknown id and for a claim that no other models can stand in for; and as ``profile``
    and ``trials`` do.
    """
    return judged_elsewhere(claim(name), RULES[name], source)


def holds(name: str) -> bool:
    """Whether a claim holds, and for no control as much; raises as ``finding`` does."""
    found = finding(name)
    return found.verdict == "holds" and not found.says_nothing


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


def fewer_than_half_hold(of: list[Finding]) -> Observed:
    """Fewer than half of the statements hold."""
    share = sum(found.verdict == "holds" for found in of) / len(of)
    return Observed(torch.tensor([share < 0.5]), {"share that holds": torch.tensor([share])})


def every_one_is_caught(of: list[Finding]) -> Observed:
    """The ledger names for each statement the kind of mistake whose check would have caught it."""
    caught = sum(found.claim.kind is not None for found in of) / len(of)
    return Observed(torch.tensor([caught == 1]), {"share with a check": torch.tensor([caught])})


def _that_hold(stand: bool) -> list[Finding]:
    """The articles' statements that hold, or that do not."""
    return [found for found in of_articles() if (found.verdict == "holds") == stand]


def _of_chapters() -> list[Finding]:
    """Our own claims but for those about the ledger itself."""
    return [finding(name) for name in OF_MODELS if claim(name).source == "book"] + [finding("choices")]


RULES: Mapping[str, Measure] = {
    **OF_MODELS,
    "choices": Measure(
        they_decide_what_is_learned_and_some_verdict,
        partial(of_all, otherwise),
        {"other seeds of the same recipe": partial(of_all, other_seeds)},
    ),
    "held": Measure(fewer_than_half_hold, of_articles, {"our own statements": _of_chapters}),
    "story": Measure(
        every_one_is_caught, partial(_that_hold, False), {"statements that hold": partial(_that_hold, True)}
    ),
}
"""Every claim's measure by its id."""
