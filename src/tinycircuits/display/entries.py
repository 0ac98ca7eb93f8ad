"""A list of titled entries, each with a label of its own, for what is too long for a table; and files to download."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from html import escape
from typing import Any

from tinycircuits.display import checks
from tinycircuits.display.figure import checked_name

ENTRIES_MIME = "application/vnd.tinycircuits.entries+json"
FILES_MIME = "application/vnd.tinycircuits.files+json"

MARKS = {
    "holds": "holds",
    "holds for some seeds": "partly",
    "does not hold": "falls",
    "not testable as stated": "open",
}
"""The verdicts, each with the name of its sign and colour."""


@dataclass(frozen=True)
class Evidence:
    """What is behind an entry: on a page a sentence and rows of cells, a head first; in print a paragraph."""

    lead: str
    rows: Sequence[tuple[str, ...]]
    printed: str

    def __post_init__(self) -> None:
        checks.text("lead", self.lead)
        checks.text("printed", self.printed)
        if len(self.rows) < 2 or len({len(row) for row in self.rows}) > 1:
            raise ValueError(f"rows: a head and at least one row of as many cells expected, got {list(self.rows)}")


@dataclass(frozen=True)
class Code:
    """Lines of Python that a page shows on demand, and where they stand in the repository."""

    file: str
    line: int
    text: str


@dataclass(frozen=True)
class Entry:
    """One entry with the label ``<name>``: a title, a verdict, paragraphs, and ``closing`` ones after the evidence.

    Title and paragraphs are MyST. ``cite`` is a line that stands for the entry elsewhere, ``live`` a state of the live
    model to try it in. A page shows the title, and the rest when it is opened; print shows all but the code, the line
    and the way to the live model.
    """

    name: str
    title: str
    paragraphs: tuple[str, ...]
    verdict: str = ""
    evidence: Evidence | None = None
    closing: tuple[str, ...] = ()
    code: Code | None = None
    cite: str = ""
    live: str = ""

    def __post_init__(self) -> None:
        checked_name(self.name)
        checks.text("title", self.title)
        for paragraph in (*self.paragraphs, *self.closing):
            checks.text("paragraph", paragraph)
        if self.verdict and self.verdict not in MARKS:
            raise ValueError(f"verdict must be one of {', '.join(MARKS)}, got {self.verdict!r}")

    def text(self) -> list[str]:
        """Its paragraphs in print and in notebooks outside the book."""
        return [*self.paragraphs, *([self.evidence.printed] if self.evidence else []), *self.closing]


@dataclass(frozen=True, eq=False)
class Entries:
    """Entries in a row; ``{ref}`text <name>``` leads to one of them. Raises ``ValueError`` for none.

    Print shows their titles and verdicts only, if ``titles_in_print``.
    """

    entries: Sequence[Entry]
    titles_in_print: bool = False

    def __post_init__(self) -> None:
        if not self.entries:
            raise ValueError("entries: at least one expected")

    def html(self) -> str:
        """Plain HTML, for notebooks outside the book."""
        return "".join(
            f"<p><b>{escape(each.title)}</b> {escape(each.verdict)}</p>"
            + "".join(f"<p>{escape(text)}</p>" for text in each.text())
            for each in self.entries
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        words = "\n".join(each.title for each in self.entries)
        described = {"entries": [asdict(each) for each in self.entries], "titles_in_print": self.titles_in_print}
        return {ENTRIES_MIME: described, "text/html": self.html(), "text/plain": words}, {}


@dataclass(frozen=True, eq=False)
class Files:
    """Files that a page offers for download, each by its name with its text, and what the ``columns`` of a table hold.

    Those that are not ``shown`` are there for the site's own scripts. Raises ``ValueError`` for none.
    """

    texts: Mapping[str, str] = field(repr=False)
    columns: Mapping[str, str] = field(default_factory=dict)
    shown: bool = True

    def __post_init__(self) -> None:
        if not self.texts:
            raise ValueError("texts: at least one file expected")
        for name in self.texts:
            stem, _, suffix = name.rpartition(".")
            checked_name(stem)
            checked_name(suffix)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        described = {"files": dict(self.texts), "columns": dict(self.columns), "shown": self.shown}
        return {FILES_MIME: described, "text/plain": ", ".join(self.texts)}, {}
