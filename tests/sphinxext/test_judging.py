"""The directive ``predict``: what the page gets of a question, and what is refused; where its script is loaded."""

import json
import re
from pathlib import Path

import pytest

from tests.sphinxext import small
from tests.tools import built
from tinycircuits.exercises.sealing import hashed
from tinycircuits.sphinxext.notebooks import plain
from tinycircuits.sphinxext.pages.judging import ASKED, ENTRY, KIND, PROGRESS

QUESTION = "How many, and *why*?\n```\n\nIt is seven.\n"


def asked(folder: Path, page: str, builder: str = "html") -> tuple[str, str]:
    """The page and the warnings of a build of one page."""
    source = folder / "source"
    source.mkdir()
    (source / "conf.py").write_text(
        "extensions = ['myst_parser', *(f'tinycircuits.sphinxext.pages.{name}' for name in ('exercises', 'judging'))]\n"
    )
    (source / "index.md").write_text(f"# Page\n\n{page}")
    site, warnings = small.built(source, builder, fresh=True)
    text = (site / "index.html").read_text() if builder == "html" else next(site.glob("*.tex")).read_text()
    return text, warnings


def test_a_question_holds_its_answer_as_a_hash(tmp_path: Path) -> None:
    page, warnings = asked(tmp_path, f"```{{predict}} own\n:right: 1,234\n:within: 3\n\n{QUESTION}")
    assert not warnings
    box = re.search(rf'<div class="{ASKED}"[^>]*>.*?</div>', page, re.S)
    assert box is not None
    assert f'data-key="{hashed("own", "1234")}"' in box[0]
    assert 'data-within="3"' in box[0]
    assert "<strong>Before you read on.</strong> How many, and <em>why</em>?" in box[0]
    assert "1234" not in page
    assert "1,234" not in page
    assert ENTRY in page


def test_a_choice_is_one_of_those_named(tmp_path: Path) -> None:
    page, warnings = asked(
        tmp_path, f"```{{predict}} own\n:right: the MLP\n:choices: attention | the MLP\n\n{QUESTION}"
    )
    assert not warnings
    options = re.search(r'data-options="([^"]*)"', page)
    assert options is not None
    assert json.loads(options[1].replace("&quot;", '"')) == ["attention", "the MLP"]
    assert f'data-key="{hashed("own", "the MLP")}"' in page


def test_an_exercise_is_judged_as_such(tmp_path: Path) -> None:
    page, warnings = asked(tmp_path, f"```{{predict}} how-many\n:sections: 1\n\n{QUESTION}")
    assert not warnings
    assert '<div class="tc-predict" data-name="how-many" data-sections="1">' in page


def test_print_does_not_ask(tmp_path: Path) -> None:
    page, _ = asked(tmp_path, f"```{{predict}} how-many\n{QUESTION}", "latex")
    assert "It is seven." in page
    assert "Before you read on" not in page


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("own\n\n", "no exercise has this name, and no right answer is given"),
        ("own\n:right: many\n\n", "the right answer must be a whole number, got 'many'"),
        ("own\n:right: 3.5\n\n", "the right answer must be a whole number, got '3.5'"),
        ("own\n:right: both\n:choices: this | that\n\n", "the right answer must be one of this, that, got 'both'"),
        ("how-many\n:right: 7\n\n", "it is an exercise, whose check decides; no right answer expected"),
        ("own\n:right: 7\n\nTwo.\n\n", "exactly one paragraph expected"),
    ],
)
def test_a_question_that_cannot_be_judged_is_refused(tmp_path: Path, options: str, said: str) -> None:
    _, warnings = asked(tmp_path, f"```{{predict}} {options}{QUESTION}")
    assert said in warnings


def test_a_notebook_asks_too() -> None:
    told = plain(f"```{{predict}} own\n:right: {{glue:text}}`n`\n:within: 1\n\n{QUESTION}", lambda role, name: "7")
    assert told == "**Before you read on.** How many, and *why*?\n\nIt is seven.\n"


def test_only_pages_with_something_to_judge_load_the_script() -> None:
    site = built("html/index.html", "make book").parent
    texts = {path.name: path.read_text() for path in site.glob("*.html")}
    loading = {name for name, text in texts.items() if f'src="_static/{ENTRY}' in text}
    assert loading == {
        name for name, text in texts.items() if any(f'class="{each}' in text for each in (KIND, ASKED, PROGRESS))
    }
    assert "intro.html" not in loading
    assert sum(f'class="{ASKED}"' in text for text in texts.values()) >= 5
    assert [name for name, text in texts.items() if f'class="{PROGRESS}"' in text] == ["ideas.html"]
