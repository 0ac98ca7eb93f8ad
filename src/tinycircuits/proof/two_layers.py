"""Bounds of boxes of cases for two layers of one head: the bound of one layer, used twice, and how far that gets.

The first layer is bounded as in ``bounds``, once for each position and each value that it may show. Out come ranges of
every key, so of every weight of the second layer, and of every value. There each weight may be anything in its range,
whatever the value beside it is: what ties them to each other is lost, and the bound is weak.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy import ndarray
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.proof.bounds import SLACK, Lowest, Relaxed, along_axes, at_the_end, ends, normed
from tinycircuits.proof.cases import Boxes, Rule, joined, roots
from tinycircuits.proof.forms import STEPS, affine, least, lightest
from tinycircuits.proof.subject import rule_of
from tinycircuits.proof.tables import Tables, Weights, shown_by, tables, terms_at
from tinycircuits.tasks import DigitTask

AT_ONCE = 32
"""Boxes that are bounded together."""
TINY = 1e-300
"""More than what an exponential can lose by underflow; the largest lower end is 1."""
Linear = tuple[ndarray, ndarray]
"""W and b of what is read from a normed state."""


@dataclass(frozen=True, eq=False)
class Stack:
    """A two-layer model. The terms of ``first`` are of all positions, BOS first; those of ``last`` are of no use."""

    first: Tables
    last: Tables
    query: Linear
    key: Linear
    written: Linear
    """What a position gives to the second sum, value and output in one."""


def stack(weights: Weights, rule: Rule) -> Stack:
    """The tables of a model of two layers of one head."""
    w = {name: value.astype(np.float64) for name, value in weights.items()}
    d, norm = w["embed.weight"].shape[1], "ln_final.weight" in w
    mean_free = np.eye(d) - 1 / d if norm else np.eye(d)

    def read(part: str) -> Linear:
        weight, bias = (w[f"blocks.1.attn.{part}.{kind}"] for kind in ("weight", "bias"))
        if not norm:
            return weight, bias
        gain, shift = w["blocks.1.ln1.weight"], w["blocks.1.ln1.bias"]
        return np.sqrt(d) * (weight * gain) @ mean_free, bias + weight @ shift

    (q, q_0), (v, v_0), out = read("q"), read("v"), mean_free @ w["blocks.1.attn.o.weight"]
    terms = terms_at(w, rule, range(2 * rule.n_digits))
    terms = np.concatenate([terms[..., :-1] @ mean_free, terms[..., -1:]], axis=-1)
    second = {name.replace("blocks.1.", "blocks.0."): each for name, each in w.items() if "blocks.0." not in name}
    return Stack(
        replace(tables(w, rule), terms=terms),
        tables(second, rule),
        (q / np.sqrt(len(q)), q_0 / np.sqrt(len(q))),
        read("k"),
        (out @ v, out @ v_0 + mean_free @ w["blocks.1.attn.o.bias"]),
    )


@dataclass(frozen=True, eq=False)
class TwoBounds:
    """What is known of boxes."""

    lower: Float[ndarray, "box wrong"]
    """No case has margin_j sqrt(|m|^2 + eps) below this; without LayerNorm, margin_j."""
    moved: Float[ndarray, "box digit"]
    """How far apart the values of each digit lie in the second sum at most: where to split."""

    @property
    def right(self) -> Bool[ndarray, " box"]:
        """Every case is right."""
        found: ndarray = np.isfinite(self.lower).all(1) & (self.lower > 0).all(1)
        return found


@np.errstate(all="ignore")
def bounds_of_two(model: Stack, boxes: Boxes) -> TwoBounds:
    """The bounds of boxes of which each has one value of its row's own digit and of its source."""
    before = Before.of(model, boxes)
    weights = before.weights()
    d = len(model.last.W_out.T)

    def lowest(forms: ndarray) -> ndarray:
        found: ndarray = before.state(before.spread(forms))[before.own] + before.mean(forms[..., :-1], *weights)
        return found

    low, high = ends(lowest(along_axes(len(boxes), d)))
    after = Relaxed.of(model.last, low, high, lowest).after(lowest)
    rule = model.first.rule
    source = boxes.allowed[np.arange(len(boxes)), np.array(rule.source)[boxes.row]].argmax(1)
    ranges = ends(after(along_axes(len(boxes), d)))
    c, constant, lost = at_the_end(model.last, rule.answer[boxes.row, source], 0.0, *ranges)
    n_wrong = model.last.u.shape[1]
    lower = (after(affine(c, constant)) - lost)[:, :n_wrong]
    return TwoBounds(lower, before.moved(weights[1]))


@dataclass(frozen=True, eq=False)
class Before:
    """The states before the second layer, of each position that a box's row sees and each value that it may show."""

    model: Stack
    boxes: Boxes
    box: Int[ndarray, " seen"]
    position: Int[ndarray, " seen"]
    value: Int[ndarray, " seen"]
    own: Int[ndarray, " box"]
    """Where the row's own position stands among them."""
    state: Lowest
    """Least values of forms of each state."""
    normed: Lowest
    """Of forms of each state after the second layer's first LayerNorm, without gain and shift."""

    @classmethod
    def of(cls, model: Stack, boxes: Boxes) -> "Before":
        """The states of boxes, each bounded on the part of its box where its position shows its value."""
        first, at = model.first, model.first.rule.n_digits + boxes.row
        digit = np.array([digit for digit, _ in shown_by(first.rule)])
        seen = boxes.allowed[:, digit] & (np.arange(len(digit)) <= at[:, None])[..., None]
        box, position, value = np.nonzero(seen)
        allowed, d = boxes.allowed[box], first.terms.shape[-1] - 1
        allowed[np.arange(len(box)), digit[position]] = np.arange(first.rule.modulus) == value[:, None]
        terms = first.terms[position, value]
        size = (np.abs(terms) * allowed[..., None]).max(2).sum(1)[..., None] / lightest(terms, allowed)[:, None, None]

        def lowest(forms: ndarray) -> ndarray:
            found: ndarray = least(forms, terms, allowed).value - SLACK * (np.abs(forms) @ size)[..., 0]
            return found

        state = Relaxed.of(first, *ends(lowest(along_axes(len(box), d))), lowest).after(lowest)
        own = np.flatnonzero(position == at[box])
        if first.eps is None:
            return cls(model, boxes, box, position, value, own, state, state)
        g, J, error = normed(*ends(state(along_axes(len(box), d))), first.eps, state)

        def after(forms: ndarray) -> ndarray:
            c = forms[..., :-1]
            straight = affine(c @ J, forms[..., -1] + (c @ g[:, :, None])[..., 0])
            found: ndarray = state(straight) - np.linalg.norm(c, axis=-1) * error[:, None]
            return found

        return cls(model, boxes, box, position, value, own, state, after)

    def spread(self, of_box: ndarray) -> ndarray:
        """What is given for each box, for each state."""
        found: ndarray = of_box[self.box]
        return found

    def grid(self, of_seen: ndarray, empty: float) -> Float[ndarray, "box position value *more"]:
        """What is given for each state, by box, position and value."""
        rule = self.model.first.rule
        found = np.full((len(self.boxes), 2 * rule.n_digits, rule.modulus, *of_seen.shape[1:]), empty)
        found[self.box, self.position, self.value] = of_seen
        return found

    @np.errstate(all="ignore")
    def weights(self) -> tuple[ndarray, ndarray]:
        """The ends of exp(score) of each state, over the largest lower end of its box; 0 of what is not seen.

        A score is q.k. With q within ``reach`` of ``q_0`` it is q_0.k up to reach.|k - k_0|, for one k_0 in each box:
        what (q - q_0).k_0 adds is the same at all positions, and cancels.
        """
        (q, q_bias), (k, k_bias) = self.model.query, self.model.key

        def read(weight: ndarray, bias: ndarray) -> tuple[ndarray, ndarray]:
            rows = affine(weight, bias)
            return ends(self.normed(np.concatenate([rows, -rows], axis=-2)))

        shape = (len(self.box), *q.shape)
        low, high = (each[self.own] for each in read(np.broadcast_to(q, shape), np.broadcast_to(q_bias, shape[:2])))
        q_0, reach = (low + high) / 2, (high - low) / 2
        low, high = read(np.broadcast_to(k, shape), np.broadcast_to(k_bias, shape[:2]))
        middle = (self.grid(low, np.inf).min((1, 2)) + self.grid(high, -np.inf).max((1, 2))) / 2
        far = np.maximum(high - self.spread(middle), self.spread(middle) - low)
        off = (self.spread(reach) * far).sum(-1)
        low, high = read(self.spread(q_0 @ k)[:, None], self.spread(q_0 @ k_bias)[:, None])
        low, high = self.grid(low[:, 0] - off, -np.inf), self.grid(high[:, 0] + off, -np.inf)
        top = low.max((1, 2), keepdims=True)
        heavy = np.where(high == -np.inf, 0.0, np.exp(high - top) * (1 + SLACK) + TINY)
        return np.exp(low - top) * (1 - SLACK), heavy

    @np.errstate(all="ignore")
    def mean(self, c: Float[ndarray, "box form d"], light: ndarray, heavy: ndarray) -> Float[ndarray, "box form"]:
        """The least weighted mean of c.written: every weight in its range, positions that show one digit agreeing.

        Dinkelbach's method as in ``least``: for a given lam each position takes the weight that makes the sum least.
        """
        weight, bias = self.model.written
        each = self.normed(affine(self.spread(c) @ weight, self.spread(c @ bias)))
        digits = np.array([digit for digit, _ in shown_by(self.model.first.rule)])
        shows = digits == np.arange(self.model.first.rule.n_digits)[:, None]
        each = self.grid(each, 0.0).transpose(0, 3, 1, 2)  # [box form position value]
        shut, lam = ~self.boxes.allowed[:, None], each.min((2, 3))

        def by_digit(x: ndarray) -> Float[ndarray, "*box digit value"]:
            found: ndarray = shows.astype(float) @ x
            return found

        for _ in range(STEPS + 1):
            over = each - lam[..., None, None]
            taken = np.where(over > 0, light[:, None], heavy[:, None])
            sums = np.where(shut, np.inf, by_digit(taken * over))
            at = sums.argmin(-1)[..., None]
            short = np.take_along_axis(sums, at, -1)[..., 0].sum(-1)
            total = np.take_along_axis(by_digit(taken), at, -1)[..., 0].sum(-1)
            last, lam = lam, lam + short / total
        lightest_sum = np.where(shut[:, 0], np.inf, by_digit(light)).min(-1).sum(-1)
        size = np.where(shut, 0.0, by_digit(taken * abs(over))).max(-1).sum(-1)
        found: ndarray = last + (np.minimum(short, 0) - SLACK * size) / lightest_sum[:, None]
        found = found - SLACK * abs(each).max((2, 3))
        return found

    def moved(self, heavy: ndarray) -> Float[ndarray, "box digit"]:
        """How far the values of each digit can move the second sum, by its weights and what they carry."""
        weight, bias = self.model.written
        shape = (len(self.box), *weight.shape)
        rows = affine(np.broadcast_to(weight, shape), np.broadcast_to(bias, shape[:2]))
        low, high = ends(self.normed(np.concatenate([rows, -rows], axis=1)))
        low, high = self.grid(low, np.inf), self.grid(high, -np.inf)
        apart = np.maximum(high.max(2) - low.min(2), 0).max(-1) * heavy.max(2)
        digits = np.array([digit for digit, _ in shown_by(self.model.first.rule)])
        found = np.nan_to_num(apart) @ (digits[:, None] == np.arange(self.boxes.allowed.shape[1]))
        return np.where(self.boxes.allowed.sum(2) > 1, found, -1.0)


@dataclass(frozen=True, eq=False)
class Reach:
    """How far a search got."""

    closed: Boxes
    """Of which every case is right."""
    single: Boxes
    """Cases that stay open alone: wrong answers, or too near to one."""
    waiting: Boxes
    n_bounded: int


def reach(model: Stack, boxes: Boxes, *, most: int) -> Reach:
    """Bound boxes, the large ones first, and split what stays open, until ``most`` boxes were bounded."""
    none, bounded = boxes[:0], 0
    closed, single, waiting = [none], [none], [boxes]
    while waiting and bounded < most:
        now = waiting.pop(0)
        if len(now) > AT_ONCE:
            waiting.insert(0, now[AT_ONCE:])
            now = now[:AT_ONCE]
        found, bounded = bounds_of_two(model, now), bounded + len(now)
        one = np.array(now.sizes) == 1
        closed.append(now[found.right])
        single.append(now[one & ~found.right])
        if (left := ~one & ~found.right).any():
            waiting.append(_split(now[left], found.moved[left]))
    return Reach(joined(closed), joined(single), joined([none, *waiting]), bounded)


def _split(boxes: Boxes, moved: Float[ndarray, "box digit"]) -> Boxes:
    """Each box by the first half of the values of one digit, and by the others."""
    digit, each = moved.argmax(1), np.arange(len(boxes))
    values = boxes.allowed[each, digit]
    first = values & (values.cumsum(1) <= values.sum(1, keepdims=True) // 2)
    halves = []
    for side in (first, values & ~first):
        allowed = boxes.allowed.copy()
        allowed[each, digit] = side
        halves.append(Boxes(boxes.row, allowed))
    return joined(halves)


@dataclass(frozen=True)
class HowFar:
    """How far the bound gets, answer by answer; ``closed + open_alone + left`` are all cases."""

    bounded: Int[Tensor, " answer"]
    """Boxes that were bounded."""
    boxes: Int[Tensor, " answer"]
    """Boxes of which every case is right."""
    closed: Int[Tensor, " answer"]
    """Cases in them."""
    largest: Int[Tensor, " answer"]
    """Cases of the largest of them."""
    open_alone: Int[Tensor, " answer"]
    """Cases that stay open alone."""
    left: Int[Tensor, " answer"]
    """Cases in boxes that were not bounded."""


def how_far(model: TransformerBridge, task: DigitTask, *, most: int) -> HowFar:
    """How far ``most`` boxes for each answer get with a two-layer model; in float64, no rounding is proved.

    Raises ``ValueError`` for another number of layers or heads, and for another activation than ReLU.
    """
    cfg = model.cfg
    if (cfg.n_layers, cfg.n_heads) != (2, 1) or not (cfg.attn_only or cfg.act_fn == "relu"):
        raise ValueError(
            f"model must have two layers, one head and ReLUs, got {cfg.n_layers}, {cfg.n_heads} and {cfg.act_fn}"
        )
    rule = rule_of(task)
    parts = stack({name: each.numpy() for name, each in model.state_dict().items()}, rule)
    rows = []
    for row in range(rule.n_digits):
        base = roots(rule)
        got = reach(parts, base[base.row == row], most=most)
        sizes = got.closed.sizes
        rows.append(
            (got.n_bounded, len(sizes), sum(sizes), max(sizes, default=0), len(got.single), sum(got.waiting.sizes))
        )
    return HowFar(*torch.tensor(rows).T)
