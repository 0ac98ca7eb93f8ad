"""Grouped bars, each with its interval and its control beside it."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from matplotlib.axes import Axes
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
    INK,
    LEFT,
    RIGHT,
    SERIES,
    WIDE,
    plotly_axis,
    plotly_layout,
    plotly_legend,
    print_style,
)

_LETTERS = 72
"""So many letters of labels stand side by side."""
_GROUP, _FILLED = 0.8, 0.92
"""Part of a category that its bars take, so that categories stand apart, and part of its place that a bar fills."""


class _Bars:
    """A checked tidy frame, turned into one array per group over all categories."""

    def __init__(
        self, frame: pd.DataFrame, category: str, value: str, group: str | None, extras: dict[str, str | None]
    ):
        self.extras = {role: column for role, column in extras.items() if column is not None}
        for column in [category, value, *([group] if group else []), *self.extras.values()]:
            if column not in frame.columns:
                raise ValueError(f"frame: no column {column!r}, it has {list(frame.columns)}")
        self.frame = frame
        self.value = value
        self.categories = [str(item) for item in dict.fromkeys(frame[category])]
        self.groups = [str(item) for item in dict.fromkeys(frame[group])] if group else [value]
        keys = zip(
            frame[category].astype(str), frame[group].astype(str) if group else [value] * len(frame), strict=True
        )
        self._row = {key: index for index, key in enumerate(keys)}
        if len(self._row) != len(frame) or len(frame) != len(self.categories) * len(self.groups):
            raise ValueError("frame: exactly one row for every category of every group expected")

    def column(self, column: str, group: str) -> checks.Array:
        """``column`` of ``group`` in the order of the categories."""
        values = checks.finite(f"frame[{column!r}]", self.frame[column].to_numpy(), ndim=1)
        return values[[self._row[category, group] for category in self.categories]]


def bars(
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
    low: str | None = None,
    high: str | None = None,
    control: str | None = None,
    control_label: str = "control",
    reference: tuple[str, Number] | None = None,
    y_range: tuple[Number, Number] | None = None,
    colours: Mapping[str, str] | None = None,
) -> Figure:
    """One bar per row of tidy ``rows``: ``category`` along the axis, ``group`` side by side and by colour.

    The other names are columns too: ``low`` and ``high`` end each bar's interval, ``control`` is drawn as a diamond
    over its bar. ``reference`` is a named dashed level, such as chance. Raises ``ValueError`` naming the column for
    missing or non-finite numbers, and when a category and group has not exactly one row.
    """
    if (low is None) != (high is None):
        raise ValueError(f"low, high: both or neither expected, got {low!r} and {high!r}")
    frame = pd.DataFrame(rows)
    table = _Bars(frame, category, value, group, {"low": low, "high": high, "control": control})
    chosen = {g: (colours or {}).get(g, SERIES[i % len(SERIES)]) for i, g in enumerate(table.groups)}
    words = {"x": x_title, "y": y_title, "control": control_label}
    columns = [category, *([group] if group else []), value, *table.extras.values()]
    faces = (
        _page_face(table, chosen, words, reference, y_range),
        _print_face(table, chosen, words, reference, y_range),
    )
    return Figure(name, caption, alt, *faces, frame[columns], min_width=WIDE)


def _offsets(table: _Bars) -> tuple[float, list[float]]:
    """The width of a bar and the groups' offsets from the middle of their category."""
    width = _GROUP / len(table.groups)
    return width * _FILLED, [(index - (len(table.groups) - 1) / 2) * width for index in range(len(table.groups))]


def _wrapped(categories: Sequence[str]) -> list[list[str]]:
    """The lines of each category's label: broken between words where a bar has no room for all of it."""
    return [textwrap.wrap(each, max(8, _LETTERS // len(categories)), break_long_words=False) for each in categories]


def _page_face(
    table: _Bars,
    colours: dict[str, str],
    words: dict[str, str],
    reference: tuple[str, Number] | None,
    y_range: tuple[Number, Number] | None,
) -> go.Figure:
    width, offsets = _offsets(table)
    traces: list[dict[str, Any]] = []
    for group, offset in zip(table.groups, offsets, strict=True):
        at = list(np.arange(len(table.categories)) + offset)
        traces.append(_bar_trace(table, group, at, width, colours[group]))
        if "control" in table.extras:
            shown = not any(trace["type"] == "scatter" for trace in traces)
            traces.append(_control_trace(table, group, at, words["control"], shown))
    traces += _reference_traces(table, reference)
    names = [[labels.page(line) for line in lines] for lines in _wrapped(table.categories)]
    ticks = {"tickvals": list(range(len(names))), "ticktext": ["<br>".join(lines) for lines in names], "tickangle": 0}
    below = BELOW + 17 * (max(map(len, names)) - 1)
    x = plotly_axis(title=axis_title(words["x"]), showgrid=False, ticks="", **ticks)
    y = plotly_axis(title=axis_title(words["y"]), range=list(y_range) if y_range else None, rangemode="tozero")
    entries = [trace["name"] for trace in traces if trace.get("showlegend", True)]
    place, above = plotly_legend(entries) if len(entries) > 1 else ({}, 0)
    layout = plotly_layout(
        256 + below + above,
        margin={"l": LEFT, "r": RIGHT, "t": 10 + above, "b": below, "pad": 0},
        showlegend=len(entries) > 1,
        legend=place,
        xaxis=x | {"range": [-0.5, len(table.categories) - 0.5]},
        yaxis=y,
        barmode="overlay",
    )
    return go.Figure(data=traces, layout=layout)


def _bar_trace(table: _Bars, group: str, at: list[float], width: float, colour: str) -> dict[str, Any]:
    values = table.column(table.value, group)
    trace: dict[str, Any] = {
        "type": "bar",
        "name": labels.page(group),
        "x": [float(x) for x in at],
        "y": checks.rounded(values),
        "width": width,
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


def _control_trace(table: _Bars, group: str, at: list[float], label: str, shown: bool) -> dict[str, Any]:
    marker = {"symbol": "diamond", "size": 9, "color": "#ffffff", "line": {"color": INK, "width": 1.5}}
    return {
        "type": "scatter",
        "mode": "markers",
        "name": labels.page(label),
        "legendgroup": "control",
        "legendrank": 1100,
        "cliponaxis": False,
        "showlegend": shown,
        "x": [float(x) for x in at],
        "y": checks.rounded(table.column(table.extras["control"], group)),
        "marker": marker,
        "hovertemplate": f"{labels.page(label)}: <b>%{{y:.4g}}</b><extra></extra>",
    }


def _reference_traces(table: _Bars, reference: tuple[str, Number] | None) -> list[dict[str, Any]]:
    if reference is None:
        return []
    line = {"color": GREY, "width": 1.5, "dash": "dash"}
    ends = {"x": [-0.5, len(table.categories) - 0.5], "y": [reference[1]] * 2}
    name = labels.page(reference[0])
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "name": name,
            "line": line,
            "hoverinfo": "skip",
            "legendrank": 1200,
            **ends,
        }
    ]


def _print_face(
    table: _Bars,
    colours: dict[str, str],
    words: dict[str, str],
    reference: tuple[str, Number] | None,
    y_range: tuple[Number, Number] | None,
) -> PrintFigure:
    width, offsets = _offsets(table)
    with print_style():
        figure = PrintFigure(figsize=(FULL, 2.7))
        axes = figure.subplots()
        for group, offset in zip(table.groups, offsets, strict=True):
            _print_group(
                axes, table, group, np.arange(len(table.categories), dtype=np.float64) + offset, (width, colours[group])
            )
        if "control" in table.extras:
            axes.plot([], [], "D", ms=4.5, mfc="white", mec=INK, mew=0.9, label=labels.print_(words["control"]))
        if reference:
            axes.axhline(reference[1], color=GREY, linestyle="--", lw=0.9, label=labels.print_(reference[0]))
        names = ["\n".join(map(labels.print_, lines)) for lines in _wrapped(table.categories)]
        axes.set_xticks(range(len(names)), names)
        axes.tick_params(axis="x", length=0)
        axes.set(xlabel=labels.print_(words["x"]), ylabel=labels.print_(words["y"]), ylim=y_range)
        axes.grid(axis="y", color=FAINT)
        axes.set_axisbelow(True)
        if len(axes.get_legend_handles_labels()[0]) > 1:
            figure.legend(loc="outside upper left", ncols=5)
    return figure


def _print_group(axes: Axes, table: _Bars, group: str, at: checks.Array, look: tuple[float, str]) -> None:
    exact = table.column(table.value, group)
    values = np.array(checks.rounded(exact))
    axes.bar(at, values, width=look[0], color=look[1], label=labels.print_(group), zorder=2)
    if "low" in table.extras:
        ends = table.column(table.extras["low"], group), table.column(table.extras["high"], group)
        errors = np.array(checks.rounded(np.array([exact - ends[0], ends[1] - exact])))
        axes.errorbar(at, values, yerr=errors, fmt="none", ecolor=GREY, elinewidth=1, capsize=2, zorder=3)
    if "control" in table.extras:
        control = checks.rounded(table.column(table.extras["control"], group))
        axes.plot(at, control, "D", ms=4.5, mfc="white", mec=INK, mew=0.9, zorder=4, clip_on=False)
