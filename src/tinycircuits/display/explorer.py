"""A matrix for every pair of numbers: the reader of the page types the pair, print shows chosen ones."""

import base64
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinycircuits.display import checks
from tinycircuits.display.figure import Explorer, Figure, Phone
from tinycircuits.display.grids import heatmap

_LEVELS = 100
"""A cell of the page says its share in hundredths."""
_ROW = 30
"""Height of a row of cells on the page, CSS pixels."""


def pair_explorer(
    values: ArrayLike,
    answers: ArrayLike,
    *,
    pairs: Sequence[tuple[int, int]],
    names: tuple[str, str] = ("a", "b"),
    x_labels: Sequence[str],
    y_labels: Sequence[str],
    x_title: str,
    y_title: str,
    unit: str,
    name: str,
) -> Figure:
    """The matrix of shares ``values[a, b]`` for a pair that the reader chooses, and what the model answers.

    ``values`` are shares ``[size size rows columns]``, ``answers`` whole numbers 0 .. 255 ``[size size]``. The page
    starts with the first of ``pairs``; print and data show all of ``pairs``. Shares go to the page in
    hundredths, as they are shown there; data are exact.

    Raises ``ValueError`` naming the argument for empty, non-finite, out-of-range or mismatched input.
    """
    table = checks.shares("values", checks.finite("values", values, ndim=4))
    given = checks.finite("answers", answers, ndim=2)
    size = len(table)
    if table.shape[:2] != (size, size) or given.shape != (size, size):
        raise ValueError(f"values: one matrix and one answer a pair expected, got {table.shape} and {given.shape}")
    if not pairs or any(not 0 <= number < size for pair in pairs for number in pair):
        raise ValueError(f"pairs: at least one pair of numbers in 0..{size - 1} expected, got {list(pairs)}")
    if bool((given != given.astype(np.uint8)).any()):
        raise ValueError(f"answers: whole numbers in 0..255 expected, got {given.min():g} .. {given.max():g}")
    levels = np.rint(table.clip(0, 1) * _LEVELS).astype(np.uint8)
    shared: dict[str, Any] = {
        "x_labels": x_labels,
        "y_labels": y_labels,
        "x_title": x_title,
        "y_title": y_title,
        "unit": unit,
    }
    shared |= {"name": name}
    page = heatmap(levels[pairs[0]] / _LEVELS, **shared).plotly_fig
    printed = heatmap({f"{a} + {b}": table[a, b] for a, b in pairs}, **shared)
    assert page is not None
    margin = page.layout.margin
    page.layout.height = margin.t + margin.b + _ROW * table.shape[2]
    explorer = Explorer(
        names, pairs[0], size, _packed(levels.reshape(size * size, -1).T), _packed(given.astype(np.uint8))
    )
    width = 110 * len(x_labels) + 180
    phone = None if printed.phone is None else Phone(None, printed.phone.mpl_fig)
    return Figure(name, page, printed.mpl_fig, printed.data, explorer=explorer, max_width=width, phone=phone)


def _packed(values: NDArray[np.uint8]) -> str:
    return base64.b64encode(zlib.compress(values.tobytes(), level=9)).decode()
