"""The typeset book: contents, captions in order, nothing unresolved, nothing off the page, the numbers of the pages."""

import calendar
import re
from html import unescape
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.pdf.pages import Pdf, squeezed
from tests.tools import BUILD, built
from tinycircuits.sphinxext.press.selection import contents
from tinycircuits.sphinxext.press.typeset import complaints

pytestmark = [pytest.mark.latex, pytest.mark.xdist_group("pdf")]

NAME = "from-zero-to-mechanistic-interpretability"
BOOK = contents(BUILD.parent)
A4 = (595, 842)
MARGIN = 60
"""Points that must stay empty at the left and right; the margins have 65."""
TEXT = (65, 57)
"""Points above and below the text, as the style sets them."""
PAGES = (3 * len(BOOK.chapters), 195)
"""At least three for each chapter; and what one can read."""
FULL = 0.5
"""How much of a page is filled, unless a chapter ends on it."""


CELL = re.compile(r'(<details class="tc-code">.*?)?<div class="cell_input.*?<pre>(.*?)</pre>', re.S)
"""A cell's code on a page, and before it what folds it."""


@pytest.fixture(scope="session")
def pdf() -> Pdf:
    return Pdf(built(f"latex/{NAME}.pdf", "make pdf"))


def page(docname: str) -> str:
    return (BUILD / f"html/{docname}.html").read_text(encoding="utf-8")


def test_it_has_as_many_pages_as_such_a_book_has(pdf: Pdf) -> None:
    few, many = PAGES
    assert few <= len(pdf.pages) <= many
    assert {tuple(round(float(x)) for x in sheet.mediabox[2:]) for sheet in pdf.reader.pages} == {A4}


def test_every_page_is_half_full_unless_a_chapter_ends_on_it(pdf: Pdf) -> None:
    starts = pdf.starts()
    titles = [BOOK.intro.title, *(f"{chapter.number} {chapter.title}" for chapter in BOOK.chapters[1:])]
    ends = {1, len(pdf.pages), *(starts[title] - 1 for title in titles)}
    fills = dict(enumerate(pdf.fills(*TEXT), 1))
    assert max(fills.values()) > 0.9, "the margins are those of the style"
    assert {number: share for number, share in fills.items() if share < FULL and number not in ends} == {}


def test_no_page_is_empty(pdf: Pdf) -> None:
    assert [number for number, text in enumerate(pdf.pages, 1) if len(text.split()) < 5] == []


def test_the_title_page_says_which_book_this_is(pdf: Pdf) -> None:
    title = squeezed(pdf.pages[0])
    for said in ("From Zero to Mechanistic Interpretability", f"Edition {version('tinycircuits')}"):
        assert squeezed(said) in title
    assert re.search(rf"\d{{1,2}}({'|'.join(calendar.month_name[1:])})20\d\d", title)
    assert re.search(r"commit[0-9a-f]{12}(-dirty)?$", title)
    assert "Handed" not in title


def test_the_outline_has_every_part_and_chapter_in_order(pdf: Pdf) -> None:
    expected = [BOOK.intro.title]
    for part in BOOK.parts:
        expected += [part.caption, *(f"{chapter.number} {chapter.title}" for chapter in part.chapters)]
    outline = [title.strip() for title in pdf.outline]
    assert [title for title in outline if title in expected] == expected


def test_every_caption_of_the_pages_is_printed_once_and_in_order(pdf: Pdf) -> None:
    for kind, marked in (("Figure", "figcaption"), ("Table", "caption")):
        expected = []
        for chapter in BOOK.chapters:
            shown = re.findall(rf"<{marked}>.*?</{marked}>", page(chapter.docname), re.S)
            expected += [found[1] for text in shown if (found := re.search(rf"{kind} ([\d.]*\d)", text))]
        assert pdf.captions(kind) == expected


def runs_over(number: str, pdf: Pdf) -> bool:
    """Return whether a page ends with the first words of ``number`` and one of the next two has the others.

    A page of figures may stand in between.
    """
    words, pages = number.split(), [squeezed(text) for text in pdf.pages]
    return any(
        page.endswith("".join(words[:cut])) and "".join(words[cut:]) in "".join(pages[at : at + 2])
        for at, page in enumerate(pages, 1)
        for cut in range(1, len(words))
    )


def test_the_numbers_in_the_text_are_those_of_the_pages(pdf: Pdf) -> None:
    printed = squeezed(pdf.text)
    glued = {
        unescape(re.sub(r"<[^>]*>", "", found))
        for chapter in BOOK.chapters
        for found in re.findall(r'<span class="pasted-text">(.*?)</span>', page(chapter.docname), re.S)
    }
    assert len(glued) > 20
    lost = [number for number in glued if squeezed(number) not in printed]
    assert sorted(number for number in lost if not runs_over(number, pdf)) == []


def test_the_numbers_in_the_tables_are_those_of_the_pages(pdf: Pdf) -> None:
    printed = squeezed(pdf.text)
    cells = {
        squeezed(unescape(re.sub(r"<[^>]*>", "", cell)))
        for chapter in BOOK.chapters
        for cell in re.findall(r'<td class="text-right">(.*?)</td>', page(chapter.docname), re.S)
        if "<math" not in cell
    }
    assert len(cells) > 50
    assert sorted(cell for cell in cells if cell not in printed) == []


def test_the_code_that_a_page_shows_is_printed_and_no_other(pdf: Pdf) -> None:
    printed = squeezed(pdf.text)
    shown = folded = 0
    for chapter in BOOK.chapters:
        for closed, cell in CELL.findall(page(chapter.docname)):
            lines = unescape(re.sub(r"<[^>]*>", "", cell)).splitlines()
            short = [squeezed(line) for line in lines if len(line) < 60]
            if closed:
                folded += 1
                assert len(short) < 3 or not all(line in printed for line in short), (chapter.docname, lines[0])
            else:
                shown += 1
                assert [line for line in short if line not in printed] == [], chapter.docname
    assert shown
    assert folded > shown


def test_the_list_of_figures_has_every_finding_before_the_first_chapter(pdf: Pdf) -> None:
    before = squeezed("".join(pdf.pages[: pdf.starts()[BOOK.intro.title] - 1]))
    findings = [
        squeezed(unescape(re.sub(r"<[^>]*>", "", found)))
        for chapter in BOOK.chapters
        for found in re.findall(r"<figcaption>.*?<strong>(.*?)</strong>", page(chapter.docname), re.S)
        if "<math" not in found
    ]
    assert len(findings) > 20
    assert [finding for finding in findings if finding not in before] == []


def test_the_abstract_stands_before_the_contents(pdf: Pdf) -> None:
    assert re.search(r"Abstract.*Contents", pdf.pages[1], re.S)


def test_every_work_but_the_articles_has_a_link(pdf: Pdf) -> None:
    entries = re.findall(r"@\w+\{([\w-]+),(.*?)\n\}", (BUILD.parent / "references.bib").read_text("utf-8"), re.S)
    prose = "".join(path.read_text("utf-8") for path in BUILD.parent.glob("*.md"))
    cited = [(key, fields) for key, fields in entries if re.search(rf"{{cite}}`[^`]*\b{key}\b", prose)]
    assert len(cited) > 10
    _, outside = pdf.links()
    for key, fields in cited:
        address = re.search(r"(?:doi|eprint|url) += \{(.*?)\}", fields)
        assert bool(address) != key.startswith("article-"), key
        assert address is None or any(link.endswith(address[1]) for link in outside), key


def test_nothing_is_unresolved_and_no_glyph_is_lost(pdf: Pdf) -> None:
    assert [index for index, text in enumerate(pdf.pages, 1) if "??" in text] == []
    assert complaints(pdf.log) == []


def test_no_text_runs_off_the_page(pdf: Pdf) -> None:
    words = list(pdf.words_at())
    assert len(words) > 100 * len(pdf.pages)
    outside = [
        (number, round(left), round(right), word)
        for number, left, top, right, bottom, word in words
        if left < MARGIN or right > A4[0] - MARGIN or top < 30 or bottom > A4[1] - 30
    ]
    assert outside == []


def test_no_line_sticks_out_of_its_column(pdf: Pdf) -> None:
    wide = [float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt too wide\)", pdf.log)]
    assert [points for points in wide if points > 3] == [], "more than a millimetre"
    high = [float(points) for points in re.findall(r"Overfull \\vbox \(([\d.]+)pt too high\)", pdf.log)]
    assert [points for points in high if points > 6] == []


def test_every_link_inside_the_book_leads_somewhere(pdf: Pdf) -> None:
    inside, outside = pdf.links()
    assert len(inside) > 50
    assert sorted(set(inside) - set(pdf.reader.named_destinations)) == []
    assert [address for address in outside if not re.match(r"https?://|mailto:", address)] == []


def test_every_font_is_embedded(pdf: Pdf) -> None:
    assert pdf.unembedded_fonts() == set()


def test_the_repository_is_not_mentioned_by_a_path_of_this_machine(pdf: Pdf) -> None:
    assert str(Path(__file__).resolve().parents[2]) not in pdf.text
