"""``check`` in a notebook: it says what came of an answer, and keeps it."""

import inspect
from pathlib import Path
from typing import Any

from tinycircuits.exercises import done, running
from tinycircuits.exercises.asking import brief


def check(name: str, answer: Any, *, seconds: float = running.SECONDS, state: str | Path | None = None) -> None:
    """Say whether an answer is right, and why if it is not; ``answer`` is a function or a value, as the exercise asks.

    It is kept in ``state``, as ``done.place`` chooses it. Raises ``ValueError`` for an unknown exercise and for a file
    of answers that cannot be read or written.
    """
    file = done.place(state)
    done.read(file)  # a damaged file is no reason to lose an answer after its check
    outcome = running.within(name, seconds, answer)
    done.keep(file, outcome, _source(answer))
    print(f"{name}: {outcome.said}")


def _source(answer: Any) -> str:
    """The text of a function where it can be found, or the value."""
    try:
        return inspect.getsource(answer)
    except (TypeError, OSError):
        return brief(answer)
