"""What the title page of the print edition says: edition, date, commit, cover, and whose hand-in it is."""

import csv
import os
import textwrap
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path

from fontTools.ttLib import TTFont
from sphinx.util import texescape

from tinycircuits.results.checkout import EPOCH, source
from tinycircuits.sphinxext.pages.assets import FONTS

FIELDS = ("STUDENT", "COURSE", "TUTOR")
LABELS = {"STUDENT": "Handed in by", "COURSE": "Course", "TUTOR": "Tutor"}
PREFIX = "BOOK_"
"""What the environment puts before the names of fields, so that a foreign variable never gets onto a title page."""

OTHER_HYPHENS = {0x00AD: None, 0x2010: "-", 0x2011: "-"}
"""Characters that look like a hyphen, and what is printed for them."""

FACES = {"TinySans": FONTS / "TinySans-Regular.ttf", "TinyNames": Path(__file__).parent / "print/TinyNames-Regular.ttf"}
"""What hand-in fields are set in: the face of the title page, and the one for fields that it cannot set."""

_COVER_WIDTH = 104
"""Width of the cover's drawing, millimetres."""
_TITLE_LINE = 17
"""Characters in a line of the title."""


@dataclass(frozen=True)
class Edition:
    """Which book this is. ``commit`` is empty where none is known, ``address`` where the book is nowhere on the web.

    ``hand_in`` has the fields that are not empty, in the order of the title page.
    """

    version: str
    date: str
    commit: str
    hand_in: tuple[tuple[str, str], ...] = ()
    address: str = ""


def edition(environment: Mapping[str, str] = os.environ, address: str = "") -> Edition:
    """This edition; raises ``ValueError`` for a hand-in field with a character that the typeface lacks."""
    return Edition(version("tinycircuits"), date(environment), source().commit, hand_in(environment), address)


def date(environment: Mapping[str, str] = os.environ) -> str:
    """The day of ``SOURCE_DATE_EPOCH`` as 1 January 1970, or ``built on`` today, in universal time."""
    epoch = environment.get(EPOCH)
    day = datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)
    return f"{'' if epoch else 'built on '}{day.day} {day:%B %Y}"


def hand_in(environment: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The hand-in fields that are not empty, composed (NFC), with single spaces and nothing invisible.

    Raises ``ValueError`` that names the field and its first character without a glyph.
    """
    fields = []
    for name in FIELDS:
        typed = unicodedata.normalize("NFC", environment.get(PREFIX + name, "")).translate(OTHER_HYPHENS)
        text = " ".join("".join(char for char in typed if unicodedata.category(char) != "Cf").split())
        try:
            face(text)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
        if text:
            fields.append((name, text))
    return tuple(fields)


def face(text: str) -> str:
    """The first of ``FACES`` that has a glyph for each character of a composed ``text``.

    Raises ``ValueError`` that names a character which no face has, else one for each face that it lacks.
    """
    lost = {name: [char for char in text if ord(char) not in _glyphs(name)] for name in FACES}
    if fitting := [name for name in FACES if not lost[name]]:
        return fitting[0]
    everywhere = [char for char in text if all(char in chars for chars in lost.values())]
    where = {everywhere[0]: list(FACES)} if everywhere else {chars[0]: [name] for name, chars in lost.items()}
    absent = (f"{_described(char)} in {' and '.join(names)}" for char, names in where.items())
    raise ValueError(f"no glyph for {', and for '.join(absent)}; every letter of Latin, Greek and Cyrillic has one")


def _described(char: str) -> str:
    return f"{char!r} (U+{ord(char):04X} {unicodedata.name(char, 'without a name')})"


@cache
def _glyphs(name: str) -> frozenset[int]:
    return frozenset(TTFont(FACES[name]).getBestCmap())


def escaped(text: str) -> str:
    """``text`` so that TeX sets exactly its characters."""
    texescape.init()
    return str(texescape.escape(text, "xelatex")).replace('"', r"\textquotedbl{}")


def title_page(book: Edition, title: str, author: str, cover: str = "") -> str:
    """The LaTeX of the title page and the page behind it; ``cover`` is the LaTeX of a drawing."""
    commit = rf"commit \texttt{{{escaped(book.commit)}}}" if book.commit else "of no known commit"
    imprint = r"\quad·\quad ".join([f"Edition {escaped(book.version)}", escaped(book.date), commit])
    address = rf"\par\vspace{{1mm}}\sphinxurl{{{texescape.hlescape(book.address, 'xelatex')}}}" if book.address else ""
    return rf"""
\hypersetup{{pageanchor=false, pdftitle={{{escaped(title)}}}, pdfauthor={{{escaped(author)}}}}}
\begin{{titlepage}}
\sffamily\raggedright
\vspace*{{12mm}}
{{\color{{tinyaccent}}\fontsize{{34}}{{40}}\selectfont\bfseries {_broken(title)}\par}}
\vspace{{7mm}}{{\large\color{{tinygrey}} {escaped(author)}\par}}
\vfill
{cover}
\vfill
{_hand_in_block(book)}
{{\color{{tinyaccent}}\hrule height 1.2pt}}\vspace{{3mm}}
{{\small\color{{tinygrey}} {imprint}{address}\par}}
\end{{titlepage}}
\hypersetup{{pageanchor=true}}
"""


def front_matter(abstract: str) -> str:
    """The LaTeX of what precedes the first chapter: the abstract, unless it is empty, and the lists."""
    return rf"\tinyfront{{{escaped(' '.join(abstract.split()))}}}"


def _broken(title: str) -> str:
    """A title in short lines."""
    return r"\\".join(escaped(line) for line in textwrap.wrap(title, _TITLE_LINE, break_long_words=False))


def _hand_in_block(book: Edition) -> str:
    if not book.hand_in:
        return ""
    rows = [
        rf"{{\small\color{{tinygrey}}{LABELS[name]}\par}}{{\{face(text)}\Large {escaped(text)}\par}}\vspace{{3mm}}"
        for name, text in book.hand_in
    ]
    return "\n".join([*rows, r"\vspace{5mm}"])


def cover(numbers: Path) -> str:
    """The LaTeX that draws the last panel of a heat map from its CSV file (panel, row, column, share)."""
    with numbers.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    cells = [(row[-3], row[-2], float(row[-1])) for row in rows if row[:-3] == rows[-1][:-3]]
    down, across = (list(dict.fromkeys(cell[axis] for cell in cells)) for axis in (0, 1))
    step = _COVER_WIDTH / max(len(across), len(down))
    tiles = [
        rf"\put({across.index(column) * step:.3f},{(len(down) - 1 - down.index(row)) * step:.3f})"
        rf"{{\color[HTML]{{{_colour(share)}}}\rule{{{0.94 * step:.3f}mm}}{{{0.94 * step:.3f}mm}}}}"
        for row, column, share in cells
    ]
    size = f"({len(across) * step:.3f},{len(down) * step:.3f})"
    return "\n".join([r"{\setlength{\unitlength}{1mm}\noindent\begin{picture}" + size, *tiles, r"\end{picture}\par}"])


def _colour(share: float) -> str:
    from matplotlib.colors import to_hex

    from tinycircuits.display.theme import colour_map

    return to_hex(colour_map("share")(share)).lstrip("#").upper()
