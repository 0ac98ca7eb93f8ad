"""Lines over an axis: learning curves, profiles over positions; one panel or several that share their axes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.figure import Figure as PrintFigure
from numpy.typing import ArrayLike

from tinycircuits.display import checks, labels
from tinycircuits.display.checks import Number
from tinycircuits.display.figure import Figure
from tinycircuits.display.panels import Panels, axis_key, axis_title, panel_axes, titles
from tinycircuits.display.theme import (
    BELOW,
    FAINT,
    GREY,
    LEFT,
    PAGE_WIDTH,
    RIGHT,
    WIDE,
    plotly_layout,
    plotly_legend,
    print_style,
    series_colours,
)

Series = Mapping[str, tuple[ArrayLike, ArrayLike]]
_DASHES = ("solid", "dash", "dot", "dashdot")


@dataclass(frozen=True)
class _Style:
    """What both faces of a figure share besides its numbers."""

    x_title: str
    y_title: str
    y_range: tuple[Number, Number] | None
    x_labels: Sequence[str] | None
    reference: tuple[str, Number] | None
    markers: bool


class _Curves:
    """Checked series by panel, with a colour and a dash for each series name."""

    def __init__(self, panels: Mapping[str, Series], log_y: bool, background: Sequence[str]):
        if not panels or not all(panels.values()):
            raise ValueError("series: nothing to draw, no series given")
        self.names = list(panels)
        self.log_y = log_y
        self.panels = [{name: self._checked(name, *xy) for name, xy in series.items()} for series in panels.values()]
        self.series = list(dict.fromkeys(name for panel in self.panels for name in panel))
        self.background = set(background)
        shown = [name for name in self.series if name not in self.background]
        self.colours = {**series_colours(shown), **dict.fromkeys(self.background, "#9aa4ae")}
        self.dashes = {name: _DASHES[shown.index(name) % 4] if name in shown else "solid" for name in self.series}

    def _checked(self, name: str, x: ArrayLike, y: ArrayLike) -> tuple[checks.Array, checks.Array]:
        xs, ys = checks.finite(f"series {name!r} x", x, ndim=1), checks.finite(f"series {name!r} y", y, ndim=1)
        if xs.shape != ys.shape:
            raise ValueError(f"series {name!r}: {len(xs)} x values but {len(ys)} y values")
        if self.log_y and ys.min() <= 0:
            raise ValueError(f"series {name!r} y: a logarithmic axis needs values above 0, got {ys.min():.4g}")
        return xs, ys

    def frame(self, x_title: str, y_title: str) -> pd.DataFrame:
        """The drawn numbers, one row per point."""
        rows = [
            {"panel": panel, "series": name, x_title: x, y_title: y}
            for panel, series in zip(self.names, self.panels, strict=True)
            for name, (xs, ys) in series.items()
            for x, y in zip(checks.rounded(xs), checks.rounded(ys), strict=True)
        ]
        return pd.DataFrame(rows).drop(columns=["panel"] if self.names == [""] else [])

    def y_limits(self, given: tuple[Number, Number] | None) -> tuple[float, float]:
        """Limits that fit every panel; in powers of ten on a logarithmic axis."""
        ys = np.concatenate([y for panel in self.panels for _, y in panel.values()])
        low, high = given or (float(ys.min()), float(ys.max()))
        if self.log_y:
            low, high = np.log10(low), np.log10(high)
        air = 0 if given else 0.05 * ((high - low) or 1.0)
        return float(low - air), float(high + air)


def lines(
    series: Series | Mapping[str, Series],
    *,
    x_title: str,
    y_title: str,
    name: str,
    log_y: bool = False,
    y_range: tuple[Number, Number] | None = None,
    x_labels: Sequence[str] | None = None,
    reference: tuple[str, Number] | None = None,
    background: Sequence[str] = (),
    markers: bool = False,
    columns: int | None = None,
) -> Figure:
    """Named series ``{name: (x, y)}`` in one panel, or ``{panel: series}``, one panel each with a shared y axis.

    Series of one name look alike in every panel. ``x_labels`` names the positions 0, 1, ... of the x axis.
    ``reference`` is a named dashed level, such as chance. ``background`` names series drawn thin and grey behind the
    others, such as other seeds.
    Raises ``ValueError`` naming the series for empty, non-finite or mismatched input, or values <= 0 with ``log_y``.
    """
    panelled = any(isinstance(each, Mapping) for each in series.values())
    panels = cast("Mapping[str, Series]", series if panelled else {"": series})
    curves = _Curves(panels, log_y, background)
    style = _Style(x_title, y_title, y_range, x_labels, reference, markers)
    place = _layout(len(panels), columns or min(3, len(panels)), panelled)
    faces = _page_face(curves, place, style), _print_face(curves, place, style)
    min_width = 300 if place.columns == 1 and len(curves.series) < 4 else WIDE
    return Figure(name, *faces, curves.frame(x_title, y_title), min_width=min_width)


def _layout(count: int, columns: int, titled: bool) -> Panels:
    gap, top, height = 18, *((26, 190) if titled else (8, 250))
    width = (PAGE_WIDTH - LEFT - RIGHT - gap * (columns - 1)) / columns
    return Panels(count, columns, width, height, LEFT, RIGHT, top, BELOW, gap)


def _page_face(curves: _Curves, panels: Panels, style: _Style) -> go.Figure:
    x: dict[str, Any] = {"title": axis_title(style.x_title), "showgrid": False}
    if style.x_labels is not None:
        x |= {"tickvals": list(range(len(style.x_labels))), "ticktext": [labels.page(text) for text in style.x_labels]}
    limits = curves.y_limits(style.y_range)
    scale = "log" if curves.log_y else "linear"
    y: dict[str, Any] = {"title": axis_title(style.y_title), "range": list(limits), "type": scale}
    if curves.log_y:
        y |= {"dtick": max(1, round((limits[1] - limits[0]) / 5)), "exponentformat": "power"}
    entries = [name for name in curves.series if name not in curves.background]
    entries += [style.reference[0]] if style.reference else []
    place, above = plotly_legend(entries) if len(entries) > 1 else ({}, 0)
    layout = plotly_layout(
        round(panels.total_height + above),
        margin=panels.margin() | {"t": panels.top + above},
        annotations=titles(panels, curves.names),
        hovermode="x unified",
        showlegend=len(entries) > 1,
        legend=place,
    )
    seen: set[str] = set()
    traces: list[dict[str, Any]] = []
    for index, panel in enumerate(curves.panels):
        layout |= panel_axes(panels, index, x, y)
        traces += [_trace(curves, index, name, xy, style.markers, seen) for name, xy in panel.items()]
        if style.reference:
            traces.append(_reference_trace(curves, index, style.reference, seen))
    return go.Figure(data=traces, layout=layout)


def _trace(
    curves: _Curves, index: int, name: str, xy: tuple[checks.Array, checks.Array], markers: bool, seen: set[str]
) -> dict[str, Any]:
    group = "background" if name in curves.background else name
    first = group not in seen
    seen.add(group)
    line = {"color": curves.colours[name], "width": 1 if group == "background" else 2, "dash": curves.dashes[name]}
    return {
        "type": "scatter",
        "mode": "lines+markers" if markers else "lines",
        "name": labels.page(name),
        "legendgroup": group,
        "showlegend": first and group != "background",
        "x": checks.rounded(xy[0]),
        "y": checks.rounded(xy[1]),
        "line": line,
        "hovertemplate": "%{y:.4g}",
        "xaxis": axis_key("x", index),
        "yaxis": axis_key("y", index),
    }


def _reference_trace(curves: _Curves, index: int, reference: tuple[str, Number], seen: set[str]) -> dict[str, Any]:
    name, level = reference
    xs = np.concatenate([x for x, _ in curves.panels[index].values()])
    ends = (np.array([xs.min(), xs.max()]), np.array([level, level]))
    trace = {"line": {"color": GREY, "width": 1, "dash": "dash"}, "hoverinfo": "skip", "mode": "lines"}
    first = name not in seen
    seen.add(name)
    axes = {"xaxis": axis_key("x", index), "yaxis": axis_key("y", index)}
    words = {"name": labels.page(name), "legendgroup": name, "showlegend": first, "type": "scatter"}
    return {**trace, **axes, **words, "x": checks.rounded(ends[0]), "y": checks.rounded(ends[1])}


def _print_face(curves: _Curves, panels: Panels, style: _Style) -> PrintFigure:
    with print_style():
        figure, all_axes = panels.print_axes()
        for index, axes in enumerate(all_axes):
            _print_panel(axes, curves, index, style)
            axes.set_title(labels.print_(curves.names[index]))
            axes.set_xlabel(labels.print_(style.x_title) if panels.is_bottom(index) else "")
            axes.set_ylabel(labels.print_(style.y_title) if panels.is_left(index) else "")
            axes.tick_params(labelbottom=panels.is_bottom(index), labelleft=panels.is_left(index))
            if style.x_labels is not None:
                axes.set_xticks(range(len(style.x_labels)), [labels.print_(text) for text in style.x_labels])
        _print_legend(figure, all_axes)
    return figure


def _print_panel(axes: Axes, curves: _Curves, index: int, style: _Style) -> None:
    limits = curves.y_limits(style.y_range)
    if curves.log_y:
        axes.set_yscale("log")
        limits = (10 ** limits[0], 10 ** limits[1])
    axes.set_ylim(*limits)
    axes.grid(axis="y", color=FAINT)
    dashes = dict(zip(_DASHES, ("-", "--", ":", "-."), strict=True))
    for name, (x, y) in curves.panels[index].items():
        behind = name in curves.background
        look: dict[str, Any] = {
            "color": curves.colours[name],
            "linestyle": dashes[curves.dashes[name]],
            "lw": 0.6 if behind else 1.3,
        }
        label = "_nolegend_" if behind else labels.print_(name)
        drawn = (checks.rounded(x), checks.rounded(y))
        axes.plot(*drawn, label=label, marker="o" if style.markers else "", ms=3, zorder=1 if behind else 2, **look)
    if style.reference:
        axes.axhline(style.reference[1], label=labels.print_(style.reference[0]), color=GREY, linestyle="--", lw=0.8)


def _print_legend(figure: PrintFigure, all_axes: list[Axes]) -> None:
    entries = {text: line for axes in all_axes for line, text in zip(*axes.get_legend_handles_labels(), strict=True)}
    if len(entries) > 1:
        figure.legend(entries.values(), entries.keys(), loc="outside upper left", ncols=min(5, len(entries)))
