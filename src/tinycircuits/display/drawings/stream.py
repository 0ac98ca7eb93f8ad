"""The journey of one position: the residual stream with all its numbers, and what each part adds to it."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from tinycircuits.display import checks
from tinycircuits.display.checks import Array
from tinycircuits.display.drawings import kit
from tinycircuits.display.figure import Figure

_STEP, _CELL = 52.0, 15.0
"""Distance of two states and height of a cell, points."""
_LEFT, _ADDED, _NUMBERS = 56.0, 210.0, 116.0
"""Left ends of the state and of what is added, and the width of both."""
_MIDDLE = _LEFT + _NUMBERS / 2
_LONGEST = 4
"""More numbers than these have no room."""


def journey(
    writes: Mapping[str, ArrayLike],
    states: Mapping[str, ArrayLike],
    final: ArrayLike,
    logits: ArrayLike,
    *,
    tokens: Sequence[str],
    name: str,
) -> Figure:
    """One position of the stream, from the bottom to the top: each of ``writes`` is added, then read off as a state.

    ``states`` names the sums after some of the writes: as many as there are writes, less one, the first after the
    first two. ``final`` is the last state after the final LayerNorm and ``logits`` what the unembedding makes of it.

    Raises ``ValueError`` naming the argument for a wrong shape, more than 4 numbers, or a state that is not the sum of
    what was written before it.
    """
    added = {word: kit.vectors("writes", each) for word, each in writes.items()}
    sizes = {len(each) for each in added.values()}
    if len(added) < 2 or len(sizes) != 1 or max(sizes) > _LONGEST:
        raise ValueError(f"writes: two or more vectors of one length up to {_LONGEST} expected, got lengths {sizes}")
    sums = np.cumsum(list(added.values()), axis=0)[1:]
    names = checks.labelled("states", list(states), len(sums))
    for word, total in zip(names, sums, strict=True):
        kit.matching(
            f"states[{word!r}]", kit.vectors(f"states[{word!r}]", states[word]), total, "the sum of the writes"
        )
    end, said = kit.vectors("final", final, length=max(sizes)), kit.vectors("logits", logits)
    words = checks.labelled("tokens", tokens, len(said))
    with kit.canvas(_STEP * len(sums) + 118) as axes:
        top = _draw(axes, added, dict(zip(names, sums, strict=True)))
        kit.stream(axes, _MIDDLE, top + 8, top + 28)
        _row(axes, _LEFT, top + 36, end)
        kit.words(axes, _LEFT - 5, top + 36, "LayerNorm", ha="right")
        kit.arrow(axes, (_MIDDLE, top + 45), (_MIDDLE, top + 66))
        kit.words(axes, _MIDDLE + 7, top + 55, "unembed", ha="left")
        largest, width = float(abs(said).max()), _NUMBERS / max(sizes)
        kit.vector(axes, _LEFT, top + 74, said, largest=largest, size=(width, _CELL), digits=1)
        kit.words(axes, _LEFT - 5, top + 74, "logits", ha="right")
        for i, token in enumerate(words):
            bold = "bold" if i == int(said.argmax()) else "normal"
            kit.words(axes, _LEFT + width * (i + 0.5), top + 90, token, weight=bold)
        rows = [*added.items(), *zip(names, sums, strict=True), ("final LayerNorm", end)]
        numbers = [(word, *each.tolist()) for word, each in rows]
        return kit.finished(axes, name, kit.tidy(("vector", *(f"number {i}" for i in range(len(end)))), numbers))


def _draw(axes: Axes, added: Mapping[str, Array], states: Mapping[str, Array]) -> float:
    """Draw the stream with its states and what is written to it; returns the height of the last state."""
    (first, start), *later = added.items()
    _row(axes, _LEFT, 10, start)
    kit.words(axes, _LEFT + _NUMBERS + 6, 10, first, ha="left")
    y = 10.0
    for (part, vector), (state, total) in zip(later, states.items(), strict=True):
        kit.stream(axes, _MIDDLE, y + 8, y + _STEP - 8, [y + 22])
        _row(axes, _ADDED, y + 22, vector)
        kit.words(axes, _ADDED + _NUMBERS / 2, y + 37, part)
        kit.arrow(axes, (_ADDED - 2, y + 22), (_MIDDLE + 6, y + 22))
        y += _STEP
        _row(axes, _LEFT, y, total)
        kit.words(axes, _LEFT - 5, y, state, ha="right")
    return y


def _row(axes: Axes, left: float, y: float, values: Array) -> None:
    kit.vector(axes, left, y, values, largest=float(abs(values).max()), size=(_NUMBERS / len(values), _CELL))
