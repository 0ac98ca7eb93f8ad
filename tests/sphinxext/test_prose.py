"""No chapter states a measured number in typed digits: numbers in prose are computed where the chapter is executed."""

import re
from pathlib import Path

import pytest

BOOK = Path(__file__).resolve().parents[2] / "book"
CHAPTERS = sorted(BOOK.glob("*.md"))

FENCE = re.compile(r"(`{3,}|~{3,}|:{3,})\s*(?:\{([\w:-]+)\}(.*)|\w*)")
CODE = {"code-cell", "code-block", "code", "literalinclude", "math", "bibliography", "toctree"}

NOT_PROSE = [
    re.compile(pattern, re.S | re.M)
    for pattern in (
        r"<!--.*?-->|^%.*?$",  # comments
        r"\$\$.*?\$\$( \([\w-]+\))?",  # formulas
        r"\$(?!\s)[^$\n]+?(?<!\s)\$",
        r"\{[\w:+-]+\}`[^`]*`",  # roles: glue, cite, numref, ...
        r"(`+)[^`]*\1",  # code in a line
        r"\]\([^)]*\)|\]\[[^\]]*\]|^\[[^\]]+\]:.*?$",  # targets of links
        r"https?://\S+",
        r"^\([\w-]+\)=\s*$",  # labels
        r"^:[\w-]+:.*?$",  # options of directives
        r"&#?\w+;",
    )
]

ALLOWED = {
    r"TransformerLens 4(\.\d+)*": "the library's version",
    r"Jupyter Book [12]\b": "the version of the tool that builds the book",
    r"Python 3\.\d+": "the version of the language",
    r"GPT-2\b": "the name of a model",
    r"^\d+\.\s": "the number of an item in a list",
    r"\b(19|20)\d\d\b": "a year of publication",
    r"\b[a-zA-Z_]\w*\d\w*\b": "a digit that is part of a name, such as L0H3 or float64",
}


def without_code(text: str) -> str:
    """Return ``text`` with the same lines, those of the front matter, of code and of fences empty; titles stay."""
    matter = re.match(r"---\n.*?\n---\n", text, re.S)
    lines = text[matter.end() :].splitlines() if matter else text.splitlines()
    kept = [""] * (matter[0].count("\n") if matter else 0)
    opened: list[tuple[str, bool]] = []
    for line in lines:
        fence = FENCE.fullmatch(line.strip())
        inside_code = bool(opened) and opened[-1][1]
        if fence and opened and line.strip() == fence[1] and len(fence[1]) >= len(opened[-1][0]):
            opened.pop()
            kept.append("")
        elif fence and not inside_code:
            code = fence[2] in CODE or (fence[2] is None and fence[1][0] != ":")
            opened.append((fence[1], code))
            kept.append("" if code else fence[3] or "")
        else:
            kept.append("" if inside_code else line)
    return "\n".join(kept)


def typed_numbers(text: str) -> list[str]:
    """Return the lines of prose that hold typed digits, each with its line number."""
    text = without_code(text)
    for pattern in NOT_PROSE:
        text = pattern.sub(lambda found: "\n" * found[0].count("\n"), text)
    for pattern in ALLOWED:
        text = re.sub(pattern, "", text, flags=re.M)
    lines = enumerate(text.splitlines(), start=1)
    return [f"line {number}: {line.strip()}" for number, line in lines if re.search(r"\d", line)]


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_prose_holds_no_typed_number(chapter: Path) -> None:
    assert typed_numbers(chapter.read_text(encoding="utf-8")) == [], "publish the number and write {glue:text}`name`"


@pytest.mark.parametrize(
    "planted",
    [
        "The model is right on 65,536 inputs.",
        "It is right in 99.7 % of cases.",
        "* an item with 3 errors",
        "**Limits.** Only 1 seed.",
        "```{admonition} Claim\nAll 256 inputs are right.\n```",
        "```{admonition} All 5\nWords.\n```",
        "````{note}\n```{code-cell}\n1\n```\nThen 7.\n````",
        "```python\n1\n```\nThen 7.\n```python\n1\n```",
        "| a | 17 |",
        "## The 4-digit model",
        "`code` then 5 and `code`",
    ],
)
def test_a_planted_number_is_caught(planted: str) -> None:
    assert typed_numbers(f"---\nfile_format: mystnb\n---\n\nWords.\n\n{planted}\n")


@pytest.mark.parametrize(
    "innocent",
    [
        "It is right on {glue:text}`wrong-4` of them, see {numref}`fig-a1` and [a link](page2.md#p3).",
        "Take $x_0 + 1$ and `W_E[3]`.",
        "$$\ny_7 = x_0 + 1\n$$ (eq-1)",
        "```{code-cell} ipython3\n:tags: [a1]\nvalue = 65536\n```",
        "```python\nvalue = 65536\n```",
        "1. first\n2. second",
        "Head L0H3 in float64, after TransformerLens 4.3, {cite}`nanda2023`, published in 2023.",
        "```{admonition} Claim\n:class: tip-2\nAll inputs are right.\n```",
        "(label-1)=\n# Title\n% comment 4\n<!-- 5 -->",
    ],
)
def test_what_is_no_measured_number_is_let_through(innocent: str) -> None:
    assert typed_numbers(f"---\nfile_format: mystnb\nnumber: 5\n---\n\nWords.\n\n{innocent}\n") == []


def test_the_line_of_an_offender_is_named() -> None:
    assert typed_numbers("---\na: 1\n---\n\n$$\n1\n$$\n\nNow 5 words.\n") == ["line 9: Now 5 words."]
