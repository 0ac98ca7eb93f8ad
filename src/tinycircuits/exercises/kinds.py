"""What an exercise is, and how a check says that an answer is wrong."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from tinycircuits.specs import Spec

Kind = Literal["code", "claim", "design"]
Check = Callable[[Any], float | None]
"""Raises ``Wrong`` unless the answer is right; gives the score of an open question, else ``None``."""


class Wrong(Exception):
    """The answer is not right; the message says why in plain words, with the smallest failing input."""


class Exercise(Spec):
    """One row of the table of exercises; texts are MyST.

    ``asks`` is the name that an answer has in a file, ``stub`` the Python that a reader starts from, ``idea`` how one
    gets there, in words. ``score`` says what the number of an open question means, ``choices`` what a claim chooses
    from.
    """

    name: str
    chapter: str
    kind: Kind
    minutes: int = Field(ge=1, le=60)
    title: str
    goal: str
    statement: str
    hints: tuple[str, ...] = Field(min_length=1)
    idea: str
    asks: str
    stub: str
    score: str = ""
    lower_is_better: bool = True
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What came of a check: whether the answer is right, what is said of it, and the score of an open question."""

    name: str
    passed: bool
    said: str
    score: float | None = None
