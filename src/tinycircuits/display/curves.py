"""Lines over an axis: learning curves, profiles over positions; one panel or several that share their axes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.figure import Figure as PrintFigure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from tinycircuits.display import checks, labels
from tinycircuits.display.checks import Number, Rows
from tinycircuits.display.figure import Figure, Phone
from tinycircuits.display.panels import (
    ASLANT,
    Panels,
    axis_key,
    axis_title,
    panel_axes,
    print_legend,
    print_title,
    title_lines,
    titles,
)
from tinycircuits.display.series import BEHIND, DASHES, Band, Curves, Series, tidy
from tinycircuits.display.theme import (
    BELOW,
    FAINT,
    GREY,
    LEFT,
    LETTER,
    PAGE_WIDTH,
    PHONE,
    RIGHT,
    plotly_layout,
    plotly_legend,
    print_style,
)

_TICKS = 5
"""At most about so many numbers along x, so that those of neighbouring panels do not touch."""


@dataclass(frozen=True)
class _Style:
    """What both faces of a figure share besides its numbers."""

    x_title: str
    y_title: str
    y_range: tuple[Number, Number] | None
    x_labels: Sequence[str] | None
    reference: tuple[str, Number] | None
    markers: bool

    def x_axis(self, panels: Panels) -> dict[str, Any]:
        """Plotly's settings of x axes."""
        axis: dict[str, Any] = {"title": axis_title(self.x_title), "showgrid": False}
        if self.x_labels is None:
            return axis | {"nticks": _TICKS, "separatethousands": True, "exponentformat": "none"}
        texts = [labels.page(text) for text in self.x_labels]
        angle = -40 if self.leaning(panels.width) else 0
        return axis | {"tickvals": list(range(len(texts))), "ticktext": texts, "tickangle": angle}

    def leaning(self, width: Number) -> int:
        """0, or how many letters the longest label of x has, where labels stand only aslant in a panel so wide."""
        longest = max(map(len, self.x_labels or [""]))
        return longest if self.x_labels and longest * LETTER > 1.05 * width / (len(self.x_labels) - 0.6) else 0


def lines(
    series: Series | Mapping[str, Series] | Rows,
    *,
    name: str,
    x: str = "",
    y: str = "",
    group: str | None = None,
    panel: str | None = None,
    x_title: str = "",
    y_title: str = "",
    log_y: bool = False,
    y_range: tuple[Number, Number] | None = None,
    x_labels: Sequence[str] | None = None,
    reference: tuple[str, Number] | None = None,
    background: Sequence[str] = (),
    points: Sequence[str] = (),
    band: Band | None = None,
    markers: bool = False,
    columns: int | None = None,
) -> Figure:
    """The columns ``x`` and ``y`` of tidy rows, a line for each ``group`` and a panel for each ``panel``.

    Axes are named like their columns unless a title is given. Without ``x`` and ``y``: named series ``{name: (x, y)}``
    in one panel, or ``{panel: series}``, one panel each with a shared y axis, and both titles.

    Series of one name look alike in every panel. ``x_labels`` names the positions 0, 1, ... of the x axis.
    ``reference`` is a named dashed level, such as chance. ``background`` names series drawn thin and grey behind the
    others, such as other seeds; ``points`` those drawn as dots without a line, such as an article's numbers. ``band``
    fills what lies between two series and names it, such as ``("nine tenths of the seeds", "5 %", "95 %")``.
    Raises ``ValueError`` naming the series for empty, non-finite or mismatched input, or values <= 0 with ``log_y``.
    """
    if x or y:
        series, x_title, y_title = tidy(series, x, y, group, panel), x_title or x, y_title or y
    for argument, title in (("x_title", x_title), ("y_title", y_title)):
        checks.text(argument, title)
    given = cast("Series | Mapping[str, Series]", series)
    panelled = any(isinstance(each, Mapping) for each in given.values())
    panels = cast("Mapping[str, Series]", given if panelled else {"": given})
    curves = Curves(panels, log_y, background, points, band)
    style = _Style(x_title, y_title, y_range, x_labels, reference, markers)
    wide = _layout(curves, columns or min(3, len(panels)), panelled, PAGE_WIDTH, style)
    narrow = _layout(curves, 1, panelled, PHONE, style)
    faces = [(_page_face(curves, place, style), _print_face(curves, place, style)) for place in (wide, narrow)]
    return Figure(name, *faces[0], curves.frame(x_title, y_title), phone=Phone(*faces[1]))


def _layout(curves: Curves, columns: int, titled: bool, page: Number, style: _Style) -> Panels:
    gap, top, height = 30, *((26, 190) if titled else (8, 250))
    left = LEFT + 18 * (len(title_lines(style.y_title, height)) - 1)
    width = (page - left - RIGHT - gap * (columns - 1)) / columns
    below = BELOW + 5 * style.leaning(width)
    return Panels(len(curves.panels), columns, width, height, left, RIGHT, top, below, gap, curves.own_x)


def _page_face(curves: Curves, panels: Panels, style: _Style) -> go.Figure:
    x = style.x_axis(panels)
    limits = curves.y_limits(style.y_range)
    scale = "log" if curves.log_y else "linear"
    y: dict[str, Any] = {"title": axis_title(style.y_title, panels.height), "range": list(limits), "type": scale}
    if curves.log_y:
        y |= {"dtick": max(1, round((limits[1] - limits[0]) / 5)), "exponentformat": "power"}
    entries = [*curves.entries, *([style.reference[0]] if style.reference else [])]
    place, above = plotly_legend(entries, panels.total_width) if len(entries) > 1 else ({}, 0)
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
    for index in range(len(curves.panels)):
        layout |= panel_axes(panels, index, x, y)
        traces += _band_traces(curves, index, seen)
        traces += [_trace(curves, index, name, xy, style.markers, seen) for name, xy in curves.drawn(index).items()]
        if style.reference:
            traces.append(_reference_trace(curves, index, style.reference, seen))
    return go.Figure(data=traces, layout=layout)


def _trace(
    curves: Curves, index: int, name: str, xy: tuple[checks.Array, checks.Array], markers: bool, seen: set[str]
) -> dict[str, Any]:
    group = "background" if name in curves.background else name
    first = group not in seen
    seen.add(group)
    line = {"color": curves.colours[name], "width": 1 if group == "background" else 2, "dash": curves.dashes[name]}
    return {
        "type": "scatter",
        "mode": "markers" if name in curves.points else "lines+markers" if markers else "lines",
        "name": labels.page(name),
        "legendgroup": group,
        "showlegend": first and group != "background",
        "x": checks.rounded(xy[0]),
        "y": checks.rounded(xy[1]),
        "line": line,
        "marker": {"color": curves.colours[name], "size": 8 if name in curves.points else 6},
        "cliponaxis": name not in curves.points,
        "hovertemplate": "%{y:.4g}",
        "xaxis": axis_key("x", index),
        "yaxis": axis_key("y", index),
    }


def _band_traces(curves: Curves, index: int, seen: set[str]) -> list[dict[str, Any]]:
    """The two ends of a band, the second filling what lies between them."""
    if curves.band is None or (found := curves.bounds(index)) is None:
        return []
    x, *ends = found
    first = curves.band[0] not in seen
    seen.add(curves.band[0])
    shared = {"type": "scatter", "mode": "lines", "line": {"width": 0, "color": BEHIND}, "legendgroup": "band"}
    shared |= {"x": checks.rounded(x), "hovertemplate": "%{y:.4g}"}
    shared |= {"xaxis": axis_key("x", index), "yaxis": axis_key("y", index)}
    low, high = (shared | {"name": labels.page(name), "showlegend": False} for name in curves.band[1:])
    filled = {"fill": "tonexty", "fillcolor": "rgba(154,164,174,0.35)"}
    words = {"name": labels.page(curves.band[0]), "showlegend": True} if first else {}
    return [low | {"y": checks.rounded(ends[0])}, high | filled | words | {"y": checks.rounded(ends[1])}]


def _reference_trace(curves: Curves, index: int, reference: tuple[str, Number], seen: set[str]) -> dict[str, Any]:
    name, level = reference
    xs = np.concatenate([x for x, _ in curves.panels[index].values()])
    ends = (np.array([xs.min(), xs.max()]), np.array([level, level]))
    trace = {"line": {"color": GREY, "width": 1, "dash": "dash"}, "hoverinfo": "skip", "mode": "lines"}
    first = name not in seen
    seen.add(name)
    axes = {"xaxis": axis_key("x", index), "yaxis": axis_key("y", index)}
    words = {"name": labels.page(name), "legendgroup": name, "showlegend": first, "type": "scatter"}
    return {**trace, **axes, **words, "x": checks.rounded(ends[0]), "y": checks.rounded(ends[1])}


def _print_face(curves: Curves, panels: Panels, style: _Style) -> PrintFigure:
    with print_style():
        figure, all_axes = panels.print_axes()
        for index, axes in enumerate(all_axes):
            _print_panel(axes, curves, index, style)
            axes.set_title(labels.print_(curves.names[index]))
            axes.set_xlabel(labels.print_(style.x_title) if panels.is_bottom(index) else "")
            axes.set_ylabel(print_title(style.y_title, panels.height) if panels.is_left(index) else "")
            axes.tick_params(labelbottom=panels.has_x_numbers(index), labelleft=panels.is_left(index))
            if style.x_labels is not None:
                aslant = ASLANT if style.leaning(panels.width) else {}
                texts = [labels.print_(text) for text in style.x_labels]
                axes.set_xticks(range(len(texts)), texts, **aslant)
            else:
                axes.xaxis.set_major_locator(MaxNLocator(_TICKS, steps=[1, 2, 2.5, 5, 10]))
                axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.10g}"))
        print_legend(figure, panels.total_width)
    return figure


def _print_panel(axes: Axes, curves: Curves, index: int, style: _Style) -> None:
    limits = curves.y_limits(style.y_range)
    if curves.log_y:
        axes.set_yscale("log")
        limits = (10 ** limits[0], 10 ** limits[1])
    axes.set_ylim(*limits)
    axes.grid(axis="y", color=FAINT)
    dashes = dict(zip(DASHES, ("-", "--", ":", "-."), strict=True))
    if curves.band and (found := curves.bounds(index)):
        ends = [checks.rounded(each) for each in found]
        axes.fill_between(*ends, color=BEHIND, alpha=0.35, lw=0, label=labels.print_(curves.band[0]))
    for name, (x, y) in curves.drawn(index).items():
        behind = name in curves.background
        look: dict[str, Any] = {
            "color": curves.colours[name],
            "linestyle": "" if name in curves.points else dashes[curves.dashes[name]],
            "lw": 0.6 if behind else 1.3,
        }
        label = "_nolegend_" if behind else labels.print_(name)
        drawn = (checks.rounded(x), checks.rounded(y))
        marker, size = ("o", 4.5) if name in curves.points else ("o" if style.markers else "", 3)
        look |= {"label": label, "marker": marker, "ms": size, "zorder": 1 if behind else 2}
        axes.plot(*drawn, clip_on=name not in curves.points, **look)
    if style.reference:
        axes.axhline(style.reference[1], label=labels.print_(style.reference[0]), color=GREY, linestyle="--", lw=0.8)
