"""What a drawing says: its texts and marks, read back from the print face."""

from collections.abc import Iterator

import numpy as np
from matplotlib.figure import Figure as PrintFigure
from matplotlib.patches import FancyArrowPatch, PathPatch, Rectangle
from matplotlib.text import Text

from tinycircuits.display import Figure


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for axes in figure.mpl_fig.axes for text in axes.texts]


def faces(figure: Figure) -> list[PrintFigure]:
    """The drawing, and the one for a phone where there is one."""
    return [figure.mpl_fig, *([figure.phone.mpl_fig] if figure.phone else [])]


def written(face: PrintFigure) -> Iterator[Text]:
    return (text for axes in face.axes for text in axes.texts)


def arrows(figure: Figure, axes: int = 0) -> list[FancyArrowPatch]:
    return [patch for patch in figure.mpl_fig.axes[axes].patches if isinstance(patch, FancyArrowPatch)]


def ends(arrow: FancyArrowPatch) -> np.ndarray:
    """Where an arrow starts and where it points."""
    return np.array(arrow._posA_posB)


def bars(figure: Figure, thick: float = 8) -> list[float]:
    """The lengths of the horizontal bars, in the order in which they were drawn."""
    patches = (patch for axes in figure.mpl_fig.axes for patch in axes.patches)
    return [each.get_width() for each in patches if isinstance(each, Rectangle) and each.get_height() == thick]


def dots(figure: Figure, axes: int) -> np.ndarray:
    """The places of all points in one panel."""
    found = [patch.get_path().vertices[::2] for patch in figure.mpl_fig.axes[axes].patches if type(patch) is PathPatch]
    return np.concatenate(found)
