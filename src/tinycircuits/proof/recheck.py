"""Checks a certificate for every machine by itself: without torch, without the code that made it, from the weights on.

The formulas are those of ``nearby`` and ``everywhere``, written a second time, one machine at a time. The certificate
brings a bound for the norm of each matrix: it may come from anywhere, a Cholesky factor confirms it (Rump 2006).
"""

from collections.abc import Iterator
from hashlib import sha256
from itertools import product
from math import erf

import numpy as np
from numpy import ndarray
from safetensors import SafetensorError
from safetensors.numpy import load

OURS, UP, CLEAR = 2.0**-53, 1 + 2.0**-30, 1 + 1e-7
KNOWN = {0.0: ("real", "f8"), OURS: ("float64", "f8"), 2.0**-24: ("float32", "f4")}
BATCH = 2**21
ERF = np.frompyfunc(erf, 1, 1)


class Refused(ValueError):
    """The certificate does not hold."""


def is_certificate(data: bytes) -> bool:
    """Whether a file's bytes are of this kind, whatever they are worth."""
    try:
        return "roundoff" in load(data)
    except (ValueError, SafetensorError):
        return False


def recheck(data: bytes) -> str:
    """One line on the certificate in a file's bytes; raises ``Refused``, which says where it fails."""
    try:
        kept = load(data)
        seal, total = kept.pop("seal").tobytes().hex(), sha256()
        for name in sorted(kept):
            total.update(f"{name} {kept[name].dtype} {kept[name].shape}\n".encode() + kept[name].tobytes())
        if seal != total.hexdigest():
            raise Refused("refused: the file is not as it was sealed")
        blob = kept["weights"].tobytes()
        weights, (tokens, right, says) = load(blob), _task(kept)
        lines = []
        for at, u in enumerate(kept["roundoff"].tolist()):
            if u not in KNOWN:
                raise Refused(f"refused: no machine of roundoff {u:g} is known")
            name, held = KNOWN[u]
            rounded = {key: each.astype(held).astype("f8") for key, each in weights.items()}
            claimed, found = kept["counts"][at].tolist(), (0, 0, np.inf)
            if any(claimed[:2]):  # else nothing is claimed
                found = _counted(kept, rounded, name, u, tokens, right)
            if sum(claimed) != right.size or min(claimed) < 0:
                raise Refused(f"refused: {name}: the counts do not add up to {right.size:,} answers")
            if found[0] < claimed[0] or found[1] < claimed[1] or not found[2] >= kept["spare"][at] * (1 - 1e-5):
                raise Refused(f"refused: {name}: only {found[0]:,} answers are right for certain, {found[1]:,} wrong")
            lines.append(f"{name} {claimed[0]:,} right, {claimed[1]:,} wrong, {claimed[2]:,} undecided")
    except Refused:
        raise
    except (KeyError, IndexError, TypeError, ValueError, SafetensorError) as error:
        raise Refused(f"refused: no certificate of the kind that is known ({type(error).__name__}: {error})") from None
    return (
        f"checked: {'; '.join(lines)}; of {right.size:,}, {says}; "
        f"sha256 of the weights {sha256(blob).hexdigest()}, of the certificate {seal}"
    )


def _task(kept: dict[str, ndarray]) -> tuple[ndarray, ndarray, str]:
    """All inputs, the right answers, and the task in words."""
    if "modulus" in kept:
        m, plus = kept["modulus"].tolist()
        a, b = np.divmod(np.arange(m * m), m)
        signs = [np.full(m * m, m + i) for i in range(1 + plus)]
        return np.stack([a, *signs[:plus], b, signs[plus]], 1), ((a + b) % m)[:, None], f"a + b mod {m}"
    source, answer = kept["source"], kept["answer"]
    x = np.array(list(product(range(answer.shape[1]), repeat=len(source))))
    y = answer[np.arange(len(source)), x[:, source]]
    steps = sorted({int(step) for step in ((answer - np.arange(answer.shape[1])) % answer.shape[1]).flat})
    says = f"y_0 y_1 .. from x_{' x_'.join(map(str, source))} + {steps} mod {answer.shape[1]}"
    return np.concatenate([np.full((len(x), 1), answer.shape[1]), x, y[:, :-1]], 1), y, says


def _g(n: int, u: float) -> float:
    return n * u / (1 - n * u) if n * u < 0.5 else np.inf


def _long(x: ndarray) -> ndarray:
    found: ndarray = np.sqrt((x * x).sum(-1))
    return found


def _confirmed(W: ndarray, bound: float) -> float:
    """``bound``, if |W| is no larger: bound^2 - W^T W, less all rounding, has a Cholesky factor."""
    n, size = W.shape[1], (W * W).sum()
    lost = 4 * (max(W.shape) + n + 8) * OURS * (size + n * bound**2)
    try:
        factor = np.linalg.cholesky((bound**2 - lost) * np.eye(n) - W.T @ W)
    except np.linalg.LinAlgError:
        factor = np.full(1, np.nan)
    if not (np.isfinite(factor).all() or not W.any()):
        raise Refused("refused: a matrix is larger than its bound")
    return bound


class _Machine:
    """One machine's arithmetic on one model. A vector is (ours, how far the machine's can be); after a LayerNorm there
    are two distances, before and after its gain."""

    def __init__(self, kept: dict[str, ndarray], w: dict[str, ndarray], name: str, u: float) -> None:
        self.w, self.u, self.heads, self.gelu = w, u, int(kept["heads"][0]), bool(kept["gelu"][0])
        self.tiny, self.norms = (0.0 if u == 0 else 2.0**-1022 if u <= OURS else 2.0**-126), {}
        for key in (each.removesuffix(".weight") for each in w if each.endswith(".weight")):
            part = key.split(".")[-1]
            if part in ("q", "k", "v", "o", "in", "out"):
                W, gain = w[f"{key}.weight"], self.gain(key)
                blocks = W.reshape(self.heads if part in ("q", "k", "v") else 1, -1, W.shape[1])
                claim = kept[f"norms.{'float32' if name == 'float32' else 'float64'}.{key}"]
                forms = zip((blocks * gain, blocks, abs(blocks)), claim, strict=True)
                self.norms[key] = [
                    np.array([_confirmed(each, float(b)) for each, b in zip(form, bounds, strict=True)])
                    for form, bounds in forms
                ]

    def gain(self, key: str) -> ndarray:
        block, part = key.rpartition(".")[0].rpartition(".")[0], key.split(".")[-1]
        before = {"q": "ln1", "k": "ln1", "v": "ln1", "in": "ln2"}.get(part, "")
        return self.w.get(f"{block}.{before}.weight", np.ones(self.w[f"{key}.weight"].shape[1]))

    def ways(self, *distances: ndarray | float) -> tuple[tuple[float, float, tuple[ndarray | float, ...]], ...]:
        """The machine's arithmetic from its vectors, and ours from ours."""
        return (self.u, self.tiny, distances), (OURS, 2.0**-1022, (0.0,) * len(distances))

    def linear(self, key: str, x: ndarray, r: ndarray, e: ndarray | float = 0.0) -> tuple[ndarray, ndarray]:
        W, b, (folded, plain, absolute) = self.w[f"{key}.weight"], self.w[f"{key}.bias"], self.norms[key]
        split = (*x.shape[:-1], len(plain), -1)
        y, sizes = x @ W.T + b, _long((abs(x) @ abs(W).T + abs(b)).reshape(split))
        e, n, out = np.broadcast_to(e, r.shape)[..., None], W.shape[1], np.zeros(())
        for u, tiny, (near, after) in self.ways(r[..., None], e):
            both = abs(self.gain(key)).max() * near + after
            out = out + folded * near + plain * after + _g(n + 2, u) * (sizes + absolute * both) + 2 * n * len(W) * tiny
        return y.reshape(split), out * UP

    def norm(self, key: str, x: ndarray, r: ndarray) -> tuple[ndarray, ndarray, ndarray | float]:
        if f"{key}.weight" not in self.w:
            return x, r, 0.0
        w, b, n = self.w[f"{key}.weight"], self.w[f"{key}.bias"], x.shape[-1]
        c = x - x.mean(-1, keepdims=True)
        s, slip = np.sqrt((c * c).mean(-1) + 1e-5), 4 * n * OURS * _long(x)
        z_r, e = np.zeros(()), np.zeros(())
        z = c / s[..., None]
        for u, _, (near,) in self.ways(r):
            d = near + (1 + u) * _g(n + 1, u) * (_long(x) + near) + u * (_long(c) + slip + near)
            room = s / UP - (slip + d) / np.sqrt(n)
            t = min(_g(n + 3, u), 0.5)
            own = ((1 + t / 2 / (1 - t) ** 2) * (1 + _g(4, u)) - 1) * np.sqrt(n) if t < 0.5 else np.inf
            z_r = z_r + np.where(room > 0, d / room, np.inf) + own
        z_r = z_r * UP
        for u, tiny, (near,) in self.ways(z_r):
            e = e + _g(3, u) * (_long(abs(z * w) + abs(b)) + abs(w).max() * near) + 4 * n * tiny
        return z * w + b, z_r, e * UP

    def attention(self, block: str, x: ndarray, r: ndarray, rows: ndarray) -> tuple[ndarray, ndarray]:
        x, r, e = self.norm(f"{block}.ln1", x, r)
        some = (x[:, rows], r[:, rows], e if isinstance(e, float) else e[:, rows])
        parts = [self.linear(f"{block}.attn.{each}", *(some if each == "q" else (x, r, e))) for each in "qkv"]
        (q, dq), (k, dk), (v, dv) = ((each.swapaxes(1, 2), far.swapaxes(1, 2)) for each, far in parts)
        seen, d, n = np.arange(x.shape[1]) <= rows[:, None], q.shape[-1], x.shape[1]
        dot, size = q @ k.swapaxes(2, 3) / np.sqrt(d), abs(q) @ abs(k).swapaxes(2, 3) / np.sqrt(d)
        below = np.where(seen, dot - np.where(seen, dot, -np.inf).max(-1, keepdims=True), 0)
        p = np.where(seen, np.exp(below), 0)
        p /= p.sum(-1, keepdims=True)
        z, lq, lk, lv = p @ v, _long(q)[..., None], _long(k)[:, :, None], _long(v)[:, :, None]
        far = _long(v[:, :, None] - z[..., None, :]) + 8 * (n + 8) * OURS * lv.max(-1, keepdims=True)
        far, out = far + 2.0**-32 * (p * far).sum(-1, keepdims=True), np.zeros(())
        for u, tiny, (rq, rk, rv) in self.ways(dq[..., None], dk[:, :, None], dv[:, :, None]):
            off = (lq * rk + rq * lk + rq * rk) / np.sqrt(d)
            off = np.where(seen, off + _g(d + 4, u) * (size + off) + 4 * d * tiny, 0)
            theta = np.expm1(off + u * (4 * off.max(-1, keepdims=True) - below)) * (1 + _g(9, u)) + _g(9, u)
            share, heavy = (p * theta).sum(-1, keepdims=True), p * (1 + theta)
            way = p * theta * far + heavy * rv + _g(2 * n + 2, u) * heavy * (lv + rv)
            way = way.sum(-1, keepdims=True) + 8 * n * d * tiny * (1 + lv.max())
            out = out + np.where(share < 0.5, way / (1 - np.minimum(share, 0.5)), np.inf)
        out = np.where(theta.max() < 2.0**-33, out, np.inf)[..., 0].swapaxes(1, 2)
        return self.whole(f"{block}.attn.o", z.swapaxes(1, 2).reshape(*some[0].shape[:2], -1), _long(out) * UP * UP)

    def whole(self, key: str, x: ndarray, r: ndarray, e: ndarray | float = 0.0) -> tuple[ndarray, ndarray]:
        y, far = self.linear(key, x, r, e)
        return y[..., 0, :], far[..., 0]

    def plus(self, x: ndarray, r: ndarray, y: ndarray, d: ndarray) -> tuple[ndarray, ndarray]:
        return x + y, ((1 + self.u) * (r + d) + (self.u + OURS) * _long(x + y)) * UP

    def mlp(self, block: str, x: ndarray, r: ndarray) -> tuple[ndarray, ndarray]:
        h, far = self.whole(f"{block}.mlp.in", *self.norm(f"{block}.ln2", x, r))
        if self.gelu:
            size, out = _long(h), np.zeros(())
            for u, tiny, (near,) in self.ways(far):
                out = out + 1.13 * near + 12 * u * (1 + 12 * u) * (size + near) + 8 * h.shape[-1] * tiny
            h, far = h / 2 * (1 + ERF(h / np.sqrt(2)).astype(float)), out * UP
        else:
            h = np.maximum(h, 0)
        return self.whole(f"{block}.mlp.out", h, far)

    def verdicts(self, tokens: ndarray, right: ndarray) -> tuple[ndarray, ndarray, ndarray]:
        """Right for certain, wrong for certain, and margin less error, of each answer."""
        w, n_pos = self.w, tokens.shape[1]
        last = np.arange(n_pos - right.shape[1], n_pos)
        x = w["embed.weight"][tokens] + w["pos_embed.weight"][:n_pos]
        r, layers = (self.u + OURS) * _long(x) * UP, sum(key.endswith("attn.q.weight") for key in w)
        for layer in range(layers):
            block, rows = f"blocks.{layer}", last if layer == layers - 1 else np.arange(n_pos)
            x, r = self.plus(x[:, rows], r[:, rows], *self.attention(block, x, r, rows))
            if f"{block}.mlp.in.weight" in w:
                x, r = self.plus(x, r, *self.mlp(block, x, r))
        x, r, e = self.norm("ln_final", x, r)
        W, b, own = w["unembed.weight"], w["unembed.bias"], right[..., None]
        logits, sizes, gain = x @ W.T + b, abs(x) @ abs(W).T + abs(b), w.get("ln_final.weight", np.ones(W.shape[1]))
        margin, size = np.take_along_axis(logits, own, 2) - logits, np.take_along_axis(sizes, own, 2) + sizes
        pair, after = W[:, None] - W, np.broadcast_to(e, r.shape)[..., None]
        moved = _long(pair * gain)[right] * r[..., None] + _long(pair)[right] * after
        reach = (_long(W)[own] + _long(W)) * (abs(gain).max() * r[..., None] + after)
        n = len(gain) + 3
        error = (moved + _g(n, self.u) * (size + reach) + _g(n, OURS) * size) * UP
        error = np.where(np.isnan(error), np.inf, error)
        least = np.where(np.arange(len(W)) == own, np.inf, margin - CLEAR * error).min(-1)
        return least > 0, (margin + CLEAR * error < 0).any(-1), least


def _batches(tokens: ndarray, wide: int) -> Iterator[slice]:
    step = max(1, BATCH // (tokens.shape[1] * wide))
    return (slice(start, start + step) for start in range(0, len(tokens), step))


def _counted(
    kept: dict[str, ndarray], w: dict[str, ndarray], name: str, u: float, tokens: ndarray, right: ndarray
) -> tuple[int, int, float]:
    """Right and wrong for certain, and the least that a right one's margin exceeds its error by."""
    with np.errstate(all="ignore"):
        machine, sure, false, least = _Machine(kept, w, name, u), 0, 0, np.inf
        for part in _batches(tokens, max(len(each) for each in w.values())):
            good, bad, spare = machine.verdicts(tokens[part], right[part])
            sure, false = sure + int(good.sum()), false + int(bad.sum())
            least = min(least, float(np.where(good, spare, np.inf).min()))
    return sure, false, least
