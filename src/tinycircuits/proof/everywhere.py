"""A certificate for every machine: for each answer to each input the margin, and how far any machine can be from it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from tinycircuits.proof.machines import UP, Machine, U, gamma
from tinycircuits.proof.nearby import Map, Near, activated, added, attended, length, linear, normed, whole
from tinycircuits.proof.norms import norm_bound

AT_ONCE = 2**22
"""Numbers of one array of a batch, about."""
CLEARLY = 1 + 1e-6
"""By so much a margin must exceed its error, so that another program that computes both anew agrees."""


@dataclass(frozen=True)
class Shape:
    """What the weights of a model do not say."""

    n_heads: int
    act: str


@dataclass(frozen=True, eq=False)
class Answers:
    """Of each answer, on each machine: the nearest wrong token's margin and what it can be off by.

    ``margin`` is that of our float64 vectors; nearest is the token with the least margin less error. An answer is
    ``right`` if the margin exceeds the error for every token, ``wrong`` if some token exceeds the right one by more.
    """

    margin: Float[ndarray, "machine answer"]
    error: Float[ndarray, "machine answer"]
    right: Bool[ndarray, "machine answer"]
    wrong: Bool[ndarray, "machine answer"]

    @property
    def undecided(self) -> Bool[ndarray, "machine answer"]:
        """Neither: nothing is claimed."""
        found: ndarray = ~(self.right | self.wrong)
        return found


class Network:
    """The weights of a model as linear maps with certified norms. ``weights`` are by the names of the stored models."""

    def __init__(self, weights: dict[str, ndarray], shape: Shape) -> None:
        self.w, self.shape = {name: np.asarray(each, dtype=np.float64) for name, each in weights.items()}, shape
        self.n_layers = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("blocks."))
        self.maps = {name: self._map(name) for name in self._linear()}
        unembed, self.bias = self.w["unembed.weight"], self.w["unembed.bias"]
        gain = self.w.get("ln_final.weight", np.ones(unembed.shape[1]))
        apart = unembed[:, None] - unembed[None]
        self.apart, self.apart_folded = length(apart), length(apart * gain)
        self.gain, self.reads = float(abs(gain).max()), length(unembed)

    def norms(self) -> dict[str, Float[ndarray, "norm head"]]:
        """Every certified norm: of each matrix with the gain before it, without, and of its absolute values."""
        return {name: np.stack([each.folded, each.plain, each.absolute]) for name, each in self.maps.items()}

    def _linear(self) -> list[str]:
        """The names of the linear maps but the unembedding."""
        names = (name.removesuffix(".weight") for name in self.w if name.endswith(".weight"))
        return [name for name in names if name.split(".")[-1] in ("q", "k", "v", "o", "in", "out")]

    def _map(self, name: str) -> Map:
        W, b, kind = self.w[f"{name}.weight"], self.w[f"{name}.bias"], name.split(".")[-1]
        before = {"q": "ln1", "k": "ln1", "v": "ln1", "in": "ln2"}.get(kind)
        gain = self.w.get(f"blocks.{name.split('.')[1]}.{before}.weight", np.ones(W.shape[1]))
        heads = self.shape.n_heads if kind in ("q", "k", "v") else 1
        parts = W.reshape(heads, -1, W.shape[1])
        folded, plain, absolute = (
            np.array([norm_bound(each) for each in form]) for form in (parts * gain, parts, abs(parts))
        )
        return Map(W, b, folded, plain, absolute, float(abs(gain).max()))

    def norm(self, name: str, at: Near, u: ndarray) -> Near:
        """A LayerNorm, or nothing where the model has none."""
        if f"{name}.weight" not in self.w:
            return at
        return normed(at, self.w[f"{name}.weight"], self.w[f"{name}.bias"], u)

    @np.errstate(all="ignore")
    def final(self, tokens: Int[ndarray, "batch pos"], rows: Sequence[int], u: ndarray) -> Near:
        """What the unembedding reads, at the rows that answer."""
        n_pos = tokens.shape[1]
        x = self.w["embed.weight"][tokens] + self.w["pos_embed.weight"][:n_pos]
        at = Near(x, (u[:, None, None] + U) * length(x) * UP)
        for layer in range(self.n_layers):
            kept = np.arange(n_pos) if layer < self.n_layers - 1 else np.array(rows)
            block = f"blocks.{layer}"
            state = self.norm(f"{block}.ln1", at, u)
            asked, at = state[kept], at[kept]
            q, k, v = (
                linear(self.maps[f"{block}.attn.{each}"], of, u)
                for each, of in zip("qkv", (asked, state, state), strict=True)
            )
            mask = np.arange(n_pos) <= kept[:, None]
            z = whole(attended(q, k, v, mask, u))
            at = added(at, whole(linear(self.maps[f"{block}.attn.o"], z, u)), u)
            if f"{block}.mlp.in" in self.maps:
                hidden = whole(linear(self.maps[f"{block}.mlp.in"], self.norm(f"{block}.ln2", at, u), u))
                out = linear(self.maps[f"{block}.mlp.out"], activated(hidden, self.shape.act, u), u)
                at = added(at, whole(out), u)
        return self.norm("ln_final", at, u)

    @np.errstate(all="ignore")
    def answers(
        self, tokens: Int[ndarray, "batch pos"], right: Int[ndarray, "batch row"], rows: Sequence[int], u: ndarray
    ) -> Answers:
        """The *difference* of two logits, directly: |U_y - U_j| r, and both sums' own rounding."""
        at = self.final(tokens, rows, u)
        unembed, n = self.w["unembed.weight"], at.x.shape[-1]
        logits = at.x @ unembed.T + self.bias
        sizes = abs(at.x) @ abs(unembed).T + abs(self.bias)
        index = right[..., None]
        margins = np.take_along_axis(logits, index, -1) - logits
        r, e = at.r[..., None], np.broadcast_to(at.e, at.r.shape)[..., None]
        reads = self.reads[right][..., None] + self.reads
        both = np.take_along_axis(sizes, index, -1) + sizes
        carried = self.apart_folded[right] * r + self.apart[right] * e
        rounded = gamma(n + 3, u)[:, None, None, None] * (both + reads * (self.gain * r + e)) + gamma(n + 3, U) * both
        error = (carried + rounded) * UP
        error = np.where(np.isnan(error), np.inf, error)
        other = np.arange(len(unembed)) != index
        clear = np.where(other, margins - CLEARLY * error, np.inf)
        nearest = np.where(other, margins - CLEARLY * np.minimum(error, 1e6), np.inf).argmin(-1)[..., None]

        def of_nearest(x: ndarray) -> ndarray:
            return np.take_along_axis(np.broadcast_to(x, error.shape), nearest, -1)[..., 0].reshape(len(u), -1)

        flat = (len(u), -1)
        return Answers(
            of_nearest(margins),
            of_nearest(error),
            ((clear > 0) | ~other).all(-1).reshape(flat),
            (other & (margins + CLEARLY * error < 0)).any(-1).reshape(flat),
        )


def rounded_to(weights: dict[str, ndarray], kind: str) -> dict[str, ndarray]:
    """The weights as a machine holds them."""
    return {name: each.astype(kind).astype(np.float64) for name, each in weights.items()}


def certify(
    weights: dict[str, ndarray],
    shape: Shape,
    tokens: Int[ndarray, "batch pos"],
    right: Int[ndarray, "batch row"],
    rows: Sequence[int],
    machines: Sequence[Machine],
    on_done: Callable[[int], object] = lambda n: None,
) -> Iterator[tuple[tuple[Machine, ...], dict[str, ndarray], Answers]]:
    """For machines that hold the same numbers: these machines, the certified norms, every answer.

    ``on_done`` hears how many inputs were just done, on one machine each. Raises ``ValueError`` for weights that are
    not finite.
    """
    for name, each in weights.items():
        if not np.isfinite(each).all():
            raise ValueError(f"weights must be finite numbers, got others in {name}")
    stored = {kind: rounded_to(weights, kind) for kind in dict.fromkeys(one.weights for one in machines)}
    groups: list[tuple[dict[str, ndarray], list[Machine]]] = []
    for one in machines:
        held = stored[one.weights]
        same = next((group for group in groups if all((group[0][n] == held[n]).all() for n in held)), None)
        if same:
            same[1].append(one)
        else:
            groups.append((held, [one]))
    for held, group in groups:
        network, u = Network(held, shape), np.array([one.roundoff for one in group])
        wide = max(each.shape[0] for each in held.values())
        step = max(1, AT_ONCE // (tokens.shape[1] * wide * len(group)))
        parts = []
        for start in range(0, len(tokens), step):
            part = slice(start, start + step)
            parts.append(network.answers(tokens[part], right[part], rows, u))
            on_done(len(tokens[part]) * len(group))
        fields = ("margin", "error", "right", "wrong")
        every = Answers(*(np.concatenate([getattr(each, name) for each in parts], axis=1) for name in fields))
        yield tuple(group), network.norms(), every
