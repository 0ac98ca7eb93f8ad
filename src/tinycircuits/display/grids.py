"""Matrices as coloured cells: one, many side by side, or one of many to choose."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_hex
from matplotlib.figure import Figure as PrintFigure
from numpy.typing import ArrayLike

from tinycircuits.display import checks, labels
from tinycircuits.display.checks import Array
from tinycircuits.display.figure import Figure, Phone
from tinycircuits.display.panels import Panels, axis_key, axis_title, panel_axes, titles
from tinycircuits.display.theme import (
    LETTER,
    PAGE_WIDTH,
    PAPER,
    PHONE,
    RIGHT,
    colour_map,
    on_colour,
    plotly_layout,
    plotly_scale,
    print_style,
)

Scale = Literal["share", "amount", "signed"]
Matrix: TypeAlias = ArrayLike | pd.DataFrame
"""Numbers ``[rows, columns]``; as a frame with names of its columns, its index and both axes."""
_DRAWN = 2_000
"""Cells that are drawn as shapes; a matrix of more is a picture with a point for each, a hundredth of the size."""
_LARGEST_LABELLED = 64
"""A matrix of more cells has no room for numbers in them."""
_MOST_TICKS = 32
"""Of more labels only some are set; the page says the others on hover."""
_CELL = 44.0
"""Side of a cell that holds a number with air around it, CSS pixels; larger cells would only look coarse."""
_TITLE = 7.0
"""Room for a letter of a panel's title, CSS pixels."""
_BAR = 100
"""Room for the colour bar with its labels and title, CSS pixels."""
_CHOICES_PRINTED = 4
"""The drawing shows so many of the matrices that the page lets a reader choose from."""
_SLIGHT = 0.05
"""Values below 0 are slight, and do not call for a colour of their own, up to this part of the largest value."""
_NUMBER = 22.0
"""A cell that is less wide, in CSS pixels, has no room for its number."""
_BESIDE = 130.0
"""From this width on, in CSS pixels, a phone shows one of many panels beside another."""


class _Grid:
    """Checked matrices of equal shape with their axis labels."""

    def __init__(
        self,
        panels: Mapping[str, Matrix],
        x_labels: Sequence[str],
        y_labels: Sequence[str],
        scale: Scale,
    ) -> None:
        if not panels:
            raise ValueError("values: nothing to draw, no matrix given")
        self.names = list(panels)
        self.values = [checks.finite("values", values, ndim=2) for values in panels.values()]
        self.shape = self.values[0].shape
        if any(values.shape != self.shape for values in self.values):
            raise ValueError(f"values: matrices of one shape expected, got {[v.shape for v in self.values]}")
        if scale == "share":
            self.values = [checks.shares("values", values) for values in self.values]
        lowest, highest = (float(f(each(v) for v in self.values)) for f, each in ((min, np.min), (max, np.max)))
        if scale == "signed" and lowest >= -_SLIGHT * highest:
            scale = "amount"
        if scale == "amount" and not (highest > 0 and lowest >= -_SLIGHT * highest):
            raise ValueError(f"values: amounts are not negative, got {lowest:.4g} .. {highest:.4g}; use scale='signed'")
        self.scale = scale
        self.x_labels = checks.labelled("x_labels", x_labels, self.shape[1])
        self.y_labels = checks.labelled("y_labels", y_labels, self.shape[0])
        for name, texts in (("x_labels", self.x_labels), ("y_labels", self.y_labels)):
            if _apart(texts) > 1 and len(set(texts)) < len(texts):
                raise ValueError(f"{name}: more than {_MOST_TICKS} labels must differ from one another")
        largest = float(f"{max(abs(lowest), abs(highest)):.6g}") or 1.0
        self.limits = {"share": (0.0, 1.0), "amount": (0.0, largest), "signed": (-largest, largest)}[scale]

    def frame(self, x_title: str, y_title: str, unit: str) -> pd.DataFrame:
        """The drawn numbers, one row per cell."""
        rows = [
            {"panel": name, y_title: y, x_title: x, unit: value}
            for name, values in zip(self.names, self.values, strict=True)
            for y, row in zip(self.y_labels, checks.rounded(values), strict=True)
            for x, value in zip(self.x_labels, row, strict=True)
        ]
        return pd.DataFrame(rows).drop(columns=[] if self.names != [""] else ["panel"])


def _short(value: float) -> str:
    """``value`` in at most about four characters (``.97``, ``-1.2``, ``14``)."""
    shown = f"{value:.2f}" if abs(value) < 1 else f"{value:.1f}" if abs(value) < 10 else f"{value:.0f}"
    if float(shown) in {-1.0, 0.0, 1.0}:
        return str(int(float(shown)))
    return shown.replace("0.", ".", 1) if abs(value) < 1 else shown


def _layout(grid: _Grid, columns: int | None = None, *, menu: bool = False) -> Panels:
    """Panels whose cells are square at full page width where that is possible; one of all for a ``menu``."""
    count, title_rows = (1, False) if menu else (len(grid.names), grid.names != [""])
    left = 46 + LETTER * max(len(label) for label in grid.y_labels)
    room = PAGE_WIDTH - left - _BAR
    most = min(count, columns or max(1, int(room // max(150, 13 * grid.shape[1]))))
    columns = -(-count // -(-count // most))  # as many rows as needed, then equally long ones
    share = (room - 18 * (columns - 1)) / columns
    cell = min(_CELL, share / grid.shape[1])
    width = max(cell * grid.shape[1], min(share, _TITLE * max(map(len, grid.names)) if title_rows else 0))
    # Long thin matrices would be slivers with square cells.
    height = max(cell * grid.shape[0], min(90.0, 22.0 * grid.shape[0]))
    return Panels(count, columns, width, height, left, _BAR, 26 if title_rows else 10, 50 + _turned(grid, cell))


def _phone_layout(grid: _Grid, *, menu: bool = False) -> Panels:
    """Panels under each other, two beside each other where there are many small ones, over a colour bar that lies."""
    count, titled = (1, False) if menu else (len(grid.names), grid.names != [""])
    left = 46 + LETTER * max(len(label) for label in grid.y_labels)
    room = PHONE - left - RIGHT
    columns = 2 if count > 3 and (room - 18) / 2 >= max(_BESIDE, _NUMBER * grid.shape[1]) else 1
    width = (room - 18 * (columns - 1)) / columns
    cell = min(_CELL, width / grid.shape[1])
    height = max(cell * grid.shape[0], min(90.0, 22.0 * grid.shape[0]))
    below = 50 + _turned(grid, width / grid.shape[1]) + 58
    return Panels(count, columns, width, height, left, RIGHT, 26 if titled else 10, below)


def _turned(grid: _Grid, cell: float) -> float:
    """The pixels that labels of x take when they stand upright, because cells are too narrow for them; else 0."""
    longest = LETTER * max(map(len, grid.x_labels))
    return longest - 8 if _apart(grid.x_labels) == 1 and longest > cell else 0.0


def heatmap(
    values: Matrix | Mapping[str, Matrix],
    *,
    unit: str,
    x_labels: Sequence[str] | None = None,
    y_labels: Sequence[str] | None = None,
    x_title: str = "",
    y_title: str = "",
    name: str,
    scale: Scale = "share",
    columns: int | None = None,
    choice_title: str | None = None,
) -> Figure:
    """One matrix ``[rows, columns]``, its first row on top, or several of one shape by name, side by side.

    A frame brings its labels and titles: those of its columns are x's, those of its index y's. An array needs them.
    ``scale``, one for all, runs from light to dark over 0..1 (``"share"``) or from 0 to the largest value
    (``"amount"``), or in two hues as far below 0 as above (``"signed"``). Two hues are for values of two signs: where
    nothing is below 0, or nothing by more than a twentieth of the largest value, ``"signed"`` is drawn as
    ``"amount"``; a slight value below 0 then has the lightest colour and its own number. With a ``choice_title`` the
    figure shows the first four, and a reader who explores it one, chosen from a menu of that title.

    Raises ``ValueError`` naming the argument for empty, non-finite, out-of-range or mismatched input.
    """
    panels = values if isinstance(values, Mapping) else {"": values}
    first = next(iter(panels.values()), None)
    if isinstance(first, pd.DataFrame):
        x_labels, y_labels = x_labels or list(map(str, first.columns)), y_labels or list(map(str, first.index))
        x_title, y_title = x_title or str(first.columns.name or ""), y_title or str(first.index.name or "")
    if x_labels is None or y_labels is None:
        raise ValueError("x_labels, y_labels: an array has none of its own, a frame has")
    for argument, title in (("x_title", x_title), ("y_title", y_title)):
        checks.text(argument, title)
    grid = _Grid(panels, x_labels, y_labels, scale)
    words, data = (x_title, y_title, unit), grid.frame(x_title, y_title, unit)
    if choice_title is None:
        layout, small = _layout(grid, columns), _phone_layout(grid)
        wide, narrow = ((_page_face(grid, each, words), _print_face(grid, each, words)) for each in (layout, small))
        return Figure(name, *wide, data, phone=Phone(*narrow, plain=not _numbered(grid, small)))
    shown = _Grid(dict(list(panels.items())[:_CHOICES_PRINTED]), x_labels, y_labels, scale)
    shown.scale, shown.limits = grid.scale, grid.limits
    one, small = _layout(grid, menu=True), _phone_layout(grid, menu=True)
    page, narrow = (_page_face(grid, each, words, titled=False) for each in (one, small))
    choices = tuple(
        (choice, {key: [trace[key]] for key in trace if key in ("z", "text")})
        for index, choice in enumerate(grid.names)
        for trace in [_trace(grid, index, words)]
    )
    phone = Phone(narrow, _print_face(shown, _phone_layout(shown), words), plain=not _numbered(grid, small))
    drawn, width = _print_face(shown, _layout(shown), words), round(one.total_width)
    return Figure(name, page, drawn, data, choices, choice_title, max_width=width, phone=phone)


def _numbered(grid: _Grid, panels: Panels) -> bool:
    """Whether each cell has room for its number."""
    return grid.values[0].size <= _LARGEST_LABELLED and panels.width / grid.shape[1] >= _NUMBER


def _trace(grid: _Grid, index: int, words: tuple[str, str, str]) -> dict[str, Any]:
    """The plotly heat map of matrix ``index``."""
    x_title, y_title, unit = (labels.page(word) for word in words)
    trace = {
        "type": "heatmap",
        "z": checks.rounded(grid.values[index]),
        "hovertemplate": f"{y_title}: %{{y}}<br>{x_title}: %{{x}}<br><b>%{{z:.4g}}</b> {unit}<extra></extra>",
        "coloraxis": "coloraxis",
    }
    if grid.values[index].size <= _LARGEST_LABELLED:
        cells = [[_short(value) for value in row] for row in grid.values[index]]
        trace |= {"text": cells, "texttemplate": "%{text}", "textfont": {"size": 12}}
    for axis, texts in (("x", grid.x_labels), ("y", grid.y_labels)):
        trace |= {axis: _pages(texts)} if _apart(texts) > 1 else {f"{axis}gap": 1}  # tiny cells would be all gap
    return trace


def _apart(texts: Sequence[str]) -> int:
    """How far apart labels are set: each, or a power of two."""
    return 1 if len(texts) <= _MOST_TICKS else 1 << (len(texts) // 8 - 1).bit_length()


def _pages(texts: Sequence[str]) -> list[str]:
    return [labels.page(text) for text in texts]


def _page_face(grid: _Grid, panels: Panels, words: tuple[str, str, str], titled: bool = True) -> go.Figure:
    x_title, y_title, unit = words
    turned = {"tickangle": -90} if _turned(grid, panels.width / grid.shape[1]) else {}
    x = _ticks(grid.x_labels) | {"title": axis_title(x_title)} | turned
    y = _ticks(grid.y_labels) | {"title": axis_title(y_title), "autorange": "reversed"}
    layout = plotly_layout(
        round(panels.total_height),
        margin=panels.margin(),
        annotations=titles(panels, grid.names) if titled else [],
        coloraxis=_colour_bar(grid, unit, panels),
    )
    traces = []
    for index in range(panels.count):
        layout |= panel_axes(panels, index, x, y)
        traces.append(_trace(grid, index, words) | {"xaxis": axis_key("x", index), "yaxis": axis_key("y", index)})
    return go.Figure(data=traces, layout=layout)


def _ticks(texts: Sequence[str]) -> dict[str, Any]:
    style = {"tickmode": "array", "showline": False, "ticks": "", "showgrid": False, "ticklabelstandoff": 4}
    if (apart := _apart(texts)) > 1:
        return {**style, "type": "category", "tickvals": _pages(texts[::apart])}
    # Labels repeat within a sequence of tokens, so they name positions and are no categories.
    return {**style, "tickvals": list(range(len(texts))), "ticktext": _pages(texts)}


def _colour_bar(grid: _Grid, unit: str, panels: Panels) -> dict[str, Any]:
    low, high = grid.limits
    lies = panels.right == RIGHT
    place: dict[str, Any] = {"x": 1.0, "xpad": 12, "ypad": 0}
    if lies:
        under = (panels.bottom - 58) / (panels.total_height - panels.top - panels.bottom)
        place = {"orientation": "h", "y": -under, "yanchor": "top", "ypad": 0, "xpad": 0}
    bar: dict[str, Any] = {
        "title": {"text": labels.page(unit), "side": "bottom" if lies else "right"},
        "thickness": 12,
        "outlinewidth": 0,
        "len": 1,
        "nticks": 5 if panels.total_height > 200 else 3,
        **place,
    }
    if grid.scale == "share":
        few = panels.total_height < 200 or lies
        bar |= {"tickmode": "array", "tickvals": [0, 0.5, 1] if few else [0, 0.25, 0.5, 0.75, 1]}
    return {"colorscale": plotly_scale(grid.scale), "cmin": low, "cmax": high, "colorbar": bar}


def _print_face(grid: _Grid, panels: Panels, words: tuple[str, str, str]) -> PrintFigure:
    x_title, y_title, unit = words
    with print_style():
        figure, all_axes = panels.print_axes()
        for index, axes in enumerate(all_axes):
            mesh = _cells(axes, grid, np.array(checks.rounded(grid.values[index])), _numbered(grid, panels))
            axes.set_title(labels.print_(grid.names[index]))
            _set_ticks(axes.xaxis, grid.x_labels, labelled=panels.is_bottom(index))
            _set_ticks(axes.yaxis, grid.y_labels, labelled=panels.is_left(index))
            if _turned(grid, panels.width / grid.shape[1]):
                axes.tick_params(axis="x", rotation=90)
            axes.set_xlabel(labels.print_(x_title) if panels.is_bottom(index) else "")
            axes.set_ylabel(labels.print_(y_title) if panels.is_left(index) else "")
        if panels.right == RIGHT:
            place: dict[str, Any] = {"location": "bottom", "fraction": 0.03, "pad": 0.02, "aspect": 25}
        else:
            place = {"fraction": 0.04, "pad": 0.015, "aspect": 25}
        bar = figure.colorbar(mesh, ax=all_axes, label=labels.print_(unit), **place)
        bar.outline.set_visible(False)
    return figure


def _set_ticks(axis: Axis, texts: Sequence[str], *, labelled: bool) -> None:
    apart = _apart(texts)
    axis.set_ticks(range(0, len(texts), apart), [labels.print_(text) for text in texts[::apart]] if labelled else [])


def _cells(axes: Axes, grid: _Grid, values: Array, numbered: bool) -> Any:
    """Draw the cells of one matrix as vectors, with their texts, and return the mappable."""
    low, high = grid.limits
    style: dict[str, Any] = {"cmap": colour_map(grid.scale), "vmin": low, "vmax": high}
    if values.size > _DRAWN:
        mesh: Any = axes.imshow(values, aspect="auto", interpolation="none", **style)
    else:
        edges = np.arange(-0.5, values.shape[1]), np.arange(-0.5, values.shape[0])
        mesh = axes.pcolormesh(*edges, values, edgecolors=PAPER, linewidth=0.4, **style)
        axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for (row, column), value in np.ndenumerate(values):
        if numbered:
            background = to_hex(colour_map(grid.scale)((value - low) / (high - low)))
            axes.text(column, row, _short(value), ha="center", va="center", size=7.5, color=on_colour(background))
    return mesh
