"""The task as drawings: reversal and plus one, the renaming of one-hot digits by a matrix, and XOR in the plane."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from tinycircuits.display import checks
from tinycircuits.display.drawings import kit
from tinycircuits.display.figure import Figure
from tinycircuits.display.theme import ATTENTION, GREY, INK, MLP, SERIES

_SIDE, _UNIT, _STEP = 20.0, 15.5, 62.0
"""Side of a digit's square and of a matrix entry, distance of two rows of digits."""
_LOWEST = 27.0
"""Height of the last row of digits."""


def reversal(steps: Mapping[str, ArrayLike], *, name: str, raised: str = "+ 1") -> Figure:
    """Three rows of digits, from the top: the input, read backwards, and raised, with an arrow for each digit's way.

    ``steps`` are the rows by name; ``raised`` is written beside the second set of arrows. Digits that roll over, so
    that they become smaller, have an arrow of another colour.

    Raises ``ValueError`` unless there are three rows of equal length and the second is the first backwards.
    """
    rows = [kit.vectors("steps", each).astype(int) for each in steps.values()]
    if len(rows) != 3 or len({len(row) for row in rows}) != 1:
        raise ValueError(f"steps: three rows of equal length expected, got lengths {[len(row) for row in rows]}")
    if (rows[1] != rows[0][::-1]).any():
        raise ValueError(f"steps: the second row must be the first backwards, got {rows[1].tolist()}")
    n = len(rows[0])
    pitch = min(30.0, (kit.WIDTH - 86) / n)
    at = [80 + pitch * (i + 0.5) for i in range(n)]
    heights = [2 * _STEP + _LOWEST, _STEP + _LOWEST, _LOWEST]
    with kit.canvas(2 * _STEP + 2 * _LOWEST + 2) as axes:
        for y, title, row in zip(heights, steps, rows, strict=True):
            kit.words(axes, 2, y, title, ha="left")
            for x, digit in zip(at, row.tolist(), strict=True):
                kit.box(axes, x, y, (_SIDE, _SIDE), str(digit), GREY)
        for i in range(n):
            kit.arrow(axes, (at[i], heights[0] - 11), (at[n - 1 - i], heights[1] + 11), colour=ATTENTION)
            colour = SERIES[4] if rows[2][i] < rows[1][i] else MLP
            kit.arrow(axes, (at[i], heights[1] - 11), (at[i], heights[2] + 11), colour=colour)
            kit.words(axes, at[i], heights[0] + 19, f"x_{i}", size=kit.SMALL)
            kit.words(axes, at[i], heights[2] - 18, f"y_{i}", size=kit.SMALL)
        kit.words(axes, at[-1] + 12, _STEP / 2 + _LOWEST, raised, ha="left", weight="bold")
        values = [
            (title, i, digit) for title, row in zip(steps, rows, strict=True) for i, digit in enumerate(row.tolist())
        ]
        return kit.finished(axes, name, kit.tidy(("step", "place", "digit"), values))


def one_hot_permutation(renamed: ArrayLike, *, digit: int, name: str) -> Figure:
    """A renaming of digits as arrows, and as a matrix: the one-hot row of ``digit`` times it is that of its new name.

    ``renamed[d]`` is the new name of ``d``.

    Raises ``ValueError`` unless every digit is the new name of exactly one, or for an unknown ``digit``.
    """
    new = kit.vectors("renamed", renamed).astype(int)
    n = len(new)
    if sorted(new.tolist()) != list(range(n)):
        raise ValueError(f"renamed: each of 0..{n - 1} once expected, got {new.tolist()}")
    if not 0 <= digit < n:
        raise ValueError(f"digit: 0..{n - 1} expected, got {digit}")
    matrix = np.eye(n)[new]
    unit = min(_UNIT, 62 / n)
    height, middle = n * 22.0 + 40, n * 11.0 + 14
    with kit.canvas(height) as axes:
        for d in range(n):
            here, there = (middle + 22 * ((n - 1) / 2 - each) for each in (d, int(new[d])))
            for side in (12, 74):
                kit.box(axes, side, here, (16, 16), str(d), GREY)
            chosen = {"colour": MLP, "lw": 1.9} if d == digit else {}
            kit.arrow(axes, (21, here), (65, there), **chosen)
        left = [98 + i * (n * unit + 20) for i in range(3)]
        for x, title in zip(left, (f"digit {digit}", "rename", f"digit {new[digit]}"), strict=True):
            kit.words(axes, x + n * unit / 2, height - 10, title, size=kit.TITLE, weight="bold")
        for x, hot in ((left[0], digit), (left[2], int(new[digit]))):
            for d in range(n):
                kit.cell(
                    axes, (x + d * unit, middle - unit / 2), (unit, unit), str(int(d == hot)), MLP, float(d == hot)
                )
        for i in range(n):
            for j in range(n):
                corner, tint = (left[1] + j * unit, middle + (n / 2 - 1 - i) * unit), float(matrix[i, j])
                kit.cell(axes, corner, (unit, unit), str(int(matrix[i, j])), MLP, tint if i == digit else tint / 2)
        kit.words(axes, left[1] - 10, middle, kit.TIMES, size=12)
        kit.words(axes, left[2] - 10, middle, "=", size=12)
        kit.words(axes, 43, height - 10, "as arrows", size=kit.TITLE, weight="bold")
        return kit.finished(axes, name, kit.tidy(("digit", "new name"), list(enumerate(new.tolist()))))


def xor_plane(points: ArrayLike, answers: ArrayLike, weights: ArrayLike, threshold: float, *, name: str) -> Figure:
    """Four points, dots where the answer is one and rings where it is zero, and a straight line that fails.

    The line is ``weights @ point = threshold``; on its upper side the guess is one. Dashed lines join points of the
    same answer: where their middles meet, no line can part them.

    Raises ``ValueError`` naming the argument for a wrong shape, answers that are not two zeros and two ones.
    """
    at = checks.finite("points", points, ndim=2)
    said = kit.vectors("answers", answers, length=4)
    if at.shape != (4, 2):
        raise ValueError(f"points: four points in the plane expected, got shape {at.shape}")
    if sorted(said.tolist()) != [0, 0, 1, 1]:
        raise ValueError(f"answers: two zeros and two ones expected, got {said.tolist()}")
    line = kit.vectors("weights", weights, length=2)
    if not line.any():
        raise ValueError("weights: a line needs a weight that is not zero")
    right = ((at @ line > threshold) == (said == 1)).tolist()
    low, high = at.min() - 0.45, at.max() + 0.45
    with kit.canvas(168) as axes:
        inner = kit.panel(axes, (22, 20), (144, 144), (low, high), (low, high))
        kit.wire(inner, (low, low), (high, low), lw=0.8)
        kit.wire(inner, (low, low), (low, high), lw=0.8)
        centre = line * threshold / (line @ line)
        along = np.array([-line[1], line[0]]) / np.linalg.norm(line) * 4
        inner.plot(*np.array([centre - along, centre + along]).T, color=ATTENTION, lw=2)
        for answer in (0, 1):
            pair = at[said == answer]
            inner.plot(*pair.T, color=GREY, lw=0.9, ls=(0, (3, 2)))
            inner.plot(*pair.mean(0), "x", color=INK, ms=6, mew=1.4)
            fill = SERIES[1] if answer else "none"
            inner.plot(*pair.T, "o", ms=9, mfc=fill, mec=SERIES[1], mew=1.4, zorder=4)
        for point, answer, good in zip(at.tolist(), said.tolist(), right, strict=True):
            mark = "" if good else ", wrong"
            kit.words(inner, point[0], point[1] + 0.2 * np.sign(point[1] - at.mean()), f"{answer:.0f}{mark}")
        kit.words(axes, 94, 9, "a")
        kit.words(axes, 10, 92, "b")
        for y, text in (
            (128, "dot: the answer is 1"),
            (112, "ring: the answer is 0"),
            (88, f"this line: {sum(right)} of 4 right"),
            (64, "cross: the middle of both pairs,"),
            (52, "one and the same point,"),
            (40, "which no line can part"),
        ):
            kit.words(axes, 186, y, text, ha="left")
        rows = [(*point, answer, good) for point, answer, good in zip(at.tolist(), said.tolist(), right, strict=True)]
        return kit.finished(axes, name, kit.tidy(("a", "b", "answer", "right side"), rows))
