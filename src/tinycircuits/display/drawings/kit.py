"""What the drawings are made of: a canvas measured in points, boxes, arrows, rows of numbers in tinted cells."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as PrintFigure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, PathPatch, Rectangle
from matplotlib.path import Path

from tinycircuits.display import checks, labels
from tinycircuits.display.checks import Array, Number
from tinycircuits.display.figure import Figure
from tinycircuits.display.theme import GREY, INK, SERIES, print_style

WIDTH = 330
"""Width of a drawing, points: narrower than the column of text, so that a phone shows it whole and readable."""
NEGATIVE, POSITIVE = SERIES[0], SERIES[1]
RIGHT = SERIES[2]
"""The colour of what is right."""
SMALL, TEXT, TITLE = 7.5, 8.5, 9.0
"""Sizes of type, points."""
TIMES = "\N{MULTIPLICATION SIGN}"
_TINT = 0.5
"""The strongest tint of a cell: the ink of the page stays readable on it, dark on light and light on dark."""
_SUBSCRIPTED = re.compile(r"\b(?:[A-Za-z]{1,2}_[0-9]+|W_(?:E|pos|Q|K|V|O|in|out|U))\b")

Point = tuple[float, float]


@contextmanager
def canvas(height: Number) -> Iterator[Axes]:
    """Empty axes ``WIDTH`` by ``height`` points in the book's type; one unit is one point, (0, 0) is below left."""
    with print_style():
        figure = PrintFigure(figsize=(WIDTH / 72, height / 72))
        figure.set_layout_engine("none")
        yield _bare(figure.add_axes((0, 0, 1, 1)), (0, WIDTH), (0, height))


def panel(
    axes: Axes, corner: Point, size: tuple[Number, Number], x: tuple[Number, Number], y: tuple[Number, Number]
) -> Axes:
    """Bare axes on the canvas with their lower left ``corner`` and ``size`` in points, and limits of their own."""
    width, height = axes.get_xlim()[1], axes.get_ylim()[1]
    inner = axes.get_figure(root=True).add_axes(  # type: ignore[union-attr]
        (corner[0] / width, corner[1] / height, size[0] / width, size[1] / height)
    )
    return _bare(inner, x, y)


def finished(axes: Axes, name: str, data: pd.DataFrame) -> Figure:
    """The figure of a canvas with the numbers that it shows."""
    drawn: Any = axes.get_figure(root=True)
    return Figure(name, None, drawn, data)


def lettered(text: str) -> str:
    """``text`` for matplotlib, with ``x_0``, ``W_E`` and their like set with a subscript."""
    return _SUBSCRIPTED.sub(lambda found: labels.print_(found[0]), text.replace("$", r"\$"))


def signed(value: Number, digits: int = 2) -> str:
    """``value`` with its sign and this many decimals; what rounds to zero has no sign."""
    rounded = round(value, digits)
    return f"{rounded:+.{digits}f}".replace("-", "\N{MINUS SIGN}") if rounded else f"{0:.{digits}f}"


def words(axes: Axes, x: Number, y: Number, text: str, **more: Any) -> None:
    """Write ``text``, by default centred around ``(x, y)``."""
    axes.text(x, y, lettered(text), **{"ha": "center", "va": "center", "size": TEXT, "color": INK, **more})


def arrow(axes: Axes, start: Point, end: Point, **more: Any) -> None:
    """Draw an arrow; optional: ``colour``, ``lw``, ``ls``, ``head`` (points), ``bend`` (to the left of its way)."""
    head = more.get("head", 7.0)
    axes.add_patch(
        FancyArrowPatch(
            start,
            end,
            arrowstyle=f"-|>,head_length={head / 2},head_width={head / 4}",
            connectionstyle=f"arc3,rad={-more.get('bend', 0.0)}",
            lw=more.get("lw", 1.1),
            ls=more.get("ls", "-"),
            color=more.get("colour", GREY),
            shrinkA=0,
            shrinkB=0,
            mutation_scale=1,
            zorder=more.get("zorder", 3),
        )
    )


def wire(axes: Axes, *points: Point, lw: float = 1.1, colour: str = GREY, ls: Any = "-") -> None:
    """Draw a line through ``points``."""
    x, y = zip(*points, strict=True)
    axes.plot(x, y, color=colour, lw=lw, ls=ls, solid_capstyle="round", solid_joinstyle="round")


def box(axes: Axes, x: Number, y: Number, shape: tuple[Number, Number], text: str, colour: str, **more: Any) -> None:
    """Draw a rounded box around ``(x, y)`` with centred words; its fill is the colour, faintly."""
    width, height = shape
    for face, edge, alpha in ((colour, "none", 0.13), ("none", colour, 1.0)):
        corner = (x - width / 2, y - height / 2)
        axes.add_patch(
            FancyBboxPatch(corner, width, height, "round,pad=0,rounding_size=3", fc=face, ec=edge, lw=1.1, alpha=alpha)
        )
    words(axes, x, y, text, **{"size": TITLE, **more})


def stream(axes: Axes, x: Number, low: Number, high: Number, sums: Sequence[Number] = ()) -> None:
    """Draw a residual stream upwards, with a circled plus at the heights ``sums``."""
    ends = [low, *(y + s * 5.6 for y in sums for s in (-1, 1)), high - 5]
    for start, end in zip(ends[::2], ends[1::2], strict=True):
        axes.plot([x, x], [start, end], color=GREY, lw=2.6, solid_capstyle="butt")
    arrow(axes, (x, high - 9), (x, high), lw=0.1, head=11)
    for y in sums:
        plus(axes, x, y)


def plus(axes: Axes, x: Number, y: Number) -> None:
    """Draw the circle in which something is added to a stream."""
    axes.plot([x], [y], "o", ms=10, mfc="none", mec=GREY, mew=1.1, zorder=4)
    words(axes, x, y - 0.3, "+", size=10.5, zorder=5)


def cell(axes: Axes, corner: Point, size: tuple[Number, Number], text: str, tint: str, strength: float) -> None:
    """Draw a cell at its lower left ``corner``, tinted by ``strength`` (0..1)."""
    axes.add_patch(Rectangle(corner, *size, fc=tint, ec="none", alpha=_TINT * strength))
    axes.add_patch(Rectangle(corner, *size, fc="none", ec=GREY, lw=0.5))
    if text:
        words(axes, corner[0] + size[0] / 2, corner[1] + size[1] / 2 - 0.3, text, size=SMALL)


def vector(
    axes: Axes, left: Number, y: Number, values: Array, *, largest: float, size: tuple[Number, Number], digits: int = 2
) -> None:
    """Draw numbers as a row of cells around the height ``y``, tinted by sign and by size against ``largest``."""
    for i, value in enumerate(values.tolist()):
        tint = POSITIVE if value >= 0 else NEGATIVE
        corner = (left + i * size[0], y - size[1] / 2)
        cell(axes, corner, size, signed(value, digits), tint, min(1.0, abs(value) / largest))


def bar(axes: Axes, left: Number, y: Number, length: Number, colour: str, thick: Number = 8) -> None:
    """Draw a horizontal bar from ``left``; a negative ``length`` goes to the other side."""
    axes.add_patch(Rectangle((left, y - thick / 2), length, thick, fc=colour, ec="none", alpha=0.75))


def points(axes: Axes, places: Array, colour: str, size: Number, **more: Any) -> None:
    """Draw a dot at each of ``places``, all in one path: a thousand marks of their own make a page heavy."""
    if len(places):
        path = Path(np.repeat(places, 2, axis=0), [Path.MOVETO, Path.LINETO] * len(places))
        path.should_simplify = False  # it would drop lines without length, which their round ends make visible
        axes.add_patch(PathPatch(path, fc="none", ec=colour, lw=size, capstyle="round", **{"alpha": 0.85, **more}))


def matching(argument: str, given: Array, expected: Array, meaning: str) -> None:
    """Raises ``ValueError`` naming ``argument`` unless it is ``expected``, which is what ``meaning`` says."""
    if given.shape != expected.shape or abs(given - expected).max() > 1e-4 * max(1.0, abs(expected).max()):
        raise ValueError(f"{argument}: {meaning} expected, {expected.tolist()}, got {given.tolist()}")


def vectors(argument: str, values: Any, *, length: int | None = None) -> Array:
    """``values`` as one float64 vector; raises ``ValueError`` naming ``argument``, also for another ``length``."""
    array = checks.finite(argument, values, ndim=1)
    if length is not None and len(array) != length:
        raise ValueError(f"{argument}: {length} numbers expected, got {len(array)}")
    return array


def tidy(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> pd.DataFrame:
    """The numbers of a drawing, one row each."""
    return pd.DataFrame(list(rows), columns=list(columns))


def _bare(axes: Axes, x: tuple[Number, Number], y: tuple[Number, Number]) -> Axes:
    axes.set(xlim=x, ylim=y)
    axes.set_axis_off()
    return axes
