"""The architecture drawn to the book's model: what flows, what reads it, what writes back, and in which shape."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from tinycircuits.display.drawings import kit
from tinycircuits.display.figure import Figure
from tinycircuits.display.theme import ATTENTION, GREY, MLP

_STREAM, _PART, _NOTES = 64.0, 150.0, 203.0
"""Where the stream, the parts beside it and the explanations stand, points from the left."""
_FIRST, _STEP = 78.0, 92.0
"""Height at which the first part reads the stream, and how much higher the next one does."""
_LINE = 11.5
"""Distance of two lines of an explanation."""


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
    """One box beside the stream, with the weights in it and what it does, a line each."""

    title: str
    colour: str
    notes: Sequence[str]


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
    top = _FIRST + _STEP * len(parts)
    with kit.canvas(top + 98) as axes:
        _start(axes, sizes)
        writes = [_side(axes, part, _FIRST + _STEP * index) for index, part in enumerate(parts)]
        kit.stream(axes, _STREAM, 46, top + 10, writes)
        _states(axes, writes)
        _frame(axes, sizes, top)
        _end(axes, sizes, top)
        return kit.finished(axes, name, _shapes(sizes))


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
    moves = ("moves information between", f"positions, with {heads}; each", "reads itself and earlier ones")
    weights = (f"W_Q  W_K  W_V  [{a.d_model}, {a.d_head}]", f"W_O  [{a.d_head}, {a.d_model}]")
    attention = _Part("attention", ATTENTION, (*weights, *moves))
    if a.d_mlp is None:
        return [attention]
    weights = (f"W_in  [{a.d_model}, {a.d_mlp}]", f"W_out  [{a.d_mlp}, {a.d_model}]")
    return [attention, _Part("MLP", MLP, (*weights, "works at each position alone,", f"with {a.d_mlp} neurons"))]


def _side(axes: Axes, part: _Part, read: float) -> float:
    """Draw LayerNorm and the part, with the stream read below; returns the height at which the part writes to it."""
    write = read + 68
    kit.wire(axes, (_STREAM, read), (_PART, read))
    kit.arrow(axes, (_PART, read), (_PART, read + 10))
    kit.box(axes, _PART, read + 18, (72, 16), "LayerNorm", GREY, size=kit.TEXT)
    kit.arrow(axes, (_PART, read + 26), (_PART, read + 36))
    kit.box(axes, _PART, read + 46, (72, 20), part.title, part.colour)
    kit.wire(axes, (_PART, read + 56), (_PART, write))
    kit.arrow(axes, (_PART, write), (_STREAM + 6, write))
    _note(axes, read + 34, part.notes)
    return write


def _note(axes: Axes, middle: float, lines: Sequence[str]) -> None:
    """Write lines around the height ``middle``: weights with their shapes, and what they do."""
    top = middle + _LINE * (len(lines) - 1) / 2
    for index, line in enumerate(lines):
        kit.words(axes, _NOTES, top - _LINE * index, line, ha="left")


def _start(axes: Axes, sizes: _Sizes) -> None:
    """Draw how tokens enter the stream."""
    a = sizes
    kit.words(axes, _STREAM, 8, f"tokens  [{a.n_ctx}]")
    kit.arrow(axes, (_STREAM, 14), (_STREAM, 26))
    kit.box(axes, _STREAM, 36, (92, 20), "embed", GREY)
    kit.words(axes, _STREAM + 6, 55, f"residual stream  [{a.n_ctx}, {a.d_model}]", ha="left")
    weights = (f"W_E  [{a.d_vocab}, {a.d_model}]", f"W_pos  [{a.n_ctx}, {a.d_model}]")
    _note(axes, 28, (*weights, "a vector for the token plus", "one for its position"))


def _states(axes: Axes, writes: Sequence[float]) -> None:
    """Name the states of the stream: before the block, between its parts, after it."""
    names = ["resid_pre", *(["resid_mid"] if len(writes) == 2 else []), "resid_post"]
    for name, y in zip(names, [_FIRST - 7, *(write + 12 for write in writes)], strict=True):
        kit.words(axes, _STREAM - 6, y, name, ha="right")


def _frame(axes: Axes, sizes: _Sizes, top: float) -> None:
    """Draw the border of the block."""
    blocks = "1 block" if sizes.n_layers == 1 else f"{sizes.n_layers} blocks"
    corner, width, height = (4, _FIRST - 14), 190, top - _FIRST + 8
    border = FancyBboxPatch(
        corner, width, height, "round,pad=0,rounding_size=4", fc="none", ec=GREY, lw=0.9, ls=(0, (4, 3))
    )
    axes.add_patch(border)
    kit.words(axes, corner[0] + width - 5, corner[1] + height - 8, blocks, ha="right", weight="bold")


def _end(axes: Axes, sizes: _Sizes, top: float) -> None:
    """Draw how probabilities leave the stream."""
    kit.box(axes, _STREAM, top + 18, (92, 16), "final LayerNorm", GREY, size=kit.TEXT)
    kit.arrow(axes, (_STREAM, top + 26), (_STREAM, top + 36))
    kit.box(axes, _STREAM, top + 46, (92, 20), "unembed", GREY)
    kit.arrow(axes, (_STREAM, top + 56), (_STREAM, top + 66))
    kit.box(axes, _STREAM, top + 74, (92, 16), "softmax", GREY, size=kit.TEXT)
    kit.words(axes, _STREAM, top + 90, "probability of each next token")
    what = ("a logit for each of the", f"{sizes.d_vocab} tokens, at every position")
    _note(axes, top + 46, (f"W_U  [{sizes.d_model}, {sizes.d_vocab}]", *what))
