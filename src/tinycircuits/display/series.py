"""What a figure of lines shows: checked series by panel, from a mapping or from tidy rows."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from tinycircuits.display import checks
from tinycircuits.display.categories import columns_of, in_order
from tinycircuits.display.checks import Number
from tinycircuits.display.theme import series_colours

Series = Mapping[str, tuple[ArrayLike, ArrayLike]]
DASHES = ("solid", "dash", "dot", "dashdot")
BEHIND = "#9aa4ae"
"""The colour of series in the background."""
Band: TypeAlias = tuple[str, str, str]
"""What a legend calls a band, and the names of the series that bound it."""


class Curves:
    """Checked series by panel, with a colour and a dash for each series name."""

    def __init__(
        self,
        panels: Mapping[str, Series],
        log_y: bool,
        background: Sequence[str],
        points: Sequence[str],
        band: Band | None,
    ):
        if not panels or not all(panels.values()):
            raise ValueError("series: nothing to draw, no series given")
        self.names = list(panels)
        self.log_y = log_y
        self.panels = [{name: self._checked(name, *xy) for name, xy in series.items()} for series in panels.values()]
        self.series = list(dict.fromkeys(name for panel in self.panels for name in panel))
        self.background, self.points, self.band = set(background), set(points), band
        bounds = set(band[1:]) if band else set()
        for argument, named in (("points", self.points), ("band", bounds)):
            if unknown := named - set(self.series):
                raise ValueError(f"{argument}: no such series {sorted(unknown)}, there are {self.series}")
        shown = [name for name in self.series if name not in self.background | bounds]
        self.colours = {**series_colours(shown), **dict.fromkeys(self.background | bounds, BEHIND)}
        self.entries = [*([band[0]] if band else []), *shown]
        self.dashes = {name: DASHES[shown.index(name) % 4] if name in shown else "solid" for name in self.series}

    def _checked(self, name: str, x: ArrayLike, y: ArrayLike) -> tuple[checks.Array, checks.Array]:
        xs, ys = checks.finite(f"series {name!r} x", x, ndim=1), checks.finite(f"series {name!r} y", y, ndim=1)
        if xs.shape != ys.shape:
            raise ValueError(f"series {name!r}: {len(xs)} x values but {len(ys)} y values")
        if self.log_y and ys.min() <= 0:
            raise ValueError(f"series {name!r} y: a logarithmic axis needs values above 0, got {ys.min():.4g}")
        return xs, ys

    @property
    def own_x(self) -> bool:
        """Whether panels end at different x, so that the numbers under one of them do not hold for the others."""
        ends = [np.ptp(np.concatenate([x for x, _ in panel.values()]), axis=0) for panel in self.panels]
        return bool(max(ends) > 1.02 * min(ends))

    def drawn(self, index: int) -> dict[str, tuple[checks.Array, checks.Array]]:
        """The series of panel ``index`` that are lines or points."""
        bounds = self.band[1:] if self.band else ()
        return {name: xy for name, xy in self.panels[index].items() if name not in bounds}

    def bounds(self, index: int) -> tuple[checks.Array, checks.Array, checks.Array] | None:
        """Where the band of panel ``index`` lies: x, low, high; ``None`` where there is none."""
        series = self.panels[index]
        if self.band is None or not set(self.band[1:]) <= set(series):
            return None
        (x, low), (at, high) = (series[name] for name in self.band[1:])
        if not np.array_equal(x, at):
            raise ValueError(f"band: {self.band[1]!r} and {self.band[2]!r} have different x")
        return x, low, high

    def frame(self, x_title: str, y_title: str) -> pd.DataFrame:
        """The drawn numbers, one row per point."""
        rows = [
            {"panel": panel, "series": name, x_title: x, y_title: y}
            for panel, series in zip(self.names, self.panels, strict=True)
            for name, (xs, ys) in series.items()
            for x, y in zip(checks.rounded(xs), checks.rounded(ys), strict=True)
        ]
        return pd.DataFrame(rows).drop(columns=["panel"] if self.names == [""] else [])

    def y_limits(self, given: tuple[Number, Number] | None) -> tuple[float, float]:
        """Limits that fit every panel; in powers of ten on a logarithmic axis."""
        ys = np.concatenate([y for panel in self.panels for _, y in panel.values()])
        low, high = given or (float(ys.min()), float(ys.max()))
        if self.log_y:
            low, high = np.log10(low), np.log10(high)
        air = 0 if given else 0.05 * ((high - low) or 1.0)
        return float(low - air), float(high + air)


def tidy(rows: Any, x: str, y: str, group: str | None, panel: str | None) -> Series | Mapping[str, Series]:
    """The series of a tidy frame; raises ``ValueError`` naming a column that it lacks."""
    frame = columns_of(rows, x, y, group, panel)

    def series(part: pd.DataFrame) -> Series:
        if group is None:
            return {y: (part[x].to_numpy(), part[y].to_numpy())}
        names = part[group].astype(str)
        return {
            name: (part.loc[names == name, x].to_numpy(), part.loc[names == name, y].to_numpy())
            for name in in_order(part[group])
        }

    if panel is None:
        return series(frame)
    return {name: series(frame[frame[panel].astype(str) == name]) for name in in_order(frame[panel])}
