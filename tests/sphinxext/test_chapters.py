"""Chapters are for reading: little code is open, captions begin with what was found, sections with a sentence."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.sphinxext.test_prose import ALLOWED, BOOK, CHAPTERS

LISTING = "listing"
"""The chapter that is code: the whole experiment in one cell."""
PARTS = {part["caption"]: part["chapters"] for part in yaml.safe_load((BOOK / "_toc.yml").read_text())["parts"]}
_READ = [BOOK / f"{chapter['file']}.md" for part in list(PARTS.values())[:-1] for chapter in part]
QUESTIONS = [path for path in _READ if re.search(r"^# .*\?$", path.read_text(), re.M)]
"""The chapters that ask something: all but the introduction, the ending, and those behind the book."""
LISTS = ("## What we found",)
"""Sections of sentences in a list."""

CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(?P<options>(?::[\w-]+:[^\n]*\n)*)(?P<source>.*?)^```$", re.S | re.M)
CAPTION = re.compile(
    r"^```\{caption\} (?P<label>\S+)\n(?::alt:(?P<alt>[^\n]*)\n)?(?::folded:[^\n]*\n)?\n?(?P<words>.*?)^```$",
    re.S | re.M,
)
GLUED = re.compile(r"\{glue:text\}`[^`]+`")
MARKED = re.compile(r"\{[\w:]+\}`[^`]*`|\$[^$]+\$|`[^`]+`")


@dataclass(frozen=True)
class Cell:
    """A code cell of a chapter."""

    shown: bool
    lines: list[str]


def cells(text: str) -> list[Cell]:
    """The code cells of a chapter; empty lines at the ends do not count."""
    return [
        Cell("shown" in found["options"], found["source"].strip("\n").splitlines()) for found in CELL.finditer(text)
    ]


def wrong_in_cells(text: str) -> list[str]:
    """What is wrong with the cells that are open on the page."""
    found = []
    for cell in cells(text):
        if cell.shown and len(cell.lines) > 12:
            found.append(f"{len(cell.lines)} lines from {cell.lines[0]!r}")
        found += [f"{len(line)} characters: {line!r}" for line in cell.lines if cell.shown and len(line) > 78]
    return found


def wrong_in_captions(text: str) -> list[str]:
    """What is wrong with the captions of a chapter."""
    found = []
    for caption in CAPTION.finditer(text):
        words, label = " ".join(caption["words"].split()), caption["label"]
        finding = re.match(r"\*\*(.+?)\*\*(?= |$)", words)
        if not finding or finding[1][-1] not in ".!?:" or len(finding[1].split()) < 3:
            found.append(f"{label}: begins with no finding")
        if len(GLUED.split(words)[0].split()) > 35:
            found.append(f"{label}: more than 35 words before the first number")
        if len(words.split()) > 75:
            found.append(f"{label}: {len(words.split())} words")
        for said in (words, caption["alt"] or ""):
            plain = re.sub(r"\b[a-zA-Z]_\{?\d\}?", "", MARKED.sub("", said))
            for pattern in ALLOWED:
                plain = re.sub(pattern, "", plain)
            if re.search(r"\d", plain):
                found.append(f"{label}: a typed number in {plain!r}")
    return found


def leading_into_folded(text: str) -> list[str]:
    """The lines that end with a colon right before a folded cell: print shows nothing there that they lead to."""
    folded = [found.start() for found in CELL.finditer(text) if "shown" not in found["options"]]
    lines = [text[:start].rstrip().rsplit("\n", 1)[-1] for start in folded]
    return [line for line in lines if line.endswith(":") and line.strip(":")]


def without_a_sentence(text: str) -> list[str]:
    """The headings of sections that begin with something else than a sentence."""
    starts = re.findall(r"^(#{2,4} [^\n]+)\n+([^\n]*)", text, re.M)
    return [
        heading
        for heading, line in starts
        if heading not in LISTS and (line.startswith("```") or not re.match(r"[\w*`\"'({\[$]", line))
    ]


@pytest.mark.parametrize("chapter", [path for path in CHAPTERS if path.stem != LISTING], ids=lambda path: path.stem)
def test_open_code_is_short_and_narrow(chapter: Path) -> None:
    assert wrong_in_cells(chapter.read_text()) == []


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_captions_begin_with_what_was_found(chapter: Path) -> None:
    assert wrong_in_captions(chapter.read_text()) == []


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_no_sentence_leads_into_a_folded_cell(chapter: Path) -> None:
    assert leading_into_folded(chapter.read_text()) == []


@pytest.mark.parametrize("chapter", QUESTIONS, ids=lambda path: path.stem)
def test_sections_begin_with_a_sentence(chapter: Path) -> None:
    assert without_a_sentence(chapter.read_text()) == []


@pytest.mark.parametrize("chapter", QUESTIONS, ids=lambda path: path.stem)
def test_a_chapter_says_what_it_asks_and_ends_with_what_it_found(chapter: Path) -> None:
    text = chapter.read_text()
    for part in ("**Question.**", "**Claim.**", "**What would prove us wrong.**"):
        assert text.count(part) == 1
    goals = re.search(r"^:::\{admonition\} You will learn\n:class: note\n(.*?)^:::$", text, re.S | re.M)
    assert goals
    assert len(re.findall(r"^- ", goals[1], re.M)) == 3
    found = re.search(r"^## What we found\n(.*?)^## ", text, re.S | re.M)
    assert found
    assert len(re.findall(r"^- ", found[1], re.M)) == 3


def test_the_book_shows_little_code() -> None:
    readers_own = [chapter["file"] for chapter in PARTS.get("Your own tasks", [])]
    ours = [path for path in CHAPTERS if path.stem not in {LISTING, *readers_own}]
    everything = [cell for path in ours for cell in cells(path.read_text())]
    assert sum(len(cell.lines) for cell in everything if cell.shown) <= 900
    assert sum(len(cell.lines) for cell in everything) <= 2_900


PLANTED_CELLS = {
    "13 lines": "a = 1\n" * 13,
    "79 characters": "a" * 79 + "\n",
}


@pytest.mark.parametrize("planted", PLANTED_CELLS.values(), ids=PLANTED_CELLS)
def test_long_open_code_is_caught(planted: str) -> None:
    assert wrong_in_cells(f"```{{code-cell}} ipython3\n:tags: [shown]\n{planted}```\n")
    assert not wrong_in_cells(f"```{{code-cell}} ipython3\n{planted}```\n")


@pytest.mark.parametrize(
    "planted",
    [
        "```{caption} tbl-a\nNo finding here.\n```\n",
        "```{caption} tbl-a\n**Two words.** More.\n```\n",
        "```{caption} tbl-a\n**All 17 inputs are right.**\n```\n",
        "```{caption} fig-a\n:alt: Bars up to 0.5.\n\n**The bars are high.**\n```\n",
        f"```{{caption}} tbl-a\n**They are right.** {'word ' * 33}{{glue:text}}`n`.\n```\n",
        f"```{{caption}} tbl-a\n**They are {{glue:text}}`n`.** {'word ' * 73}\n```\n",
    ],
)
def test_a_caption_without_a_finding_is_caught(planted: str) -> None:
    assert wrong_in_captions(planted)


def test_a_good_caption_is_let_through() -> None:
    words = "**The row of $y_0$ reads L0H1.** See {glue:text}`n`."
    assert not wrong_in_captions(f"```{{caption}} fig-a\n:alt: Row y_0 is {{glue:text}}`n`.\n\n{words}\n```\n")


@pytest.mark.parametrize("start", ["```{code-cell} ipython3\n1\n```", "- a list", "### A heading", ":::{note}\n:::"])
def test_a_section_without_a_sentence_is_caught(start: str) -> None:
    assert without_a_sentence(f"# Why?\n\n## A section\n\n{start}\n") == ["## A section"]
    assert not without_a_sentence(f"# Why?\n\n## A section\n\nWords first.\n\n{start}\n".replace("### A heading", "x"))


def test_a_sentence_that_leads_into_a_folded_cell_is_caught() -> None:
    cell = "```{code-cell} ipython3\n:tags: [shown]\n1\n```\n"
    assert leading_into_folded(f"Seen so:\n\n{cell.replace(':tags: [shown]', ':tags: [other]')}") == ["Seen so:"]
    assert not leading_into_folded(f"Seen so:\n\n{cell}")
    assert not leading_into_folded(":::{note}\nA box.\n:::\n\n```{code-cell} ipython3\n1\n```\n")


def test_the_folder_has_chapters() -> None:
    assert len(QUESTIONS) >= 15
    assert (BOOK / f"{LISTING}.md") in CHAPTERS
