"""What a reader has done: a small JSON file of hers, written whole or not at all."""

import json
import os
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from tinycircuits.exercises.kinds import Exercise, Outcome
from tinycircuits.exercises.table import exercise, exercises

VARIABLE = "TINYCIRCUITS_DONE"
FORMAT = 1
LONGEST = 20_000
"""Characters of an answer that are kept."""


@dataclass(frozen=True)
class Entry:
    """What is kept of one exercise: whether it is solved, in how many tries, the answer, and the last word on it."""

    passed: bool
    tries: int
    said: str
    answer: str
    day: str
    score: float | None = None


def place(chosen: str | Path | None = None) -> Path:
    """The file: the one that is named, else ``$TINYCIRCUITS_DONE``, else ``done.json`` here."""
    return Path(chosen or os.environ.get(VARIABLE) or "done.json")


def read(file: Path) -> dict[str, Entry]:
    """What is done, by exercise; nothing where there is no file.

    Raises ``ValueError`` that names the file for one that is damaged, of another kind, or of unknown exercises.
    """
    try:
        found = json.loads(file.read_text("utf-8"))
        if found["format"] != FORMAT:
            raise ValueError(f"format {found['format']!r}")
        entries = {name: Entry(**each) for name, each in found["exercises"].items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{file} holds no list of exercises ({error}); another file: --state FILE") from None
    if unknown := [name for name in entries if name not in exercises()]:
        raise ValueError(f"{file} names an unknown exercise, {unknown[0]!r}")
    for name, each in entries.items():
        texts = all(isinstance(text, str) for text in (each.said, each.answer, each.day))
        score = each.score is None or isinstance(each.score, float | int)
        if not (texts and score and isinstance(each.passed, bool) and isinstance(each.tries, int)):
            raise ValueError(
                f"{file} holds no list of exercises (a wrong type in {name!r}); another file: --state FILE"
            )
    return {name: entries[name] for name in exercises() if name in entries}


def write(file: Path, entries: dict[str, Entry]) -> None:
    """Put the file in place of what is there, whole; raises ``ValueError`` when it cannot be written."""
    content = {"format": FORMAT, "exercises": {name: asdict(each) for name, each in entries.items()}}
    fresh = ""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor, fresh = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as text:
            json.dump(content, text, indent=1)
            text.write("\n")
            text.flush()
            os.fsync(text.fileno())
        Path(fresh).chmod(0o644)
        Path(fresh).replace(file)
    except OSError as error:
        raise ValueError(f"cannot write {file}: {error.strerror}") from None
    finally:
        with suppress(OSError):
            Path(fresh).unlink()


def keep(file: Path, outcome: Outcome, answer: str) -> None:
    """Add the outcome of a try. A right answer gives way to a right one only, of an open question to a better."""
    entries = read(file)
    before = entries.get(outcome.name)
    tries = 1 + (before.tries if before else 0)
    fresh = Entry(outcome.passed, tries, outcome.said, answer[:LONGEST], _today(), outcome.score)
    if before and before.passed and not _better(exercise(outcome.name), before, fresh):
        fresh = Entry(**{**asdict(before), "tries": tries})
    write(file, {**entries, outcome.name: fresh})


def clear(file: Path) -> bool:
    """Forget everything; whether there was anything. Raises ``ValueError`` for a file that is no list of exercises."""
    there = file.exists()
    read(file)
    file.unlink(missing_ok=True)
    return there


def _better(chosen: Exercise, before: Entry, fresh: Entry) -> bool:
    if not fresh.passed or before.score is None or fresh.score is None:
        return fresh.passed
    return (fresh.score < before.score) if chosen.lower_is_better else (fresh.score > before.score)


def _today() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d}"
