"""What a figure refuses to draw: empty, non-finite and mismatched input, named by argument."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Number = float | int
Rows = pd.DataFrame | Iterable[Mapping[str, Any]] | Mapping[str, Any]
"""A frame or what makes one: a dict for each row, or a column under each name."""


def finite(argument: str, values: ArrayLike, *, ndim: int) -> Array:
    """``values`` as a float64 array of ``ndim`` dimensions.

    Raises ``ValueError`` naming ``argument`` when it is empty, has another number of dimensions, or holds NaN or
    infinity.
    """
    tensor: Any = values
    array = np.asarray(tensor.detach().cpu() if hasattr(tensor, "detach") else tensor, dtype=np.float64)
    if array.ndim != ndim:
        raise ValueError(f"{argument}: {ndim} dimensions expected, got shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"{argument}: nothing to draw, shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{argument}: {int((~np.isfinite(array)).sum())} of {array.size} values are not finite")
    return array


def shares(argument: str, values: Array) -> Array:
    """``values``; raises ``ValueError`` naming ``argument`` when one lies outside 0..1 by more than 1e-6."""
    if values.min() < -1e-6 or values.max() > 1 + 1e-6:
        raise ValueError(f"{argument}: shares lie in 0..1, got {values.min():.4g} .. {values.max():.4g}")
    return values


def labelled(argument: str, labels: Sequence[str], length: int) -> list[str]:
    """``labels`` as a list; raises ``ValueError`` naming ``argument`` when there are not ``length`` of them."""
    if len(labels) != length:
        raise ValueError(f"{argument}: {length} labels expected, got {len(labels)}")
    return [str(label) for label in labels]


def text(argument: str, value: str) -> str:
    """``value``; raises ``ValueError`` naming ``argument`` when it is blank."""
    if not value.strip():
        raise ValueError(f"{argument}: must not be blank")
    return value


def rounded(values: Array) -> Any:
    """``values`` as nested lists with 6 significant digits: what the page, the print and the CSV show."""
    if values.ndim > 1:
        return [rounded(row) for row in values]
    return [float(f"{value:.6g}") for value in values]
