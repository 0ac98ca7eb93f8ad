"""The patterns that are planted in models whose truth is known: which parts write how much for an answer."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from tinycircuits.display import checks
from tinycircuits.display.drawings import kit
from tinycircuits.display.figure import Figure
from tinycircuits.display.theme import ATTENTION, GREY

_PANEL, _HEIGHT, _STEP = 165.0, 104.0, 26.0
"""Width and height of a panel, and from one part to the next, points."""
_AGAINST = "#CC3311"
_MOST_PARTS = 3


def planted_patterns(patterns: Mapping[str, Sequence[float]], *, name: str) -> Figure:
    """One panel for each pattern: its parts on the left, each with an arrow for what it writes to the answer.

    A part that writes nothing has a broken arrow that ends nowhere; what is negative is red.

    Raises ``ValueError`` naming the pattern without a part, with more than three, or with a number that is not finite.
    """
    for pattern, strengths in patterns.items():
        checks.finite(pattern, list(strengths), ndim=1)
        if not 1 <= len(strengths) <= _MOST_PARTS:
            raise ValueError(f"{pattern}: 1 to {_MOST_PARTS} parts expected, got {len(strengths)}")
    lines = -(-len(patterns) // 2)
    with kit.canvas(lines * _HEIGHT) as axes:
        for i, (pattern, strengths) in enumerate(patterns.items()):
            _pattern(axes, (i % 2 * _PANEL, (lines - 1 - i // 2) * _HEIGHT), pattern, strengths)
        rows = [(pattern, part, each) for pattern, its in patterns.items() for part, each in enumerate(its, 1)]
        return kit.finished(axes, name, kit.tidy(("pattern", "part", "writes"), rows))


def _pattern(axes: Axes, corner: kit.Point, pattern: str, strengths: Sequence[float]) -> None:
    """Draw one pattern with its title above."""
    left, low = corner
    kit.words(axes, left + 8, low + _HEIGHT - 10, pattern, ha="left", size=kit.TITLE, weight="bold")
    middle, answer = low + (_HEIGHT - 20) / 2, (left + 138, low + (_HEIGHT - 20) / 2)
    kit.box(axes, *answer, (44, 20), "answer", kit.RIGHT)
    for i, strength in enumerate(strengths):
        y = middle + _STEP * ((len(strengths) - 1) / 2 - i)
        kit.box(axes, left + 27, y, (38, 18), "part", ATTENTION)
        start, end = (left + 48, y), (left + 113, middle + (y - middle) * 0.3)
        if strength:
            colour = kit.RIGHT if strength > 0 else _AGAINST
            kit.arrow(axes, start, end, colour=colour, lw=0.8 + 1.4 * abs(strength), head=9)
            kit.words(axes, left + 70, y + (middle - y) * 0.25 + 8, kit.signed(strength, 1), weight="bold")
        else:
            kit.arrow(axes, start, (left + 76, y), colour=GREY, ls=(0, (3, 2)))
            kit.words(axes, left + 80, y, "nothing", ha="left")
