"""What is certain of answers: how far each wins, against how far a machine can be from that."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Int
from numpy import ndarray

from tinycircuits.display import checks
from tinycircuits.display.drawings import kit
from tinycircuits.display.figure import Figure
from tinycircuits.display.theme import FAINT, GREY, INK, PAPER, SERIES

_HEIGHT, _LEFT, _FOOT, _TOP = 250.0, 46.0, 34.0, 22.0
_SIZES = ((1, 3.4), (100, 4.2), (10**9, 6.0))
"""Up to how many answers a dot has which width, points."""
_RING = 9.0
"""The width of the ring around a dot on the line or above it."""


def margins_and_errors(
    grids: Mapping[str, Int[ndarray, "error margin"]],
    *,
    margins: tuple[int, int],
    errors: tuple[int, int],
    steps: int,
    name: str,
) -> Figure:
    """Answers as dots by margin and error bound, both as powers of ten, one colour for each machine.

    ``grids`` have ``[error, margin]`` counts with ``steps`` cells to a power of ten, from the powers ``errors[0]`` and
    ``margins[0]`` on. Above the line where both are equal nothing is certain; a
    ring marks the dots there and on it. Raises ``ValueError`` for another shape.
    """
    shape = ((errors[1] - errors[0]) * steps, (margins[1] - margins[0]) * steps)
    for label, grid in grids.items():
        if checks.finite("grids", grid, ndim=2).shape != shape:
            raise ValueError(f"grids: {label} must have the shape {shape}, got {np.shape(grid)}")
    rows = [
        (label, 10 ** (margins[0] + (m + 0.5) / steps), 10 ** (errors[0] + (e + 0.5) / steps), int(grid[e, m]))
        for label, grid in grids.items()
        for e, m in np.argwhere(np.asarray(grid))
    ]
    x = _span([row[1] for row in rows])
    y = _span([row[2] for row in rows])
    y = (y[0], max(y[1], x[1]))
    size = (kit.WIDTH - _LEFT - 8, _HEIGHT - _FOOT - _TOP)

    def at(margin: float, error: float) -> tuple[float, float]:
        return (
            _LEFT + size[0] * (np.log10(margin) - x[0]) / (x[1] - x[0]),
            _FOOT + size[1] * (np.log10(error) - y[0]) / (y[1] - y[0]),
        )

    with kit.canvas(_HEIGHT) as axes:
        for power in range(x[0], x[1] + 1):
            kit.wire(axes, at(10.0**power, 10.0 ** y[0]), at(10.0**power, 10.0 ** y[1]), lw=0.5, colour=FAINT)
            kit.words(axes, at(10.0**power, 1)[0], _FOOT - 9, _power(power), size=kit.SMALL)
        for power in range(y[0], y[1] + 1, 2 if y[1] - y[0] > 8 else 1):
            kit.wire(axes, at(10.0 ** x[0], 10.0**power), at(10.0 ** x[1], 10.0**power), lw=0.5, colour=FAINT)
            kit.words(axes, _LEFT - 5, at(1, 10.0**power)[1], _power(power), ha="right", size=kit.SMALL)
        equal = at(10.0 ** x[0], 10.0 ** x[0]), at(10.0 ** x[1], 10.0 ** x[1])
        kit.wire(axes, *equal, colour=INK, ls=(0, (4, 3)))
        kit.words(axes, _LEFT + size[0] / 2, 8, "margin of the answer", size=kit.SMALL, color=GREY)
        kit.words(axes, 2, _HEIGHT - 8, "error bound", ha="left", size=kit.SMALL, color=GREY)
        for i, (label, colour) in enumerate(zip(grids, SERIES, strict=False)):
            of = [row for row in rows if row[0] == label]
            near = np.array([at(row[1], row[2]) for row in of if row[2] > 0.99 * row[1]]).reshape(-1, 2)
            kit.points(axes, near, INK, _RING, alpha=1)
            kit.points(axes, near, PAPER, _RING - 2.4, alpha=1)
            low = 0
            for high, width in _SIZES:
                places = np.array([at(row[1], row[2]) for row in of if low < row[3] <= high]).reshape(-1, 2)
                kit.points(axes, places, colour, width)
                low = high
            left = 110.0 + 74 * i
            kit.points(axes, np.array([[left, _HEIGHT - 8]]), colour, _SIZES[1][1])
            kit.words(axes, left + 6, _HEIGHT - 8, label, ha="left", size=kit.SMALL)
        return kit.finished(axes, name, kit.tidy(("machine", "margin", "error bound", "answers"), rows))


def _span(values: list[float]) -> tuple[int, int]:
    """Whole powers of ten around values."""
    return int(np.floor(np.log10(min(values)))), int(np.ceil(np.log10(max(values))))


def _power(power: int) -> str:
    """``0.01``, ``1``, ``100``, and smaller ones as ``1e-9``."""
    text = f"{10.0**power:g}" if -3 <= power <= 3 else f"1e{power}"
    return text.replace("-", "\N{MINUS SIGN}")
