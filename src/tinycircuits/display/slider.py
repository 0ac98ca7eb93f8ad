"""Spectra of one training, round by round: the reader of the page moves through the rounds, print shows chosen ones."""

import base64
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.figure import Figure as PrintFigure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import ArrayLike

from tinycircuits.display import checks, labels
from tinycircuits.display.checks import Array, Number
from tinycircuits.display.figure import Figure, Phone, Slider
from tinycircuits.display.panels import Panels, axis_key, axis_title, layout_key, print_legend, print_title, titles
from tinycircuits.display.series import Curves
from tinycircuits.display.theme import (
    BELOW,
    FAINT,
    FULL,
    INK,
    LEFT,
    PAGE_WIDTH,
    PHONE,
    RIGHT,
    SERIES,
    plotly_axis,
    plotly_layout,
    plotly_legend,
    print_style,
)

_LEVELS = 255
"""So many heights has a bar of the page: more than pixels."""
_BAR = SERIES[0]


def slider(
    curves: Mapping[str, ArrayLike],
    spectra: Mapping[str, ArrayLike],
    *,
    rounds: Sequence[int],
    at: Sequence[int],
    unit: str,
    y_title: str,
    name: str,
    share_title: str = "share",
    log_y: bool = True,
) -> Figure:
    """Curves over the ``rounds`` of a training, and the spectra of one round, or of a few.

    ``curves`` have one number a round; ``spectra`` are shares 0 .. 1 ``[round frequency]`` of the frequencies 1, 2, ...
    ``unit`` is what rounds are counted in, such as ``"step"``. The page shows one round, which a slider moves, at first
    the first one of ``at``; print and data show the spectra of all of ``at``. The page has shares in 255 steps of the
    largest one; data are exact.

    Raises ``ValueError`` naming the argument for empty, non-finite or mismatched input, or values <= 0 with ``log_y``.
    """
    drawn = _Drawn(curves, spectra, rounds, at, (unit, y_title, share_title), log_y)
    (page, phone), (wide, narrow) = (
        [face(width) for width in (PAGE_WIDTH, PHONE)] for face in (drawn.page, drawn.printed)
    )
    held = Slider(unit, drawn.shown[0], [*rounds], drawn.top, drawn.n_frequencies, len(curves), drawn.packed())
    return Figure(name, page, wide, drawn.frame(), slider=held, phone=Phone(phone, narrow))


class _Drawn:
    """Checked numbers, and their faces."""

    def __init__(
        self,
        curves: Mapping[str, ArrayLike],
        spectra: Mapping[str, ArrayLike],
        rounds: Sequence[int],
        at: Sequence[int],
        words: tuple[str, str, str],
        log_y: bool,
    ) -> None:
        self.rounds, self.at = list(rounds), list(at)
        if not self.at or any(one not in self.rounds for one in self.at):
            raise ValueError(f"at: one or more of the rounds expected, got {self.at}")
        self.curves = Curves({"": {each: (self.rounds, y) for each, y in curves.items()}}, log_y, (), (), None)
        if not spectra:
            raise ValueError("spectra: nothing to draw, none given")
        self.spectra = {
            each: checks.shares("spectra", checks.finite("spectra", table, ndim=2)) for each, table in spectra.items()
        }
        shapes = {table.shape for table in self.spectra.values()}
        if len(shapes) > 1 or next(iter(shapes))[0] != len(self.rounds):
            raise ValueError(f"spectra: {len(self.rounds)} rounds of the same frequencies expected, got {shapes}")
        self.unit, self.y_title, self.share_title = words
        self.n_frequencies = next(iter(shapes))[1]
        self.shown = [self.rounds.index(one) for one in self.at]
        self.top = float(f"{max(table.max() for table in self.spectra.values()):.6g}") or 1.0

    @property
    def frequencies(self) -> list[int]:
        """1, 2, ..."""
        return list(range(1, self.n_frequencies + 1))

    def packed(self) -> str:
        """Every share as a level, in base64: the rounds of the first frequency of the first spectrum, then the next.

        A share changes little from round to round, so that this order packs well.
        """
        tables = np.stack([table.T for table in self.spectra.values()])
        levels = np.rint(tables.clip(0) * _LEVELS / self.top).clip(0, _LEVELS).astype(np.uint8)
        return base64.b64encode(zlib.compress(levels.tobytes(), level=9)).decode()

    def frame(self) -> pd.DataFrame:
        """The curves, and the spectra of the rounds that print shows."""
        lines = self.curves.frame(self.unit, "value").assign(frequency=np.nan)
        rows = [
            {"series": name, self.unit: one, "value": value, "frequency": k}
            for name, table in self.spectra.items()
            for one, row in zip(self.at, self.shown, strict=True)
            for k, value in zip(self.frequencies, checks.rounded(table[row]), strict=True)
        ]
        return pd.concat([lines, pd.DataFrame(rows)], ignore_index=True).astype({"frequency": "Int64"})

    def page(self, width: Number) -> go.Figure:
        """The curves with a mark, and the spectra of the first of ``at``."""
        columns, gap, least = (2, LEFT, 130) if width == PAGE_WIDTH else (1, 0, 82)
        across = (width - LEFT - RIGHT - gap * (columns - 1)) / columns
        count = 1 + len(self.spectra)
        place, above = plotly_legend(self.curves.entries, width if width == PAGE_WIDTH else width - 60)
        flat = Panels(count, columns, across, 0, LEFT, RIGHT, 26, BELOW, gap, own_x=True)
        # What the reader explores fills the room of the drawing, in whose place it stands.
        high = max(least, int((self._pixels(width) - above - flat.total_height) / flat.rows))
        panels = replace(flat, height=high)
        layout = plotly_layout(
            round(panels.total_height + above),
            margin=panels.margin() | {"t": panels.top + above},
            annotations=titles(panels, [f"{self.y_title} by {self.unit}", *self.spectra]),
            hovermode="x unified",
            showlegend=len(self.curves.entries) > 1,
            legend=place,
            bargap=0.25,
        )
        for index in range(count):
            x, y = self._axes(index, panels)
            across_, up = panels.domains(index)
            layout[layout_key("x", index)] = plotly_axis(domain=across_, anchor=axis_key("y", index), **x)
            layout[layout_key("y", index)] = plotly_axis(domain=up, anchor=axis_key("x", index), **y)
        return go.Figure(data=self._traces(), layout=layout)

    def _axes(self, index: int, panels: Panels) -> tuple[dict[str, Any], dict[str, Any]]:
        quiet: dict[str, Any] = {"showgrid": False, "separatethousands": True, "exponentformat": "none", "nticks": 5}
        if index:
            title = axis_title("frequency k") if panels.is_bottom(index) else None
            x = quiet | {"title": title, "range": [0.2, self.n_frequencies + 0.8]}
            return x, {"title": axis_title(self.share_title, panels.height), "range": [0, 1.05 * self.top], "nticks": 4}
        limits = self.curves.y_limits(None)
        y: dict[str, Any] = {"range": list(limits), "separatethousands": True, "exponentformat": "none", "nticks": 5}
        if self.curves.log_y:
            y |= {"type": "log", "exponentformat": "power", "dtick": max(1, round((limits[1] - limits[0]) / 4))}
        return quiet, y

    def _traces(self) -> list[dict[str, Any]]:
        traces: list[dict[str, Any]] = []
        for name, (xs, ys) in self.curves.panels[0].items():
            line = {"color": self.curves.colours[name], "width": 2, "dash": self.curves.dashes[name]}
            drawn = {"x": checks.rounded(xs), "y": checks.rounded(ys), "hovertemplate": "%{y:.4g}"}
            traces.append({"type": "scatter", "mode": "lines", "name": labels.page(name), "line": line, **drawn})
        low, high = self._ends()
        mark = {"x": [self.at[0]] * 2, "y": [low, high], "line": {"color": "#8c959f", "width": 2}}
        traces.append({"type": "scatter", "mode": "lines", "showlegend": False, "hoverinfo": "skip", **mark})
        for index, (name, table) in enumerate(self.spectra.items(), 1):
            axes = {"xaxis": axis_key("x", index), "yaxis": axis_key("y", index)}
            bar = {"marker": {"color": _BAR}, "hovertemplate": "%{y:.2f}", "showlegend": False}
            levels = np.rint(table[self.shown[0]].clip(0) * _LEVELS / self.top) * self.top / _LEVELS
            shown = {"x": self.frequencies, "y": checks.rounded(levels), "name": labels.page(name)}
            traces.append({"type": "bar", **axes, **bar, **shown})
        return traces

    def _ends(self) -> tuple[float, float]:
        """The height of the mark, in the units of the curves."""
        low, high = self.curves.y_limits(None)
        return (10**low, 10**high) if self.curves.log_y else (low, high)

    def printed(self, width: Number) -> PrintFigure:
        """The curves above, and a row of spectra for each of ``at``."""
        high, pixels = self._row(width), self._pixels(width)
        inches = FULL * width / PAGE_WIDTH
        with print_style():
            figure = PrintFigure(figsize=(inches, inches * pixels / width))
            grid = figure.add_gridspec(1 + len(self.at), len(self.spectra), height_ratios=[130] + [high] * len(self.at))
            self._print_curves(figure.add_subplot(grid[0, :]))
            for row, (one, index) in enumerate(zip(self.at, self.shown, strict=True), 1):
                for column, (name, table) in enumerate(self.spectra.items()):
                    axes = figure.add_subplot(grid[row, column])
                    self._print_bars(axes, table[index])
                    axes.set_title(labels.print_(name) if row == 1 else "")
                    axes.set_ylabel(f"{self.share_title}\n{self.unit} {one:,}" if column == 0 else "")
                    axes.tick_params(labelbottom=row == len(self.at), labelleft=column == 0)
                    axes.set_xlabel("frequency k" if row == len(self.at) else "")
            print_legend(figure, width)
        return figure

    @staticmethod
    def _row(width: Number) -> int:
        """The height of a row of spectra in print, CSS pixels."""
        return 96 if width == PAGE_WIDTH else 104

    def _pixels(self, width: Number) -> int:
        """The height of the printed face, CSS pixels."""
        return 130 + (self._row(width) + 12) * len(self.at) + 96

    def _print_curves(self, axes: Axes) -> None:
        if self.curves.log_y:
            axes.set_yscale("log")
        axes.set_ylim(*self._ends())
        axes.grid(axis="y", color=FAINT)
        dashes = {"solid": "-", "dash": "--", "dot": ":", "dashdot": "-."}
        for name, (xs, ys) in self.curves.panels[0].items():
            style: dict[str, Any] = {"color": self.curves.colours[name], "linestyle": dashes[self.curves.dashes[name]]}
            axes.plot(checks.rounded(xs), checks.rounded(ys), label=labels.print_(name), **style)
        for one in self.at:
            axes.axvline(one, color=INK, lw=0.7)
        axes.set_xlabel(labels.print_(self.unit))
        axes.set_ylabel(print_title(self.y_title, 120))
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
        for axis in (axes.xaxis, *([] if self.curves.log_y else [axes.yaxis])):
            axis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.10g}"))

    def _print_bars(self, axes: Axes, shares: Array) -> None:
        edges = np.arange(self.n_frequencies + 1) + 0.5
        axes.stairs(checks.rounded(shares), edges, fill=True, color=_BAR)  # one outline: a page holds many spectra
        axes.set(xlim=(0.2, self.n_frequencies + 0.8), ylim=(0, 1.05 * self.top))
        axes.xaxis.set_major_locator(MaxNLocator(3, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(3))
