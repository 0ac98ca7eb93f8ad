"""The statements: what the articles and this book say, and the rule for each, as ``claims.yaml`` holds them."""

from functools import cache
from importlib.resources import files
from typing import Literal

import yaml

from tinycircuits.specs import Spec

Verdict = Literal["holds", "holds for some seeds", "does not hold", "not testable as stated"]
Judged = Literal["seeds", "every seed", "published", "majority", "any", "all", "readings"]
Mistake = Literal[
    "one seed",
    "few inputs",
    "no control",
    "one instrument",
    "model for task",
    "no shuffle",
    "row too low",
    "own figures",
    "not said",
]
CHECKS: dict[Mistake, str] = {
    "one seed": "Train again, often. Count every seed, also those that fail.",
    "few inputs": "Look at all inputs, or at many drawn at random; never at chosen ones.",
    "no control": "Do the same to something that cannot show the effect.",
    "one instrument": "Measure with a second instrument before saying that something is absent, or present.",
    "model for task": "To say what a task needs, train without it.",
    "no shuffle": "Look at what is held out before trusting a number on it.",
    "row too low": "Say which row predicts; let the code, not the eye, find it.",
    "own figures": "Read the sentence once more beside its own figure.",
    "not said": "Print every factor that a result hangs on; where one is missing, try each usual value.",
}
"""The kinds of mistake that make a statement fall, each with the check that catches it."""


class Claim(Spec):
    """One statement and the rule that it is judged by; the rule stood before the result.

    ``source`` is the key of an article, or ``book`` for our own. ``judged`` says which models count and how many of
    them must meet the rule. ``chapter`` is where the book looks at it; ``changed`` says why a rule is stricter or
    clearer than it first was; ``why`` why it may have looked true, or what is behind the verdict; ``kind`` the mistake
    that makes it fall; ``live`` a state of the live model in which it can be tried.
    """

    id: str
    source: Literal["A", "B", "C", "D", "E", "book"]
    says: str
    rule: str
    judged: Judged
    chapter: str
    verdict: Verdict
    quoted: str | None = None
    changed: str | None = None
    why: str | None = None
    kind: Mistake | None = None
    live: str | None = None

    @property
    def link(self) -> str:
        """Its id as a link to its place in the ledger, MyST."""
        return f"{{ref}}`{self.id} <claim-{self.id.lower()}>`"


@cache
def claims() -> dict[str, Claim]:
    """Every claim by its id, in the order of the file; raises ``ValueError`` for a wrong field or an id used twice."""
    listed = [Claim(**entry) for entry in yaml.safe_load(files(__package__).joinpath("claims.yaml").read_text("utf-8"))]
    if twice := sorted({one.id for one in listed if sum(one.id == other.id for other in listed) > 1}):
        raise ValueError(f"claims.yaml: id used twice: {', '.join(twice)}")
    return {one.id: one for one in listed}


def claim(name: str) -> Claim:
    """The claim with that id; raises ``ValueError`` that lists the known ids."""
    if name not in claims():
        raise ValueError(f"unknown claim {name!r}; known are {', '.join(claims())}")
    return claims()[name]
