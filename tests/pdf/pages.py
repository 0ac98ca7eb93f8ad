"""What the tests read out of a PDF: text, where it stands, the outline, captions, fonts."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pypdf import PdfReader

from tests.tools import missing

WORD = re.compile(r'<word xMin="(.*?)" yMin="(.*?)" xMax="(.*?)" yMax="(.*?)">(.*?)</word>')
_WHITE = 200
"""Grey values below this are ink."""
CAPTION = re.compile(r"^(Figure|Table) ?(\d+(?:\.\d+)*): ", re.M)


@dataclass
class Pdf:
    """A typeset book."""

    path: Path

    @cached_property
    def reader(self) -> PdfReader:
        return PdfReader(self.path)

    @cached_property
    def pages(self) -> list[str]:
        """The text of each page."""
        return [page.extract_text() for page in self.reader.pages]

    @cached_property
    def text(self) -> str:
        return "\n".join(self.pages)

    @cached_property
    def log(self) -> str:
        return self.path.with_suffix(".log").read_text(encoding="utf-8", errors="replace")

    @property
    def outline(self) -> list[str]:
        """Titles of parts, chapters and sections, in order."""
        return [str(entry["/Title"]) for entry in _entries(self.reader.outline)]

    def starts(self) -> dict[str, int]:
        """On which page, from 1, each title of the outline stands."""
        found = {}
        for entry in _entries(self.reader.outline):
            found[str(entry["/Title"]).strip()] = 1 + (self.reader.get_destination_page_number(entry) or 0)
        return found

    def fills(self, above: float, below: float) -> list[float]:
        """For each page, the share of its text's height down to the last ink, between two margins.

        Margins in points; what is printed there, a running head or a page number, does not count.
        """
        if shutil.which("pdftoppm") is None:
            missing("pdftoppm (poppler-utils) is not installed")
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["pdftoppm", "-r", "36", "-gray", self.path, f"{folder}/page"], check=True)
            pages = [np.asarray(Image.open(file)) for file in sorted(Path(folder).iterdir())]
        texts = [page[round(above / 2) : len(page) - round(below / 2)] for page in pages]  # 36 dots are 72 points
        inked = [np.flatnonzero((text < _WHITE).any(axis=1)) for text in texts]
        return [(rows[-1] + 1) / len(text) if len(rows) else 0.0 for rows, text in zip(inked, texts, strict=True)]

    def captions(self, kind: str) -> list[str]:
        """Numbers of figures or tables, in the order of the pages."""
        return [number for what, number in CAPTION.findall(self.text) if what == kind]

    def words_at(self) -> Iterator[tuple[int, float, float, float, float, str]]:
        """Yield page, left, top, right and bottom (points from the upper left corner) of every word."""
        if shutil.which("pdftotext") is None:
            missing("pdftotext (poppler-utils) is not installed")
        described = subprocess.run(["pdftotext", "-bbox", self.path, "-"], capture_output=True, text=True, check=True)
        for number, page in enumerate(described.stdout.split("<page ")[1:], 1):
            for left, top, right, bottom, word in WORD.findall(page):
                yield number, float(left), float(top), float(right), float(bottom), word

    def unembedded_fonts(self) -> set[str]:
        """Names of the fonts whose letters are not in the file."""
        found = set()
        for page in self.reader.pages:
            for font in page.get("/Resources", {}).get("/Font", {}).values():
                face = font.get_object()
                for inner in face.get("/DescendantFonts", [face]):
                    descriptor = inner.get_object().get("/FontDescriptor")
                    embedded = descriptor and any("FontFile" in key for key in descriptor)
                    if face["/Subtype"] != "/Type3" and not embedded:
                        found.add(str(face.get("/BaseFont")))
        return found

    def links(self) -> tuple[list[str], list[str]]:
        """Names of the places inside the file that links lead to, and the addresses outside."""
        inside, outside = [], []
        for page in self.reader.pages:
            for annotation in page.get("/Annots", []):
                action = annotation.get_object().get("/A", {})
                if "/URI" in action:
                    outside.append(str(action["/URI"]))
                elif "/D" in action:
                    inside.append(str(action["/D"]))
        return inside, outside


def _entries(outline: Any) -> Iterator[Any]:
    for entry in outline:
        if isinstance(entry, list):
            yield from _entries(entry)
        else:
            yield entry


def squeezed(text: str) -> str:
    """Return text without spaces: an extractor does not see all of them."""
    return re.sub(r"\s+", "", text)
