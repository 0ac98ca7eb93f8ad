"""Checks a proof by itself: without torch, without the search, every number as a ball that bounds its rounding.

The formulas are those of ``tables`` and ``bounds``, written a second time. The proof brings boxes, and a number for
each linear form: the numbers may be anything, good ones close the box. See ``balls`` for what is assumed.
"""

from hashlib import sha256
from math import prod

import numpy as np
from numpy import ndarray
from safetensors import SafetensorError
from safetensors.numpy import load

from tinycircuits.proof.balls import TINY, Ball, U, ball, joined, sum_below
from tinycircuits.proof.enclosed import centered, eps_of, reader, terms

AT_ONCE = 64


class Refused(ValueError):
    """The proof does not hold."""


def check(data: bytes) -> str:
    """One line on the proof in a file's bytes; raises ``Refused``, which says where it fails."""
    try:
        kept = load(data)
        seal, total = kept.pop("seal").tobytes().hex(), sha256()
        for name in sorted(kept):
            total.update(f"{name} {kept[name].dtype} {kept[name].shape}\n".encode() + kept[name].tobytes())
        if seal != total.hexdigest():
            raise Refused("refused: the file is not as it was sealed")
        blob = kept["weights"].tobytes()
        with np.errstate(all="ignore"):
            _check(kept, {name: ball(each) for name, each in load(blob).items()})
        rule = _rule(kept["answer"], kept["source"].tolist())
    except Refused:
        raise
    except (KeyError, IndexError, TypeError, ValueError, SafetensorError) as error:
        raise Refused(f"refused: no proof of the kind that is known ({type(error).__name__}: {error})") from None
    n, m = kept["answer"].shape
    return (
        f"checked: {n * m**n:,} cases right by more than {float(kept['mu'][0]):g}, {len(kept['row']):,} boxes, {rule}; "
        f"sha256 of the weights {sha256(blob).hexdigest()}, of the proof {seal}"
    )


def _rule(answer: ndarray, source: list[int]) -> str:
    steps = {int(step) for step in ((answer - np.arange(answer.shape[1])) % answer.shape[1]).flat}
    made = f"+ {steps.pop()} mod {answer.shape[1]}" if len(steps) == 1 else f"by {answer.tolist()}"
    return f"y_0 y_1 .. from x_{' x_'.join(map(str, source))} {made}"


def _check(kept: dict[str, ndarray], w: dict[str, Ball]) -> None:
    """Raise ``Refused`` unless the boxes hold every case once and each is closed."""
    source, answer, row, mu = kept["source"], kept["answer"], kept["row"], float(kept["mu"][0])
    own, (n, m) = np.append(len(source) - 1, source[:-1]), answer.shape
    for i in range(n):
        boxes, hints = kept["allowed"][row == i] == 1, kept["hints"][row == i]
        if (boxes[:, [own[i], source[i]]].sum(2) != 1).any():
            raise Refused(f"refused: a box of row {i} has not one value of its own token and one of its source")
        if sum(prod(each) for each in boxes.sum(2).tolist()) != m**n:
            raise Refused(f"refused: the boxes of row {i} do not add up to {m**n:,} cases")
        if any((boxes[k] & boxes[k + 1 :]).any(2).all(1).any() for k in range(len(boxes))):
            raise Refused(f"refused: two boxes of row {i} share a case")
        table, right = terms(w, source, answer, i), answer[i][boxes[:, source[i]].argmax(1)]
        for k in range(0, len(boxes), AT_ONCE):
            part = slice(k, k + AT_ONCE)
            lower = _lower(w, table[boxes[part, own[i]].argmax(1)], boxes[part], hints[part], right[part], mu)
            if not (lower > 0).all():  # also where it is no number
                raise Refused(f"refused: a box of row {i} is not closed")


def _lower(w: dict[str, Ball], table: Ball, allowed: ndarray, hints: ndarray, right: ndarray, mu: float) -> ndarray:
    """For each box and wrong token a number that (margin - mu) sqrt(|m|^2 + eps) does not fall below."""
    d, taken, normed, mlp = table.m.shape[-1] - 1, 0, "ln_final.weight" in w, "blocks.0.mlp.in.weight" in w
    flat = table.each(lambda x: x.reshape(len(x), -1, d + 1)).turned()
    lightest = sum_below(np.where(allowed, table.low[..., -1], np.inf).min(-1))[:, None]
    share = ball(np.where(lightest > 0, lightest, np.nan)).inverse()

    def least(c: Ball, constant: Ball, lost: ndarray) -> ndarray:
        nonlocal taken
        lam = ball(hints[:, taken : taken + c.m.shape[1]])
        taken += c.m.shape[1]
        gap = (joined([c, (constant + -lam)[..., None]]) @ flat).low.reshape(*lam.m.shape, *allowed.shape[1:])
        short = np.minimum(sum_below(np.where(allowed[:, None], gap, np.inf).min(-1)), 0)
        return (lam + ball(short) * share + -ball(lost)).low

    axes = ball(np.broadcast_to(np.concatenate([np.eye(d), -np.eye(d)]), (len(allowed), 2 * d, d)))
    nothing = axes[..., 0] * ball(0.0)
    low, high = _ends(least(axes, nothing, nothing.m))
    J, g, error, sane = ball(np.eye(d)), nothing[:, :d], nothing[:, :1], nothing.m[:, :1]
    if mlp:
        G, g_0 = reader(w, "blocks.0.mlp.in", "blocks.0.ln2")
        W_out, b_out = centered(w, w["blocks.0.mlp.out.weight"].turned()), centered(w, w["blocks.0.mlp.out.bias"])
        if normed:
            y, reach = _middle(low, high)
            toward = ball((y.m / np.sqrt((y.m**2).sum(-1, keepdims=True) + TINY))[:, None])
            ahead = np.minimum(least(toward, nothing[:, :1], nothing.m[:, :1]), (toward @ y[..., None]).low[..., 0])
            near = ball(np.maximum(ahead, 0)) * ball(np.maximum(toward.squares().sqrt().high[..., 0], 1)).inverse()
            size = y.squares()
            s = (size + eps_of(d)).sqrt().inverse()
            J, g = (J + -(y[..., None] * y[:, None] * (s * s)[..., None])) * s[..., None], y * size * s * s * s
            error = ball((reach * (ball(3.0).sqrt() * (near * near + eps_of(d))).inverse()).high)
        c, plus = G @ J + axes[:, :1] * ball(0.0), (G @ g[..., None])[..., 0] + g_0
        lost = (error * ball(G.squares().sqrt().high[:, 0])).high
        bottom, top = _ends(least(joined([c, -c], 1), joined([plus, -plus], 1), np.concatenate([lost, lost], 1)))
        bent, sane = (bottom < 0) & (top > 0), 0 * (top - bottom).sum(1, keepdims=True)
        above = np.where(bent, top / (top - bottom) * (1 + 16 * U), bottom >= 0)
        below = np.where(bent, top > -bottom, bottom >= 0)
        lift = ball(above) * ball(np.where(bent, -bottom, 0))

    def before(c: Ball, constant: Ball) -> tuple[Ball, Ball, ndarray]:
        if not mlp:
            return c, constant, 0 * constant.m
        k = c @ W_out.turned()
        q = ball(k.m) * ball(np.where(k.m >= 0, below[:, None], above[:, None]))
        bends = ball(np.minimum(k.m, 0)) @ lift[..., None]
        constant = constant + (c @ b_out[:, None] + q @ g_0[:, None] + bends + q @ G @ g[..., None])[..., 0]
        lost = (
            error * ball((q @ G).squares().sqrt().high[..., 0])
            + (ball(k.r) @ ball(np.maximum(top, 0)[..., None]))[..., 0]
        )
        return c + q @ G @ J, constant, lost.high

    U_, b_U = reader(w, "unembed", "ln_final")
    others = np.array([[j for j in range(len(U_.m)) if j != y] for y in right])
    c, tilt, loss = U_[right][:, None] + -U_[others], b_U[right][:, None] + -b_U[others] + ball(-mu), nothing.m[:, :1]
    constant = tilt
    if normed:
        low, high = _ends(least(*before(axes, nothing))) if mlp else (low, high)
        m, reach = _middle(low, high)
        t = (m.squares() + eps_of(d)).sqrt().inverse()
        c, constant = c + tilt[..., None] * (m * t)[:, None], tilt * (eps_of(d) * t)
        loss = (ball(np.maximum(-tilt.low, 0)) * reach * t * ball(0.5)).high
    c, constant, lost = before(c, constant)
    found: ndarray = least(c, constant, ball(lost + loss).high) + sane
    return found


def _ends(values: ndarray) -> tuple[ndarray, ndarray]:
    return values[:, : values.shape[1] // 2], -values[:, values.shape[1] // 2 :]


def _middle(low: ndarray, high: ndarray) -> tuple[Ball, Ball]:
    """A point within a range and the square of the largest distance from it."""
    m = (low + high) / 2
    return ball(m), ball(ball(np.nextafter(np.maximum(high - m, m - low), np.inf)).squares().high)
