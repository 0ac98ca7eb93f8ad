"""What figures over categories share: columns of tidy rows, the axes, a named level, the legend."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.figure import Figure as PrintFigure

from tinycircuits.display import labels
from tinycircuits.display.checks import Number, Rows
from tinycircuits.display.panels import axis_title
from tinycircuits.display.theme import (
    BELOW,
    FAINT,
    FULL,
    GREY,
    LEFT,
    RIGHT,
    plotly_axis,
    plotly_layout,
    plotly_legend,
)


@dataclass(frozen=True)
class Look:
    """What both faces of a figure share besides its numbers; ``ticks`` are the lines of each category's label."""

    ticks: Sequence[Sequence[str]]
    colours: Mapping[str, str]
    x_title: str
    y_title: str
    reference: tuple[str, Number] | None
    y_range: tuple[Number, Number] | None


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


def page_figure(traces: Sequence[dict[str, Any]], look: Look, y: Mapping[str, Any]) -> go.Figure:
    """The page face of these traces; ``y`` are settings of the y axis."""
    ends = [-0.5, len(look.ticks) - 0.5]
    drawn = [*traces, *([_level(look.reference, ends)] if look.reference else [])]
    entries = [trace["name"] for trace in drawn if trace.get("showlegend", True)]
    place, above = plotly_legend(entries) if len(entries) > 1 else ({}, 0)
    names = ["<br>".join(map(labels.page, lines)) for lines in look.ticks]
    ticks = {"tickvals": list(range(len(names))), "ticktext": names, "ticks": "", "showgrid": False}
    below = BELOW + 17 * (max(map(len, look.ticks)) - 1)
    layout = plotly_layout(
        256 + below + above,
        margin={"l": LEFT, "r": RIGHT, "t": 10 + above, "b": below, "pad": 0},
        showlegend=len(entries) > 1,
        legend=place,
        xaxis=plotly_axis(title=axis_title(look.x_title), range=ends, **ticks),
        yaxis=plotly_axis(title=axis_title(look.y_title), **y),
    )
    return go.Figure(data=drawn, layout=layout)


def print_figure() -> tuple[PrintFigure, Axes]:
    """An empty print face with its axes."""
    figure = PrintFigure(figsize=(FULL, 2.7))
    return figure, figure.subplots()


def finish(figure: PrintFigure, look: Look, *, markerscale: float | None = None) -> PrintFigure:
    """The print face with its level, its axes and its legend; ``markerscale`` enlarges the marks there."""
    (axes,) = figure.axes
    if look.reference:
        axes.axhline(look.reference[1], color=GREY, linestyle="--", lw=0.9, label=labels.print_(look.reference[0]))
    axes.set_xticks(range(len(look.ticks)), ["\n".join(map(labels.print_, lines)) for lines in look.ticks])
    axes.tick_params(axis="x", length=0)
    axes.set(xlabel=labels.print_(look.x_title), ylabel=labels.print_(look.y_title), ylim=look.y_range)
    axes.grid(axis="y", color=FAINT)
    axes.set_axisbelow(True)
    if len(axes.get_legend_handles_labels()[0]) > 1:
        figure.legend(loc="outside upper left", ncols=5, markerscale=markerscale)
    return figure


def _level(reference: tuple[str, Number], ends: list[float]) -> dict[str, Any]:
    name, level = reference
    look = {"line": {"color": GREY, "width": 1.5, "dash": "dash"}, "hoverinfo": "skip", "legendrank": 1200}
    return {"type": "scatter", "mode": "lines", "name": labels.page(name), "x": ends, "y": [level] * 2, **look}
