"""A one-layer, one-head model as tables of numbers, in homogeneous coordinates, from its stored weights."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from tinycircuits.proof.cases import Boxes, Rule

EPS = 1e-5
"""What every LayerNorm here adds to the variance."""
Weights = Mapping[str, ndarray]
"""Arrays by the names that the stored models have."""


@dataclass(frozen=True, eq=False)
class Tables:
    """All that an answer hangs on. ``d`` is d_model; states have mean zero where there is a LayerNorm to subtract it.

    With the row and the value of its own token's digit fixed, the state after attention is

        y = sum_j X_j(x_j) / sum_j a_j(x_j),  terms = (X_j, a_j) = exp(score) (value W_O + b_O + residual, 1)

    summed over the positions that show digit j; BOS, which is always there, counts with the first digit. Then

        pre = G g(y) + g_0,  g(y) = y / sqrt(|y|^2 + eps),  m = y + W_out relu(pre) + b_out
        logit_right - logit_j = u_j . m / sqrt(|m|^2 + eps) + beta_j

    with the gains and shifts of the LayerNorms folded into G, g_0, u and beta and ``eps`` = d * 1e-5. Without LayerNorm
    g(y) = y and the root is left out; without MLP
    there is no row of ``G`` and m = y.
    """

    rule: Rule
    terms: Float[ndarray, "row asked digit value size"]
    eps: float | None
    G: Float[ndarray, "d_mlp d"]
    g_0: Float[ndarray, " d_mlp"]
    W_out: Float[ndarray, "d_mlp d"]
    b_out: Float[ndarray, " d"]
    u: Float[ndarray, "right wrong d"]
    beta: Float[ndarray, "right wrong"]
    wrong: Int[ndarray, "right wrong"]
    """For each right answer the other tokens, BOS last."""

    @property
    def has_mlp(self) -> bool:
        """Whether anything comes between attention and the final LayerNorm."""
        return len(self.G) > 0

    def terms_of(self, boxes: Boxes) -> Float[ndarray, "box digit value size"]:
        """The terms of boxes of which each has one value of the digit that its row's own token shows."""
        found: ndarray = self.terms[boxes.row, _only(boxes, self.rule.asked_by)]
        return found

    def right_of(self, boxes: Boxes) -> Int[ndarray, " box"]:
        """The right answer of boxes of which each has one value of its source digit."""
        found: ndarray = self.rule.answer[boxes.row, _only(boxes, self.rule.source)]
        return found

    def state(self, row: Int[ndarray, " batch"], digits: Int[ndarray, "batch digit"]) -> Float[ndarray, "batch d"]:
        """The state after attention of single cases."""
        asked = np.take_along_axis(digits, np.array(self.rule.asked_by)[row][:, None], 1)
        picked = self.terms[row[:, None], asked, np.arange(digits.shape[1]), digits].sum(1)
        state: ndarray = picked[:, :-1] / picked[:, -1:]
        return state

    def margins(
        self, row: Int[ndarray, " batch"], digits: Int[ndarray, "batch digit"]
    ) -> Float[ndarray, "batch wrong"]:
        """By how much the right logit of single cases exceeds each wrong one; a tie, 0, is a mistake."""
        right, m = self.right(row, digits), self.last(self.state(row, digits))
        found: ndarray = np.einsum("bjd,bd->bj", self.u[right], m) + self.beta[right]
        return found

    def margins_of(self, y: Float[ndarray, "batch d"], right: int) -> Float[ndarray, "batch wrong"]:
        """The same of states after attention that all have the same right answer."""
        found: ndarray = self.last(y) @ self.u[right].T + self.beta[right]
        return found

    def last(self, y: Float[ndarray, "batch d"]) -> Float[ndarray, "batch d"]:
        """What the unembedding reads of states after attention: with the MLP's part, and normed."""
        g = y if self.eps is None else y / np.sqrt((y**2).sum(-1, keepdims=True) + self.eps)
        m: ndarray = y + np.maximum(g @ self.G.T + self.g_0, 0) @ self.W_out + self.b_out
        return m if self.eps is None else m / np.sqrt((m**2).sum(-1, keepdims=True) + self.eps)

    def right(self, row: Int[ndarray, " batch"], digits: Int[ndarray, "batch digit"]) -> Int[ndarray, " batch"]:
        """The right answers of single cases."""
        given = np.take_along_axis(digits, np.array(self.rule.source)[row][:, None], 1)[:, 0]
        answer: ndarray = self.rule.answer[row, given]
        return answer


def tables(weights: Weights, rule: Rule) -> Tables:
    """The tables of a model; see ``weights.checked`` for what the weights must be."""
    w = {name: value.astype(np.float64) for name, value in weights.items()}
    norm = "ln_final.weight" in w
    d = w["embed.weight"].shape[1]
    mean_free = np.eye(d) - 1 / d if norm else np.eye(d)
    length = np.sqrt(d) if norm else 1.0

    def read(weight: ndarray, bias: ndarray, ln: str) -> tuple[ndarray, ndarray]:
        """A linear map after a LayerNorm as one map of the normed direction."""
        if not norm:
            return weight, bias
        return length * (weight * w[f"{ln}.weight"]) @ mean_free, bias + weight @ w[f"{ln}.bias"]

    G, g_0, W_out, b_out = np.zeros((0, d)), np.zeros(0), np.zeros((0, d)), np.zeros(d)
    if "blocks.0.mlp.in.weight" in w:
        G, g_0 = read(w["blocks.0.mlp.in.weight"], w["blocks.0.mlp.in.bias"], "blocks.0.ln2")
        W_out, b_out = w["blocks.0.mlp.out.weight"].T @ mean_free, w["blocks.0.mlp.out.bias"] @ mean_free
    U, b_U = read(w["unembed.weight"], w["unembed.bias"], "ln_final")
    wrong = np.array([[j for j in range(len(U)) if j != y] for y in range(rule.modulus)])
    right = np.arange(rule.modulus)[:, None]
    terms = _terms(w, rule)
    return Tables(
        rule,
        np.concatenate([terms[..., :-1] @ mean_free, terms[..., -1:]], axis=-1),
        d * EPS if norm else None,
        G,
        g_0,
        W_out,
        b_out,
        U[right] - U[wrong],
        b_U[right] - b_U[wrong],
        wrong,
    )


def _terms(w: Weights, rule: Rule) -> Float[ndarray, "row asked digit value size"]:
    """The terms of the positions that predict the answers."""
    return terms_at(w, rule, range(rule.n_digits, 2 * rule.n_digits))


def shown_by(rule: Rule) -> list[tuple[int, Int[ndarray, " value"]]]:
    """For each position the digit that it shows, and the token by that digit's value; BOS counts with the first."""
    values, m = np.arange(rule.modulus), rule.modulus
    digits = [(0, np.full(m, m)), *((j, values) for j in range(rule.n_digits))]
    return digits + [(rule.source[i], rule.answer[i]) for i in range(rule.n_digits - 1)]


def terms_at(w: Weights, rule: Rule, positions: range) -> Float[ndarray, "at asked digit value size"]:
    """exp(score) (value W_O + b_O + residual, 1) of what each digit shows, over the largest weight of its row.

    ``asked`` is the value of the digit that the position itself shows.
    """
    n, m = rule.n_digits, rule.modulus
    every = w["embed.weight"][:, None] + w["pos_embed.weight"]  # [token pos d]
    x = every
    if "blocks.0.ln1.weight" in w:
        x = x - x.mean(-1, keepdims=True)
        x = x / np.sqrt((x**2).mean(-1, keepdims=True) + EPS) * w["blocks.0.ln1.weight"] + w["blocks.0.ln1.bias"]
    q, k, v = (x @ w[f"blocks.0.attn.{part}.weight"].T + w[f"blocks.0.attn.{part}.bias"] for part in "qkv")
    written = v @ w["blocks.0.attn.o.weight"].T + w["blocks.0.attn.o.bias"]
    shown, found = shown_by(rule), []
    for at in positions:
        _, own = shown[at]
        scores = np.einsum("qe,tpe->qpt", q[own, at], k) / np.sqrt(k.shape[-1])
        seen = np.stack([scores[:, pos, token] for pos, (_, token) in enumerate(shown[: at + 1])])
        weight = np.exp(seen - seen.max((0, 2), keepdims=True))
        terms = np.zeros((m, n, m, every.shape[-1] + 1))
        for pos, ((digit, token), e) in enumerate(zip(shown, weight, strict=False)):
            terms[:, digit, :, :-1] += e[..., None] * (written[token, pos] + every[own, at][:, None])
            terms[:, digit, :, -1] += e
        found.append(terms)
    return np.stack(found)


def _only(boxes: Boxes, digits: tuple[int, ...]) -> Int[ndarray, " box"]:
    """The one value that each box has of a digit, which hangs on its row."""
    digit: ndarray = np.array(digits)[boxes.row]
    found: ndarray = boxes.allowed[np.arange(len(boxes)), digit].argmax(-1)
    return found
