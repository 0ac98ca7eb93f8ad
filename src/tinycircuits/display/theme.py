"""The one look of all figures: colours, maps, sizes and type, for the page (plotly) and for print (matplotlib)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import LinearSegmentedColormap, to_hex, to_rgb
from matplotlib.font_manager import fontManager
from numpy.typing import NDArray

FONT = "Tiny Sans"
FONTS = Path(__file__).parent / "fonts"

FULL = 6.3
"""Width of the text column in print, inches."""
PAGE_WIDTH = 720
"""Width of the text column on the page, CSS pixels, at which a figure of width FULL is laid out."""
PHONE = 360
"""Width of the text column on a phone, CSS pixels, at which the narrow face of a figure is laid out."""
LEFT, RIGHT, BELOW = 70, 12, 54
"""Room around axes, CSS pixels: labels and title of y; half of the last label of x; labels and title of x."""
LETTER = 7.5
"""Mean width of a letter at 14 pixels, CSS pixels: plotly does not say how wide its texts come out."""
_KEY = 48
"""Width of a legend entry without its words, CSS pixels."""

INK, GREY, FAINT = "#24292f", "#6e7781", "#d0d7de"
PAPER, ON_PALE = "#fefefe", "#1f2328"
"""What is as white as the page around it, also where that is dark; the ink on a pale cell, which stays pale there."""
ON_PAGE = {INK: "currentColor", GREY: "var(--tc-line)", FAINT: "var(--tc-grid)", PAPER: "var(--pst-color-background)"}
"""What stands for a colour in a drawing inside a page, which is light or dark."""

ATTENTION, MLP = "#7A5CC7", "#E69F00"
MEANINGS: Mapping[str, tuple[str, Sequence[str]]] = {
    "right on every input": ("#0072B2", ("faultless",)),
    "wrong on some input": ("#D55E00", ("with mistakes", "mistakes")),
    "trained": ("#009E73", ("trained",)),
    "a control without training": ("#8C959F", ("untrained", "never trained", "shuffled labels")),
    "an article's own number": ("#CC79A7", ("article", "printed by the article")),
    "attention": (ATTENTION, ("attention", "attn")),
    "the MLP": (MLP, ("MLP",)),
    "weights set to zero": ("#88CCEE", ("=zero weights", "=zero, bias stays")),
    "ablated to zero": ("#5468A0", ("=zero", "=zero, bias too")),
    "ablated to the mean": ("#999933", ("=mean",)),
    "ablated by resampling": ("#A83E93", ("=resample",)),
    "what training sees": ("#44AA99", ("training set", "training pairs", "=train")),
    "what training never sees": ("#8B5A2B", ("holdout", "held-out", "held out")),
    "inputs alike at the source": ("#4F5BD5", ("=same source digit",)),
    "a named level": (GREY, ("=chance", "=no effect")),
}
"""Meaning -> its colour and the words by which a label has it: in every figure of the book, and of nothing else.

``=`` stands before what must be the whole label. A control of a bar is no series: it is a white diamond.
"""
SERIES = ("#2A9DB5", "#B3446C", "#6A8532", "#C9A227", "#56B4E9", "#B08968", "#E4835C")
"""Colours of series whose labels have no declared meaning, in order."""
TOKENS = (*SERIES[:4], "#8C959F")
"""Colours of the digits 0 .. 3 and of BOS; ``--token-0`` and so on in the style sheet of the live model."""

_SHARE_ENDS = ("#faf8fe", "#8d6fd6", "#22104f")
_SIGNED_ENDS = ("#004b7a", "#5aa5d6", "#f7f6f4", "#e58a4e", "#8a3200")


def _oklab(colour: str) -> NDArray[np.float64]:
    """The OKLab coordinates of a colour; equal steps there look equal (Ottosson 2020)."""
    c = np.array(to_rgb(colour))
    rgb = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    return np.asarray(_FROM_LMS @ np.cbrt(_TO_LMS @ rgb))


def _hex(lab: NDArray[np.float64]) -> str:
    rgb = np.linalg.solve(_TO_LMS, np.linalg.solve(_FROM_LMS, lab) ** 3).clip(0, 1)
    red, green, blue = np.where(rgb <= 0.0031308, 12.92 * rgb, 1.055 * rgb ** (1 / 2.4) - 0.055)
    return to_hex((float(red), float(green), float(blue)))


_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_FROM_LMS = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


@cache
def colour_stops(scale: str) -> tuple[str, ...]:
    """The 17 colours of a map, evenly spaced in lightness: ``"signed"``, or from light to dark for any other scale."""
    ends = _SIGNED_ENDS if scale == "signed" else _SHARE_ENDS
    labs = np.array([_oklab(c) for c in ends])
    # Lightness falls evenly along a branch, so a grey print keeps the order; hue and chroma follow the anchors.
    branches = [labs[:3], labs[2:]] if scale == "signed" else [labs]
    stops: list[NDArray[np.float64]] = []
    for branch in branches:
        at = np.linspace(branch[0, 0], branch[-1, 0], 9 if scale == "signed" else 17)
        order = np.argsort(branch[:, 0])
        chroma = [np.interp(at, branch[order, 0], branch[order, i]) for i in (1, 2)]
        stops += list(np.column_stack([at, *chroma]))[1 if stops else 0 :]
    return tuple(_hex(lab) for lab in stops)


@cache
def colour_map(scale: str) -> LinearSegmentedColormap:
    """The matplotlib map of ``scale``."""
    return LinearSegmentedColormap.from_list(f"tinycircuits-{scale}", colour_stops(scale), N=257)


def plotly_scale(scale: str) -> list[list[float | str]]:
    """The plotly map of ``scale``."""
    stops = colour_stops(scale)
    return [[i / (len(stops) - 1), colour] for i, colour in enumerate(stops)]


def on_colour(background: str) -> str:
    """The text colour, dark or white, that reads better on ``background``."""
    return ON_PALE if _oklab(background)[0] > 0.62 else "#ffffff"


def meaning(label: str) -> str | None:
    """The declared meaning of a series with this label: that of the longest word of ``MEANINGS`` in it, if any."""
    spoken = [
        (len(word), name)
        for name, (_, words) in MEANINGS.items()
        for word in words
        if (label.lower() == word[1:].lower() if word[0] == "=" else _says(label, word))
    ]
    return max(spoken)[1] if spoken else None


def _says(label: str, word: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w])", label, re.IGNORECASE) is not None


def series_colours(names: Sequence[str]) -> dict[str, str]:
    """The colour of each series: that of its meaning, where no other of ``names`` has it as well, else the next one."""
    means = [meaning(name) for name in names]
    others = cycle(SERIES)
    return {
        name: MEANINGS[meant][0] if meant and means.count(meant) == 1 else next(others)
        for name, meant in zip(names, means, strict=True)
    }


def plotly_axis(**more: Any) -> dict[str, Any]:
    """The settings that every plotly axis shares, and ``more``."""
    line = {"showline": True, "linecolor": GREY, "linewidth": 1, "ticks": "outside", "ticklen": 4, "tickcolor": GREY}
    return {**line, "gridcolor": FAINT, "zeroline": False, "fixedrange": True, **more}


def plotly_layout(height: int, **more: Any) -> dict[str, Any]:
    """The settings that every plotly figure shares, and ``more``; colours suit the light page."""
    return {
        "height": height,
        "autosize": True,
        "font": {"family": f"{FONT}, sans-serif", "size": 14, "color": INK},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "hoverlabel": {"font": {"family": f"{FONT}, sans-serif", "size": 13}},
        "colorway": list(SERIES),
        "dragmode": False,
        **more,
    }


def legend_columns(names: Sequence[str], width: float = PAGE_WIDTH) -> int:
    """How many entries with these names stand beside each other above a figure that is ``width`` CSS pixels wide."""
    room = width - 90 if width > PHONE else width - 10
    if sum(_KEY + LETTER * len(name) for name in names) < room:
        return max(1, len(names))
    widest = _KEY + LETTER * max(map(len, names))
    return max(1, int(room // widest))


def plotly_legend(names: Sequence[str], width: float = PAGE_WIDTH) -> tuple[dict[str, Any], int]:
    """A legend above the drawing for entries with these names, and the pixels that it takes there."""
    place = {"orientation": "h", "x": 0, "y": 1, "yref": "container", "yanchor": "top", "traceorder": "normal"}
    return place, 6 + 22 * -(-len(names) // legend_columns(names, width))


@cache
def _register_fonts() -> None:
    for file in sorted(FONTS.glob("*.ttf")):
        fontManager.addfont(file)


@contextmanager
def print_style(salt: str = "", text: str = "path") -> Iterator[None]:
    """Draw with the book's type, sizes and line widths in this block; ``salt`` fixes the ids inside an SVG, ``text``
    is how its letters are kept: as outlines (``"path"``) or as text for who has the typeface (``"none"``)."""
    _register_fonts()
    settings: Any = {**_PRINT, "svg.hashsalt": salt, "svg.fonttype": text}
    with mpl.rc_context():
        mpl.rcdefaults()  # whatever a settings file or a cell has chosen
        mpl.rcParams.update(settings)
        yield


_PRINT: dict[str, Any] = {
    "font.family": FONT,
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titleweight": "normal",
    "axes.labelsize": 9,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "mathtext.fontset": "custom",
    "mathtext.rm": FONT,
    "mathtext.it": FONT,
    "mathtext.bf": f"{FONT}:bold",
    "mathtext.cal": FONT,
    "mathtext.sf": FONT,
    "mathtext.tt": FONT,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "grid.color": FAINT,
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.3,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "pdf.fonttype": 42,
    "figure.constrained_layout.use": True,
}
