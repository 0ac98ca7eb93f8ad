"""The architecture drawn to the book's model: what flows, what reads it, what writes back, and in which shape."""

from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as PrintFigure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from tinycircuits.display.figure import Figure
from tinycircuits.display.theme import ATTENTION, FULL, GREY, INK, MLP, WIDE, print_style

_MAIN, _SIDE = 0.0, 2.55
"""Where the residual stream and the parts beside it stand."""
_TEXT = 4.05
"""Where the explanations start."""


@dataclass(frozen=True)
class _Sizes:
    """The sizes of a decoder-only, pre-LayerNorm transformer. ``d_mlp`` is ``None`` for an attention-only model."""

    n_layers: int
    n_heads: int
    d_model: int
    d_head: int
    d_mlp: int | None
    d_vocab: int
    n_ctx: int


@dataclass(frozen=True)
class _Part:
    """One box beside the stream: reads at ``y - 0.42``, writes at ``y + 0.42``."""

    y: float
    title: str
    weights: str
    colour: str
    prose: str


def architecture(
    *,
    n_layers: int,
    n_heads: int,
    d_model: int,
    d_head: int,
    d_mlp: int | None,
    d_vocab: int,
    n_ctx: int,
    name: str,
) -> Figure:
    """The model's diagram, read from the bottom to the top, with the shape of every weight and activation.

    One block is drawn; its repetition is stated. ``d_mlp`` is ``None`` for an attention-only model. Raises
    ``ValueError`` for a size below 1.
    """
    sizes = _Sizes(n_layers, n_heads, d_model, d_head, d_mlp, d_vocab, n_ctx)
    if min(value for value in vars(sizes).values() if value is not None) < 1:
        raise ValueError(f"sizes: every size must be at least 1, got {sizes}")
    parts = _parts(sizes)
    top = parts[-1].y + 1.6
    with print_style():
        figure = PrintFigure(figsize=(FULL, 0.6 * (top + 4.75)))
        figure.set_layout_engine("none")
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(-1.55, 8.75), ylim=(-2.15, top + 2.6))
        axes.set_axis_off()
        _stream(axes, parts, sizes, top)
        _ends(axes, sizes, top)
        for part in parts:
            _side(axes, part)
        _frame(axes, sizes, top)
    return Figure(name, None, figure, _shapes(sizes), min_width=WIDE)


def _shapes(sizes: _Sizes) -> pd.DataFrame:
    """The weights that the diagram names with their shapes."""
    a = sizes
    rows = [
        ("W_E", (a.d_vocab, a.d_model)),
        ("W_pos", (a.n_ctx, a.d_model)),
        ("W_Q, W_K, W_V", (a.n_layers, a.n_heads, a.d_model, a.d_head)),
        ("W_O", (a.n_layers, a.n_heads, a.d_head, a.d_model)),
    ]
    if a.d_mlp is not None:
        rows += [("W_in", (a.n_layers, a.d_model, a.d_mlp)), ("W_out", (a.n_layers, a.d_mlp, a.d_model))]
    rows.append(("W_U", (a.d_model, a.d_vocab)))
    return pd.DataFrame([{"weight": name, "shape": " x ".join(map(str, shape))} for name, shape in rows])


def _parts(sizes: _Sizes) -> list[_Part]:
    a = sizes
    heads = "1 head" if a.n_heads == 1 else f"{a.n_heads} heads"
    attention = _Part(
        1.15,
        "attention",
        f"W_Q  W_K  W_V  [{a.d_model}, {a.d_head}]   W_O  [{a.d_head}, {a.d_model}]",
        ATTENTION,
        f"moves information between positions: {heads},\neach position reads itself and earlier ones",
    )
    if a.d_mlp is None:
        return [attention]
    mlp = _Part(
        3.35,
        "MLP",
        f"W_in  [{a.d_model}, {a.d_mlp}]   W_out  [{a.d_mlp}, {a.d_model}]",
        MLP,
        f"works at each position alone, with {a.d_mlp} neurons",
    )
    return [attention, mlp]


def _stream(axes: Axes, parts: list[_Part], sizes: _Sizes, top: float) -> None:
    """Draw the residual stream, bottom to top, with the names of its states."""
    joins = [part.y + 0.85 for part in parts]
    for low, high in zip([-0.93, *(y + 0.15 for y in joins)], [*(y - 0.15 for y in joins), top + 0.1], strict=True):
        axes.plot([_MAIN, _MAIN], [low, high], color=GREY, lw=2.6, solid_capstyle="butt", zorder=3)
    axes.add_patch(_arrow((_MAIN, top), (_MAIN, top + 0.24), head=11.0))
    states = ["resid_pre", *(["resid_mid"] if len(parts) == 2 else []), "resid_post"]
    for state, y in zip(states, [0.28, *(y + 0.33 for y in joins)], strict=True):
        axes.text(_MAIN - 0.16, y, state, ha="right", va="center", size=8.4, color=INK)
    words = f"residual stream  [{sizes.n_ctx}, {sizes.d_model}]"
    axes.text(_MAIN + 0.2, -0.46, words, ha="left", va="center", size=8.6, color=INK)


def _arrow(
    start: tuple[float, float], end: tuple[float, float], *, lw: float = 1.1, head: float = 7.0
) -> FancyArrowPatch:
    style = f"-|>,head_length={head / 2},head_width={head / 4}"
    return FancyArrowPatch(start, end, arrowstyle=style, lw=lw, color=GREY, shrinkA=0, shrinkB=0, mutation_scale=1)


def _box(axes: Axes, x: float, y: float, size: tuple[float, float], words: str, colour: str) -> None:
    """Draw a rounded box around ``(x, y)`` with centred words; its fill is the colour, faintly."""
    width, height = size
    for face, edge, alpha in ((colour, "none", 0.13), ("none", colour, 1.0)):
        shape = FancyBboxPatch(
            (x - width / 2, y - height / 2), width, height, "round,pad=0,rounding_size=0.09", fc=face, ec=edge, lw=1.1
        )
        shape.set_alpha(alpha)
        axes.add_patch(shape)
    axes.text(x, y, words, ha="center", va="center", size=9, color=INK)


def _note(axes: Axes, y: float, title: str, prose: str) -> None:
    """Write a name with its shapes and, under it, what it does."""
    axes.text(_TEXT, y + 0.06, title, ha="left", va="bottom", size=8.6, color=INK, weight="bold")
    axes.text(_TEXT, y - 0.06, prose, ha="left", va="top", size=8.4, color=INK, linespacing=1.25)


def _side(axes: Axes, part: _Part) -> None:
    """Draw LayerNorm and the part, with the stream read below and written to above."""
    read, write = part.y - 0.72, part.y + 0.85
    axes.plot([_MAIN, _SIDE], [read, read], color=GREY, lw=1.1, solid_capstyle="round")
    axes.add_patch(_arrow((_SIDE, read), (_SIDE, part.y - 0.49)))
    _box(axes, _SIDE, part.y - 0.31, (1.5, 0.36), "LayerNorm", GREY)
    axes.add_patch(_arrow((_SIDE, part.y - 0.13), (_SIDE, part.y + 0.1)))
    _box(axes, _SIDE, part.y + 0.34, (1.5, 0.48), part.title, part.colour)
    axes.plot([_SIDE, _SIDE], [part.y + 0.58, write], color=GREY, lw=1.1, solid_capstyle="round")
    axes.add_patch(_arrow((_SIDE, write), (_MAIN + 0.19, write)))
    _plus(axes, write)
    _note(axes, part.y + 0.2, part.weights, part.prose)


def _plus(axes: Axes, y: float) -> None:
    axes.plot([_MAIN], [y], "o", ms=11, mfc="none", mec=GREY, mew=1.1, zorder=4)
    axes.text(_MAIN, y - 0.012, "+", ha="center", va="center", size=11, color=INK, zorder=5)


def _ends(axes: Axes, sizes: _Sizes, top: float) -> None:
    """Draw how tokens enter the stream and how probabilities leave it."""
    a = sizes
    _box(axes, _MAIN, -1.15, (2.3, 0.44), "embed", GREY)
    axes.add_patch(_arrow((_MAIN, -1.83), (_MAIN, -1.37)))
    axes.text(_MAIN, -1.98, f"tokens  [{a.n_ctx}]", ha="center", va="center", size=8.6, color=INK)
    _note(
        axes,
        -1.2,
        f"W_E  [{a.d_vocab}, {a.d_model}]   W_pos  [{a.n_ctx}, {a.d_model}]",
        "a vector for the token plus a vector for its position",
    )
    _box(axes, _MAIN, top + 0.42, (2.3, 0.36), "final LayerNorm", GREY)
    axes.add_patch(_arrow((_MAIN, top + 0.6), (_MAIN, top + 0.88)))
    _box(axes, _MAIN, top + 1.1, (2.3, 0.44), "unembed", GREY)
    axes.add_patch(_arrow((_MAIN, top + 1.32), (_MAIN, top + 1.6)))
    _box(axes, _MAIN, top + 1.78, (2.3, 0.36), "softmax", GREY)
    axes.text(_MAIN, top + 2.24, "probability of each next token", ha="center", va="center", size=8.6, color=INK)
    _note(
        axes,
        top + 1.06,
        f"W_U  [{a.d_model}, {a.d_vocab}]",
        f"one logit for each of the {a.d_vocab} tokens, at every position",
    )


def _frame(axes: Axes, sizes: _Sizes, top: float) -> None:
    """Draw the border of the block."""
    blocks = "1 block" if sizes.n_layers == 1 else f"{sizes.n_layers} blocks in a row"
    border = FancyBboxPatch(
        (-1.45, 0.05), 5.1, top - 0.2, "round,pad=0,rounding_size=0.12", fc="none", ec=GREY, lw=0.9, ls=(0, (4, 3))
    )
    axes.add_patch(border)
    axes.text(3.5, top - 0.26, blocks, ha="right", va="top", size=8.6, color=INK, weight="bold")
