"""One figure, two faces: interactive on the page, vector in print, drawn from one result."""

import base64
import io
import json
import re
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from matplotlib.figure import Figure as PrintFigure

from tinycircuits.display.theme import FULL, INK, PAGE_WIDTH, print_style

FIGURE_MIME = "application/vnd.tinycircuits.figure+json"
NO_ALT = 'aria-label=""'
"""Where a page face takes the alternative text that its chapter gives."""
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_PLOTLY_CONFIG = {"responsive": True, "displaylogo": False, "displayModeBar": False, "showSendToCloud": False}


def checked_name(name: str) -> str:
    """``name``; raises ``ValueError`` unless it is lower-case words joined by hyphens."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"name: lower-case words joined by hyphens expected, got {name!r}")
    return name


@dataclass(frozen=True)
class Explorer:
    """The matrices of all pairs of two ``names``d numbers 0 .. size-1, and the answer to each pair.

    Both are bytes, deflated, in base64. ``cells`` are hundredths: the first cell of every pair, then the second, ...,
    because neighbours that are alike pack well. ``start`` is the pair that is shown at first.
    """

    names: tuple[str, str]
    start: tuple[int, int]
    size: int
    cells: str
    answers: str

    def controls(self) -> str:
        """A field for each number and a place for what the page says about the pair."""
        fields = "".join(
            f'<label>{escape(name)} <input type="number" name="{escape(name)}" min="0" max="{self.size - 1}" step="1" '
            f'value="{value}" required></label> '
            for name, value in zip(self.names, self.start, strict=True)
        )
        return f'<div class="tc-choice">{fields}<output aria-live="polite"></output></div>'


@dataclass(frozen=True, eq=False)
class Figure:
    """A result drawn twice, with the numbers that it shows; its words stand in the chapter (directive ``caption``).

    ``name`` is the figure's label (``fig-<name>``) and file name. ``plotly_fig`` is ``None`` for a drawing that is the
    same on the page as in print. ``choices`` are (label, restyle) pairs, switched by a menu titled ``choice_title`` on
    the page, the first at first. Where the page is narrower than ``min_width`` pixels, the figure scrolls inside
    itself; ``max_width`` is by default the width in print. An ``explorer`` shows one matrix of a table of many.
    """

    name: str
    plotly_fig: go.Figure | None
    mpl_fig: PrintFigure
    data: pd.DataFrame
    choices: tuple[tuple[str, dict[str, Any]], ...] = ()
    choice_title: str = ""
    min_width: int = 300
    max_width: int | None = None
    explorer: Explorer | None = None

    def __post_init__(self) -> None:
        checked_name(self.name)
        if self.data.empty:
            raise ValueError("data: the plotted numbers are missing")
        with print_style():  # arranged once here instead of once for every file format
            self.mpl_fig.draw_without_rendering()
        self.mpl_fig.set_layout_engine("none")

    def pdf(self) -> bytes:
        """The print face; the same bytes for the same figure."""
        return self._saved("pdf", "none", {"Creator": None, "Producer": None, "CreationDate": None})

    def svg(self, background: str = "white") -> str:
        """The print face as SVG; the same text for the same figure."""
        return self._saved("svg", background, {"Date": None, "Creator": None}).decode()

    def csv(self) -> str:
        """The plotted numbers, 6 significant digits."""
        return str(self.data.to_csv(index=False, float_format="%.6g", lineterminator="\n"))

    def html(self) -> str:
        """The page face: what a script of the page draws, or the drawing itself."""
        width = self.max_width or round(PAGE_WIDTH * self.mpl_fig.get_figwidth() / FULL)
        if self.plotly_fig is None:
            size = f"max-width:{width}px"
            return f'<div class="tc-drawing" role="img" {NO_ALT} style="{size}">{self._inline_svg()}</div>'
        described = json.loads(self.plotly_fig.to_json())
        described.get("layout", {}).pop("template", None)
        described |= {"config": _PLOTLY_CONFIG, "choices": self.choices}
        described |= {"explorer": asdict(self.explorer)} if self.explorer else {}
        size = f"max-width:{width}px;min-width:{self.min_width}px;height:{self.plotly_fig.layout.height:.0f}px"
        return (
            f'<div class="tc-figure" role="group" {NO_ALT}>{self._menu()}'
            f'<div class="tc-plot" id="plot-{self.name}" style="{size}"></div>'
            f'<script type="application/json">{_script_safe(described)}</script></div>'
        )

    def _menu(self) -> str:
        if self.explorer:
            return self.explorer.controls()
        if not self.choices:
            return ""
        options = "".join(f"<option>{escape(label)}</option>" for label, _ in self.choices)
        return f'<label class="tc-choice">{escape(self.choice_title)} <select>{options}</select></label>'

    def _inline_svg(self) -> str:
        drawing = self.svg("none")
        return drawing[drawing.index("<svg") :].replace(INK, "currentColor")

    def _saved(self, fmt: str, background: str, metadata: dict[str, None]) -> bytes:
        buffer = io.BytesIO()
        with print_style(salt=self.name):
            self.mpl_fig.savefig(buffer, format=fmt, facecolor=background, metadata=metadata, dpi=300)
        return buffer.getvalue()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        faces = {
            "name": self.name,
            "html": self.html(),
            "pdf": base64.b64encode(self.pdf()).decode(),
            "csv": self.csv(),
            "interactive": self.plotly_fig is not None,
        }
        # A plain notebook shows the SVG; the book takes it from there as well, so it is not stored twice.
        bundle = {FIGURE_MIME: faces, "image/svg+xml": self.svg(), "text/plain": f"figure {self.name}"}
        return bundle, {"image/svg+xml": {"fallback_of": self.name}}


def _script_safe(value: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
