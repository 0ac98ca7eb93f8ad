"""What is done is kept whole, a right answer is not lost to a wrong one, and a damaged file is named."""

import json
from pathlib import Path

import pytest

from tinycircuits.exercises import check, done, report
from tinycircuits.exercises.kinds import Outcome
from tinycircuits.exercises.table import exercises

RIGHT, WRONG = Outcome("reverse", True, "right"), Outcome("reverse", False, "no")


def test_a_right_answer_stays_when_a_wrong_one_follows(tmp_path: Path) -> None:
    file = tmp_path / "done.json"
    for outcome, answer in ((WRONG, "first"), (RIGHT, "second"), (WRONG, "third")):
        done.keep(file, outcome, answer)
    entry = done.read(file)["reverse"]
    assert (entry.passed, entry.tries, entry.answer) == (True, 3, "second")
    assert [path.name for path in tmp_path.iterdir()] == ["done.json"], "nothing is left beside it"


@pytest.mark.parametrize(
    ("name", "scores", "kept"), [("smallest-break", (0.02, 0.01, 0.015), 0.01), ("hands", (2.5, 2.7, 2.6), 2.7)]
)
def test_of_an_open_question_the_best_is_kept(
    tmp_path: Path, name: str, scores: tuple[float, ...], kept: float
) -> None:
    file = tmp_path / "done.json"
    for score in scores:
        done.keep(file, Outcome(name, True, "right", score), str(score))
    assert done.read(file)[name].score == kept


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        "[]",
        '{"format": 2, "exercises": {}}',
        '{"format": 1, "exercises": {"reverse": {"passed": true}}}',
        '{"format": 1, "exercises": {"reverse": {"passed": 1, "tries": "x", "said": "", "answer": "", "day": ""}}}',
    ],
)
def test_a_damaged_file_is_named_and_stays(tmp_path: Path, content: str) -> None:
    file = tmp_path / "done.json"
    file.write_text(content)
    for act in (done.read, done.clear, lambda f: done.keep(f, RIGHT, "x"), report.overview):
        with pytest.raises(ValueError, match=r"done\.json"):
            act(file)
    assert file.read_text() == content


def test_an_unknown_exercise_in_a_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "done.json"
    done.keep(file, RIGHT, "x")
    file.write_text(file.read_text().replace('"reverse"', '"backwards"'))
    with pytest.raises(ValueError, match="backwards"):
        done.read(file)


def test_the_place_is_the_one_named_or_the_variables_or_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(done.VARIABLE, raising=False)
    assert done.place() == Path("done.json")
    monkeypatch.setenv(done.VARIABLE, "/there/mine.json")
    assert done.place() == Path("/there/mine.json")
    assert done.place("other.json") == Path("other.json")


def test_it_can_be_cleared(tmp_path: Path) -> None:
    file = tmp_path / "done.json"
    done.keep(file, RIGHT, "x")
    assert done.clear(file)
    assert not file.exists()
    assert not done.clear(file)


def test_a_notebook_is_told_and_keeps_the_source(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def solve(digits, modulus):
        return [(digit + 1) % modulus for digit in digits[::-1]]

    file = tmp_path / "done.json"
    check("reverse", solve, state=file)
    check("quiet-row", "y_7", state=file)
    assert capsys.readouterr().out.startswith("reverse: right\nquiet-row: the row that says y_7")
    entries = done.read(file)
    assert "def solve" in entries["reverse"].answer
    assert not entries["quiet-row"].passed


def test_a_notebook_does_not_hang(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def solve(digits, modulus):
        while True:
            pass

    check("reverse", solve, seconds=0.5, state=tmp_path / "done.json")
    assert "takes more than" in capsys.readouterr().out


def test_the_overview_says_what_is_solved_and_what_was_tried(tmp_path: Path) -> None:
    file = tmp_path / "done.json"
    done.keep(file, RIGHT, "x")
    done.keep(file, Outcome("quiet-row", False, "no"), "x")
    told = report.overview(file)
    assert f"1 of {len(exercises())} solved" in told
    states = {line.split()[0]: line for line in told.splitlines() if line}
    assert "solved" in states["reverse"]
    assert "1 try" in states["quiet-row"]
    assert " open " in states["swap"]


def test_hints_come_one_by_one() -> None:
    chosen = exercises()["reverse"]
    for n in range(len(chosen.hints) + 1):
        told = " ".join(report.told("reverse", n).split())
        assert [hint in told for hint in chosen.hints] == [i < n for i in range(len(chosen.hints))]
        assert chosen.idea not in told


@pytest.mark.slow
def test_an_answer_that_was_put_into_the_file_is_found_out(tmp_path: Path) -> None:
    file = tmp_path / "done.json"
    done.keep(file, RIGHT, "def solve(digits, modulus):\n    return [(d + 1) % modulus for d in digits[::-1]]\n")
    done.keep(file, Outcome("quiet-row", True, "right"), "'y_0'")
    content = json.loads(file.read_text())
    content["exercises"]["reverse"]["answer"] = "def solve(digits, modulus):\n    return digits\n"
    file.write_text(json.dumps(content))
    lines, right = report.again(file, tmp_path, 30)
    assert not right
    assert [line.split()[:2] for line in lines] == [["REFUSED", "reverse:"], ["ok", "quiet-row:"]]
