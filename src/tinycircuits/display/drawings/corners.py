"""Where a program has the four digits before its MLP and after it: small multiples of one plane with arrows."""

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.patches import Polygon
from torch import Tensor

from tinycircuits.display.drawings import kit
from tinycircuits.display.figure import Figure
from tinycircuits.display.theme import GREY, INK, TOKENS

_COLUMNS, _SIDE, _GAP, _HEAD, _FOOT = 4, 78.0, 5.0, 16.0, 22.0
"""Panels in a row, the side of one, the room between two, above each and under all, points."""
_OUT = 0.84
"""Where in a quarter its token is written, as a share of the way to the edge."""
_QUARTERS = ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))
"""Where the tokens 0, 1, 2 and 3 win: each has its margin over the opposite one."""


def corners(steps: Float[Tensor, "stage answer value 2"], says: Int[Tensor, "answer value"], *, name: str) -> Figure:
    """One panel for each answer: the four source digits as corners before the MLP, an arrow from each to its end.

    ``steps`` are the margins of 0 over 2 and of 1 over 3 (``Program.steps``); the last two stages are drawn, and
    ``says`` colours the ends. A quarter of the plane is where its token has the larger margin.

    Raises ``ValueError`` for fewer than two stages or another number of digits than four.
    """
    if len(steps) < 2 or steps.shape[2:] != (4, 2):
        raise ValueError(f"steps: at least two stages of four digits expected, got shape {tuple(steps.shape)}")
    before, after = steps[-2:].detach().double().numpy()
    reach = 1.12 * float(max(abs(before).max(), abs(after).max()))
    lines = -(-len(before) // _COLUMNS)
    rows = []
    with kit.canvas(lines * (_SIDE + _HEAD) + _FOOT) as axes:
        for i, (starts, ends) in enumerate(zip(before, after, strict=True)):
            line, column = divmod(i, _COLUMNS)
            corner = (2 + column * (_SIDE + _GAP), _FOOT + (lines - 1 - line) * (_SIDE + _HEAD))
            kit.words(axes, corner[0] + _SIDE / 2, corner[1] + _SIDE + 7, f"y_{i}")
            inner = kit.panel(axes, corner, (_SIDE, _SIDE), (-reach, reach), (-reach, reach))
            _ground(inner, reach)
            inner.add_patch(Polygon(starts, fc="none", ec=GREY, lw=0.7, zorder=2))
            for digit, (start, end) in enumerate(zip(starts, ends, strict=True)):
                said = int(says[i, digit])
                kit.arrow(
                    inner,
                    (float(start[0]), float(start[1])),
                    (float(end[0]), float(end[1])),
                    colour=INK,
                    lw=0.7,
                    head=4.5,
                )
                inner.plot(*start, "o", ms=2.6, mfc=TOKENS[said], mec=INK, mew=0.5, zorder=4)
                rows.append((f"y_{i}", digit, *start.tolist(), *end.tolist(), said))
        kit.words(axes, kit.WIDTH / 2, 8, "corners: before the MLP; heads of arrows: after it")
        columns = ("answer", "digit", "0 over 2, before", "1 over 3, before", "0 over 2", "1 over 3", "says")
        return kit.finished(axes, name, kit.tidy(columns, rows))


def _ground(axes: Axes, reach: float) -> None:
    """Tint the quarter of each token and write it there."""
    for token, direction in enumerate(_QUARTERS):
        ahead = np.array(direction)
        aside = ahead[::-1]
        edge = reach * np.array([0 * ahead, ahead + aside, ahead - aside])
        axes.add_patch(Polygon(edge, fc=TOKENS[token], ec="none", alpha=0.2, zorder=0))
        x, y = _OUT * reach * ahead
        kit.words(axes, x, y, str(token), size=kit.SMALL, color=GREY, zorder=1)
