"""The instructor's document has every right solution and no planted wrong one; nothing else has any."""

import ast
import importlib.util
from pathlib import Path

from tests.exercises.solved import ALL, SOLUTIONS
from tinycircuits.exercises.table import exercises

ROOT = Path(__file__).resolve().parents[2]


def tool():
    spec = importlib.util.spec_from_file_location("solutions", ROOT / "tools/solutions.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_right_solution_is_in_it_and_no_wrong_one() -> None:
    page = tool().page()
    for name, solution in ALL:
        assert (f"def {solution}(" in page) == solution.startswith("right_"), (name, solution)
    assert all(each.title.split(":")[0] in page for each in exercises().values() if "'" not in each.title)


def test_what_it_prints_of_a_module_runs_by_itself() -> None:
    for path in sorted(SOLUTIONS.glob("[a-z]*.py")):
        text = tool().right_ones(path.read_text())
        defined = {getattr(node, "name", "") for node in ast.parse(text).body}
        there: dict[str, object] = {"__name__": "solutions"}
        exec(text, there)
        assert {name for name in defined if name.startswith("right_")}, path.stem
