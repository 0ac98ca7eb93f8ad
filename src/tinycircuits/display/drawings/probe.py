"""A probe in the plane: straight lines that tell classes apart, and the control with shuffled labels beside it."""

from collections.abc import Mapping

import numpy as np
from matplotlib.patches import Polygon

from tinycircuits.display.checks import Array
from tinycircuits.display.drawings import kit
from tinycircuits.display.figure import Figure
from tinycircuits.display.theme import SERIES
from tinycircuits.interp.planes import FlatProbe

_SIDE = 156.0
"""Side of a panel, points."""


def probe(readers: Mapping[str, FlatProbe], *, name: str) -> Figure:
    """One panel for each of two probes: the points with the colour of their class, on the areas in which it is guessed.

    Both panels have the same limits. Under each stands on how many points the guess is right.

    Raises ``ValueError`` unless there are two probes with the same number of classes, at most 8.
    """
    classes = {len(each.weights) for each in readers.values()}
    if len(readers) != 2 or len(classes) != 1 or max(classes) > len(SERIES):
        raise ValueError(
            f"readers: two probes with the same classes, at most {len(SERIES)}, expected, "
            f"got {[(word, len(each.weights)) for word, each in readers.items()]}"
        )
    points = np.concatenate([each.points.numpy() for each in readers.values()])
    low, high = points.min(0), points.max(0)
    low, high = low - 0.06 * (high - low), high + 0.06 * (high - low)
    frame = np.array([[low[0], low[1]], [high[0], low[1]], [high[0], high[1]], [low[0], high[1]]])
    rows = []
    with kit.canvas(_SIDE + 44) as axes:
        for left, (title, each) in zip((4, 170), readers.items(), strict=True):
            inner = kit.panel(axes, (left, 22), (_SIDE, _SIDE), (low[0], high[0]), (low[1], high[1]))
            kit.words(axes, left + _SIDE / 2, _SIDE + 33, title, size=kit.TITLE, weight="bold")
            kit.words(axes, left + _SIDE / 2, 10, f"{each.correct:,} of {len(each.points):,} read right")
            for k, colour in zip(range(len(each.weights)), SERIES, strict=False):
                area = _area(frame, each.weights.numpy(), each.bias.numpy(), k)
                if len(area):
                    inner.add_patch(Polygon(area, fc=colour, ec="none", alpha=0.22))
                    inner.add_patch(Polygon(area, fc="none", ec=colour, lw=0.8))
                mine = each.points[each.labels == k].numpy()
                kit.points(inner, mine, colour, 2.8)
            known = zip(each.points.tolist(), each.labels.tolist(), strict=True)
            rows += [(title, x, y, label) for (x, y), label in known]
        return kit.finished(axes, name, kit.tidy(("labels", "x", "y", "class"), rows))


def _area(frame: Array, weights: Array, bias: Array, k: int) -> Array:
    """The part of the polygon ``frame`` in which class ``k`` has the largest of the scores ``weights x + bias``."""
    area = frame
    for other in range(len(weights)):
        if other != k and len(area):
            area = _cut(area, area @ (weights[k] - weights[other]) + bias[k] - bias[other])
    return area


def _cut(area: Array, above: Array) -> Array:
    """The part of a convex polygon where a linear function, ``above`` at its corners, is not negative."""
    kept: list[Array] = []
    for i in range(len(area)):
        j = (i + 1) % len(area)
        if above[i] >= 0:
            kept.append(area[i])
        if (above[i] >= 0) != (above[j] >= 0):
            kept.append(area[i] + (area[j] - area[i]) * above[i] / (above[i] - above[j]))
    return np.array(kept)
