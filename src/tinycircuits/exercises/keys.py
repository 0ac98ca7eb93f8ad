"""What a page needs to judge claims: for each possible answer a salted hash, and what is said of it.

The words can be read by whoever gives the answer, and not in the page's source by accident: they are covered with
bytes that are made of the answer. What is right is found at build time, by the check of each exercise on every possible
answer.
"""

import json
import re
from collections.abc import Iterator
from itertools import combinations, product
from typing import Any, Literal

from tinycircuits.claims.ledger import of_articles
from tinycircuits.exercises.checks import part_1, part_2, part_3, part_4, part_5
from tinycircuits.exercises.kinds import Exercise
from tinycircuits.exercises.sealing import FILE, covered, hashed, plain, salt_of
from tinycircuits.exercises.subjects import TWO_LAYERS, task_of
from tinycircuits.exercises.table import exercise, exercises, judged

Form = Literal["choice", "number", "text", "names"]
CHECKS = (part_1, part_2, part_3, part_4, part_5)
"""The modules whose checks decide; named here, so that the page is built anew when one of them changes."""
SEEDS = 1_000
"""How many seeds the guess is about."""
_SHORT = {
    "how-many": (r"the stored sweep .*", "the count is more than sixty away from your guess"),
    "enough": (
        r"with these .* wrong",
        "these parts do not suffice: with the others held at their mean, some are wrong",
    ),
}
"""Refusals of exercises with very many possible answers: those that are said in one sentence for all, and which."""


def scripts() -> dict[str, str]:
    """The scripts that bring all of it to a page, by file name: a table of all exercises, and a key for each claim."""
    shown = {name: _shown(each) for name, each in exercises().items()}
    calls = {FILE: f"tinyAnswers({_json({'exercises': shown, 'claims': [*forms()]})})\n"}
    return calls | {f"key-{name}.js": f"tinyKey({_json(name)},{_json(key(name))})\n" for name in forms()}


def forms() -> dict[str, Form]:
    """The claims that a page judges by their answer alone, and how each is answered."""
    return {
        **{name: "choice" for name, each in exercises().items() if each.choices},
        "how-many": "number",
        "met-by-noise": "text",
        "another-slide": "text",
        "enough": "names",
    }


def options(name: str) -> tuple[str, ...]:
    """What an answer is chosen from, or the names that it is made of; none for a number."""
    if name == "another-slide":
        return tuple(map("".join, product("0123", repeat=task_of(TWO_LAYERS).n_digits)))
    if name == "met-by-noise":
        return tuple(found.claim.id for found in of_articles())
    return part_4.of_seed().labels if name == "enough" else exercise(name).choices


def answers(name: str) -> Iterator[Any]:
    """Every possible answer to a claim, as its check takes it."""
    form, known = forms()[name], options(name)
    if form == "number":
        yield from range(SEEDS + 1)
    elif form == "names":
        yield from (list(some) for size in range(1, len(known) + 1) for some in combinations(known, size))
    else:
        yield from known


def key(name: str) -> dict[str, Any]:
    """How a page judges one claim: the form of an answer, what it is chosen from, and what is said of which answer."""
    salt = salt_of(name)
    pattern, short = _SHORT.get(name, (None, ""))
    told = {}
    for answer in answers(name):
        outcome = judged(name, answer)
        if outcome.passed or pattern is None or not re.fullmatch(pattern, outcome.said):
            text = plain(answer)
            told[hashed(salt, text)] = covered(salt, text, f"{'+' if outcome.passed else '-'}{outcome.said}")
    form = forms()[name]
    shown = () if form in ("number", "text") else options(name)
    return {"form": form, "options": shown, "salt": salt, "short": short, "told": dict(sorted(told.items()))}


def _shown(each: Exercise) -> dict[str, Any]:
    return {"title": each.title, "kind": each.kind, "asks": each.asks, "lower": each.lower_is_better}


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
