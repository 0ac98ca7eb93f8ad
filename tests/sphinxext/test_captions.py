"""The directive ``caption``: what it refuses, where its words go."""

from html import unescape
from pathlib import Path

import pytest

from tests.sphinxext import small

FIGURE = "```{figure} drawing.svg\n:name: fig-a\n```\n\n"
TABLE = "```{list-table}\n:name: tbl-a\n* - 1\n```\n\n"
DRAWING = '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'
SAID = ":alt: Said & done.\n\n**Found.** Then *this*.\n```\n"


def built(folder: Path, page: str) -> tuple[str, str]:
    """The page and the warnings of a build of one page."""
    source = folder / "source"
    source.mkdir()
    (source / "conf.py").write_text(
        "extensions = ['myst_parser', *(f'tinycircuits.sphinxext.pages.{name}' for name in ('captions', 'folding'))]\n"
        "numfig = True\n"
    )
    (source / "drawing.svg").write_text(DRAWING)
    (source / "index.md").write_text(f"# Page\n\n{page}")
    site, warnings = small.built(source, fresh=True)
    return (site / "index.html").read_text(), warnings


def test_words_become_the_caption_and_the_alternative_text(tmp_path: Path) -> None:
    page, warnings = built(tmp_path, FIGURE + "```{caption} fig-a\n" + SAID)
    assert not warnings
    assert "<strong>Found.</strong> Then <em>this</em>." in page.split("<figcaption>")[1]
    assert 'alt="Said & done."' in unescape(page)


def test_a_table_takes_a_caption(tmp_path: Path) -> None:
    page, warnings = built(tmp_path, TABLE + "```{caption} tbl-a\n**Counted.** All.\n```\n")
    assert not warnings
    assert "<strong>Counted.</strong> All." in page.split("<caption>")[1]


def test_what_is_folded_stands_closed_behind_its_line(tmp_path: Path) -> None:
    other = "```{figure} drawing.svg\n:name: fig-b\n```\n\n```{caption} fig-b\n"
    page, warnings = built(tmp_path, FIGURE + "```{caption} fig-a\n:folded: D & E\n" + SAID + "\n" + other + SAID)
    assert not warnings
    closed = page.split('<details class="tc-folded"><summary>D &amp; E</summary>')[1].split("</details>")[0]
    assert 'id="fig-a"' in closed
    assert 'id="fig-b"' not in closed
    assert page.count("<details") == 1


REFUSED = {
    "no cell above draws": "```{caption} fig-b\n" + SAID,
    "fig-a has no caption": FIGURE,
    "it has a caption already": FIGURE + ("```{caption} fig-a\n" + SAID + "\n") * 2,
    "it begins with the finding": FIGURE + "```{caption} fig-a\n:alt: A.\n\nThen **this**.\n```\n",
    "exactly one paragraph": FIGURE + "```{caption} fig-a\n:alt: A.\n\n**One.**\n\nTwo.\n```\n",
    "needs an alternative text": FIGURE + "```{caption} fig-a\n**One.**\n```\n",
    "takes no alternative text": TABLE + "```{caption} tbl-a\n" + SAID,
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_does_not_fit_is_named(tmp_path: Path, why: str) -> None:
    assert why in built(tmp_path, REFUSED[why])[1]
