"""The logit lens: the residual stream read after each part by the same unembedding."""

from collections.abc import Sequence

from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from tinycircuits.display import checks
from tinycircuits.display.drawings import kit
from tinycircuits.display.figure import Figure
from tinycircuits.display.theme import ATTENTION, GREY, MLP

_STEP, _STREAM, _READER, _BARS = 78.0, 84.0, 148.0, 204.0
"""Distance of two stages; where the stream, the reading box and the bars stand, points."""


def logit_lens(
    stages: Sequence[str],
    parts: Sequence[str],
    tokens: Sequence[str],
    probabilities: ArrayLike,
    *,
    right: str,
    name: str,
) -> Figure:
    """The stream from the bottom to the top, tapped at each of its ``stages``, with what the tap says of each token.

    ``parts`` write between two stages each. ``probabilities`` has a row for each stage; ``right`` is the right token.

    Raises ``ValueError`` naming the argument for a wrong shape, a row that does not sum to 1, an unknown ``right``.
    """
    said = checks.shares("probabilities", checks.finite("probabilities", probabilities, ndim=2))
    names, words = checks.labelled("stages", stages, len(said)), checks.labelled("tokens", tokens, said.shape[1])
    writers = checks.labelled("parts", parts, len(names) - 1)
    if abs(said.sum(1) - 1).max() > 1e-4:
        raise ValueError(f"probabilities: rows that sum to 1 expected, got {said.sum(1).tolist()}")
    if right not in words:
        raise ValueError(f"right: one of {', '.join(words)} expected, got {right!r}")
    top = _STEP * len(names)
    width = (kit.WIDTH - 4 - _BARS) / len(words)
    with kit.canvas(top + 22) as axes:
        kit.words(axes, (_BARS + kit.WIDTH) / 2, top + 13, "what it would say", size=kit.TITLE, weight="bold")
        kit.stream(axes, _STREAM, 2, top + 12, [_STEP * (i + 1) - 6 for i in range(len(writers))])
        for i, stage in enumerate(names):
            y = _STEP * i + 34
            kit.words(axes, _STREAM - 7, y, stage, ha="right")
            kit.arrow(axes, (_STREAM, y), (_READER - 25, y))
            kit.box(axes, _READER, y, (50, 30), "LayerNorm\nunembed", GREY, size=kit.TEXT)
            kit.arrow(axes, (_READER + 25, y), (_BARS - 4, y))
            for j, (token, share) in enumerate(zip(words, said[i].tolist(), strict=True)):
                x, colour = _BARS + width * (j + 0.5), kit.RIGHT if token == right else GREY
                bold = "bold" if token == right else "normal"
                axes.add_patch(Rectangle((x - 0.36 * width, y - 16), 0.72 * width, 40 * share, fc=colour, alpha=0.75))
                kit.words(axes, x, y - 24, token, weight=bold)
                if share > 0.05:
                    kit.words(axes, x, y - 10 + 40 * share, f"{share:.2f}", size=kit.SMALL, weight=bold)
            kit.wire(axes, (_BARS, y - 16), (kit.WIDTH - 4, y - 16), lw=0.6)
        for i, part in enumerate(writers):
            y = _STEP * (i + 1) - 6
            kit.box(axes, 30, y, (56, 20), part, MLP if "mlp" in part.lower() else ATTENTION)
            kit.arrow(axes, (58, y), (_STREAM - 6, y))
        rows = [(s, t, p) for s, row in zip(names, said.tolist(), strict=True) for t, p in zip(words, row, strict=True)]
        return kit.finished(axes, name, kit.tidy(("stage", "token", "probability"), rows))
