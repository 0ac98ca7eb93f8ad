"""A hand-in's answers: the file is asked for by name, and whatever is in an answer can be printed."""

from pathlib import Path

import pytest

from tinycircuits.exercises import done
from tinycircuits.exercises.kinds import Outcome
from tinycircuits.sphinxext.press import answers
from tinycircuits.sphinxext.press.answers import chapter_of, printable

NASTY = (
    "\\end{document} % ~ ^ $x$ & _ # { } \"'`` <<>> -- \t tab \N{CJK UNIFIED IDEOGRAPH-674E} \x0c é \\input{x}\r\nend"
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "my done.json"
    done.keep(path, Outcome("reverse", True, "right"), f"def solve(digits, modulus):\n    return {NASTY!r}\n")
    done.keep(path, Outcome("quiet-row", False, "the row that says y_7 & $more$"), NASTY)
    done.keep(path, Outcome("hands", True, "right", 2.8943), "[3, 19, 42, 43, 53]")
    return path


def test_nothing_is_printed_where_nothing_is_asked_for() -> None:
    assert answers.answers({}) == answers.answers({"BOOK_EXERCISES": "  ", "EXERCISES": "there.json"}) == {}


@pytest.mark.parametrize("content", [None, "", "{}", '{"format": 1, "exercises": {}}'])
def test_a_file_without_answers_is_named(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "done.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ValueError, match=r"EXERCISES: .*done\.json"):
        answers.answers({"BOOK_EXERCISES": str(path)})


def test_each_answer_stands_there_with_its_score(file: Path) -> None:
    text = chapter_of(answers.answers({"BOOK_EXERCISES": str(file)})).astext()
    assert "2 of " in text
    assert "The task in code (code, 5 minutes): solved, 1 try" in text
    assert "solved, least margin 2.8943, 1 try" in text
    assert "not solved, 1 try" in text
    assert "the row that says y_7 & $more$" in text
    assert "[3, 19, 42, 43, 53]" in text


def test_what_has_no_glyph_is_escaped() -> None:
    assert printable("é\t李\x0c\r\nx") == "é   \\u674e\\x0c\nx"
