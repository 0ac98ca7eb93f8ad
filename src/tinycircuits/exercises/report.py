"""What the command line says of exercises."""

import textwrap
from pathlib import Path

from tinycircuits.exercises import done, running
from tinycircuits.exercises.done import Entry
from tinycircuits.exercises.kinds import Exercise
from tinycircuits.exercises.table import exercise, exercises
from tinycircuits.results.text import aligned, of

WIDTH = 100


def overview(file: Path) -> str:
    """All exercises in the order of the book, each with its state, and how many are solved."""
    entries = done.read(file)
    rows = [("exercise", "chapter", "kind", "minutes", "state", "title")]
    rows += [
        (name, each.chapter, each.kind, str(each.minutes), _state(entries.get(name)), each.title)
        for name, each in exercises().items()
    ]
    solved = sum(each.passed for each in entries.values())
    return f"{aligned(rows)}\n\n{of(solved, len(exercises()))} solved; kept in {file}"


def told(name: str, hints: int) -> str:
    """One exercise with what to start from and so many of its hints; raises ``ValueError`` for an unknown one."""
    chosen = exercise(name)
    lines = [f"{chosen.title} ({chosen.kind}, {chosen.minutes} minutes, chapter {chosen.chapter})", ""]
    lines += [*textwrap.wrap(chosen.statement, WIDTH), "", *chosen.stub.rstrip().splitlines(), ""]
    for number, hint in enumerate(chosen.hints[:hints], 1):
        lines += [*textwrap.wrap(f"Hint {number}: {hint}", WIDTH), ""]
    if hints < len(chosen.hints):
        lines.append(
            f"{len(chosen.hints) - max(hints, 0)} hints more: tinycircuits exercises {name} --hints {hints + 1}"
        )
    lines.append(f"then: tinycircuits check {name} FILE")
    return "\n".join(lines)


def checked(name: str, answer: Path, file: Path, seconds: float) -> tuple[str, bool]:
    """Check the answer in a file, keep what came of it, say it; and whether it is right."""
    exercise(name)
    done.read(file)
    text = running.source(answer)
    outcome = running.attempt(name, answer, seconds=seconds)
    done.keep(file, outcome, text)
    return f"{name}: {outcome.said}", outcome.passed


def again(file: Path, folder: Path, seconds: float) -> tuple[list[str], bool]:
    """Check every solved answer that a file keeps anew, in ``folder``: a line for each, and whether all are right.

    What was kept as solved and is refused now was changed in the file, or needs something beside it.
    """
    lines = []
    for name, each in done.read(file).items():
        if not each.passed:
            continue
        chosen, path = exercise(name), folder / f"{name}.py"
        path.write_text(_as_file(chosen, each.answer), encoding="utf-8")
        outcome = running.attempt(name, path, seconds=seconds)
        lines.append(f"{'ok     ' if outcome.passed else 'REFUSED'} {name}: {outcome.said}")
    return lines, all(line.startswith("ok") for line in lines)


def _as_file(chosen: Exercise, answer: str) -> str:
    """An answer as a file: a bare value, from a notebook, gets its name."""
    named = any(line.lstrip().startswith((chosen.asks, f"def {chosen.asks}")) for line in answer.splitlines())
    return answer if named else f"{chosen.asks} = {answer}\n"


def _state(entry: Entry | None) -> str:
    if entry is None:
        return "open"
    if not entry.passed:
        return f"{entry.tries} tries" if entry.tries > 1 else "1 try"
    return "solved" if entry.score is None else f"solved, {entry.score:.6g}"
