"""The lattice of circuits: every set of kept units as a dot or a box, in layers by its size."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import comb

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from tinycircuits.display.checks import Number
from tinycircuits.display.drawings import kit
from tinycircuits.display.figure import Figure
from tinycircuits.display.theme import FAINT, GREY, INK, MEANINGS, PAPER
from tinycircuits.interp.lattice import Lattice
from tinycircuits.models import subsets

_STEP, _DOT, _LEFT, _GAP = 5.2, 4.2, 24.0, 6.0
"""Distance of two dots, the width of one, the room for the number of units, and between two layers, points."""
_COLUMNS = int((kit.WIDTH - _LEFT - 4) / _STEP)
_NONE = MEANINGS["right on every input"][0]
_CLASSES = (
    (0.0, "none", _NONE),
    (0.1, "up to 10 %", "#F3C39C"),
    (0.3, "up to 30 %", "#E58A4E"),
    (0.6, "up to 60 %", "#C4611F"),
    (1.0, "more", "#8A3A0A"),
)
"""Share of wrong answers up to which a dot has a colour, with the words for it."""
_BOX = (74.0, 30.0)
_STORY = 54.0
"""Size of a box of the small lattice, and the height of one of its layers, points."""


def lattice_dots(found: Lattice, *, name: str) -> Figure:
    """Every set as a dot: a layer for each number of kept units, the whole at the top; wrong answers grow to the right.

    A ring marks a minimal circuit; up to three of them are spelled out. Raises ``ValueError`` for more than 12 units.
    """
    k = len(found.units)
    if k > 12:
        raise ValueError(f"found: at most 12 units can be drawn, got {k}")
    lines = [-(-comb(k, size) // _COLUMNS) for size in range(k + 1)]
    spelled = found.minimal if len(found.minimal) <= 3 else ()
    foot = 22.0 + 11 * len(spelled)
    height = foot + sum(lines) * _STEP + _GAP * (k + 1) + 14
    places, size_of = np.zeros((1 << k, 2)), subsets.sizes(k).numpy()
    with kit.canvas(height) as axes:
        top = height - 14
        kit.words(axes, 2, height - 6, "units kept", ha="left", size=kit.SMALL)
        for size in range(k, -1, -1):
            masks = np.flatnonzero(size_of == size)
            masks = masks[np.argsort(found.wrong.numpy()[masks], kind="stable")]
            rows = lines[size]
            places[masks] = _placed(len(masks), rows, top)
            kit.words(axes, _LEFT - 9, top - rows * _STEP / 2, str(size), ha="right", size=kit.SMALL)
            top -= rows * _STEP + _GAP
        _dots(axes, places, found)
        _legend(axes, foot - 12)
        for i, mask in enumerate(spelled):
            kit.words(axes, 2, foot - 26 - 11 * i, f"ring: {_said(found, mask)}", ha="left", size=kit.SMALL)
        rows_ = [(int(size_of[m]), int(found.wrong[m]), m in found.minimal, _said(found, m)) for m in range(1 << k)]
        return kit.finished(axes, name, kit.tidy(("units kept", "wrong", "minimal", "set"), rows_))


def small_lattice(wrong: Mapping[Sequence[str], int], *, name: str) -> Figure:
    """A lattice of at most three units: a box for each set with its wrong answers, a line where one unit is removed.

    ``wrong`` has the count of every set of units, the whole among them. Raises ``ValueError`` for a set that is
    missing or more than three units.
    """
    units = max(map(tuple, wrong), key=len, default=())
    counts = {tuple(sorted(each, key=[*units, *each].index)): n for each, n in wrong.items()}
    sets = {size: list(combinations(units, size)) for size in range(len(units) + 1)}
    if len(units) > 3 or sorted(counts) != sorted(each for layer in sets.values() for each in layer):
        raise ValueError(f"wrong: a count for every set of at most three units expected, got {len(counts)} of {units}")
    right = {each for each, n in counts.items() if n == 0}
    minimal = {each for each in right if not any(set(other) < set(each) for other in right)}
    at = {
        each: (kit.WIDTH * (i + 0.5) / len(layer) if len(layer) > 1 else kit.WIDTH / 2, 20 + _STORY * size)
        for size, layer in sets.items()
        for i, each in enumerate(layer)
    }
    with kit.canvas(_STORY * len(units) + 42) as axes:
        for each, (x, y) in at.items():
            for unit in each:
                below = at[tuple(other for other in each if other != unit)]
                kit.wire(axes, (x, y - _BOX[1] / 2), (below[0], below[1] + _BOX[1] / 2), lw=0.8)
        for each, (x, y) in at.items():
            colour = _NONE if each in right else _CLASSES[2][2]
            kit.box(axes, x, y, _BOX, "", colour)
            if each in minimal:
                kit.box(axes, x, y, (_BOX[0] + 6, _BOX[1] + 6), "", colour)
            kit.words(axes, x, y + 6, ", ".join(each) or "nothing", size=kit.SMALL, weight="bold")
            kit.words(axes, x, y - 7, f"{counts[each]} wrong", size=kit.SMALL)
        rows = [(", ".join(each), len(each), counts[each], each in minimal) for each in at]
        return kit.finished(axes, name, kit.tidy(("set", "units kept", "wrong", "minimal"), rows))


def _placed(n: int, rows: int, top: Number) -> NDArray[np.float64]:
    """Places of the dots of a layer, column by column from the left; the layer lies in the middle."""
    columns = -(-n // rows)
    left = _LEFT + (_COLUMNS - columns) * _STEP / 2
    column, row = np.divmod(np.arange(n), rows)
    return np.column_stack([left + (column + 0.5) * _STEP, top - (row + 0.5) * _STEP])


def _dots(axes: Axes, places: NDArray[np.float64], found: Lattice) -> None:
    share = found.wrong.numpy() / found.n_answers
    rings = places[list(found.minimal)]
    kit.points(axes, rings, INK, _DOT + 4.4, alpha=1)
    kit.points(axes, rings, PAPER, _DOT + 2.0, alpha=1)
    low = -1.0
    for high, _, colour in _CLASSES:
        kit.points(axes, places[(share > low) & (share <= high)], colour, _DOT, alpha=1)
        low = high


def _legend(axes: Axes, y: Number) -> None:
    kit.wire(axes, (2, y + 10), (kit.WIDTH - 2, y + 10), lw=0.5, colour=FAINT)
    kit.words(axes, 2, y, "wrong digits", ha="left", size=kit.SMALL, color=GREY)
    for i, (_, said, colour) in enumerate(_CLASSES):
        x = 58 + i * 55
        kit.points(axes, np.array([[x, y]]), colour, _DOT + 1, alpha=1)
        kit.words(axes, x + 5, y, said, ha="left", size=kit.SMALL)


def _said(found: Lattice, mask: int) -> str:
    return ", ".join(found.named(mask)) or "nothing"
