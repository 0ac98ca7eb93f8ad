"""The typeset book: contents, captions in order, nothing unresolved, nothing missing from the fonts."""

import re
from functools import cache
from pathlib import Path

import pytest
from pypdf import PdfReader

from tests.tools import BUILD, built

pytestmark = [pytest.mark.latex, pytest.mark.xdist_group("pdf")]

NAME = "from-zero-to-mechanistic-interpretability"


@cache
def text(pdf: Path) -> list[str]:
    """Return the text of each page."""
    return [page.extract_text() for page in PdfReader(pdf).pages]


@pytest.fixture(scope="session")
def pdf() -> Path:
    return built(f"latex/{NAME}.pdf", "make pdf")


@pytest.fixture(scope="session")
def log(pdf: Path) -> str:
    return (BUILD / "latex" / f"{NAME}.log").read_text(encoding="utf-8", errors="replace")


def test_it_has_an_outline_on_a4(pdf: Path) -> None:
    reader = PdfReader(pdf)
    assert len(reader.outline) >= 3
    sizes = {tuple(round(float(x)) for x in page.mediabox[2:]) for page in reader.pages}
    assert sizes == {(595, 842)}


def test_every_caption_of_the_pages_is_printed_once_and_in_order(pdf: Path) -> None:
    # The extractor drops narrow spaces, so captions are told from references by their colon.
    figures = re.findall(r"^Figure ?(\d+(?:\.\d+)*): ", "\n".join(text(pdf)), re.M)
    drawn = sum(len(list(folder.glob("*.svg"))) for folder in (BUILD / "html" / "figures").glob("*"))
    assert len(figures) == len(set(figures)) == drawn
    assert figures == sorted(figures, key=lambda number: [int(part) for part in number.split(".")])


def test_no_reference_is_unresolved(pdf: Path, log: str) -> None:
    assert [index + 1 for index, page in enumerate(text(pdf)) if "??" in page] == []
    assert not re.search(r"(Reference|Citation) .* undefined", log)


def test_every_character_has_a_glyph(log: str) -> None:
    assert sorted(set(re.findall(r"Missing character: .*", log))) == []


def test_every_font_is_embedded(pdf: Path) -> None:
    unembedded = set()
    for page in PdfReader(pdf).pages:
        for font in page.get("/Resources", {}).get("/Font", {}).values():
            face = font.get_object()
            for inner in face.get("/DescendantFonts", [face]):
                descriptor = inner.get_object().get("/FontDescriptor")
                if face["/Subtype"] != "/Type3" and not (descriptor and any("FontFile" in key for key in descriptor)):
                    unembedded.add(str(face.get("/BaseFont")))
    assert unembedded == set()
