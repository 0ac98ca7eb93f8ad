"""One sum on the waves of a model: the strongest ones, what all of them add up to, and the model's own logits."""

from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure as PrintFigure
from torch import Tensor

from tinycircuits.display import checks
from tinycircuits.display.figure import Figure, Phone
from tinycircuits.display.theme import FAINT, FULL, GREY, INK, PAGE_WIDTH, PHONE, SERIES, print_style
from tinycircuits.interp.interference import SumWaves

_LOW, _HIGH, _REST = 34, 104, 66
"""Heights of a wave and of a sum, and what titles and numbers take, CSS pixels."""


def interference(waves: SumWaves, own: Float[Tensor, " c"], *, a: int, b: int, name: str, first: int = 4) -> Figure:
    """The ``first`` strongest perfect waves of a + b over all answers, all waves added up, and the logits ``own``.

    Waves share one scale, the two drawings below them another. Dots mark the largest value.

    Raises ``ValueError`` naming the argument for numbers off the clock or logits that are no row of it.
    """
    p = waves.modulus
    if not (0 <= a < p and 0 <= b < p):
        raise ValueError(f"a, b: numbers in 0..{p - 1} expected, got {a}, {b}")
    logits = checks.finite("own", own, ndim=1)
    if len(logits) != p:
        raise ValueError(f"own: {p} logits expected, got {len(logits)}")
    perfect = waves.perfect(a, b).numpy()
    rows = {f"k = {k}": wave for k, wave in zip(waves.frequencies[:first], perfect, strict=False)}
    rows |= {f"all {len(perfect)} waves": perfect.sum(0), "the model": logits}
    data = pd.DataFrame(
        {"curve": curve, "answer c": c, "score": value}
        for curve, values in rows.items()
        for c, value in enumerate(checks.rounded(values))
    )
    wide, narrow = (_drawn(rows, (a + b) % p, width) for width in (PAGE_WIDTH, PHONE))
    return Figure(name, None, wide, data, phone=Phone(None, narrow))


def _drawn(rows: dict[str, Any], right: int, width: int) -> PrintFigure:
    waves = len(rows) - 2
    pixels = waves * _LOW + 2 * _HIGH + _REST
    inches = FULL * width / PAGE_WIDTH
    with print_style():
        figure = PrintFigure(figsize=(inches, inches * pixels / width))
        heights = [_LOW] * waves + [_HIGH] * 2
        axes = figure.subplots(len(rows), 1, sharex=True, gridspec_kw={"height_ratios": heights})
        values = list(rows.values())
        scales = [np.abs(values[:waves]).max()] * waves + [np.abs(values[waves:]).max()] * 2
        for each, (label, curve), scale in zip(axes, rows.items(), scales, strict=True):
            _row(each, label, curve, right, 1.1 * float(scale))
        axes[-1].tick_params(bottom=True, labelbottom=True)
        axes[-1].set_xlabel("answer c")
    return figure


def _row(axes: Axes, label: str, curve: Any, right: int, scale: float) -> None:
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.tick_params(bottom=False, labelbottom=False)
    axes.set(yticks=[], ylim=(-scale, scale), xlim=(-1.5, len(curve) + 0.5))
    axes.set_ylabel(label, rotation=0, ha="right", va="center")
    axes.axhline(0, color=FAINT, lw=0.5)
    axes.axvline(right, color=GREY, lw=0.7, linestyle="--")
    axes.plot(range(len(curve)), checks.rounded(curve), color=SERIES[0], lw=1.1)
    best = int(np.argmax(curve))
    axes.plot([best], [curve[best]], "o", color=INK, ms=4, clip_on=False)
