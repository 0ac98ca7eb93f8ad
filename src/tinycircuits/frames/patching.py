"""Activation patching and removals of parts as tables."""

from collections.abc import Mapping, Sequence

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from tinycircuits.interp.patching import OPERANDS, Direction, Metric, Operand, Patching
from tinycircuits.results.pairs import REMOVALS
from tinycircuits.results.profiles import Profile

Ways = Mapping[tuple[Operand, Direction], Patching]


def recoveries(versions: Mapping[str, Patching], metric: Metric = "loss", *, seed: int = 0) -> pd.DataFrame:
    """One row for each patched run of each version, its label in column ``part``.

    ``recovery`` with the ends ``low`` and ``high`` of its 95 % bootstrap interval, drawn from ``seed``, and that of the
    ``random push`` of equal norm.
    """
    return pd.DataFrame(
        [
            {
                "part": part,
                "version": name,
                "recovery": interval.value,
                "low": interval.low,
                "high": interval.high,
                "random push": patching.control_recovery(part, metric),
            }
            for name, patching in versions.items()
            for part, interval in patching.intervals(metric, seed=seed).items()
        ]
    )


def recovery_by_operand(ways: Ways, direction: Direction, metric: Metric) -> Float[Tensor, "part operand"]:
    """``Patching.recovery`` of every part in one direction, for each corrupted operand."""
    return torch.stack([ways[operand, direction].recoveries(metric) for operand in OPERANDS], dim=1)


def recovery_intervals(ways: Ways, *, seed: int = 0) -> pd.DataFrame:
    """One row for each corrupted operand and direction, with the ``Interval`` of each part in a column of its name.

    The metric is the one that moves with the direction: the logit difference when denoising, the loss when noising.
    """
    rows = []
    for (operand, direction), found in ways.items():
        metric: Metric = "logit difference" if direction == "denoise" else "loss"
        of_parts = found.intervals(metric, seed=seed)
        rows.append({"corrupted": operand, "direction": f"{direction}, {metric}", **of_parts})
    return pd.DataFrame(rows)


def removals(over: Profile, parts: Sequence[str], *, seed: int, what: str = "components") -> pd.DataFrame:
    """One row for each of ``parts`` and each kind of removal, of the model of ``seed``; all inputs.

    ``what`` says whether the parts are ``components`` or ``heads``. ``share right`` is what is answered without the
    part, ``low`` and ``high`` the lowest and highest over all seeds, ``random push`` what is left after a push of equal
    norm.
    """
    right, pushed = over[f"ablation.{what}"], over[f"ablation.{what}, random push"]
    row = over.seeds.tolist().index(seed)
    return pd.DataFrame(
        [
            {
                "part": part,
                "kind": kind,
                "share right": float(right[row, i, j]),
                "low": float(right[:, i, j].min()),
                "high": float(right[:, i, j].max()),
                "random push": float(pushed[row, i, j]),
            }
            for i, part in enumerate(parts)
            for j, kind in enumerate(REMOVALS)
        ]
    )
