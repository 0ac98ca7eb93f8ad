"""One figure, drawn from one result: a drawing for print and page, one for a phone, and what a reader may explore.

The page shows the drawing. Only a reader who presses "explore" makes it load the script that draws the figure anew,
in the same place, to be pointed at and chosen from.
"""

import base64
import io
import json
import re
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from matplotlib import rc_context
from matplotlib.figure import Figure as PrintFigure

from tinycircuits.display.svg import inline
from tinycircuits.display.theme import FULL, PAGE_WIDTH, print_style

FIGURE_MIME = "application/vnd.tinycircuits.figure+json"
NO_ALT = 'aria-label=""'
"""Where a page face takes the alternative text that its chapter gives."""
NO_SCRIPT = 'data-live=""'
"""Where a page face takes the address of the script that draws it anew."""
_NARROWEST = 300
"""CSS pixels below which a drawing scrolls inside itself instead of being made smaller."""
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_ARRANGED: Any = {"figure.autolayout": False, "figure.constrained_layout.use": False}
"""For a drawing whose parts have their places: none is moved, and none is drawn before to learn where it goes."""
_PLOTLY_CONFIG = {"displaylogo": False, "displayModeBar": False, "showSendToCloud": False}


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
        return f'{fields}<output aria-live="polite"></output>'


@dataclass(frozen=True)
class Slider:
    """The spectra of every one of ``rounds``, counted in ``unit``; ``start`` is the index of the one shown at first.

    ``cells`` are bytes, deflated, in base64: 255 stands for ``top``; all rounds of one frequency, then those of the
    next, ``size`` frequencies a spectrum. ``mark`` is the index of the trace that marks the round; bars are spectra.
    """

    unit: str
    start: int
    rounds: list[int]
    top: float
    size: int
    mark: int
    cells: str

    def controls(self) -> str:
        """The slider, which is there from the beginning, and a place for the numbers of the round."""
        unit, last = escape(self.unit), len(self.rounds) - 1
        return (
            f'<label>{unit} <input type="range" min="0" max="{last}" step="1" value="{self.start}"></label>'
            f'<output aria-live="polite">move it to see any {unit}</output>'
        )


@dataclass(frozen=True, eq=False)
class Phone:
    """The faces of a figure on a narrow screen: panels under each other.

    ``plotly_fig`` brings its layout alone, the traces are those of the wide face; ``plain`` leaves out the numbers in
    cells, which are too small for them.
    """

    plotly_fig: go.Figure | None
    mpl_fig: PrintFigure
    plain: bool = False


@dataclass(frozen=True, eq=False)
class Figure:
    """A result drawn, with the numbers that it shows; its words stand in the chapter (directive ``caption``).

    ``name`` is the figure's label (``fig-<name>``) and file name. ``plotly_fig`` is what one explores, or ``None``.
    ``choices`` are (label, restyle) pairs, switched by a menu titled ``choice_title`` while one explores, the first at
    first. An ``explorer`` shows one matrix of a table of many, a ``slider`` one round of
    many. ``phone`` replaces the drawing on a narrow screen; without it the drawing is only made narrower, down to 300
    pixels. ``max_width`` bounds what one explores, by default the width in print.
    """

    name: str
    plotly_fig: go.Figure | None
    mpl_fig: PrintFigure
    data: pd.DataFrame
    choices: tuple[tuple[str, dict[str, Any]], ...] = ()
    choice_title: str = ""
    max_width: int | None = None
    explorer: Explorer | None = None
    slider: Slider | None = None
    phone: Phone | None = None

    def __post_init__(self) -> None:
        checked_name(self.name)
        if self.data.empty:
            raise ValueError("data: the plotted numbers are missing")
        for drawing in (self.mpl_fig, *([self.phone.mpl_fig] if self.phone else [])):
            with print_style():  # arranged once here instead of once for every file format
                drawing.draw_without_rendering()
            with rc_context(_ARRANGED):
                drawing.set_layout_engine(None)  # not "none": for that one too every file is drawn twice

    def pdf(self) -> bytes:
        """The print face; the same bytes for the same figure."""
        return _saved(self.mpl_fig, "pdf", self.name, {"Creator": None, "Producer": None, "CreationDate": None})

    def svg(self) -> str:
        """The print face as SVG that looks the same everywhere; the same text for the same figure."""
        return _svg(self.mpl_fig, self.name, background="white")

    def csv(self) -> str:
        """The plotted numbers, 6 significant digits."""
        return str(self.data.to_csv(index=False, float_format="%.6g", lineterminator="\n"))

    def html(self) -> str:
        """The page face: the drawing, and a button where there is something to explore."""
        width = round(PAGE_WIDTH * self.mpl_fig.get_figwidth() / FULL)
        wide = _page_svg(self.mpl_fig, self.name)
        narrow = f'<div class="tc-narrow">{_page_svg(self.phone.mpl_fig, f"{self.name}-n")}</div>' if self.phone else ""
        needs = "" if self.phone else f";min-width:{_NARROWEST}px"
        drawing = (
            f'<div class="tc-still{" tc-two" if self.phone else ""}" role="img" {NO_ALT}>'
            f'<div class="tc-wide" style="max-width:{width}px{needs}">{wide}</div>{narrow}</div>'
        )
        if self.plotly_fig is None:
            return f'<div class="tc-drawing">{drawing}</div>'
        return (
            f'<div class="tc-figure" id="plot-{self.name}" {NO_SCRIPT}>{self._controls()}'
            f'<div class="tc-box">{drawing}<div class="tc-plot"></div></div>'
            '<button type="button" class="tc-explore pst-js-only">explore</button></div>'
        )

    def live(self) -> str:
        """The script that gives the page what plotly draws; empty for a drawing that is never drawn anew."""
        if self.plotly_fig is None:
            return ""
        described = _described(self.plotly_fig)
        described |= {"config": _PLOTLY_CONFIG, "choices": self.choices}
        described |= {"width": self.max_width or round(PAGE_WIDTH * self.mpl_fig.get_figwidth() / FULL)}
        described |= {"explorer": asdict(self.explorer)} if self.explorer else {}
        described |= {"slider": asdict(self.slider)} if self.slider else {}
        if self.phone and self.phone.plotly_fig:
            described["phone"] = {"layout": _described(self.phone.plotly_fig)["layout"], "plain": self.phone.plain}
        said = json.dumps(described, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return f"tinyFigure({json.dumps(self.name)},{said})\n"

    def _controls(self) -> str:
        """What one chooses with while one explores; its line is there from the beginning, so that nothing moves."""
        if self.explorer:
            inside = self.explorer.controls()
        elif self.slider:
            return f'<div class="tc-choice tc-slider pst-js-only">{self.slider.controls()}</div>'
        elif self.choices:
            options = "".join(f"<option>{escape(label)}</option>" for label, _ in self.choices)
            inside = f"<label>{escape(self.choice_title)} <select>{options}</select></label>"
        else:
            return ""
        return f'<div class="tc-choice pst-js-only" inert>{inside}</div>'

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        faces = {
            "name": self.name,
            "html": self.html(),
            "pdf": base64.b64encode(self.pdf()).decode(),
            "csv": self.csv(),
            "live": self.live(),
        }
        # A plain notebook shows the SVG; the book takes it from there as well, so it is not stored twice.
        bundle = {FIGURE_MIME: faces, "image/svg+xml": self.svg(), "text/plain": f"figure {self.name}"}
        return bundle, {"image/svg+xml": {"fallback_of": self.name}}


def _described(figure: go.Figure) -> dict[str, Any]:
    described: dict[str, Any] = json.loads(figure.to_json())
    described.get("layout", {}).pop("template", None)
    return described


def _svg(drawing: PrintFigure, salt: str, background: str = "none", text: str = "path") -> str:
    return _saved(drawing, "svg", salt, {"Date": None, "Creator": None}, background, text).decode()


def _page_svg(drawing: PrintFigure, salt: str) -> str:
    """The drawing for a page, which has the typeface and so needs no outlines of letters."""
    return inline(_svg(drawing, salt, text="none"))


def _saved(
    drawing: PrintFigure,
    fmt: str,
    salt: str,
    metadata: dict[str, None],
    background: str = "none",
    text: str = "path",
) -> bytes:
    buffer = io.BytesIO()
    with print_style(salt=salt, text=text), rc_context(_ARRANGED):
        drawing.savefig(buffer, format=fmt, facecolor=background, metadata=metadata, dpi=300)
    return buffer.getvalue()
