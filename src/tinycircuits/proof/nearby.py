"""Steps of a transformer on vectors that are known up to a distance: what every machine has lies near what we have.

One rule for all steps f. ``away(r, u)`` bounds how far f, computed with roundoff u at any vector within r of ours, lies
from the true f of ours. So a machine lies within away(r, u) + away(0, 2^-53) of what we compute: its own way to the
truth, and ours. Distances are 2-norms, one for each machine and each vector.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray
from scipy.special import erf

from tinycircuits.proof.machines import UP, U, gamma, tiny

EPS = 1e-5
GELU_SLOPE = 1.13
CERTAIN = 2.0**-33
"""Attention weights that are computed here may be wrong by this share, no more; else nothing is claimed."""


@dataclass(frozen=True, eq=False)
class Near:
    """Vectors ``x`` of ours, and how far every machine's can be from them.

    After a LayerNorm ``r`` is the distance before its gain, and ``e`` one that comes on top after it.
    """

    x: Float[ndarray, "*at d"]
    r: Float[ndarray, "machine *at"]
    e: Float[ndarray, "machine *at"] | float = 0.0

    def __getitem__(self, at: slice | ndarray) -> "Near":
        """Only these positions."""
        return Near(self.x[:, at], self.r[:, :, at], self.e if isinstance(self.e, float) else self.e[:, :, at])


@dataclass(frozen=True, eq=False)
class Map:
    """A linear map with certified norms, in as many parts as it has heads."""

    W: Float[ndarray, "output input"]
    b: Float[ndarray, " output"]
    folded: Float[ndarray, " head"]
    """Of W with the gain of the LayerNorm before it."""
    plain: Float[ndarray, " head"]
    absolute: Float[ndarray, " head"]
    """Of the matrix of absolute values."""
    gain: float
    """The largest of the gain."""


Amount = ndarray | float
Away = Callable[..., Amount]
"""From distances of what goes in, and a roundoff, to how far the result is from the truth."""


def _both(away: Away, distances: tuple[Amount, ...], u: ndarray) -> ndarray:
    """A machine's way to the truth and ours; what is not a number is no bound."""
    found = np.asarray((away(*distances, u) + away(*(0.0 for _ in distances), U)) * UP)
    return np.where(np.isnan(found), np.inf, found)


def length(x: ndarray) -> ndarray:
    """2-norms along the last axis."""
    found: ndarray = np.sqrt((x * x).sum(-1))
    return found


def added(a: Near, b: Near, u: ndarray) -> Near:
    """The sums of two vectors each."""
    x = a.x + b.x
    size = length(x)
    return Near(x, _both(lambda r, u: r + u * (size + r), (a.r + b.r,), _shaped(u, a.r)))


def linear(f: Map, at: Near, u: ndarray) -> Near:
    """W x + b in parts, one for each head: |W| r, and gamma_(n+2) of the sum of absolute values."""
    n, heads = f.W.shape[1], len(f.plain)
    parts = (*at.x.shape[:-1], heads, len(f.W) // heads)
    x = (at.x @ f.W.T + f.b).reshape(parts)
    size = length((abs(at.x) @ abs(f.W).T + abs(f.b)).reshape(parts))

    def away(r: Amount, e: Amount, u: Amount) -> Amount:
        carried = f.folded * r + f.plain * e
        rounded = gamma(n + 2, u) * (size + f.absolute * (f.gain * r + e))
        found: Amount = carried + rounded + tiny(u) * (2 * n * x.shape[-1])
        return found

    distances = at.r[..., None], np.asarray(at.e)[..., None]
    return Near(x, _both(away, distances, _shaped(u, distances[0])))


def whole(at: Near) -> Near:
    """The vectors of all heads as one."""
    return Near(at.x.reshape(*at.x.shape[:-2], -1), length(at.r) * UP)


def normed(at: Near, w: ndarray, b: ndarray, u: ndarray) -> Near:
    """LayerNorm. z = c / s has the slope 1 / s at most, and s moves by at most r / sqrt(n)."""
    x, n = at.x, at.x.shape[-1]
    c = x - x.mean(-1, keepdims=True)
    s = np.sqrt((c * c).mean(-1) + EPS)
    z = c / s[..., None]
    long, ours = length(x), 4 * n * U * length(x)
    centered, least = length(c) + ours, s / UP - ours / np.sqrt(n)
    out = length(abs(z * w) + abs(b))

    def away(r: Amount, u: Amount) -> Amount:
        moved = r + (1 + u) * gamma(n + 1, u) * (long + r) + u * (centered + r)
        room = least - moved / np.sqrt(n)
        t = gamma(n + 3, u)
        scale = np.where(t < 0.5, 0.5 * t / (1 - np.minimum(t, 0.5)) ** 2, np.inf)
        rounded = ((1 + scale) * (1 + gamma(4, u)) - 1) * np.sqrt(n)
        found: Amount = np.where(room > 0, moved / np.where(room > 0, room, 1), np.inf) + rounded
        return found

    def after(r: Amount, u: Amount) -> Amount:
        found: Amount = gamma(3, u) * (out + abs(w).max() * r) + tiny(u) * 4 * n
        return found

    u = _shaped(u, at.r)
    r = _both(away, (at.r,), u)
    return Near(z * w + b, r, _both(after, (r,), u))


def attended(q: Near, k: Near, v: Near, mask: Bool[ndarray, "row pos"], u: ndarray) -> Near:
    """What each head brings: the mean of the values by softmax(q.k / sqrt(d)), where ``mask`` lets the row see.

    If a score is off by e, its unnormalised weight is off by the share theta = exp(e) - 1, and the mean z moves by at
    most sum_k p_k theta_k |v_k - z| / (1 - sum p theta): what all weights share cancels, and only the *distance* of a
    value from the mean counts.
    """
    Q, K, V = (each.x.swapaxes(1, 2) for each in (q, k, v))
    d, n = Q.shape[-1], K.shape[-2]
    sizes = abs(Q) @ abs(K).swapaxes(-1, -2) / np.sqrt(d)
    scores = np.where(mask, Q @ K.swapaxes(-1, -2) / np.sqrt(d), -np.inf)
    gap = np.where(mask, scores.max(-1, keepdims=True) - scores, 0)
    p = np.where(mask, np.exp(-gap), 0)
    p = p / p.sum(-1, keepdims=True)
    z = p @ V
    lq, lk, lv = length(Q)[..., :, None], length(K)[..., None, :], length(V)[..., None, :]
    apart = length(V[..., None, :, :] - z[..., :, None, :]) + 8 * (n + 8) * U * lv.max(-1, keepdims=True)
    apart = apart + 2 * CERTAIN * (p * apart).sum(-1, keepdims=True)

    def theta(rq: Amount, rk: Amount, u: Amount) -> Amount:
        e = (lq * rk + rq * lk + rq * rk) / np.sqrt(d)
        e = np.where(mask, e + gamma(d + 4, u) * (sizes + e) + tiny(u) * 4 * d, 0)
        off = e + u * (gap + 4 * e.max(-1, keepdims=True))
        found: Amount = np.expm1(off) * (1 + gamma(9, u)) + gamma(9, u)
        return found

    def away(rq: Amount, rk: Amount, rv: Amount, u: Amount) -> Amount:
        off = theta(rq, rk, u)
        total = (p * off).sum(-1, keepdims=True)
        most = np.where(total < 0.5, 1 / (1 - np.minimum(total, 0.5)), np.inf)
        heavy = p * (1 + off)
        moved = p * off * apart + heavy * rv
        rounded = gamma(2 * n + 2, u) * (heavy * (lv + rv))
        found: Amount = most * ((moved + rounded).sum(-1, keepdims=True) + tiny(u) * 8 * n * d * (1 + lv.max()))
        return found

    distances = _turned(q.r)[..., :, None], _turned(k.r)[..., None, :], _turned(v.r)[..., None, :]
    found = _both(away, distances, _shaped(u, distances[0]))
    if not np.max(theta(0.0, 0.0, U)) < CERTAIN:
        found = np.full_like(found, np.inf)
    return Near(z.swapaxes(1, 2), _turned(found[..., 0]))


def activated(at: Near, act: str, u: ndarray) -> Near:
    """ReLU is exact and brings nothing apart; GELU has slopes up to 1.13 and is computed through erf."""
    x, size = at.x, length(at.x)
    if act == "relu":
        return Near(np.maximum(x, 0), at.r)

    def away(r: Amount, u: Amount) -> Amount:
        found: Amount = GELU_SLOPE * r + 12 * u * (1 + 12 * u) * (size + r) + tiny(u) * 8 * x.shape[-1]
        return found

    return Near(x * 0.5 * (1 + erf(x / np.sqrt(2))), _both(away, (at.r,), _shaped(u, at.r)))


def _shaped(u: ndarray, like: ndarray) -> ndarray:
    """Roundoffs along the first axis of distances."""
    return u.reshape(-1, *[1] * (like.ndim - 1))


def _turned(r: ndarray) -> ndarray:
    """Positions and heads exchanged."""
    return r.swapaxes(2, 3)
