"""What becomes of the verdicts where a choice that an article leaves open is made otherwise, as tables."""

import pandas as pd

from tinycircuits.articles import ABLATED_ACCURACY, ACCURACY_AT_STEP, PATCHING_RECOVERY, PROBE_ACCURACY
from tinycircuits.claims.choices import Compared, alternatives, compared, in_the_book, learned, statements
from tinycircuits.claims.judge import Judgement
from tinycircuits.claims.ledger import finding
from tinycircuits.claims.rules import OF_MODELS
from tinycircuits.claims.statements import Verdict
from tinycircuits.results.tables.alternatives import OLDER, Alternative

SHORT: dict[Verdict, str] = {
    "holds": "yes",
    "holds for some seeds": "some",
    "does not hold": "no",
    "not testable as stated": "none",
}
"""Verdicts in a word; ``none`` where no seed counts, because none solves the task."""
STAR = r"\*"
"""Set behind a share that differs by more than seeds do."""


def _cell(seen: Judgement) -> str:
    return f"{SHORT[seen.verdict]} {_count(seen)}" if seen.judged else SHORT[seen.verdict]


def _count(seen: Judgement) -> str:
    return f"{seen.met:,}/{seen.judged:,}"


def verdict_grid(article: str) -> pd.DataFrame:
    """One row for the study and each alternative, one column for each statement: verdict, models that meet the rule.

    A verdict that is another one is in bold. A star follows a share that differs by more than seeds do: behind such a
    verdict, and behind the models that make no mistake.
    """
    others = alternatives(article)
    first = {name: _cell(in_the_book(name)) for name in statements(article)}
    rows = [{"made otherwise": "as in the book", "faultless": _count(learned(others[0].name).usual), **first}]
    for other in others:
        learning = learned(other.name)
        cells = {pair.claim: _marked(pair) for pair in compared(other.name)}
        faultless = _count(learning.other) + STAR * learning.unlike
        rows.append({"made otherwise": _named(other), "faultless": faultless, **cells})
    return pd.DataFrame(rows)


def _marked(pair: Compared) -> str:
    if not pair.moves:
        return _cell(pair.other)
    return f"**{SHORT[pair.other.verdict]}**{STAR * pair.unlike} {_count(pair.other)}"


def _named(other: Alternative) -> str:
    return f"{other.choice}: {'older library' if other.value == OLDER else other.value}"


def moves(article: str) -> pd.DataFrame:
    """One row for each alternative of an article: how many models learn the task, what becomes of the statements."""
    rows = []
    for other in alternatives(article):
        pairs, learning = compared(other.name), learned(other.name)
        moved = [pair.claim + STAR * pair.unlike for pair in pairs if pair.moves]
        rows.append(
            {
                "article": article,
                "made otherwise": _named(other),
                "faultless here": _count(learning.usual),
                "there": _count(learning.other) + STAR * learning.unlike,
                "statements": len(pairs),
                "nothing to judge by": sum(not pair.judged for pair in pairs),
                "another verdict": len(moved),
                "which": ", ".join(moved) or "none",
            }
        )
    return pd.DataFrame(rows)


PRINTED_NUMBERS: tuple[tuple[str, str, str, float], ...] = (
    ("B5", "right without the MLP's weights", "share right, all inputs", ABLATED_ACCURACY["L0 mlp"]),
    ("B6", "right without attention's weights", "share right, all inputs", ABLATED_ACCURACY["L0 attn"]),
    *(
        ("C2", f"right on the holdout at step {step:,}", f"held-out share right, step {step:,}", held_out)
        for step, (_, held_out) in ACCURACY_AT_STEP.items()
    ),
    *(("E3", f"recovery of {part}", f"recovery of {part}", share) for part, share in PATCHING_RECOVERY.items()),
    ("E5", "sum read after layer 0", "read right after layer 0", PROBE_ACCURACY["L0 resid_post"]),
    ("E5", "sum read after layer 1", "after layer 1", PROBE_ACCURACY["L1 resid_post"]),
)
"""Numbers that articles print of one model: statement, what it is, its name among what is measured, the number."""


def one_beside_many() -> pd.DataFrame:
    """One row for each number that an article prints of its one model, beside the range of the study's models."""
    rows = []
    for name, what, key, printed in PRINTED_NUMBERS:
        found = finding(name)
        spread, n = found.values[key], len(OF_MODELS[name].models().seeds) if name == "C2" else found.judged
        low, high = spread.low, spread.high
        row = {"statement": name, "number": what, "printed": printed, "median": spread.median, "low": low, "high": high}
        rows.append(row | {"models": n, "inside": low <= printed <= high})
    return pd.DataFrame(rows)
