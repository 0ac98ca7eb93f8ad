"""Matrices whose rows and columns have names: they can be read as they stand, and drawn without further words."""

from collections.abc import Sequence

import pandas as pd
from jaxtyping import Shaped
from torch import Tensor

from tinycircuits.tasks import DigitTask

Axis = tuple[str, Sequence[object]]
"""What an axis is called, and the names along it."""


def frame(values: Shaped[Tensor, "row column"], rows: Axis, columns: Axis) -> pd.DataFrame:
    """``values`` with titles and names for both axes: ``frame(weights, ("answer", answers), ("digit", digits))``.

    Raises ``ValueError`` unless there is a name for every row and every column.
    """
    for word, length, (title, names) in zip(("rows", "columns"), values.shape, (rows, columns), strict=True):
        if len(names) != length:
            raise ValueError(f"{word}: {length} names expected for {title!r}, got {len(names)}")
    index, across = (pd.Index(list(names), name=title) for title, names in (rows, columns))
    return pd.DataFrame(values.detach().numpy(), index=index, columns=across)


def answers(count: int) -> list[str]:
    """``y_0 .. y_{count-1}``."""
    return [f"y_{i}" for i in range(count)]


def digits(count: int) -> list[str]:
    """``x_0 .. x_{count-1}``."""
    return [f"x_{j}" for j in range(count)]


def sources(count: int) -> list[str]:
    """For each answer of reverse and increment the digit that it depends on: ``x_{count-1} .. x_0``."""
    return digits(count)[::-1]


def input_names(task: DigitTask, sequences: Shaped[Tensor, "batch n_ctx"]) -> list[str]:
    """What each input says: ``x = 3 2 2 2 1 2 0 0``."""
    return ["x = " + " ".join(map(str, each.tolist())) for each in sequences[:, 1 : task.n_digits + 1]]
