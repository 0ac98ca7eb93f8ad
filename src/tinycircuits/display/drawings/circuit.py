"""The circuit that is set by hand, whole: the slots of its stream, the query, the copy and the renaming."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from tinycircuits.display import checks
from tinycircuits.display.checks import Array
from tinycircuits.display.drawings import kit
from tinycircuits.display.figure import Figure
from tinycircuits.display.theme import ATTENTION, MLP, SERIES

_LEFT, _STEP, _CELL = 4.0, 74.0, 14.0
"""Left end of the strips, distance of two and height of a cell, points."""
_GAP = 5.0
"""Between two slots."""
_COLOURS = (SERIES[0], SERIES[2], SERIES[4], SERIES[1])


def hand_circuit(
    slots: Mapping[str, Sequence[str]],
    source: ArrayLike,
    states: Mapping[str, ArrayLike],
    *,
    places: tuple[str, str],
    weight: float,
    name: str,
) -> Figure:
    """The stream at the ``source`` position and, above it, at the predicting position in each of its ``states``.

    ``slots`` are the stream's parts with the name of every number: ``token``, ``position``, ``copied``, ``answer``.
    ``places`` names the source and the predicting position; ``weight`` is the attention of the second to the first.
    What holds a one is filled. With two states attention writes the answer, with three the MLP renames it.

    Raises ``ValueError`` naming the argument for other slots, a state of another length, or a part without its one.
    """
    if list(slots) != ["token", "position", "copied", "answer"]:
        raise ValueError(f"slots: token, position, copied, answer expected, got {', '.join(slots)}")
    if len(states) not in (2, 3):
        raise ValueError(f"states: two or three expected, got {len(states)}")
    checks.finite("weight", [weight], ndim=1)
    d_model = sum(map(len, slots.values()))
    strips = {
        f"{places[0]}, the source": kit.vectors("source", source, length=d_model),
        **{
            f"{places[1]}, {word}": kit.vectors(f"states[{word!r}]", each, length=d_model)
            for word, each in states.items()
        },
    }
    width = (kit.WIDTH - 2 * _LEFT - 3 * _GAP) / d_model
    with kit.canvas(_STEP * len(strips) + 50) as axes:
        found = [_strip(axes, 34 + _STEP * i, title, slots, v, width) for i, (title, v) in enumerate(strips.items())]
        _slot_names(axes, slots, width)
        _ways(axes, found, weight)
        says = _one("answer", found[-1])
        top = 34 + _STEP * (len(strips) - 1)
        kit.arrow(axes, (says[0], top + 8), (says[0], top + 34))
        kit.words(axes, says[0] - 6, top + 22, "unembed", ha="right")
        answer = list(slots["answer"])[int(np.argmax(list(strips.values())[-1][-len(slots["answer"]) :]))]
        kit.words(axes, says[0], top + 43, f"says {answer}", size=kit.TITLE, weight="bold")
        units = [(slot, unit) for slot, names in slots.items() for unit in names]
        rows = [(*unit, *(each[i] for each in strips.values())) for i, unit in enumerate(units)]
        return kit.finished(axes, name, kit.tidy(("slot", "unit", *strips), rows))


def _strip(
    axes: Axes, y: float, title: str, slots: Mapping[str, Sequence[str]], values: Array, width: float
) -> dict[str, tuple[float, float]]:
    """Draw a state as four coloured slots; returns, for each slot that holds a one, the middle of its cell."""
    at_right = title.endswith("source")
    kit.words(axes, kit.WIDTH - _LEFT if at_right else _LEFT, y + 16, title, ha="right" if at_right else "left")
    found: dict[str, tuple[float, float]] = {}
    left, i = _LEFT, 0
    for (slot, names), colour in zip(slots.items(), _COLOURS, strict=True):
        for unit in names:
            on = values[i] > 0.5
            kit.cell(axes, (left, y - _CELL / 2), (width, _CELL), "", colour, 1.0 if on else 0.14)
            short = "B" if unit == "BOS" else unit
            if on:
                found[slot] = (left + width / 2, y)
                kit.words(axes, left + width / 2, y - 0.3, short, size=kit.SMALL, weight="bold")
            left, i = left + width, i + 1
        left += _GAP
    return found


def _slot_names(axes: Axes, slots: Mapping[str, Sequence[str]], width: float) -> None:
    """Write the name of each slot under the lowest strip, with a line of its colour."""
    left = _LEFT
    for (slot, names), colour in zip(slots.items(), _COLOURS, strict=True):
        end = left + width * len(names)
        kit.wire(axes, (left, 19), (end, 19), lw=2, colour=colour)
        kit.words(axes, (left + end) / 2, 10, slot)
        left = end + _GAP


def _ways(axes: Axes, found: Sequence[Mapping[str, tuple[float, float]]], weight: float) -> None:
    """Draw the query from place to place, the copy, and with an MLP the renaming."""
    asks, asked = _one("position", found[1]), _one("position", found[0])
    kit.arrow(axes, (asks[0], asks[1] - 8), (asked[0], asked[1] + 8), colour=ATTENTION, lw=1.9, head=9)
    middle = ((asks[0] + asked[0]) / 2 + 7, (asks[1] + asked[1]) / 2 + 2)
    kit.words(axes, *middle, f"query meets key, weight {weight:.2f}", ha="left")
    token = _one("token", found[0])
    target = _one("copied" if len(found) == 4 else "answer", found[2])
    renames = "copy" if len(found) == 4 else "copy and rename"
    start, end, bend = np.array([token[0], token[1] + 8]), np.array([target[0], target[1] - 8]), 0.12
    kit.arrow(axes, tuple(start), tuple(end), colour=ATTENTION, lw=1.9, head=9, bend=bend)
    control = (start + end) / 2 + bend * (end - start)[::-1] * (-1, 1)
    beside = 0.04 * start + 0.32 * control + 0.64 * end  # four fifths of the way along the curve
    kit.words(axes, beside[0] - 8, beside[1] + 8, renames, ha="right")
    if len(found) == 4:
        answer = _one("answer", found[3])
        kit.arrow(axes, (target[0], target[1] + 8), (answer[0], answer[1] - 8), colour=MLP, lw=1.9, head=9)
        kit.words(axes, (target[0] + answer[0]) / 2 - 8, (target[1] + answer[1]) / 2 + 4, "MLP: rename", ha="right")


def _one(slot: str, found: Mapping[str, tuple[float, float]]) -> tuple[float, float]:
    """Where the slot holds its one; raises ``ValueError`` when it holds none."""
    if slot not in found:
        raise ValueError(f"states: a one in the slot {slot} expected, got none")
    return found[slot]
