"""What a page needs to judge answers without a server: salted sums of the right ones, or a state of the live model.

No answer stands in it in plain text. Which answers are right is found by asking each check, not read from a table.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any

from tinycircuits.exercises.checks.part_2 import CLOSE
from tinycircuits.exercises.checks.start import BREAKS, SPARED
from tinycircuits.exercises.subjects import ONE_LAYER
from tinycircuits.exercises.table import exercises, judged

FORMAT = 1
SALT = "tinycircuits exercise"


def for_page() -> dict[str, Any]:
    """All claims and designs as plain JSON values, by name.

    ``judged`` says how a page judges: ``choice`` and ``number`` by ``sums``, those of every right answer as text;
    ``live`` by the state of the live model that ``goal`` describes; ``python`` not at all. ``salt`` goes before the
    answer: SHA-256 of ``salt:name:answer``.
    """
    found = {name: _one(name) for name, each in exercises().items() if each.kind != "code"}
    return {"format": FORMAT, "salt": SALT, "exercises": found}


def sum_of(name: str, answer: object) -> str:
    """The salted sum of one answer, as a page computes it."""
    return hashlib.sha256(f"{SALT}:{name}:{answer}".encode()).hexdigest()


def as_json() -> str:
    """``for_page`` as the text of a file."""
    return json.dumps(for_page(), indent=1) + "\n"


GOALS: dict[str, dict[str, Any]] = {
    "spare-biases": {"model": ONE_LAYER, "wrong": 0, "biases_at_zero": SPARED},
    "smallest-break": {"model": ONE_LAYER, "wrong_at_least": 1, "length_below": BREAKS},
}
"""States of the live model that solve an exercise: the wrong answers over all inputs, and what was changed."""


def _one(name: str) -> dict[str, Any]:
    each = exercises()[name]
    shown: dict[str, Any] = {"chapter": each.chapter, "kind": each.kind, "minutes": each.minutes, "title": each.title}
    shown |= {"statement": each.statement, "hints": list(each.hints)}
    if name in GOALS:
        return shown | {"judged": "live", "goal": GOALS[name]}
    if each.choices:
        return shown | {"judged": "choice", "choices": list(each.choices), "sums": _right(name, each.choices)}
    if name == "how-many":
        return shown | {"judged": "number", "tolerance": CLOSE, "sums": _right(name, range(1_001))}
    if name == "met-by-noise":
        return shown | {"judged": "choice", "choices": list(_statements()), "sums": _right(name, _statements())}
    return shown | {"judged": "python"}


def _right(name: str, candidates: Iterable[object]) -> list[str]:
    return sorted(sum_of(name, each) for each in candidates if judged(name, each).passed)


def _statements() -> Iterator[str]:
    from tinycircuits.claims.ledger import of_articles

    return (found.claim.id for found in of_articles())
