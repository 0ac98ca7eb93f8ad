"""Machines for the tests: a plain transformer whose every single step rounds, and whose sums run in any order."""

import numpy as np
from scipy.special import erf


class Rounding:
    """``single`` rounds to float32. ``adverse`` errs by the whole roundoff in each step, always up, or as it falls.
    ``none`` is 80-bit arithmetic."""

    def __init__(self, kind, seed=0, u=2.0**-24, up=False):
        self.kind, self.draw, self.u, self.up = kind, np.random.default_rng(seed), u, up
        self.type = {"single": np.float32, "adverse": np.float64, "none": np.longdouble}[kind]

    def of(self, x):
        if self.kind == "adverse":
            return x * (1 + self.u * (1 if self.up else self.draw.choice([-1, 1], size=np.shape(x))))
        return x.astype(self.type)

    def sum(self, terms):
        """Along the last axis, in an order of its own."""
        terms = terms[..., self.draw.permutation(terms.shape[-1])]
        if terms.shape[-1] > 2 and self.draw.random() < 0.5:  # two halves, then their sum
            half = terms.shape[-1] // 2
            return self.of(self.sum(terms[..., :half]) + self.sum(terms[..., half:]))
        total = terms[..., 0]
        for i in range(1, terms.shape[-1]):
            total = self.of(total + terms[..., i])
        return total

    def linear(self, W, b, x):
        W, b, x = W.astype(self.type), b.astype(self.type), x.astype(self.type)
        return self.of(self.sum(self.of(x[..., None, :] * W)) + b)

    def norm(self, w, b, x):
        x, n = x.astype(self.type), self.type(x.shape[-1])
        c = self.of(x - self.of(self.sum(x) / n)[..., None])
        s = self.of(np.sqrt(self.of(self.of(self.sum(self.of(c * c)) / n) + self.type(1e-5))))
        z = self.of(c / s[..., None])
        return self.of(self.of(z * w.astype(self.type)) + b.astype(self.type))

    def attention(self, q, k, v, mask):
        """q, k, v [batch, pos, head, d]."""
        q, k, v = (each.astype(self.type).swapaxes(1, 2) for each in (q, k, v))
        d = self.type(np.sqrt(self.type(q.shape[-1])))
        scores = self.of(self.sum(self.of(q[..., :, None, :] * k[..., None, :, :])) / d)
        scores = np.where(mask, scores, -np.inf)
        weight = np.where(mask, self.of(np.exp(self.of(scores - scores.max(-1, keepdims=True)))), 0)
        p = self.of(weight / self.sum(weight)[..., None])
        return self.sum(self.of(p[..., None, :] * v.swapaxes(-1, -2)[..., None, :, :])).swapaxes(1, 2)

    def act(self, name, x):
        x = x.astype(self.type)
        if name == "relu":
            return np.maximum(x, 0)
        inner = self.of(x / self.type(np.sqrt(2.0))).astype(np.float64)
        return self.of(self.of(x * self.type(0.5)) * self.of(1 + self.of(erf(inner).astype(self.type))))

    def add(self, a, b):
        return self.of(a.astype(self.type) + b.astype(self.type))

    def logits(self, w, shape, tokens, rows):
        """A whole model, of weights by the names of the stored ones."""

        def norm(name, x):
            return self.norm(w[f"{name}.weight"], w[f"{name}.bias"], x) if f"{name}.weight" in w else x

        def linear(name, x):
            return self.linear(w[f"{name}.weight"], w[f"{name}.bias"], x)

        n_pos = tokens.shape[1]
        x = self.add(w["embed.weight"][tokens], w["pos_embed.weight"][:n_pos])
        mask = np.tril(np.ones((n_pos, n_pos), dtype=bool))
        for layer in range(sum(name.endswith("attn.q.weight") for name in w)):
            block = f"blocks.{layer}"
            state = norm(f"{block}.ln1", x)
            q, k, v = (linear(f"{block}.attn.{each}", state).reshape(*x.shape[:2], shape.n_heads, -1) for each in "qkv")
            x = self.add(x, linear(f"{block}.attn.o", self.attention(q, k, v, mask).reshape(*x.shape[:2], -1)))
            if f"{block}.mlp.in.weight" in w:
                hidden = self.act(shape.act, linear(f"{block}.mlp.in", norm(f"{block}.ln2", x)))
                x = self.add(x, linear(f"{block}.mlp.out", hidden))
        return linear("unembed", norm("ln_final", x)[:, rows])
