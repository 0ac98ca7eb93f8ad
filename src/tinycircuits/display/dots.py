"""One dot for each seed, spread sideways within its category, so that none hides behind a mean."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from matplotlib.figure import Figure as PrintFigure

from tinycircuits.display import checks, labels
from tinycircuits.display.checks import Number, Rows
from tinycircuits.display.figure import Figure
from tinycircuits.display.panels import axis_title
from tinycircuits.display.theme import (
    BELOW,
    FAINT,
    FULL,
    GREY,
    LEFT,
    RIGHT,
    SERIES,
    WIDE,
    plotly_axis,
    plotly_layout,
    plotly_legend,
    print_style,
)

SPREAD = 0.72
"""Part of a category that its dots take, so that categories stand apart."""
GOLDEN = 0.6180339887498949
"""Steps of the golden ratio spread any number of dots evenly."""


class _Dots:
    """A checked tidy frame, turned into one cloud of dots for each group."""

    def __init__(self, frame: pd.DataFrame, category: str, value: str, group: str | None):
        for column in [category, value, *([group] if group else [])]:
            if column not in frame.columns:
                raise ValueError(f"frame: no column {column!r}, it has {list(frame.columns)}")
        y = checks.finite(f"frame[{value!r}]", frame[value].to_numpy(), ndim=1)
        self.categories = [str(item) for item in dict.fromkeys(frame[category])]
        names = frame[group].astype(str).to_numpy() if group else np.full(len(frame), value)
        self.groups = list(dict.fromkeys(names))
        places = frame[category].astype(str).to_numpy()
        x = np.empty(len(frame))
        for index, name in enumerate(self.categories):
            rows = np.flatnonzero(places == name)
            # Neighbours in value stand far apart.
            rank = np.argsort(np.argsort(y[rows], kind="stable"), kind="stable")
            x[rows] = index + SPREAD * ((rank * GOLDEN) % 1 - 0.5)
        self.clouds = {name: (x[names == name], y[names == name]) for name in self.groups}
        self.y = y


def dots(
    rows: Rows,
    *,
    category: str,
    value: str,
    x_title: str,
    y_title: str,
    name: str,
    caption: str,
    alt: str,
    group: str | None = None,
    colours: Mapping[str, str] | None = None,
    reference: tuple[str, Number] | None = None,
    y_range: tuple[Number, Number] | None = None,
) -> Figure:
    """One dot per row of tidy ``rows``: ``category`` along the axis, ``group`` by colour.

    Where a dot stands within its category says nothing. ``reference`` is a named dashed level, such as chance.
    Raises ``ValueError`` naming the column for missing or non-finite numbers.
    """
    frame = pd.DataFrame(rows)
    table = _Dots(frame, category, value, group)
    chosen = {g: (colours or {}).get(g, SERIES[i % len(SERIES)]) for i, g in enumerate(table.groups)}
    low, high = y_range or (float(table.y.min()), float(table.y.max()))
    air = 0.03 * ((high - low) or 1.0)
    limits = (low - air, high + air)
    faces = (
        _page_face(table, chosen, (x_title, y_title), reference, limits),
        _print_face(table, chosen, (x_title, y_title), reference, limits),
    )
    columns = [category, *([group] if group else []), value]
    return Figure(name, caption, alt, *faces, frame[columns], min_width=WIDE)


def _page_face(
    table: _Dots,
    colours: dict[str, str],
    words: tuple[str, str],
    reference: tuple[str, Number] | None,
    limits: tuple[float, float],
) -> go.Figure:
    traces: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": labels.page(name),
            "x": checks.rounded(x),
            "y": checks.rounded(y),
            "marker": {"color": colours[name], "size": 5 if len(table.y) < 1_000 else 3.5, "opacity": 0.6},
            "hovertemplate": "%{y:.4g}<extra>%{fullData.name}</extra>",
        }
        for name, (x, y) in table.clouds.items()
    ]
    if reference:
        line = {"color": GREY, "width": 1.5, "dash": "dash"}
        ends = {"x": [-0.5, len(table.categories) - 0.5], "y": [reference[1]] * 2}
        name = labels.page(reference[0])
        traces.append({"type": "scatter", "mode": "lines", "name": name, "line": line, "hoverinfo": "skip", **ends})
    entries = [trace["name"] for trace in traces]
    place, above = plotly_legend(entries) if len(entries) > 1 else ({}, 0)
    ticks = {"tickvals": list(range(len(table.categories))), "ticktext": [labels.page(c) for c in table.categories]}
    layout = plotly_layout(
        310 + above,
        margin={"l": LEFT, "r": RIGHT, "t": 10 + above, "b": BELOW, "pad": 0},
        showlegend=len(entries) > 1,
        legend=place | {"itemsizing": "constant"},
        xaxis=plotly_axis(title=axis_title(words[0]), showgrid=False, **ticks)
        | {"ticks": ""}
        | {"range": [-0.5, len(table.categories) - 0.5]},
        yaxis=plotly_axis(title=axis_title(words[1]), range=list(limits)),
    )
    return go.Figure(data=traces, layout=layout)


def _print_face(
    table: _Dots,
    colours: dict[str, str],
    words: tuple[str, str],
    reference: tuple[str, Number] | None,
    limits: tuple[float, float],
) -> PrintFigure:
    with print_style():
        figure = PrintFigure(figsize=(FULL, 2.7))
        axes = figure.subplots()
        for name, (x, y) in table.clouds.items():
            size = 2.4 if len(table.y) < 1_000 else 1.4
            axes.plot(
                checks.rounded(x), checks.rounded(y), "o", ms=size, mew=0, alpha=0.6, color=colours[name],
                label=labels.print_(name),
            )  # fmt: skip
        if reference:
            axes.axhline(reference[1], color=GREY, linestyle="--", lw=0.9, label=labels.print_(reference[0]))
        axes.set_xticks(range(len(table.categories)), [labels.print_(c) for c in table.categories])
        axes.tick_params(axis="x", length=0)
        axes.set(xlabel=labels.print_(words[0]), ylabel=labels.print_(words[1]), ylim=limits)
        axes.set_xlim(-0.5, len(table.categories) - 0.5)
        axes.grid(axis="y", color=FAINT)
        axes.set_axisbelow(True)
        if len(axes.get_legend_handles_labels()[0]) > 1:
            figure.legend(loc="outside upper left", ncols=5, markerscale=2)
    return figure
