"""LayerNorm as geometry: three numbers are a point in space, and two steps bring every point onto one circle."""

from collections.abc import Mapping

import numpy as np
from matplotlib.patches import Circle
from numpy.typing import ArrayLike

from tinycircuits.display.checks import Array
from tinycircuits.display.drawings import kit
from tinycircuits.display.figure import Figure
from tinycircuits.display.theme import ATTENTION, GREY, SERIES

_PLANE = np.array([[1.0, -1.0, 0.0], [1.0, 1.0, -2.0]]) / np.array([[np.sqrt(2)], [np.sqrt(6)]])
"""Two directions at right angles to each other and to (1, 1, 1): the plane of all states with mean zero."""
_SIDE = 150.0
"""Side of a panel, points."""


def layer_norm_plane(states: Mapping[str, ArrayLike], *, name: str) -> Figure:
    """What LayerNorm does to ``states`` of three numbers each, seen from the side and then from above.

    Subtracting the mean brings a state to the plane of mean zero; dividing by the standard deviation then brings it to
    the circle of radius sqrt(3) there. The learned scale and shift are left out, and the small number that keeps the
    division from zero.

    Raises ``ValueError`` for a state of another length, or one whose three numbers are equal, which has no direction.
    """
    given = {word: kit.vectors("states", each, length=3) for word, each in states.items()}
    if flat := [word for word, each in given.items() if np.ptp(each) < 1e-9]:
        raise ValueError(f"states: three equal numbers have no direction, got {', '.join(flat)}")
    centred = {word: each - each.mean() for word, each in given.items()}
    normal = {word: each / each.std() for word, each in centred.items()}
    reach = 1.32 * max(np.sqrt(3), *(float(abs(_PLANE @ each).max()) for each in centred.values()))
    height = 1.25 * max(float(abs(each.mean())) for each in given.values()) or 1.0
    with kit.canvas(_SIDE + 58) as axes:
        side = kit.panel(axes, (4, 32), (_SIDE, _SIDE), (-reach, reach), (-height, height))
        above = kit.panel(axes, (176, 32), (_SIDE, _SIDE), (-reach, reach), (-reach, reach))
        for x, title in ((79, "1. subtract the mean"), (251, "2. divide by the spread")):
            kit.words(axes, x, _SIDE + 48, title, size=kit.TITLE, weight="bold")
        kit.words(axes, 79, _SIDE + 36, "seen from the side", size=kit.SMALL)
        kit.words(axes, 251, _SIDE + 36, "the same plane, seen from above", size=kit.SMALL)
        kit.words(axes, 79, 20, "line: every state whose mean is zero")
        kit.words(axes, 251, 20, "circle: every state whose spread is one")
        kit.wire(side, (-reach, 0), (reach, 0), lw=2.0, colour=ATTENTION)
        above.add_patch(Circle((0, 0), np.sqrt(3), fc="none", ec=ATTENTION, lw=2.0))
        above.plot([0], [0], "+", color=GREY, ms=7)
        for (word, each), colour in zip(given.items(), SERIES * len(given), strict=False):
            at, low, end = _PLANE[0] @ each, _PLANE @ centred[word], _PLANE @ normal[word]
            kit.arrow(side, (at, each.mean()), (at, 0.0), colour=colour)
            kit.arrow(above, (low[0], low[1]), (end[0], end[1]), colour=colour)
            for panel, start, last in ((side, (at, each.mean()), (at, 0)), (above, tuple(low), tuple(end))):
                panel.plot(*start, "o", mfc="none", mec=colour, ms=5)
                panel.plot(*last, "o", color=colour, ms=5, zorder=4)
                away = np.sign(start[1] or 1) * 0.09 * panel.get_ylim()[1]
                kit.words(panel, start[0], start[1] + away, word, weight="bold", va="center")
        return kit.finished(
            axes,
            name,
            kit.tidy(_COLUMNS, [_row(*each) for each in zip(given, given.values(), normal.values(), strict=True)]),
        )


_COLUMNS = ("state", "number 1", "number 2", "number 3", "normalised 1", "normalised 2", "normalised 3")


def _row(word: str, before: Array, after: Array) -> list[object]:
    return [word, *before.tolist(), *after.tolist()]
