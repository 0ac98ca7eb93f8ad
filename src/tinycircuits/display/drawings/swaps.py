"""Two runs and one swap: the interchange of an output, and why a patch on a wire brings everything back."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from tinycircuits.display import checks
from tinycircuits.display.drawings import kit
from tinycircuits.display.figure import Figure
from tinycircuits.display.theme import ATTENTION, GREY, MLP

_BASE, _SOURCE = 118.0, 212.0
"""Where the two streams stand."""
_FIRST, _STEP = 72.0, 46.0
"""Height of the first part, and from one to the next."""
_CUT = "#CC3311"


def interchange(
    base: Sequence[int],
    source: Sequence[int],
    parts: Sequence[str],
    *,
    swapped: str,
    answer: str,
    before: int,
    after: int,
    wanted: int,
    name: str,
) -> Figure:
    """Two runs side by side, streams upwards: the ``source``'s output of ``swapped`` replaces that of the ``base``.

    ``answer`` names what is read at the end: ``before`` the swap, ``after`` it, and ``wanted``, the source's own.

    Raises ``ValueError`` naming the argument for inputs of different lengths or a part that is not among ``parts``.
    """
    if not base or len(base) != len(source):
        raise ValueError(f"source: as many digits as base expected, {len(base)}, got {len(source)}")
    if swapped not in parts:
        raise ValueError(f"swapped: one of {', '.join(parts)} expected, got {swapped!r}")
    heights = [_FIRST + _STEP * i for i in range(len(parts))]
    top = heights[-1] + 46
    with kit.canvas(top + 50) as axes:
        for x, title, digits in ((_BASE, "base", base), (_SOURCE, "source", source)):
            kit.words(axes, x, 9, title, size=kit.TITLE, weight="bold")
            kit.words(axes, x, 23, " ".join(map(str, digits)))
            kit.stream(axes, x, 33, top, heights)
        for part, y in zip(parts, heights, strict=True):
            _part(axes, part, y, cut=part == swapped)
        follows = kit.RIGHT if after == wanted else _CUT
        kit.words(axes, _BASE, top + 12, f"{answer} = {after}", size=kit.TITLE, weight="bold")
        kit.box(axes, _BASE, top + 12, (54, 18), "", follows)
        kit.words(axes, _BASE - 34, top + 12, f"(was {before})", ha="right")
        kit.words(axes, _SOURCE, top + 12, f"{answer} = {wanted}", size=kit.TITLE)
        kit.box(axes, _SOURCE, top + 12, (54, 18), "", GREY)
        verdict = "the answer follows the source" if after == wanted else "the answer does not follow the source"
        kit.words(axes, (_BASE + _SOURCE) / 2, top + 38, verdict, size=kit.TITLE)
        rows = [("base", *base, before), ("source", *source, wanted), (f"base, {swapped} of the source", *base, after)]
        return kit.finished(axes, name, kit.tidy(("run", *(f"x_{i}" for i in range(len(base))), answer), rows))


def patching_pipes(series: Mapping[str, float], parallel: Mapping[str, float], *, name: str) -> Figure:
    """How much of the answer a patch of each part brings back: parts one after the other, and parts side by side.

    The numbers are recoveries, 1 for the whole way from the corrupted run to the clean one. The filling of a part is
    its recovery.

    Raises ``ValueError`` naming the argument for fewer than two parts or a number that is not finite.
    """
    lines = {"series": series, "parallel": parallel}
    for argument, parts in lines.items():
        checks.finite(argument, list(parts.values()), ndim=1)
        if len(parts) < 2:
            raise ValueError(f"{argument}: at least two parts expected, got {len(parts)}")
    rest = 40.0 * len(parallel) + 26
    with kit.canvas(rest + 84) as axes:
        kit.words(axes, 4, rest + 74, "one after the other: all passes through each", ha="left", weight="bold")
        kit.words(axes, 4, rest - 8, "side by side: each carries a part", ha="left", weight="bold")
        _series(axes, series, rest + 34)
        _parallel(axes, parallel, rest - 42)
        rows = [(kind, part, value) for kind, parts in lines.items() for part, value in parts.items()]
        return kit.finished(axes, name, kit.tidy(("parts", "part", "recovery"), rows))


def _part(axes: Axes, part: str, y: float, *, cut: bool) -> None:
    """Draw one part in both runs; where it is ``cut``, the source's output goes to both and the base's to none."""
    colour = MLP if "mlp" in part.lower() else ATTENTION if "attention" in part.lower() else GREY
    for x, way in ((_BASE, -1), (_SOURCE, 1)):
        kit.box(axes, x + way * 78, y, (64, 22), part, colour)
        kit.wire(axes, (x, y - 18), (x + way * 78, y - 18))
        kit.arrow(axes, (x + way * 78, y - 18), (x + way * 78, y - 11))
        if not (cut and way < 0):
            kit.arrow(axes, (x + way * 46, y), (x + way * 6, y))
    if cut:
        kit.wire(axes, (_BASE - 46, y), (_BASE - 8, y), ls=(0, (3, 2)))
        kit.words(axes, _BASE - 26, y, kit.TIMES, size=17, color=_CUT, weight="bold")
        kit.arrow(axes, (_SOURCE - 6, y), (_BASE + 6, y), colour=colour, lw=2.4, head=10)
        kit.words(axes, (_BASE + _SOURCE) / 2, y + 9, "swapped in", weight="bold")


def _pipe(axes: Axes, x: float, y: float, width: float, part: str, value: float) -> None:
    """Draw a part as a pipe filled up to its recovery, with its name above and the number inside."""
    kit.cell(axes, (x, y - 9), (width * min(1.0, max(0.0, value)), 18), "", ATTENTION, 0.7)
    kit.cell(axes, (x, y - 9), (width, 18), "", ATTENTION, 0)
    kit.words(axes, x + width / 2, y + 17, part)
    kit.words(axes, x + width / 2, y, f"{value:.2f}".replace("-", "\N{MINUS SIGN}"), weight="bold")


def _series(axes: Axes, parts: Mapping[str, float], y: float) -> None:
    """Draw parts one after the other, from the input to the answer."""
    kit.words(axes, 4, y, "input", ha="left")
    kit.words(axes, kit.WIDTH - 4, y, "answer", ha="right")
    step = (kit.WIDTH - 76) / len(parts)
    kit.arrow(axes, (28, y), (42, y))
    for i, (part, value) in enumerate(parts.items()):
        left = 42 + i * step
        _pipe(axes, left, y, step - 16, part, value)
        kit.arrow(axes, (left + step - 16, y), (left + step if i < len(parts) - 1 else kit.WIDTH - 34, y))


def _parallel(axes: Axes, parts: Mapping[str, float], top: float) -> None:
    """Draw parts side by side, between the input and the answer."""
    heights = [top - 40 * i for i in range(len(parts))]
    middle, left, right = (heights[0] + heights[-1]) / 2, 60.0, 262.0
    kit.words(axes, 4, middle, "input", ha="left")
    kit.words(axes, kit.WIDTH - 4, middle, "answer", ha="right")
    kit.wire(axes, (28, middle), (44, middle))
    kit.wire(axes, (44, heights[0]), (44, heights[-1]))
    kit.wire(axes, (278, heights[0]), (278, heights[-1]))
    kit.arrow(axes, (278, middle), (kit.WIDTH - 34, middle))
    for y, (part, value) in zip(heights, parts.items(), strict=True):
        kit.arrow(axes, (44, y), (left, y))
        _pipe(axes, left, y, right - left, part, value)
        kit.wire(axes, (right, y), (278, y))
