"""The solutions that exercises are tested with: right ones and planted wrong ones, by exercise and name."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from tinycircuits.exercises import table
from tinycircuits.exercises.table import exercise, exercises

SOLUTIONS = Path(__file__).parent / "solutions"
STORED = Path(table.__file__).with_name("tested.yaml")
TARGETS = {"right": 2, "wrong": 5}
"""How many there must be for each exercise, at least."""


def functions(name: str) -> dict[str, Callable[..., Any]]:
    """The right and wrong solutions of one exercise by their names."""
    module = import_module(f"tests.exercises.solutions.{name.replace('-', '_')}")
    return {key: each for key, each in vars(module).items() if key.startswith(("right_", "wrong_"))}


def is_function(name: str) -> bool:
    """Whether an exercise asks for a function; else a solution is what calling it gives."""
    chosen = exercise(name)
    return f"def {chosen.asks}(" in chosen.stub


def answer(name: str, solution: str) -> Any:
    """One solution as ``check`` takes it."""
    found = functions(name)[solution]
    return found if is_function(name) else found()


def counts() -> dict[str, tuple[int, int]]:
    """For each exercise how many right and wrong solutions there are."""
    return {
        name: tuple(sum(key.startswith(kind) for key in functions(name)) for kind in TARGETS) for name in exercises()
    }


ALL = [(name, solution) for name in exercises() for solution in functions(name)]


def write_counts() -> None:
    """Store the counts for the instructor's appendix: ``python -m tests.exercises.solved``."""
    lines = ["# Solutions that each check was tried on; written by `python -m tests.exercises.solved`.\n"]
    lines += [f"{name}: {{right: {right}, wrong: {wrong}}}\n" for name, (right, wrong) in counts().items()]
    STORED.write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    write_counts()
