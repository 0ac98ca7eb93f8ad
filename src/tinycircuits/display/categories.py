"""What figures over categories share: columns of tidy rows, the axes, a named level, the legend."""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.figure import Figure as PrintFigure
from matplotlib.ticker import StrMethodFormatter

from tinycircuits.display import labels
from tinycircuits.display.checks import Number, Rows
from tinycircuits.display.panels import ASLANT, axis_title, print_legend, print_title, title_lines
from tinycircuits.display.theme import (
    BELOW,
    FAINT,
    FULL,
    GREY,
    LEFT,
    PAGE_WIDTH,
    PHONE,
    RIGHT,
    plotly_axis,
    plotly_layout,
    plotly_legend,
)

_LETTERS = 85
"""So many letters of labels stand side by side at full width."""
_HEIGHT = 200
"""Height of the axes, CSS pixels, as far as a legend above leaves it."""


@dataclass(frozen=True)
class Look:
    """What the faces of a figure share besides its numbers; ``ticks`` are the labels of categories."""

    ticks: Sequence[str]
    colours: Mapping[str, str]
    x_title: str
    y_title: str
    reference: tuple[str, Number] | None
    y_range: tuple[Number, Number] | None

    def wrapped(self, width: Number) -> list[list[str]]:
        """The lines of each label: broken between words where a figure of this width has no room for all of it."""
        room = max(8, int(_LETTERS * width / PAGE_WIDTH / len(self.ticks)) - 1)
        return [textwrap.wrap(tick, room, break_long_words=False) for tick in self.ticks]

    def leaning(self, width: Number) -> int:
        """0, or how many letters the longest label has, when labels of a figure so wide stand only aslant."""
        longest = [max(map(len, lines)) for lines in self.wrapped(width)]
        apart = _LETTERS * width / PAGE_WIDTH / len(self.ticks)
        fits = all((left + right + 1) / 2 <= apart for left, right in pairwise(longest))
        return 0 if fits or width > PHONE else max(map(len, self.ticks))


def columns_of(rows: Rows, *names: str | None) -> pd.DataFrame:
    """The columns with these names; raises ``ValueError`` naming one that ``rows`` lack."""
    frame, chosen = pd.DataFrame(rows), [name for name in dict.fromkeys(names) if name]
    for name in chosen:
        if name not in frame.columns:
            raise ValueError(f"frame: no column {name!r}, it has {list(frame.columns)}")
    return frame[chosen]


def in_order(values: Iterable[Any]) -> list[str]:
    """The different values as text, in order of their first occurrence, or of their categories where they have any."""
    if isinstance(values, pd.Series) and isinstance(values.dtype, pd.CategoricalDtype):
        values = values.sort_values()
    return [str(value) for value in dict.fromkeys(values)]


def page_figure(
    traces: Sequence[dict[str, Any]], look: Look, y: Mapping[str, Any], width: Number = PAGE_WIDTH
) -> go.Figure:
    """What a reader explores of these traces; ``y`` are settings of the y axis."""
    ends = [-0.5, len(look.ticks) - 0.5]
    drawn = [*traces, *([_level(look.reference, ends)] if look.reference else [])]
    entries = [trace["name"] for trace in drawn if trace.get("showlegend", True)]
    place, above = plotly_legend(entries, width) if len(entries) > 1 else ({}, 0)
    lines, leaning = look.wrapped(width), look.leaning(width)
    names = ["<br>".join(map(labels.page, each)) for each in ([[tick] for tick in look.ticks] if leaning else lines)]
    ticks = {"tickvals": list(range(len(names))), "ticktext": names, "ticks": "", "showgrid": False}
    left = LEFT + 18 * (len(title_lines(look.y_title, _HEIGHT)) - 1)
    below = BELOW + (5 * leaning if leaning else 17 * (max(map(len, lines)) - 1))
    layout = plotly_layout(
        256 + below + above,
        margin={"l": left, "r": RIGHT, "t": 10 + above, "b": below, "pad": 0},
        showlegend=len(entries) > 1,
        legend=place,
        xaxis=plotly_axis(title=axis_title(look.x_title), range=ends, tickangle=-40 if leaning else 0, **ticks),
        yaxis=plotly_axis(title=axis_title(look.y_title, _HEIGHT), separatethousands=True, exponentformat="none", **y),
    )
    return go.Figure(data=drawn, layout=layout)


def print_figure(look: Look, width: Number = PAGE_WIDTH) -> tuple[PrintFigure, Axes]:
    """An empty drawing with its axes."""
    lines = max(map(len, look.wrapped(width)))
    # Labels of many lines would leave little for the drawing.
    height = 2.7 + (0.045 * look.leaning(width) + 0.2 if width <= PHONE else 0.15 * max(0, lines - 2))
    figure = PrintFigure(figsize=(FULL * width / PAGE_WIDTH, height))
    return figure, figure.subplots()


def finish(
    figure: PrintFigure, look: Look, width: Number = PAGE_WIDTH, *, markerscale: float | None = None
) -> PrintFigure:
    """The drawing with its level, its axes and its legend; ``markerscale`` enlarges the marks there."""
    (axes,) = figure.axes
    if look.reference:
        axes.axhline(look.reference[1], color=GREY, linestyle="--", lw=0.9, label=labels.print_(look.reference[0]))
    if look.leaning(width):
        axes.set_xticks(range(len(look.ticks)), list(map(labels.print_, look.ticks)), **ASLANT)
    else:
        names = ["\n".join(map(labels.print_, lines)) for lines in look.wrapped(width)]
        axes.set_xticks(range(len(look.ticks)), names)
    axes.tick_params(axis="x", length=0)
    axes.set(xlabel=labels.print_(look.x_title), ylabel=print_title(look.y_title, _HEIGHT), ylim=look.y_range)
    if max(map(abs, axes.get_ylim())) >= 1_000:
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.grid(axis="y", color=FAINT)
    axes.set_axisbelow(True)
    print_legend(figure, width, markerscale)
    return figure


def _level(reference: tuple[str, Number], ends: list[float]) -> dict[str, Any]:
    name, level = reference
    look = {"line": {"color": GREY, "width": 1.5, "dash": "dash"}, "hoverinfo": "skip", "legendrank": 1200}
    return {"type": "scatter", "mode": "lines", "name": labels.page(name), "x": ends, "y": [level] * 2, **look}
