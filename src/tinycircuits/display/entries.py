"""A list of titled entries, each with a label of its own, for what is too long for a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from tinycircuits.display import checks
from tinycircuits.display.figure import checked_name

ENTRIES_MIME = "application/vnd.tinycircuits.entries+json"


@dataclass(frozen=True)
class Entry:
    """One entry with the label ``<name>``: a title in bold and paragraphs, all MyST."""

    name: str
    title: str
    paragraphs: tuple[str, ...]

    def __post_init__(self) -> None:
        checked_name(self.name)
        checks.text("title", self.title)
        for paragraph in self.paragraphs:
            checks.text("paragraph", paragraph)


@dataclass(frozen=True, eq=False)
class Entries:
    """Entries in a row; ``{ref}`text <name>``` leads to one of them. Raises ``ValueError`` for none."""

    entries: Sequence[Entry]

    def __post_init__(self) -> None:
        if not self.entries:
            raise ValueError("entries: at least one expected")

    def html(self) -> str:
        """Plain HTML, for notebooks outside the book."""
        return "".join(
            f"<p><b>{escape(each.title)}</b></p>" + "".join(f"<p>{escape(text)}</p>" for text in each.paragraphs)
            for each in self.entries
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        described = [
            {"name": each.name, "title": each.title, "paragraphs": list(each.paragraphs)} for each in self.entries
        ]
        words = "\n".join(each.title for each in self.entries)
        return {ENTRIES_MIME: {"entries": described}, "text/html": self.html(), "text/plain": words}, {}
