"""Grouped bars, each with its interval and its control beside it."""

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.figure import Figure as PrintFigure

from tinycircuits.display import checks, labels
from tinycircuits.display.categories import Look, columns_of, finish, in_order, page_figure, print_figure
from tinycircuits.display.checks import Number, Rows
from tinycircuits.display.figure import Figure, Phone
from tinycircuits.display.theme import GREY, INK, PAGE_WIDTH, PAPER, PHONE, print_style, series_colours

_GROUP, _FILLED = 0.8, 0.92
"""Part of a category that its bars take, so that categories stand apart, and part of its place that a bar fills."""


class _Bars:
    """A checked tidy frame, turned into one array per group over all categories."""

    def __init__(
        self, frame: pd.DataFrame, category: str, value: str, group: str | None, extras: dict[str, str | None]
    ):
        self.extras = {role: column for role, column in extras.items() if column is not None}
        self.frame, self.value = frame, value
        self.categories = in_order(frame[category])
        self.groups = in_order(frame[group]) if group else [value]
        keys = zip(
            frame[category].astype(str), frame[group].astype(str) if group else [value] * len(frame), strict=True
        )
        self._row = {key: index for index, key in enumerate(keys)}
        if len(self._row) != len(frame) or len(frame) != len(self.categories) * len(self.groups):
            raise ValueError("frame: exactly one row for every category of every group expected")
        self.width = _GROUP / len(self.groups)

    def places(self, group: str) -> list[float]:
        """Where the bars of ``group`` stand: beside one another, around the middle of their category."""
        offset = (self.groups.index(group) - (len(self.groups) - 1) / 2) * self.width
        return [float(x) for x in np.arange(len(self.categories)) + offset]

    def column(self, column: str, group: str) -> checks.Array:
        """``column`` of ``group`` in the order of the categories."""
        values = checks.finite(f"frame[{column!r}]", self.frame[column].to_numpy(), ndim=1)
        return values[[self._row[category, group] for category in self.categories]]


def bars(
    rows: Rows,
    *,
    category: str,
    value: str,
    name: str,
    x_title: str = "",
    y_title: str = "",
    group: str | None = None,
    low: str | None = None,
    high: str | None = None,
    control: str | None = None,
    control_label: str = "control",
    reference: tuple[str, Number] | None = None,
    y_range: tuple[Number, Number] | None = None,
) -> Figure:
    """One bar per row of tidy ``rows``: ``category`` along the axis, ``group`` side by side and by colour.
    Axes are named like their columns unless a title is given.

    The other names are columns too: ``low`` and ``high`` end each bar's interval, ``control`` is drawn as a diamond
    over its bar. ``reference`` is a named dashed level, such as chance. Raises ``ValueError`` naming the column for
    missing or non-finite numbers, and when a category and group has not exactly one row.
    """
    if (low is None) != (high is None):
        raise ValueError(f"low, high: both or neither expected, got {low!r} and {high!r}")
    frame = columns_of(rows, category, group, value, low, high, control)
    table = _Bars(frame, category, value, group, {"low": low, "high": high, "control": control})
    colours = series_colours(table.groups)
    look = Look(table.categories, colours, x_title or category, y_title or value, reference, y_range)
    wide, narrow = (
        (_page_face(table, look, control_label, width), _print_face(table, look, control_label, width))
        for width in (PAGE_WIDTH, PHONE)
    )
    return Figure(name, *wide, frame, phone=Phone(*narrow))


def _page_face(table: _Bars, look: Look, control_label: str, width: Number) -> go.Figure:
    traces: list[dict[str, Any]] = []
    for group in table.groups:
        traces.append(_bar_trace(table, group, look.colours[group]))
        if "control" in table.extras:
            traces.append(_control_trace(table, group, control_label))
    y = {"range": list(look.y_range) if look.y_range else None, "rangemode": "tozero"}
    return page_figure(traces, look, y, width).update_layout(barmode="overlay")


def _bar_trace(table: _Bars, group: str, colour: str) -> dict[str, Any]:
    values = table.column(table.value, group)
    trace: dict[str, Any] = {
        "type": "bar",
        "name": labels.page(group),
        "x": table.places(group),
        "y": checks.rounded(values),
        "width": table.width * _FILLED,
        "marker": {"color": colour},
        "hovertext": [labels.page(category) for category in table.categories],
        "hovertemplate": "%{hovertext}, %{fullData.name}: <b>%{y:.4g}</b><extra></extra>",
    }
    if "low" in table.extras:
        up = table.column(table.extras["high"], group) - values
        down = values - table.column(table.extras["low"], group)
        look = {"color": GREY, "thickness": 1.5, "width": 4}
        trace["error_y"] = {"array": checks.rounded(up), "arrayminus": checks.rounded(down), **look}
    return trace


def _control_trace(table: _Bars, group: str, label: str) -> dict[str, Any]:
    marker = {"symbol": "diamond", "size": 9, "color": "#ffffff", "line": {"color": INK, "width": 1.5}}
    return {
        "type": "scatter",
        "mode": "markers",
        "name": labels.page(label),
        "legendgroup": "control",
        "legendrank": 1100,
        "cliponaxis": False,
        "showlegend": group == table.groups[0],
        "x": table.places(group),
        "y": checks.rounded(table.column(table.extras["control"], group)),
        "marker": marker,
        "hovertemplate": f"{labels.page(label)}: <b>%{{y:.4g}}</b><extra></extra>",
    }


def _print_face(table: _Bars, look: Look, control_label: str, width: Number) -> PrintFigure:
    with print_style():
        figure, axes = print_figure(look, width)
        for group in table.groups:
            _print_group(axes, table, group, look.colours[group])
        if "control" in table.extras:
            axes.plot([], [], "D", ms=4.5, mfc=PAPER, mec=INK, mew=0.9, label=labels.print_(control_label))
        return finish(figure, look, width)


def _print_group(axes: Axes, table: _Bars, group: str, colour: str) -> None:
    at, exact = table.places(group), table.column(table.value, group)
    values = np.array(checks.rounded(exact))
    axes.bar(at, values, width=table.width * _FILLED, color=colour, label=labels.print_(group), zorder=2)
    if "low" in table.extras:
        ends = table.column(table.extras["low"], group), table.column(table.extras["high"], group)
        errors = np.array(checks.rounded(np.array([exact - ends[0], ends[1] - exact])))
        axes.errorbar(at, values, yerr=errors, fmt="none", ecolor=GREY, elinewidth=1, capsize=2, zorder=3)
    if "control" in table.extras:
        control = checks.rounded(table.column(table.extras["control"], group))
        axes.plot(at, control, "D", ms=4.5, mfc=PAPER, mec=INK, mew=0.9, zorder=4, clip_on=False)
