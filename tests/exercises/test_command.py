"""`tinycircuits exercises` and `tinycircuits check`: a user's mistake is one line, a wrong answer exit code 1."""

from pathlib import Path

import pytest

from tests.test_cli import call
from tinycircuits.exercises import report, running
from tinycircuits.exercises.kinds import Outcome
from tinycircuits.exercises.table import exercises


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder in which no process is started: an answer that says so is right."""

    def attempt(name: str, file: Path, *, seconds: float) -> Outcome:
        passed = "right" in running.source(file)
        return Outcome(name, passed, "right" if passed else "the digit 0 is wrong")

    monkeypatch.setattr(report.running, "attempt", attempt)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TINYCIRCUITS_DONE", raising=False)
    (tmp_path / "mine.py").write_text("# right\n")
    (tmp_path / "other.py").write_text("# wrong\n")
    return tmp_path


def test_a_right_answer_ends_well_and_is_kept(here, monkeypatch, capsys):
    assert call(monkeypatch, capsys, "check", "reverse", "mine.py") == (0, "reverse: right\n", "")
    code, told, _ = call(monkeypatch, capsys, "exercises")
    assert code == 0
    assert f"1 of {len(exercises())} solved; kept in done.json" in told


def test_a_wrong_answer_says_why_and_ends_with_one(here, monkeypatch, capsys):
    assert call(monkeypatch, capsys, "check", "reverse", "other.py") == (1, "reverse: the digit 0 is wrong\n", "")


def test_another_place_is_used_and_cleared(here, monkeypatch, capsys):
    call(monkeypatch, capsys, "check", "reverse", "mine.py", "--state", "kept/mine.json")
    assert not (here / "done.json").exists()
    assert (
        call(monkeypatch, capsys, "exercises", "--clear", "--state", "kept/mine.json")[1] == "cleared kept/mine.json\n"
    )
    assert "nothing is kept in" in call(monkeypatch, capsys, "exercises", "--clear")[1]
    assert "nothing is solved" in call(monkeypatch, capsys, "exercises", "--again")[1]


def test_answers_are_checked_again(here, monkeypatch, capsys):
    call(monkeypatch, capsys, "check", "reverse", "mine.py")
    assert call(monkeypatch, capsys, "exercises", "--again") == (0, "ok      reverse: right\n", "")
    file = here / "done.json"
    file.write_text(file.read_text().replace("# right", "# typed"))
    code, told, _ = call(monkeypatch, capsys, "exercises", "--again")
    assert (code, told) == (1, "REFUSED reverse: the digit 0 is wrong\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("check", "revers", "mine.py"), "unknown exercise 'revers'; known are reverse"),
        (("check", "reverse", "none.py"), "none.py cannot be read (No such file or directory)"),
        (("check", "reverse"), "Missing argument 'FILE'"),
        (("check", "reverse", "mine.py", "--seconds", "0"), "--seconds"),
        (("check", "reverse", "mine.py", "--state", "mine.py"), "mine.py holds no list of exercises"),
        (("exercises", "revers"), "unknown exercise 'revers'"),
        (("exercises", "reverse", "--hints", "-1"), "--hints"),
    ],
)
def test_a_mistake_is_one_line(here, monkeypatch, capsys, arguments, said):
    code, told, complaint = call(monkeypatch, capsys, *arguments)
    assert (code, told) == (2, "")
    assert said in complaint
    assert complaint.count("\n") == 1
