"""Numbers in the plane in which one wave of their vectors turns: a dial, if they lie on it."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from tinycircuits.display.drawings import kit
from tinycircuits.display.figure import Figure
from tinycircuits.display.theme import GREY, INK

_SIDE, _GAP, _HEAD, _FOOT = 154.0, 14.0, 18.0, 6.0
"""The side of a panel, the room between two, above and below, points."""
_IN_A_ROW = 2
_INWARD = 0.83
"""Where a name stands on the way from the middle to its dot: inside a ring nothing else stands."""


def dials(panels: Mapping[str, Float[Tensor, "number 2"]], *, named: Sequence[int], name: str) -> Figure:
    """One panel for each plane, a dot for every number; the ``named`` ones are written and joined in their order.

    Each panel has a scale of its own; a name that would lie on one before it is left out.
    Raises ``ValueError`` for no panels, or a named number that a panel lacks.
    """
    if not panels or any(not 0 <= number < len(points) for points in panels.values() for number in named):
        raise ValueError(f"named: numbers of every panel expected, got {list(named)} for {len(panels)} panels")
    lines, rows = -(-len(panels) // _IN_A_ROW), []
    with kit.canvas(lines * (_SIDE + _HEAD) + _FOOT) as axes:
        for index, (title, points) in enumerate(panels.items()):
            line, column = divmod(index, _IN_A_ROW)
            corner = (2 + column * (_SIDE + _GAP), _FOOT + (lines - 1 - line) * (_SIDE + _HEAD))
            kit.words(axes, corner[0] + _SIDE / 2, corner[1] + _SIDE + 8, title, size=kit.TITLE)
            places = points.detach().double().numpy()
            reach = 1.22 * float(np.abs(places).max())
            inner = kit.panel(axes, corner, (_SIDE, _SIDE), (-reach, reach), (-reach, reach))
            inner.plot(*places[list(named)].T, color=GREY, lw=0.5, zorder=1)
            kit.points(inner, places, kit.POSITIVE, 2.6, zorder=2)
            inner.plot(*places[list(named)].T, "o", ms=3.6, color=INK, zorder=3)
            for number, (x, y) in _apart({n: _INWARD * places[n] for n in named}, reach).items():
                kit.words(inner, x, y, str(number), size=kit.SMALL, weight="bold", zorder=4)
            rows += [(title, number, *place) for number, place in enumerate(places.tolist())]
        return kit.finished(axes, name, kit.tidy(("panel", "number", "x", "y"), rows))


def _apart(places: Mapping[int, NDArray[np.float64]], reach: float) -> dict[int, NDArray[np.float64]]:
    """The places of names in their order, without those that would lie on one before them."""
    kept: dict[int, NDArray[np.float64]] = {}
    room = reach * np.array([0.16, 0.11])  # width and height of a name
    for number, place in places.items():
        if all((np.abs(place - other) > room).any() for other in kept.values()):
            kept[number] = place
    return kept
