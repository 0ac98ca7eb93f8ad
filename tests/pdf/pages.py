"""What the tests read out of a PDF: text, where it stands, the outline, captions, fonts."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pypdf import PdfReader

from tests.tools import missing

WORD = re.compile(r'<word xMin="(.*?)" yMin="(.*?)" xMax="(.*?)" yMax="(.*?)">(.*?)</word>')
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
        return list(_titles(self.reader.outline))

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


def _titles(outline: Any) -> Iterator[str]:
    for entry in outline:
        if isinstance(entry, list):
            yield from _titles(entry)
        else:
            yield str(entry["/Title"])


def squeezed(text: str) -> str:
    """Return text without spaces: an extractor does not see all of them."""
    return re.sub(r"\s+", "", text)
