"""The table of exercises, as ``exercises.yaml`` holds it, and the check of each."""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.resources import files
from typing import Any

import yaml

from tinycircuits.exercises.kinds import Check, Exercise, Outcome, Wrong

ROOMS = ("start", "part_1", "part_2", "part_3", "part_4", "part_5", "part_6")
"""The modules of checks."""


@cache
def exercises() -> dict[str, Exercise]:
    """Every exercise by its name, in the order of the book; raises ``ValueError`` for a wrong field or a name twice."""
    rows: list[dict[str, Any]] = yaml.safe_load(files(__package__).joinpath("exercises.yaml").read_text("utf-8"))
    listed = [
        Exercise.model_validate({key: tuple(v) if isinstance(v, list) else v for key, v in row.items()}) for row in rows
    ]
    if len({one.name for one in listed}) < len(listed):
        raise ValueError("exercises.yaml: a name is used twice")
    return {one.name: one for one in listed}


def exercise(name: str) -> Exercise:
    """The exercise of that name; raises ``ValueError`` that lists the known names."""
    if name not in exercises():
        raise ValueError(f"unknown exercise {name!r}; known are {', '.join(exercises())}")
    return exercises()[name]


def of_chapter(docname: str) -> tuple[Exercise, ...]:
    """The exercises of a chapter, in order; none for one that has none."""
    return tuple(each for each in exercises().values() if each.chapter == docname)


def check_of(name: str) -> Check:
    """The check of an exercise: the function of its name in one of the modules of checks, which are loaded only now."""
    wanted = exercise(name).name.replace("-", "_")
    modules = (import_module(f"tinycircuits.exercises.checks.{room}") for room in ROOMS)
    found: Callable[[Any], float | None] = next(
        getattr(module, wanted) for module in modules if getattr(module, wanted, None) is not None
    )
    return found


def judged(name: str, given: Any) -> Outcome:
    """The outcome of checking an answer here and now."""
    chosen, check = exercise(name), check_of(name)
    try:
        score = check(given)
    except Wrong as wrong:
        return Outcome(name, False, str(wrong))
    return Outcome(name, True, "right" if score is None else f"right; {chosen.score}: {score:.6g}", score)
