"""What differs between what is stored and what comes out now."""

import math
from typing import Any

import torch
from torch import Tensor

LOSS_TOLERANCE = 1e-9
"""Relative difference of a re-evaluated number in double precision that rounding on another machine may make."""
SINGLE_TOLERANCE = 1e-4
"""The same for what is computed in single precision, such as an autoencoder."""


def differences(
    now: dict[str, Any],
    stored: dict[str, Any],
    where: str = "",
    *,
    tolerance: float = LOSS_TOLERANCE,
    absolute: float = 1e-12,
) -> list[str]:
    """One line for each number of ``now`` that is stored otherwise; counts must agree exactly."""
    found = []
    for name, value in now.items():
        path, old = f"{where}{name}", stored.get(name)
        if isinstance(value, list) and isinstance(old, list) and len(value) == len(old):
            value, old = ({str(at): item for at, item in enumerate(each)} for each in (value, old))
        if isinstance(value, dict):
            found += differences(value, old or {}, f"{path}.", tolerance=tolerance, absolute=absolute)
        elif isinstance(value, float) and isinstance(old, float):
            if not math.isclose(value, old, rel_tol=tolerance, abs_tol=absolute):
                found.append(f"{path} is {value!r}, stored {old!r}")
        elif value != old:
            found.append(f"{path} is {value!r}, stored {old!r}")
    return found


def tensors_that_differ(
    now: dict[str, Tensor], stored: dict[str, Tensor], *, tolerance: float | None = None
) -> list[str]:
    """The names of the tensors of ``now`` that are stored otherwise.

    Losses may differ by ``LOSS_TOLERANCE`` and counts not at all; with a ``tolerance`` every number may differ by so
    much, and by that share of itself.
    """
    return [name for name, value in now.items() if name not in stored or not _same(value, stored[name], tolerance)]


def _same(now: Tensor, stored: Tensor, tolerance: float | None) -> bool:
    if now.shape != stored.shape or now.dtype != stored.dtype:
        return False
    if tolerance is None and not stored.is_floating_point():
        return torch.equal(now, stored)
    relative, absolute = (LOSS_TOLERANCE, 1e-12) if tolerance is None else (tolerance, tolerance)
    return torch.allclose(now.double(), stored.double(), rtol=relative, atol=absolute, equal_nan=True)
