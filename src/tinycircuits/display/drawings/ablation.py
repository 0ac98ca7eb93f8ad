"""What each ablation puts in the place of an output: the state as an arrow, drawn once for each way."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from tinycircuits.display.checks import Array
from tinycircuits.display.drawings import kit
from tinycircuits.display.figure import Figure
from tinycircuits.display.theme import ATTENTION, GREY, INK, MLP, SERIES

_WIDE, _HIGH, _COLUMNS = 104.0, 74.0, 3
"""Size of a panel and number of panels in a row."""
_ELSEWHERE = SERIES[0]
"""The colour of the state that a replacement leaves."""


def ablations(
    before: ArrayLike,
    output: ArrayLike,
    replaced: Mapping[str, ArrayLike],
    moved: Mapping[str, float],
    *,
    name: str,
    part: str = "output",
) -> Figure:
    """The state with a part's output added, and then with each replacement: six panels with equal axes, in a plane.

    A state is a dot; an output is the arrow that moves it. The true output stays as a dashed arrow. ``moved`` is the
    distance between the true state after the part and the one that the way leaves, written into its panel. ``part``
    is what the first panel calls the arrow.

    Raises ``ValueError`` naming the argument for vectors that are not two numbers, or ways without a distance.
    """
    start, true = kit.vectors("before", before, length=2), kit.vectors("output", output, length=2)
    ways = {way: kit.vectors(f"replaced[{way!r}]", each, length=2) for way, each in replaced.items()}
    if set(ways) != set(moved):
        raise ValueError(f"moved: a distance for each of {', '.join(ways)} expected, got {', '.join(moved)}")
    ends = np.array([start, start + true, *(start + each for each in ways.values())])
    middle, reach = (ends.max(0) + ends.min(0)) / 2, 1.24 * max((ends.max(0) - ends.min(0)) / (_WIDE, _HIGH)) / 2
    limits = [
        (float(middle[i] - reach * size), float(middle[i] + reach * size)) for i, size in ((0, _WIDE), (1, _HIGH))
    ]
    lines = -(-(len(ways) + 1) // _COLUMNS)
    height = lines * (_HIGH + 42)
    with kit.canvas(height) as axes:
        for i, (way, each) in enumerate({"whole": true, **ways}.items()):
            row, column = divmod(i, _COLUMNS)
            left, bottom = 2 + column * (_WIDE + 7), height - (row + 1) * (_HIGH + 42) + 24
            inner = kit.panel(axes, (left, bottom), (_WIDE, _HIGH), *limits)
            kit.words(axes, left + _WIDE / 2, bottom + _HIGH + 10, way, size=kit.TITLE, weight="bold")
            under = f"the {part} as it is" if way == "whole" else f"moved by {moved[way]:.2f}"
            kit.words(axes, left + _WIDE / 2, bottom - 9, under)
            colour = MLP if "mlp" in part.lower() else ATTENTION
            _panel(inner, start, true, each, colour, whole=way == "whole")
        rows = [(way, *start, *each, moved.get(way, 0.0)) for way, each in {"whole": true, **ways}.items()]
        return kit.finished(
            axes, name, kit.tidy(("way", "before x", "before y", "output x", "output y", "moved"), rows)
        )


def _panel(axes: Axes, start: Array, true: Array, new: Array, colour: str, *, whole: bool) -> None:
    """Draw the state that is read, what is added to it, and how far the end is from where it should be."""
    x, y = axes.get_xlim(), axes.get_ylim()
    axes.plot([x[0], x[1], x[1], x[0], x[0]], [y[0], y[0], y[1], y[1], y[0]], color=GREY, lw=0.6)
    here, right, end = (tuple(each.tolist()) for each in (start, start + true, start + new))
    marks: dict[str, Any] = {"marker": "o", "ls": "none", "zorder": 4}
    if not whole:
        kit.arrow(axes, here, right, ls=(0, (3, 2)))
        axes.plot(*zip(right, end, strict=True), color=_ELSEWHERE, lw=1.1, ls=(0, (1, 1.5)))
    if np.linalg.norm(new) > 0.08 * (x[1] - x[0]):  # a shorter one has no room for its head
        kit.arrow(axes, here, end, colour=colour, lw=2.0, head=9)
    axes.plot(*here, ms=5, color=INK, **marks)
    axes.plot(*end, ms=6, mfc="none" if whole else _ELSEWHERE, mec=colour if whole else _ELSEWHERE, **marks)
