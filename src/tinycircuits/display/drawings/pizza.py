"""Two machines that add on a clock: one turns a hand on, the other averages two points of the circle."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle

from tinycircuits.display.drawings import kit
from tinycircuits.display.figure import Figure
from tinycircuits.display.theme import ATTENTION, GREY, SERIES

_SIDE, _REACH = 108.0, 1.42
"""Side of a panel in points, and how far its axes reach where the circle has radius 1."""
_A, _B = SERIES[0], SERIES[1]


def clock_and_pizza(pair: tuple[int, int], blind: tuple[int, int], *, hours: int, name: str) -> Figure:
    """Three panels: the hand of ``pair`` turned on, the middle of its two points, and the middle of the ``blind`` pair.

    Numbers stand on the circle as hours do. The middle of the points of a and b lies in the direction of the hour
    (a + b) / 2, or opposite; that of two opposite points lies in none.

    Raises ``ValueError`` for an hour that is not on the clock, and a blind pair that is not opposite.
    """
    for each in (*pair, *blind):
        if not 0 <= each < hours:
            raise ValueError(f"pair and blind must hold hours 0..{hours - 1}, got {each}")
    if abs(blind[0] - blind[1]) * 2 != hours:
        raise ValueError(f"blind must be two opposite hours, got {blind}")
    panels = [("turn the hand on", pair), ("average the two points", pair), ("two opposite points", blind)]
    rows: list[tuple[object, ...]] = []
    with kit.canvas(_SIDE + 40) as axes:
        for i, (title, (a, b)) in enumerate(panels):
            corner = (1 + i * (_SIDE + 2), 20)
            kit.words(axes, corner[0] + _SIDE / 2, _SIDE + 31, title, size=kit.TITLE, weight="bold")
            inner = kit.panel(axes, corner, (_SIDE, _SIDE), (-_REACH, _REACH), (-_REACH, _REACH))
            inner.add_patch(Circle((0, 0), 1, fc="none", ec=GREY, lw=1.1))
            said = _turned(inner, a, b, hours) if i == 0 else _averaged(inner, a, b, hours)
            kit.words(axes, corner[0] + _SIDE / 2, 10, said)
            rows += [(title, word, hour, *_at(hour, hours)) for word, hour in (("a", a), ("b", b))]
            rows.append((title, "sum" if i == 0 else "middle", "", *_end(a, b, hours, turned=i == 0)))
        return kit.finished(axes, name, kit.tidy(("panel", "point", "hour", "x", "y"), rows))


def _end(a: int, b: int, hours: int, *, turned: bool) -> kit.Point:
    """Where the hand ends, or the middle of the two points."""
    if turned:
        return _at((a + b) % hours, hours)
    (x, y), (u, v) = _at(a, hours), _at(b, hours)
    return round((x + u) / 2, 9) + 0.0, round((y + v) / 2, 9) + 0.0


def _turned(axes: Axes, a: int, b: int, hours: int) -> str:
    """Draw the hand at a, the turn by b, and the hand at the sum."""
    kit.arrow(axes, (0, 0), _at(a, hours), colour=_A, lw=1.6)
    kit.arrow(axes, (0, 0), _end(a, b, hours, turned=True), colour=kit.RIGHT, lw=2.0)
    turn = np.linspace(a, a + b, 40)
    kit.wire(axes, *(_at(hour, hours, 0.55) for hour in turn), colour=_B, lw=1.6)
    kit.arrow(axes, _at(a + b - 0.05, hours, 0.55), _at(a + b, hours, 0.55), colour=_B, head=9)
    _hour(axes, a, hours, f"a = {a}", _A)
    _hour(axes, (a + b) % hours, hours, str((a + b) % hours), kit.RIGHT)
    return f"by b = {b} hours: it ends at {(a + b) % hours}"


def _averaged(axes: Axes, a: int, b: int, hours: int) -> str:
    """Draw the two points, their middle, and the direction in which it lies."""
    middle = _end(a, b, hours, turned=False)
    kit.wire(axes, _at(a, hours), _at(b, hours), colour=GREY)
    for letter, hour, colour in (("a", a, _A), ("b", b, _B)):
        axes.plot(*_at(hour, hours), "o", color=colour, ms=6, zorder=4)
        _hour(axes, hour, hours, f"{letter} = {hour}", colour)
    axes.plot(*middle, "o", color=ATTENTION, ms=6, zorder=5)
    if math.hypot(*middle) < 1e-6:
        return "the middle has no direction"
    kit.arrow(axes, (0, 0), _at((a + b) / 2, hours), colour=kit.RIGHT, lw=2.0)
    kit.wire(axes, (0, 0), _at((a + b) / 2 + hours / 2, hours), colour=kit.RIGHT, ls=(0, (3, 2)))
    return f"it points to {(a + b) / 2:g}, half of {a + b}"


def _at(hour: float, hours: int, radius: float = 1.0) -> kit.Point:
    """Where an hour stands: 0 on top, then clockwise."""
    angle = 2 * math.pi * hour / hours
    return radius * math.sin(angle), radius * math.cos(angle)


def _hour(axes: Axes, hour: int, hours: int, text: str, colour: str) -> None:
    x, y = _at(hour, hours)
    kit.words(axes, 1.06 * x, y + math.copysign(0.35, y), text, size=kit.SMALL, color=colour, weight="bold")
