"""Small multiples of one plane: the states that predict each answer, coloured by the right answer."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from tinycircuits.display.checks import Array
from tinycircuits.display.drawings import kit
from tinycircuits.display.figure import Figure
from tinycircuits.display.theme import GREY, SERIES
from tinycircuits.interp.planes import ReadoutPlane

_COLUMNS, _SIDE, _GAP, _HEAD = 4, 78.0, 5.0, 24.0
"""Panels in a row, the side of one, and the room between two and above a group, points."""


def planes(groups: Mapping[str, ReadoutPlane], *, name: str) -> Figure:
    """One group of panels for each stage, one panel for each answer ``y_i``, all with the same axes.

    A dot is one input; its colour is the right answer, a digit. The rays point to where the logit of each digit grows.

    Raises ``ValueError`` for no groups, groups of different size, or more than 8 digits.
    """
    shapes = {(each.points.shape[1], len(each.tokens)) for each in groups.values()}
    if len(shapes) != 1 or next(iter(shapes))[1] > len(SERIES):
        raise ValueError(
            f"groups: planes with the same answers and at most {len(SERIES)} digits expected, got {shapes}"
        )
    n_answers, _ = shapes.pop()
    lines = -(-n_answers // _COLUMNS)
    each_group = _HEAD + lines * (_SIDE + 16)
    reach = 1.06 * max(float(each.points.abs().max()) for each in groups.values())
    rows = []
    with kit.canvas(len(groups) * each_group) as axes:
        for g, (title, group) in enumerate(groups.items()):
            top = (len(groups) - g) * each_group
            kit.words(axes, 2, top - 10, title, ha="left", size=kit.TITLE, weight="bold")
            for i in range(n_answers):
                row, column = divmod(i, _COLUMNS)
                corner = (2 + column * (_SIDE + _GAP), top - _HEAD - (row + 1) * (_SIDE + 16) + 4)
                kit.words(axes, corner[0] + _SIDE / 2, corner[1] + _SIDE + 6, f"y_{i}")
                inner = kit.panel(axes, corner, (_SIDE, _SIDE), (-reach, reach), (-reach, reach))
                points, answers = group.points[:, i].numpy(), group.answers[:, i].numpy()
                _panel(inner, points, answers, group.tokens.numpy(), reach)
                rows += [(title, f"y_{i}", *p, a) for p, a in zip(points.tolist(), answers.tolist(), strict=True)]
        return kit.finished(axes, name, kit.tidy(("stage", "answer", "x", "y", "digit"), rows))


def _panel(axes: Axes, points: Array, answers: NDArray[np.int64], tokens: Array, reach: float) -> None:
    """Draw the rays of the digits, labelled half-way, and one dot for each input."""
    axes.plot(*(reach * np.array([[-1, 1, 1, -1, -1], [-1, -1, 1, 1, -1]])), color=GREY, lw=0.6)
    for digit, (token, colour) in enumerate(zip(tokens, SERIES, strict=False)):
        ray = 0.86 * reach * token / np.linalg.norm(token)
        axes.plot([0, ray[0]], [0, ray[1]], color=GREY, lw=0.6, alpha=0.6, zorder=1)
        kit.words(axes, 0.6 * ray[0], 0.6 * ray[1], str(digit), size=kit.SMALL, color=colour, weight="bold", zorder=4)
        kit.points(axes, points[answers == digit], colour, 2.2)
