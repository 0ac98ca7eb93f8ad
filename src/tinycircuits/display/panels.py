"""Where panels stand: the same rows and columns of small multiples on the page and in print."""

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as PrintFigure

from tinycircuits.display import labels
from tinycircuits.display.checks import Number
from tinycircuits.display.theme import FULL, LETTER, PAGE_WIDTH, legend_columns, plotly_axis

ASLANT: Any = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
"""How matplotlib sets labels of x that have no room beside each other."""


@dataclass(frozen=True)
class Panels:
    """Equal panels, left to right and top to bottom. Sizes are CSS pixels of a page ``PAGE_WIDTH`` wide.

    ``left`` and ``right`` are the margins for row labels and colour bar, ``top`` and ``bottom`` those for titles and
    axis labels; ``gap`` separates columns.
    """

    count: int
    columns: int
    width: Number
    height: Number
    left: Number
    right: Number
    top: Number
    bottom: Number
    gap: Number = 18
    own_x: bool = False
    """Whether every panel has its own numbers along x, and shows them."""

    @property
    def rows(self) -> int:
        """Number of rows of panels."""
        return -(-self.count // self.columns)

    @property
    def total_width(self) -> Number:
        """Width of the whole figure, pixels."""
        return self.left + self.right + self.columns * self.width + (self.columns - 1) * self.gap

    @property
    def row_gap(self) -> Number:
        """Distance between rows: the lower row's title, the upper row's own numbers, and some air."""
        return self.top + (32 if self.own_x else 14)

    @property
    def total_height(self) -> Number:
        """Height of the whole figure, pixels."""
        return self.top + self.bottom + self.rows * self.height + (self.rows - 1) * self.row_gap

    @property
    def inches(self) -> tuple[float, float]:
        """Size in print, of the same proportions."""
        width = min(FULL, FULL * self.total_width / PAGE_WIDTH)
        return width, width * self.total_height / self.total_width

    def place(self, index: int) -> tuple[int, int]:
        """Row and column of panel ``index``."""
        return divmod(index, self.columns)

    def is_left(self, index: int) -> bool:
        """Whether panel ``index`` stands in the first column."""
        return index % self.columns == 0

    def is_bottom(self, index: int) -> bool:
        """Whether no panel stands under panel ``index``."""
        return index + self.columns >= self.count

    def has_x_numbers(self, index: int) -> bool:
        """Whether the numbers along x are written under panel ``index``."""
        return self.own_x or self.is_bottom(index)

    def domains(self, index: int) -> tuple[list[float], list[float]]:
        """The plotly domains (x, y) of panel ``index``, fractions of the drawing area."""
        row, column = self.place(index)
        across = self.total_width - self.left - self.right
        down = self.total_height - self.top - self.bottom
        x = column * (self.width + self.gap) / across
        y = 1 - row * (self.height + self.row_gap) / down
        return [float(x), min(1.0, x + self.width / across)], [max(0.0, y - self.height / down), float(y)]

    def margin(self) -> dict[str, Number]:
        """Plotly's margins."""
        return {"l": self.left, "r": self.right, "t": self.top, "b": self.bottom, "pad": 0}

    def print_axes(self) -> tuple[PrintFigure, list[Axes]]:
        """An empty print figure and one axes per panel."""
        figure = PrintFigure(figsize=self.inches)
        grid = figure.subplots(self.rows, self.columns, squeeze=False).ravel()
        for unused in grid[self.count :]:
            unused.remove()
        return figure, list(grid[: self.count])


def axis_key(letter: str, index: int) -> str:
    """Plotly's name of axis ``letter`` of panel ``index`` in a trace (``x``, ``x2``, ...)."""
    return letter if index == 0 else f"{letter}{index + 1}"


def layout_key(letter: str, index: int) -> str:
    """Plotly's name of axis ``letter`` of panel ``index`` in the layout (``xaxis``, ``xaxis2``, ...)."""
    return f"{letter}axis" if index == 0 else f"{letter}axis{index + 1}"


def panel_axes(panels: Panels, index: int, x: dict[str, Any], y: dict[str, Any]) -> dict[str, Any]:
    """The plotly layout entries of both axes of panel ``index``; titles and labels only at the outer edge."""
    across, up = panels.domains(index)
    if not panels.is_bottom(index):
        x = {**x, "title": None, "showticklabels": panels.own_x}
    if not panels.is_left(index):
        y = {**y, "title": None, "showticklabels": False}
    return {
        layout_key("x", index): plotly_axis(domain=across, anchor=axis_key("y", index), **x),
        layout_key("y", index): plotly_axis(domain=up, anchor=axis_key("x", index), **y),
    }


def titles(panels: Panels, names: Sequence[str]) -> list[dict[str, Any]]:
    """Plotly annotations with the panels' names above them; none when there is one nameless panel."""
    out = []
    for index, name in enumerate(names):
        across, up = panels.domains(index)
        place = {"x": sum(across) / 2, "y": up[1], "xref": "paper", "yref": "paper"}
        place |= {"xanchor": "center", "yanchor": "bottom", "yshift": 3}
        if name:
            out.append({**place, "text": labels.page(name), "showarrow": False, "font": {"size": 14}})
    return out


def print_legend(figure: PrintFigure, width: Number, markerscale: float | None = None) -> None:
    """One legend of all panels above a drawing of this width, in CSS pixels, unless there is one entry."""
    entries = {text: mark for axes in figure.axes for mark, text in zip(*axes.get_legend_handles_labels(), strict=True)}
    if len(entries) > 1:
        columns = min(5, legend_columns(list(entries), width))
        more = {"ncols": columns, "markerscale": markerscale, "handlelength": 2.6, "columnspacing": 1.4}
        # Otherwise the rows of a legend would leave little for the drawing.
        figure.set_figheight(figure.get_figheight() + 0.19 * (-(-len(entries) // columns) - 1))
        figure.legend(entries.values(), entries.keys(), loc="outside upper left", **more)


def axis_title(text: str, room: Number | None = None) -> dict[str, Any]:
    """A plotly axis title; of several lines where the axis, of ``room`` CSS pixels, is too short for it."""
    lines = title_lines(text, room)
    return {"text": "<br>".join(map(labels.page, lines)), "standoff": 6, "font": {"size": 14}}


def print_title(text: str, room: Number) -> str:
    """The same title for matplotlib."""
    return "\n".join(map(labels.print_, title_lines(text, room)))


def title_lines(text: str, room: Number | None = None) -> list[str]:
    """A title in as few lines as ``room`` CSS pixels allow, about equally long."""
    if room is None or len(text) * LETTER <= room:
        return [text]
    count = math.ceil(len(text) * LETTER / room)
    return textwrap.wrap(text, math.ceil(len(text) / count) + 4, break_long_words=False)
