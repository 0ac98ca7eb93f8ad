"""One dot for each seed, spread sideways within its category, so that none hides behind a mean."""

import math
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from matplotlib.figure import Figure as PrintFigure

from tinycircuits.display import checks, labels
from tinycircuits.display.categories import Look, columns_of, finish, in_order, page_figure, print_figure
from tinycircuits.display.checks import Number, Rows
from tinycircuits.display.figure import Figure, Phone
from tinycircuits.display.theme import PAGE_WIDTH, PHONE, print_style, series_colours

SPREAD = 0.72
"""Part of a category that its dots take, so that categories stand apart."""
GOLDEN = 0.6180339887498949
"""Steps of the golden ratio spread any number of dots evenly."""
_LOOKS = ((300, (6, 3.0, 0.9)), (1_000, (5, 2.4, 0.6)), (math.inf, (3.5, 1.4, 0.6)))
"""Below which number of dots which size on the page, which in print, and how opaque; few are seen only if strong."""


class _Dots:
    """A checked tidy frame, turned into one cloud of dots for each group."""

    def __init__(self, frame: pd.DataFrame, category: str, value: str, group: str | None):
        y = checks.finite(f"frame[{value!r}]", frame[value].to_numpy(), ndim=1)
        self.categories = in_order(frame[category])
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
    name: str,
    x_title: str = "",
    y_title: str = "",
    group: str | None = None,
    reference: tuple[str, Number] | None = None,
    y_range: tuple[Number, Number] | None = None,
) -> Figure:
    """One dot per row of tidy ``rows``: ``category`` along the axis, ``group`` by colour.

    Axes are named like their columns unless a title is given. Where a dot stands within its category says nothing.
    ``reference`` is a named dashed level, such as chance.
    Raises ``ValueError`` naming the column for missing or non-finite numbers.
    """
    frame = columns_of(rows, category, group, value)
    table = _Dots(frame, category, value, group)
    low, high = y_range or (float(table.y.min()), float(table.y.max()))
    air = 0.03 * ((high - low) or 1.0)
    limits, colours = (low - air, high + air), series_colours(table.groups)
    look = Look(table.categories, colours, x_title or category, y_title or value, reference, limits)
    wide, narrow = ((_page_face(table, look, width), _print_face(table, look, width)) for width in (PAGE_WIDTH, PHONE))
    return Figure(name, *wide, frame, phone=Phone(*narrow))


def _look(table: _Dots) -> tuple[float, float, float]:
    """Size of a dot on the page and in print, and its opacity."""
    return next(look for below, look in _LOOKS if len(table.y) < below)


def _page_face(table: _Dots, look: Look, width: Number) -> go.Figure:
    size, _, opacity = _look(table)
    traces: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": labels.page(name),
            "x": checks.rounded(x),
            "y": checks.rounded(y),
            "marker": {"color": look.colours[name], "size": size, "opacity": opacity},
            "hovertemplate": "%{y:.4g}<extra>%{fullData.name}</extra>",
        }
        for name, (x, y) in table.clouds.items()
    ]
    return page_figure(traces, look, {"range": look.y_range}, width).update_layout(legend_itemsizing="constant")


def _print_face(table: _Dots, look: Look, width: Number) -> PrintFigure:
    with print_style():
        figure, axes = print_figure(look, width)
        _, size, opacity = _look(table)
        for name, (x, y) in table.clouds.items():
            marks: dict[str, Any] = {"ms": size, "mew": 0, "alpha": opacity, "color": look.colours[name]}
            axes.plot(checks.rounded(x), checks.rounded(y), "o", label=labels.print_(name), **marks)
        axes.set_xlim(-0.5, len(table.categories) - 0.5)
        return finish(figure, look, width, markerscale=4.8 / size)
