"""Every exercise stands in its chapter, hints folded, with a notebook to start from; no page shows a solution."""

import json

import nbformat
import pytest
from bs4 import BeautifulSoup

from tests.exercises.solved import ALL
from tests.tools import built
from tinycircuits.exercises.table import exercises, of_chapter
from tinycircuits.sphinxext import stubs
from tinycircuits.sphinxext.notebooks import installing, plain
from tinycircuits.sphinxext.pages.exercises import as_markdown

CHAPTERS = sorted({each.chapter for each in exercises().values()})
HOW = "make book"


def page(name: str) -> BeautifulSoup:
    return BeautifulSoup(built(f"html/{name}.html", HOW).read_text(), "html.parser")


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_shows_its_exercises_with_hints_folded(chapter: str) -> None:
    found = page(chapter).select(".tc-exercise")
    assert [each["id"] for each in found] == [f"exercise-{each.name}" for each in of_chapter(chapter)]
    for shown, each in zip(found, of_chapter(chapter), strict=True):
        hints = shown.select("details.tc-hint")
        assert [hint.summary.text for hint in hints] == [f"Hint {i + 1}" for i in range(len(each.hints))]
        assert not any(hint.has_attr("open") for hint in hints)
        assert f"tinycircuits check {each.name} FILE" in shown.text


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_notebook_to_start_from_can_be_downloaded(chapter: str) -> None:
    link = page(chapter).select_one(f'a[href="exercises/{chapter}.ipynb"]')
    assert link is not None
    assert link.has_attr("download")
    book = nbformat.reads(built(f"html/exercises/{chapter}.ipynb", HOW).read_text(), as_version=4)
    nbformat.validate(book)
    code = [cell.source for cell in book.cells if cell.cell_type == "code"]
    assert "from tinycircuits.exercises import check" in code
    for each in of_chapter(chapter):
        assert each.stub.rstrip() in code
        assert f'check("{each.name}", {each.asks})' in code


def test_the_appendices_name_every_exercise_and_count_the_solutions() -> None:
    ideas, teaching = page("ideas").article, page("teaching").article
    links = {a["href"].rpartition("#")[2] for a in ideas.select("a[href*='#exercise-']")}
    assert links == {f"exercise-{name}" for name in exercises()}
    rows = [[cell.text.strip() for cell in row.select("td")] for row in teaching.select("table")[-1].select("tbody tr")]
    assert [row[0] for row in rows] == [*exercises(), "all"]
    right, wrong = (sum(solution.startswith(kind) for _, solution in ALL) for kind in ("right_", "wrong_"))
    assert rows[-1][1:3] == [str(right), str(wrong)]
    assert len(teaching.select("table")[0].select("tbody tr")) == len(exercises())


def test_no_page_and_no_notebook_shows_a_solution() -> None:
    site = built("html/index.html", HOW).parent
    for path in [*site.glob("*.html"), *site.rglob("*.ipynb")]:
        text = path.read_text()
        assert not [solution for _, solution in ALL if f"def {solution}(" in text], path.name


def test_a_notebook_of_stubs_runs_up_to_its_checks(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("TINYCIRCUITS_DONE", str(tmp_path / "done.json"))
    book = stubs.stubs("task", "What is the task?", installing("", "main"))
    assert book == stubs.stubs("task", "What is the task?", installing("", "main")), "the same whenever it is written"
    there: dict[str, object] = {}
    for cell in book.cells:
        if cell.cell_type == "code":
            exec(cell.source, there)
    assert "reverse: your function returns nothing" in capsys.readouterr().out
    assert json.loads((tmp_path / "done.json").read_text())["exercises"].keys() == {"reverse", "fair-holdout"}


def test_the_executed_notebook_says_the_exercises_in_words() -> None:
    told = plain("Try.\n\n```{exercises}\n```\n", lambda role, _: as_markdown("task") if role == "exercises" else None)
    assert told.startswith("Try.\n\n**The task in code** (code, 5 minutes).")
    assert "{exercises}" not in told
    for chapter in CHAPTERS:
        assert "{exercises}" not in built(f"html/notebooks/{chapter}.ipynb", HOW).read_text()
