"""The list of planted mistakes: each still applies, and what runs them tells a noticed one from the others."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tinycircuits.scaffold import own_tasks
from tools.mutants import ELSEWHERE, LEAST, Mutant, Outcome, _Bench, chosen, mutants, outcomes, passed, table

ROOT = Path(__file__).parents[1]
LISTED = mutants()


def test_every_listed_mistake_applies_compiles_and_names_tests_that_exist():
    for mutant in LISTED:
        text = (ROOT / mutant.file).read_text()
        assert mutant.planted(text) != text, mutant.says
        assert mutant.tests, mutant.says
        for test in mutant.tests:
            path, *names = test.split("::")
            assert all(f"def {name.partition('[')[0]}(" in (ROOT / path).read_text() for name in names), test


def test_there_are_enough_mistakes_in_every_room_and_none_twice():
    assert len(LISTED) >= 80
    rooms = {each.room for each in LISTED}
    assert {"interp", "proof", "lanes", "summaries", "fits", "tasks", "evaluation", "training"} <= rooms
    assert len({(each.file, each.old, each.new) for each in LISTED}) == len(LISTED)


def test_every_module_of_the_book_that_measures_has_a_mistake():
    rooms = [*(ROOT / "src/tinycircuits").glob("*.py")]
    for name in ("interp", "proof", "training/lanes", "results/summaries", "tasks"):
        rooms += (ROOT / "src/tinycircuits" / name).glob("*.py")
    own = {name.replace("-", "_") for name in own_tasks()}
    silent = {*own, "__init__", "articles", "checkout", "cli", "digits", "reports", "specs", "store", "studies"}
    files = {str(path.relative_to(ROOT)) for path in rooms if path.stem not in silent}
    assert files <= {each.file for each in LISTED}


@pytest.fixture(scope="module", autouse=True)
def bare():
    """No plugins for the tests of the tiny package: they would take longer than all else here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        yield


def tiny(root: Path) -> list[Mutant]:
    """A package of one function, its test, and four mistakes."""
    for path, text in {
        "src/tiny/__init__.py": "def mean(values):\n    return sum(values) / len(values)\n",
        "tests/test_tiny.py": "from tiny import mean\n\n\ndef test_mean():\n    assert mean([1, 3]) == 2\n",
        "tests/test_red.py": "def test_red():\n    assert False\n",
        "checkpoints/unfinished": "",
        "data": "",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    noticed = Mutant("x", "src/tiny/__init__.py", "len(values)", "3", "caught", ("tests/test_tiny.py",))
    return [
        noticed,
        replace(noticed, new="2", says="survives"),
        replace(noticed, old="values", says="does not apply"),
        replace(noticed, tests=("tests/test_red.py",), says="red anyway"),
    ]


def test_a_mistake_that_nobody_notices_survives_and_the_source_is_left_as_it_was(tmp_path):
    listed = tiny(tmp_path)
    before = {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    found = {each.mutant.says: each for each in outcomes(listed, tmp_path, heavy=())}
    assert {says: each.verdict for says, each in found.items()} == {
        "caught": "caught",
        "survives": "survived",
        "does not apply": "invalid",
        "red anyway": "invalid",
    }
    assert found["caught"].why == "test_mean"
    assert "occurs 3 times" in found["does not apply"].why
    assert "fails without the mistake" in found["red anyway"].why
    assert {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_tests_that_do_not_end_or_import_another_source_say_nothing(tmp_path):
    root = tmp_path / "root"
    endless = replace(tiny(root)[0], new="__import__('time').sleep(999)", says="endless")
    (stopped,) = outcomes([endless], root, heavy=(), seconds=15)
    assert stopped.verdict == "invalid"
    assert "status -9" in stopped.why
    bench = _Bench(root, tmp_path / "bench", 1, ())
    assert bench.run("json", ("tests/test_tiny.py",), 60)[0] == ELSEWHERE


def some(*verdicts):
    base = Mutant("room", "src/a/b.py", "x", "y", "says", ("t",))
    return [Outcome(replace(base, says=f"says {i}"), verdict, "", 0) for i, verdict in enumerate(verdicts)]


@pytest.mark.parametrize(
    ("verdicts", "good"),
    [
        (["caught"] * 19 + ["survived"], True),
        (["caught"] * 18 + ["survived"], False),
        (["caught"] * 99 + ["invalid"], False),
        ([], False),
    ],
)
def test_nineteen_of_twenty_must_be_noticed_and_none_may_say_nothing(verdicts, good):
    assert LEAST == 0.95
    assert passed(some(*verdicts)) == good


def test_the_table_counts_by_room_and_lists_who_survived():
    lines = table(some("caught", "survived", "invalid", "caught")).splitlines()
    assert lines[1].split() == ["room", "2", "1", "1", "67", "%"]
    assert lines[2].split() == ["all", "2", "1", "1", "67", "%"]
    assert lines[3:] == ["survived: src/a/b.py: says 1", "invalid: src/a/b.py: says 2"]


def test_rooms_and_words_choose():
    base = some("caught")[0].mutant
    listed = [replace(base, room="one", says="axis two"), replace(base, room="two", says="wrong axis")]
    assert chosen(listed, []) == chosen(listed, ["axis"]) == chosen(listed, ["b.py"]) == listed
    assert chosen(listed, ["two"]) == listed[1:], "the name of a room is no word to look for"
    assert chosen(listed, ["wrong", "one"]) == listed
    done = subprocess.run(
        [sys.executable, ROOT / "tools/mutants.py", "no such word"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, "only must name a room" in done.stderr) == (2, True)
