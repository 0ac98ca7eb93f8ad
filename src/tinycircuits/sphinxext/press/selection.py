"""Which chapters go into print: ``PARTS="..."`` and ``CHAPTERS="..."``, by file name, number or title."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sphinx_external_toc.parsing import parse_toc_yaml

from tinycircuits.sphinxext.command import unreadable

T = TypeVar("T")
_PAGE_ONLY = re.compile(r"\A---\n(?:.*\n)*?print: false\n(?:.*\n)*?---\n")
_NUMERAL = re.compile(r"([IVXLC]+)\.\s+(.*)")


@dataclass(frozen=True)
class Chapter:
    """One file of the book. ``number`` is the one in the contents; the introduction has none."""

    docname: str
    title: str
    number: int | None


@dataclass(frozen=True)
class Part:
    """A part of the book with its chapters, in order; the introduction is in no part."""

    caption: str
    chapters: tuple[Chapter, ...]


@dataclass(frozen=True)
class Contents:
    """What the book consists of."""

    intro: Chapter
    parts: tuple[Part, ...]

    @property
    def chapters(self) -> tuple[Chapter, ...]:
        """Every chapter in order, the introduction first."""
        return (self.intro, *(chapter for part in self.parts for chapter in part.chapters))


def contents(book: Path) -> Contents:
    """The contents that ``_toc.yml`` in the folder ``book`` describes; titles are the first headings.

    A file whose front matter says ``print: false`` has its number, but is a page of the site only; a part of such files
    is none. Raises ``ValueError`` when it cannot be read or names what is not there.
    """
    if said := unreadable(book):
        raise ValueError(said)
    root = parse_toc_yaml(book / "_toc.yml").root
    number, parts = 0, []
    for tree in root.subtrees:
        chapters = []
        for docname in map(str, tree.files()):
            number += 1
            if not _PAGE_ONLY.search((book / f"{docname}.md").read_text(encoding="utf-8")):
                chapters.append(Chapter(docname, _title(book, docname), number))
        if chapters:
            parts.append(Part(tree.caption or "", tuple(chapters)))
    return Contents(Chapter(root.docname, _title(book, root.docname), None), tuple(parts))


def selected(book: Contents, parts: str = "", chapters: str = "") -> list[str]:
    """The file names of the chapters that both texts name together, in the book's order; all for two empty ones.

    Names are separated by commas, semicolons or spaces; a title may contain them. Raises ``ValueError`` for a name that
    is unknown, and for a text that names nothing; the message lists the known ones. A text left empty asks for nothing.
    """
    if not parts and not chapters:
        return [chapter.docname for chapter in book.chapters]
    wanted = {chapter.docname for part in _found(parts, _part_names(book), "PARTS") for chapter in part.chapters}
    wanted |= {chapter.docname for chapter in _found(chapters, _chapter_names(book), "CHAPTERS")}
    return [chapter.docname for chapter in book.chapters if chapter.docname in wanted]


def _title(book: Path, docname: str) -> str:
    heading = re.search(r"^# (.+)$", (book / f"{docname}.md").read_text(encoding="utf-8"), re.M)
    return heading[1].strip() if heading else docname


def _part_names(book: Contents) -> dict[str, Part]:
    """Every way to name a part; the first way is the one that messages show."""
    names: dict[str, Part] = {}
    for part in book.parts:
        if numeral := _NUMERAL.fullmatch(part.caption):
            names |= {numeral[1]: part, str(_roman(numeral[1])): part, numeral[2]: part}
        names[part.caption] = part
    return names


def _roman(numeral: str) -> int:
    values = [{"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}[sign] for sign in numeral]
    return sum(
        -value if value < following else value for value, following in zip(values, [*values[1:], 0], strict=True)
    )


def _chapter_names(book: Contents) -> dict[str, Chapter]:
    names = {chapter.docname: chapter for chapter in book.chapters}
    names |= {str(chapter.number): chapter for chapter in book.chapters if chapter.number}
    return names | {chapter.title: chapter for chapter in book.chapters}


def _found(text: str, names: Mapping[str, T], variable: str) -> list[T]:
    """What ``text`` names: as a whole, else split at the strongest separator that it has."""
    found = _named(" ".join(text.split()).casefold(), {name.casefold(): value for name, value in names.items()})
    known = f"there are {', '.join(_shown(names))}"
    if text and not found:
        raise ValueError(f"{variable}: {text!r} names no {variable[:-1].lower()}; {known}")
    for name, value in found:
        if value is None:
            raise ValueError(f"{variable}: no {variable[:-1].lower()} {name!r}; {known}")
    return [value for _, value in found if value is not None]


def _named(wanted: str, names: Mapping[str, T]) -> list[tuple[str, T | None]]:
    """Each piece of ``wanted`` with what it names, ``None`` for an unknown one; empty pieces are skipped."""
    if not wanted or wanted in names:
        return [(wanted, names[wanted])] if wanted else []
    for separator in (";", ",", " "):
        pieces = wanted.split(separator)
        if len(pieces) > 1:
            return [found for piece in pieces for found in _named(piece.strip(), names)]
    return [(wanted, None)]


def _shown(names: Mapping[str, T]) -> Iterable[str]:
    """The first name of each thing, in order."""
    seen: list[int] = []
    for name, value in names.items():
        if id(value) not in seen:
            seen.append(id(value))
            yield name
