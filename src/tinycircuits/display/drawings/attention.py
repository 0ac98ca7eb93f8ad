"""One row of attention with all its numbers, and the softmax that turns scores into weights."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from tinycircuits.display import checks
from tinycircuits.display.checks import Array
from tinycircuits.display.drawings import kit
from tinycircuits.display.figure import Figure
from tinycircuits.display.theme import ATTENTION

_STEP, _CELL = 17.0, 14.0
"""Distance of two rows and height of a cell, points."""
_KEYS, _SCORES, _WEIGHTS, _VALUES = 42.0, 164.0, 176.0, 238.0
"""Left end of the keys, right end of the scores, left ends of the weights' bars and of the values."""
_NUMBERS = 90.0
"""Width of a vector."""
_LONGEST = 4
"""More numbers than these have no room in a row."""
_BARS = (66.0, 158.0, 264.0)
"""Where the bars of the three columns of ``softmax_bars`` start."""


def attention_row(
    tokens: Sequence[str],
    *,
    query: ArrayLike,
    keys: ArrayLike,
    scores: ArrayLike,
    weights: ArrayLike,
    values: ArrayLike,
    z: ArrayLike,
    name: str,
) -> Figure:
    """How one position reads ``tokens``: its query against each key, score, weight, value, and the weighted sum ``z``.

    scores = keys @ query / sqrt(d_head); weights = softmax(scores); z = weights @ values. A row's tint is its weight.

    Raises ``ValueError`` naming the argument for a wrong shape, more than 4 numbers in a head, or a step that does not
    follow from the one before.
    """
    q = kit.vectors("query", query)
    k, v = (checks.finite(word, each, ndim=2) for word, each in (("keys", keys), ("values", values)))
    names = checks.labelled("tokens", tokens, len(k))
    if len(q) > _LONGEST:
        raise ValueError(f"query: at most {_LONGEST} numbers have room, got {len(q)}")
    for word, each in (("keys", k), ("values", v)):
        if each.shape != (len(names), len(q)):
            raise ValueError(f"{word}: shape {(len(names), len(q))} expected, got {each.shape}")
    score, weight = kit.vectors("scores", scores), kit.vectors("weights", weights)
    total = kit.vectors("z", z)
    kit.matching("scores", score, k @ q / np.sqrt(len(q)), "keys @ query / sqrt(d_head)")
    kit.matching("weights", weight, _softmax(score), "softmax(scores)")
    kit.matching("z", total, weight @ v, "weights @ values")
    top = _STEP * len(names) + 40
    with kit.canvas(top + 68) as axes:
        size = (_NUMBERS / len(q), _CELL)
        largest = float(max(abs(k).max(), abs(q).max()))
        _heads(axes, top, len(q))
        kit.words(axes, _KEYS - 4, top + 56, "query", ha="right")
        kit.vector(axes, _KEYS, top + 56, q, largest=largest, size=size, digits=1)
        kit.arrow(axes, (_KEYS + _NUMBERS / 2, top + 46), (_KEYS + _NUMBERS / 2, top + 27))
        for i, token in enumerate(names):
            y = top - _STEP * (i + 0.5)
            band = Rectangle((0, y - _STEP / 2), kit.WIDTH, _STEP, fc=ATTENTION, ec="none", alpha=0.3 * weight[i])
            axes.add_patch(band)
            kit.words(axes, _KEYS - 6, y, token, ha="right")
            kit.vector(axes, _KEYS, y, k[i], largest=largest, size=size, digits=1)
            kit.words(axes, _SCORES, y, kit.signed(score[i]), ha="right")
            kit.bar(axes, _WEIGHTS, y, 34 * weight[i], ATTENTION)
            kit.words(axes, _VALUES - 5, y, f"{weight[i]:.2f}", ha="right")
            kit.vector(axes, _VALUES, y, v[i], largest=float(abs(v).max()), size=size, digits=1)
        kit.arrow(axes, (_VALUES + _NUMBERS / 2, 39), (_VALUES + _NUMBERS / 2, 19))
        kit.vector(axes, _VALUES, 9, total, largest=float(abs(v).max()), size=size, digits=1)
        kit.words(axes, _VALUES - 5, 9, "sum of the values, each times its weight", ha="right")
        data = _numbers(names, k, score, weight, v)
        return kit.finished(axes, name, data)


def softmax_bars(
    names: Sequence[str], scores: ArrayLike, probabilities: ArrayLike, *, name: str, right: str | None = None
) -> Figure:
    """The softmax in three columns: each score, ``e`` to the score, and its share of their sum.

    p_i = exp(s_i) / sum_j exp(s_j). The row named ``right`` has another colour.

    Raises ``ValueError`` naming the argument for a wrong shape, shares that are not the softmax, an unknown ``right``.
    """
    score, share = kit.vectors("scores", scores), kit.vectors("probabilities", probabilities)
    rows = checks.labelled("names", names, len(score))
    kit.matching("probabilities", share, _softmax(score), "softmax(scores)")
    if right is not None and right not in rows:
        raise ValueError(f"right: one of {', '.join(rows)} expected, got {right!r}")
    power = np.exp(score)
    top = _STEP * len(rows) + 22
    with kit.canvas(top + 38) as axes:
        for x, title in zip((76, 181, 287), ("score", "e to the score", "weight"), strict=True):
            kit.words(axes, x, top + 9, title, size=kit.TITLE, weight="bold")
        kit.arrow(axes, (98, top + 24), (160, top + 24), head=8)
        kit.arrow(axes, (204, top + 24), (266, top + 24), head=8)
        kit.words(axes, 129, top + 31, "exponential", size=kit.SMALL)
        kit.words(axes, 235, top + 31, "divide by the sum", size=kit.SMALL)
        below, above = min(0.0, float(score.min())), max(0.0, float(score.max()))
        unit = 50 / ((above - below) or 1.0)
        for i, row in enumerate(rows):
            y = top - _STEP * (i + 0.5)
            colour = kit.RIGHT if row == right else ATTENTION
            kit.words(axes, 4, y, row, ha="left", weight="bold" if row == right else "normal")
            kit.words(axes, 52, y, kit.signed(score[i]), ha="right")
            kit.bar(axes, _BARS[0] - below * unit, y, score[i] * unit, colour)
            kit.words(axes, 154, y, _short(power[i]), ha="right")
            kit.bar(axes, _BARS[1] + 4, y, 50 * power[i] / power.max(), colour)
            kit.words(axes, 258, y, f"{share[i]:.3f}", ha="right")
            kit.bar(axes, _BARS[2], y, 62 * share[i], colour)
        kit.wire(axes, (118, 18), (156, 18), lw=0.7)
        kit.words(axes, 154, 9, _short(power.sum()), ha="right", weight="bold")
        kit.words(axes, 160, 9, "sum", ha="left", size=kit.SMALL)
        kit.wire(axes, (232, 18), (260, 18), lw=0.7)
        kit.words(axes, 258, 9, f"{share.sum():.3f}", ha="right", weight="bold")
        data = kit.tidy(("name", "score", "exp", "weight"), list(zip(rows, score, power, share, strict=True)))
        return kit.finished(axes, name, data)


def _heads(axes: Axes, top: float, d_head: int) -> None:
    """Write what stands in each column, and how it is made of the one before."""
    columns = ((_KEYS + _NUMBERS / 2, "key"), (_SCORES - 11, "score"), (_WEIGHTS + 28, "weight"))
    for x, title in (*columns, (_VALUES + _NUMBERS / 2, "value")):
        kit.words(axes, x, top + 18, title, size=kit.TITLE, weight="bold")
    kit.words(axes, _SCORES - 11, top + 6, f"q · k / √{d_head}", size=kit.SMALL)
    kit.words(axes, _WEIGHTS + 28, top + 6, "softmax", size=kit.SMALL)


def _softmax(scores: Array) -> Array:
    power = np.exp(scores - scores.max())
    return np.asarray(power / power.sum())


def _short(value: float) -> str:
    """Two decimals below a thousand, none above, powers of ten where even that has no room."""
    return f"{value:.2f}" if value < 1e3 else f"{value:,.0f}" if value < 1e8 else f"{value:.1e}"


def _numbers(names: list[str], keys: Array, scores: Array, weights: Array, values: Array) -> pd.DataFrame:
    frame = pd.DataFrame({"token": names, "score": scores, "weight": weights})
    for word, array in (("key", keys), ("value", values)):
        frame[[f"{word} {i}" for i in range(array.shape[1])]] = array
    return frame
