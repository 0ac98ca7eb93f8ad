"""The tables of a model as balls, for the checker: ``tables`` once more, without its code, with rounding bounded."""

import numpy as np
from numpy import ndarray

from tinycircuits.proof.balls import Ball, U, ball, joined

EPS = 1e-5
"""What every LayerNorm here adds to the variance."""
Weights = dict[str, Ball]
"""By the names of the stored models."""


def terms(w: Weights, source: ndarray, answer: ndarray, i: int) -> Ball:
    """[own token's digit, digit, value, (X, a)] of row i: what each digit adds to both sums of attention."""
    n, m = answer.shape
    every = w["embed.weight"][:, None] + w["pos_embed.weight"]
    x, values = _norm(w, every, "blocks.0.ln1"), np.arange(m)
    q, k, v = (_linear(w, x, f"blocks.0.attn.{letter}") for letter in "qkv")
    own = (values if i == 0 else answer[i - 1]), n + i
    read, state = q[own] * ball(float(k.m.shape[-1])).sqrt().inverse(), every[own][:, None]
    written = _linear(w, v, "blocks.0.attn.o")
    shown = [(0, 0, np.full(m, m)), *((j, 1 + j, values) for j in range(n))]
    shown += [(source[a], 1 + n + a, answer[a]) for a in range(i)]
    scores = [read @ k[token, at].turned() for _, at, token in shown]
    most = np.max([score.m for score in scores], axis=(0, 2))[:, None]  # any number will do, it cancels
    size = state.m.shape[-1]
    digits = [ball(np.zeros((m, m, size + 1)))] * n
    for (j, at, token), score in zip(shown, scores, strict=True):
        e = (score + ball(-most)).exp()[..., None]
        digits[j] += joined([e * (written[token, at] + state), e])
    found = joined([each[:, None] for each in digits], 1)
    return joined([centered(w, found[..., :-1]), found[..., -1:]])


def eps_of(d: int) -> Ball:
    """What is added to a sum of ``d`` squares."""
    return ball(d * EPS, 4 * U * d * EPS)


def centered(w: Weights, x: Ball) -> Ball:
    """Without the mean, where there is a LayerNorm to subtract it."""
    d = x.m.shape[-1]
    return x @ ball(np.eye(d) - 1 / d, 2 * U) if "ln_final.weight" in w else x


def _norm(w: Weights, x: Ball, name: str) -> Ball:
    if f"{name}.weight" not in w:
        return x
    x, d = centered(w, x), ball(float(x.m.shape[-1]))
    size = (x.squares() * d.inverse() + ball(EPS)).sqrt()
    return x * size.inverse() * w[f"{name}.weight"] + w[f"{name}.bias"]


def _linear(w: Weights, x: Ball, name: str) -> Ball:
    return x @ w[f"{name}.weight"].turned() + w[f"{name}.bias"]


def reader(w: Weights, name: str, ln: str) -> tuple[Ball, Ball]:
    """A linear map after a LayerNorm, of the direction that is normed to length 1."""
    weight, bias = w[f"{name}.weight"], w[f"{name}.bias"]
    if f"{ln}.weight" not in w:
        return weight, bias
    root = ball(float(weight.m.shape[1])).sqrt()
    return centered(w, weight * w[f"{ln}.weight"]) * root, bias + (weight @ w[f"{ln}.bias"][:, None])[:, 0]
