"""The globe of answers in print: both sides of the sphere, its regions as grounds, the states of all inputs on it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Circle
from scipy.spatial import KDTree

from tinycircuits.display.checks import Array
from tinycircuits.display.drawings import kit
from tinycircuits.display.figure import Figure, Phone
from tinycircuits.display.theme import GREY, TOKENS
from tinycircuits.interp.globe import Globe, everywhere

_WIDE, _NARROW = 152.0, 268.0
"""Diameters of a side of the globe beside the other, and above the other on a phone, points."""
_HEAD, _FOOT, _ROOM = 20.0, 56.0, 18.0
"""Room for the title of a stage, for the legend, and under a side for its name, points."""
_CELLS = 64
"""States are counted in so many cells across a side: half a million dots would be a heavy file and a flat spot."""
_GRID = 160
"""Places across a side at which the regions are computed; between them their edges are straight."""
_ASIDE = 0.7
"""Cosine of an angle that counts as aside: from 45 to 135 degrees."""
_COLUMNS = ("stage", "side", "x", "y", "right answer", "states")


def hemispheres(stages: Globe | Mapping[str, Globe], *, name: str) -> Figure:
    """Two sides of the sphere, seen from far; several ``stages`` under each other, each with its title.

    One side is seen from between the middle of the largest region, half-way to the left, and the largest of the regions
    about a right angle from it, half-way to the right, so that no region lies flat at a rim that can be seen in full.
    The other side is that turned by half a turn around the vertical: what leaves one at its right edge goes on at the
    other's left one. A ground is where the model says that token. A dot is a cell with states in it, in the colour of
    their right answer, and wider for ten times as many.

    Raises ``ValueError`` for no stages, stages of different read-outs, or more than 5 tokens.
    """
    stages = {"": stages} if isinstance(stages, Globe) else stages
    shown = list(stages.values())
    if not shown:
        raise ValueError("stages: nothing to draw, no globe given")
    first = shown[0]
    if any((each.directions != first.directions).any() or (each.offsets != first.offsets).any() for each in shown):
        raise ValueError("stages: globes of one read-out expected, got several")
    if len(first.tokens) > len(TOKENS):
        raise ValueError(f"stages: at most {len(TOKENS)} tokens expected, got {len(first.tokens)}")
    sides = _sides(first)
    cells = pd.concat([_cells(title, each, sides) for title, each in stages.items()], ignore_index=True)
    faces = [_face(stages, sides, cells, diameter, columns) for diameter, columns in ((_WIDE, 2), (_NARROW, 1))]
    drawn: list[Any] = [axes.get_figure(root=True) for axes in faces]
    numbers = cells if len(stages) > 1 else cells.drop(columns="stage")
    return Figure(name, None, drawn[0], numbers, phone=Phone(None, drawn[1]))


def _sides(shown: Globe) -> dict[str, Array]:
    """The right, the upward and the forward direction of each side, by its name."""
    order = [token for token in shown.areas.argsort(descending=True).tolist() if shown.areas[token] > 0]
    middles = [shown.middle(token).numpy() for token in order]
    left = middles[0]
    far = next((each for each in middles[1:] if abs(left @ each) < _ASIDE), None)
    if far is None:  # no region lies aside: any direction at a right angle does as well
        far = np.cross(left, np.eye(3)[abs(left).argmin()])
        far = far / np.linalg.norm(far)
    forward, right = ((each / np.linalg.norm(each)) for each in (far + left, far - left))
    up = np.cross(forward, right)
    return {"one side": np.stack([right, up, forward]), "the other side": np.stack([-right, up, -forward])}


def _cells(title: str, shown: Globe, sides: Mapping[str, Array]) -> pd.DataFrame:
    """How many states with each right answer lie in each cell of each side."""
    points, answers = shown.points.flatten(0, 1).numpy(), shown.answers.flatten().numpy()
    rows = []
    for side, view in sides.items():
        placed = points @ view.T
        seen = placed[:, 2] >= 0
        at = ((placed[seen, :2] + 1) * _CELLS / 2).astype(np.int64).clip(0, _CELLS - 1)
        found, counts = np.unique(np.column_stack([at, answers[seen]]), axis=0, return_counts=True)
        places = (found[:, :2] + 0.5) * 2 / _CELLS - 1
        rows += [
            (title, side, *place, shown.tokens[answer], count)
            for place, answer, count in zip(places.tolist(), found[:, 2], counts.tolist(), strict=True)
        ]
    return kit.tidy(_COLUMNS, rows)


def _face(
    stages: Mapping[str, Globe], sides: Mapping[str, Array], cells: pd.DataFrame, diameter: float, columns: int
) -> Axes:
    """Draw all stages, their sides beside each other or under each other."""
    lines = -(-len(sides) // columns)
    head = _HEAD if any(stages) else 4.0
    each = head + lines * (diameter + _ROOM)
    with kit.canvas(len(stages) * each + _FOOT) as axes:
        for number, (title, shown) in enumerate(stages.items()):
            top = _FOOT + (len(stages) - number) * each
            if title:
                kit.words(axes, kit.WIDTH / 2, top - 9, title, size=kit.TITLE, weight="bold")
            for place, (side, view) in enumerate(sides.items()):
                line, column = divmod(place, columns)
                middle = kit.WIDTH * (column + 0.5) / columns
                low = top - head - line * (diameter + _ROOM) - diameter
                inner = kit.panel(
                    axes, (middle - diameter / 2, low), (diameter, diameter), (-1.01, 1.01), (-1.01, 1.01)
                )
                _grounds(inner, shown, view)
                its = cells[(cells["stage"] == title) & (cells["side"] == side)]
                _dots(inner, its, shown.tokens, diameter)
                _names(inner, shown, view, cells[cells["side"] == side], diameter)
                kit.words(axes, middle, low - 9, side, size=kit.SMALL)
        _legend(axes, next(iter(stages.values())).tokens)
        return axes


def _grounds(axes: Axes, shown: Globe, view: Array) -> None:
    """Draw the regions of one side, palely, with the circles between them."""
    rim = Circle((0, 0), 1, fc="none", ec=GREY, lw=0.8, zorder=3)
    axes.add_patch(rim)
    line = np.linspace(-1, 1, _GRID)
    x, y = np.meshgrid(line, line)
    far = np.maximum(1, np.hypot(x, y))
    depth = np.sqrt(np.maximum(0, 1 - (x**2 + y**2) / far**2))
    places = np.stack([x / far, y / far, depth], axis=-1) @ view
    logits = places @ shown.directions.numpy().T + shown.offsets.numpy()
    for token, colour in enumerate(TOKENS[: len(shown.tokens)]):
        ahead = logits[..., token] - np.delete(logits, token, axis=-1).max(-1)
        if ahead.max() > 0:
            ground = axes.contourf(x, y, ahead, levels=[0, np.inf], colors=[colour], alpha=0.25, zorder=0)
            ground.set_clip_path(rim)
            edge = axes.contour(x, y, ahead, levels=[0], colors=[colour], linewidths=0.5, alpha=0.8, zorder=1)
            edge.set_clip_path(rim)


def _dots(axes: Axes, cells: pd.DataFrame, tokens: Sequence[str], diameter: float) -> None:
    """Draw a dot for each cell, the fullest first, so that none hides another."""
    sizes = np.floor(np.log10(cells["states"].to_numpy())).clip(0, 4).astype(int)
    width = diameter / _CELLS
    for size in range(4, -1, -1):
        for token, colour in zip(tokens, TOKENS, strict=False):
            its = cells[(sizes == size) & (cells["right answer"] == token)]
            kit.points(axes, its[["x", "y"]].to_numpy(), colour, width * (0.35 + 0.3 * size), alpha=1, zorder=2)


def _names(axes: Axes, shown: Globe, view: Array, cells: pd.DataFrame, diameter: float) -> None:
    """Write the name of each region where there is most room for it: far from states, other regions and the rim."""
    places = everywhere()
    seen = places.numpy() @ view.T
    front = seen[:, 2] > 0
    seen, said = seen[front, :2], shown.says(places).numpy()[front]
    dots = cells[["x", "y"]].drop_duplicates().to_numpy()
    for token in np.unique(said):
        inside = seen[said == token]
        taken = KDTree(np.concatenate([dots, seen[said != token]]))
        room = np.minimum(taken.query(inside)[0], 1 - np.hypot(*inside.T))
        text, (x, y) = shown.tokens[token], inside[room.argmax()]
        if room.max() > 2 * np.hypot(5.5, 3.3 * len(text)) / diameter:  # from the middle of the word to its corner
            kit.words(axes, x, y, text, size=kit.TITLE + 2, weight="bold", zorder=4)


def _legend(axes: Axes, tokens: Sequence[str]) -> None:
    """Draw the colours, and what a ground and a dot are."""
    step = 46.0
    left = (kit.WIDTH - step * len(tokens)) / 2
    for place, (token, colour) in enumerate(zip(tokens, TOKENS, strict=False)):
        x = left + place * step
        kit.cell(axes, (x, 33), (11, 11), "", colour, 0.5)
        axes.plot([x + 5.5], [38.5], "o", ms=3.5, color=colour)
        kit.words(axes, x + 16, 38.5, token, ha="left")
    kit.words(axes, kit.WIDTH / 2, 20, "ground: what the model says there; dot: states by their right answer")
    kit.words(axes, kit.WIDTH / 2, 7, "larger dots: 10, 100, 1,000, 10,000 states or more in one place", size=kit.SMALL)
