"""A real table with caption, number and label, in HTML and in LaTeX."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from html import escape
from itertools import pairwise
from numbers import Integral, Real
from typing import Any

import pandas as pd

from tinycircuits.display import labels
from tinycircuits.display.checks import Rows
from tinycircuits.display.figure import checked_name
from tinycircuits.display.numbers import count, number, span

TABLE_MIME = "application/vnd.tinycircuits.table+json"


@dataclass(frozen=True, eq=False)
class Table:
    """Rows shown as a table with the label ``tbl-<name>``; its caption stands in the chapter (directive ``caption``).

    Text in cells and headings are MyST, with ``x_0`` as a letter with a subscript. Columns whose cells are all numbers
    are set flush right. Whole numbers are shown with ``count``, others with ``number``; ``formats`` gives another
    function for a column. A cell that is a pair of numbers is shown as one span, ``0.2 to 0.4``. On a page the reader
    chooses among the values of each column in ``filters``, or opens a row to see those below it in a tree, whose depths
    are ``levels``; print shows all rows.
    """

    rows: InitVar[Rows]
    name: str
    formats: Mapping[str, Callable[[Any], str]] = field(default_factory=dict)
    filters: Sequence[str] = ()
    levels: Sequence[int] = ()

    frame: pd.DataFrame = field(init=False)

    def __post_init__(self, rows: Rows) -> None:
        object.__setattr__(self, "frame", pd.DataFrame(rows))
        checked_name(self.name)
        if self.frame.empty:
            raise ValueError(f"frame: nothing to show, shape {self.frame.shape}")
        if self.levels and not (
            len(self.levels) == len(self.frame)
            and self.levels[0] == 0
            and all(0 <= after <= before + 1 for before, after in pairwise(self.levels))
        ):
            raise ValueError(f"levels: a depth for each of {len(self.frame)} rows expected, got {list(self.levels)}")
        for argument, named in (("formats", set(self.formats)), ("filters", set(self.filters))):
            if unknown := named - set(self.frame.columns):
                raise ValueError(
                    f"{argument}: no such columns {sorted(unknown)}, the frame has {list(self.frame.columns)}"
                )

    def cells(self) -> list[list[str]]:
        """The shown texts, row by row."""
        columns = [self._column(name) for name in self.frame.columns]
        return [list(row) for row in zip(*columns, strict=True)]

    def numeric(self) -> list[bool]:
        """For each column whether it is set flush right."""
        return [all(_is_number(value) or _is_pair(value) for value in self.frame[name]) for name in self.frame.columns]

    def csv(self) -> str:
        """The numbers behind the table, 6 significant digits."""
        return str(self.frame.map(_rounded).to_csv(index=False, lineterminator="\n"))

    def html(self) -> str:
        """A plain HTML table, for notebooks outside the book."""
        head = "".join(f"<th>{escape(str(name))}</th>" for name in self.frame.columns)
        rows = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in self.cells())
        return f"<table><tr>{head}</tr>{rows}</table>"

    def _column(self, name: str) -> list[str]:
        shown = self.formats.get(name, _shown)
        return [_cell(value, shown) for value in self.frame[name]]

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        described = {
            "name": self.name,
            "columns": [labels.subscripts(str(name)) for name in self.frame.columns],
            "rows": self.cells(),
            "numeric": self.numeric(),
            "filters": [labels.subscripts(name) for name in self.filters],
            "levels": list(self.levels),
            "csv": self.csv(),
        }
        bundle = {TABLE_MIME: described, "text/html": self.html(), "text/plain": f"table {self.name}"}
        return bundle, {"text/html": {"fallback_of": self.name}}


def _cell(value: Any, shown: Callable[[Any], str]) -> str:
    if _is_pair(value):
        return span(value, shown)
    return "–" if _is_missing(value) else labels.subscripts(shown(value))  # noqa: RUF001


def _is_pair(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and all(map(_is_number, value))


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _rounded(value: Any) -> Any:
    """A number, or each of a pair, with 6 significant digits, also where a column holds other things beside it."""
    if _is_pair(value):
        return " to ".join(str(_rounded(end)) for end in value)
    return f"{value:.6g}" if isinstance(value, float) and not _is_missing(value) else value


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, Real) and math.isnan(value))


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Integral):
        return count(int(value))
    return number(float(value)) if isinstance(value, Real) else str(value)
