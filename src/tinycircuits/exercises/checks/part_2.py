"""Checks of the exercises on many models of digits: seeds, what is needed, sizes, agreement."""

from functools import cache
from itertools import product
from math import comb
from typing import Any

import numpy as np

from tinycircuits.exercises.asking import Floats, array, ask, function, number, tables, whole
from tinycircuits.exercises.kinds import Wrong
from tinycircuits.models.build import ModelSpec, build, parameter_count
from tinycircuits.results.sweeps import load_sweep
from tinycircuits.results.tables.sweeps import SIZES
from tinycircuits.tasks import ReverseIncrement

NEAR = 1e-9
CLOSE = 60
"""How many seeds of a thousand a guess may be off."""
HAND_DIGITS, WIDEST = 3, 40
"""Digits of the task that is solved by hand, and the widest stream allowed."""
MOST_NEURONS = 8


def interval(given: Any) -> None:
    """``interval(k, n)``: covers every true share at least 95 times in 100, by an exact sum, and wastes little."""
    find = function(given, "interval")
    for n in (1, 10, 25):
        ends = np.array(
            [array(ask(find, k, n, of=f"interval({k}, {n})"), (2,), f"interval({k}, {n})") for k in range(n + 1)]
        )
        low, high = ends.T
        for k in range(n + 1):
            if not -NEAR <= low[k] <= k / n <= high[k] <= 1 + NEAR:
                raise Wrong(
                    f"interval({k}, {n}) is {low[k]:.4f} .. {high[k]:.4f}; it must hold {k}/{n} and lie in 0 .. 1"
                )
            if abs(low[k] - (1 - high[n - k])) > 1e-6:
                raise Wrong(
                    f"interval({k}, {n}) and interval({n - k}, {n}) must mirror each other: {k} successes are "
                    f"{n - k} failures"
                )
        for p in np.unique(np.concatenate([np.linspace(0, 1, 401), low + 1e-7, high - 1e-7]).clip(0, 1)):
            chance = sum(
                comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1) if low[k] - 1e-9 <= p <= high[k] + 1e-9
            )
            if chance < 0.95 - 1e-6:
                raise Wrong(
                    f"n = {n}: if the true share is {p:.4f}, the interval holds it with a chance of {chance:.4f} only"
                )
        if (waste := float((high - low).mean())) > 1.02 * _widths(n):
            raise Wrong(f"n = {n}: your intervals are {waste:.3f} wide on average; narrower ones keep the promise too")


@cache
def _widths(n: int) -> float:
    """The mean width of intervals whose two tails hold 2.5 % at most, by bisection."""

    def high(k: int) -> float:
        below, above = k / n, 1.0
        for _ in range(60):
            p = (below + above) / 2
            tail = sum(comb(n, j) * p**j * (1 - p) ** (n - j) for j in range(k + 1))
            below, above = (p, above) if tail > 0.025 else (below, p)
        return above

    return float(np.mean([high(k) + high(n - k) - 1 for k in range(n + 1)]))


def how_many(given: Any) -> None:
    """A guess of how many of a thousand seeds of article C's own code make no mistake; 60 off is close."""
    guess = whole(given, "answer")
    if not 0 <= guess <= 1_000:
        raise Wrong(f"answer must lie in 0 .. 1,000, got {guess:,}")
    if abs(guess - _faultless()) > CLOSE:
        raise Wrong(
            f"the stored sweep has another number of faultless seeds, more than {CLOSE} away from {guess:,}; "
            "tinycircuits list seeds-c-ordered says it, once you have guessed"
        )


@cache
def _faultless() -> int:
    return int(load_sweep("seeds-c-ordered", range(1_000)).solved.sum())


def by_hand(given: Any) -> None:
    """``weights``: a layer of attention, set by hand, that reverses and raises three digits without a mistake."""
    task = ReverseIncrement(n_digits=HAND_DIGITS)
    width = given["W_E"] if isinstance(given, dict) and "W_E" in given else None
    d_model = array(width, (task.d_vocab, None), "weights['W_E']").shape[1] if width is not None else WIDEST + 1
    if width is None:
        raise Wrong("weights must be a dictionary with W_E, W_pos, W_Q, W_K, W_V, W_O and W_U")
    if d_model > WIDEST:
        raise Wrong(f"W_E: the stream may be {WIDEST} wide at most, got {d_model}")
    d_head = array(given.get("W_Q"), (d_model, None), "weights['W_Q']").shape[1]
    shapes = {
        "W_E": (task.d_vocab, d_model),
        "W_pos": (task.n_ctx - 1, d_model),
        **{f"W_{letter}": (d_model, d_head) for letter in "QKV"},
        "W_O": (d_head, d_model),
        "W_U": (d_model, task.d_vocab),
    }
    weights = tables(given, shapes, "weights")
    if missing := [name for name in shapes if name not in weights]:
        raise Wrong(f"weights has no {missing[0]}")
    sequences = task.sequences()
    tokens, answers = task.inputs(sequences).numpy(), task.answers(sequences).numpy()
    logits = _attention_only(weights, tokens)[:, list(task.predicting_rows)]
    right = np.take_along_axis(logits, answers[..., None], -1)[..., 0]
    np.put_along_axis(logits, answers[..., None], -np.inf, -1)
    wrong = ~(right > logits.max(-1) + NEAR)
    if wrong.any():
        at = int(wrong.any(1).nonzero()[0][0])
        digits = " ".join(map(str, tokens[at, 1 : 1 + HAND_DIGITS]))
        raise Wrong(
            f"{int(wrong.sum())} of {wrong.size} answers are wrong; the first is y_{int(wrong[at].nonzero()[0][0])} "
            f"of the input {digits}"
        )


def _attention_only(weights: dict[str, Floats], tokens: Any) -> Floats:
    """The logits of one head without LayerNorm and biases, teacher-forced."""
    stream = weights["W_E"][tokens] + weights["W_pos"]
    q, k, v = (stream @ weights[f"W_{letter}"] for letter in "QKV")
    scores = q @ k.swapaxes(1, 2) / np.sqrt(q.shape[-1])
    scores = np.where(np.tri(tokens.shape[1], dtype=bool), scores, -np.inf)
    weight = np.exp(scores - scores.max(-1, keepdims=True))
    weight /= weight.sum(-1, keepdims=True)
    logits: Floats = (stream + weight @ v @ weights["W_O"]) @ weights["W_U"]
    return logits


def two_digits(given: Any) -> None:
    """``mlp``: neurons with ReLU that add two digits modulo four, whose plain numbers they read."""
    known = {"W_in": (2, None), "b_in": (None,), "W_out": (None, 4), "b_out": (4,)}
    if not isinstance(given, dict) or set(given) != set(known):
        raise Wrong(f"mlp must be a dictionary with {', '.join(known)}")
    parts = {name: array(given[name], shape, f"mlp[{name!r}]") for name, shape in known.items()}
    n = parts["W_in"].shape[1]
    if parts["b_in"].shape != (n,) or parts["W_out"].shape != (n, 4):
        raise Wrong(f"W_in has {n} neurons; b_in and the rows of W_out must be as many")
    if n > MOST_NEURONS:
        raise Wrong(f"{MOST_NEURONS} neurons at most, got {n}")
    for a, b in product(range(4), repeat=2):
        scores = np.maximum(0, np.array([a, b]) @ parts["W_in"] + parts["b_in"]) @ parts["W_out"] + parts["b_out"]
        right = (a + b) % 4
        if not scores[right] > np.delete(scores, right).max() + NEAR:
            raise Wrong(
                f"{a} and {b}: the scores are {np.round(scores, 3).tolist()}, and {right} must have the largest"
            )


def count_weights(given: Any) -> None:
    """``parameters(n_layers, d_model, n_heads, d_head, d_mlp, d_vocab, n_ctx)``: as many as a built model has."""
    count = function(given, "parameters")
    for shape, n in _built().items():
        found = number(ask(count, *shape, of=f"parameters{shape}"), f"parameters{shape}")
        if found != n:
            more = "more" if n > found else "fewer"
            raise Wrong(f"parameters{shape} is {found:g}, and the model that TransformerLens builds has {more}")


@cache
def _built() -> dict[tuple[int | None, ...], int]:
    """The number of parameters of some built models by (layers, d_model, heads, d_head, d_mlp, d_vocab, n_ctx)."""
    found: dict[tuple[int | None, ...], int] = {}
    for n_digits, modulus in ((4, 4), (2, 3)):
        task = ReverseIncrement(n_digits=n_digits, modulus=modulus)
        for n_layers, d_model, d_head, d_mlp in SIZES[::3]:
            for n_heads in (1, 3):
                spec = ModelSpec(n_layers=n_layers, d_model=d_model, n_heads=n_heads, d_head=d_head, d_mlp=d_mlp)
                shape = (n_layers, d_model, n_heads, d_head, d_mlp, task.d_vocab, task.n_ctx)
                found[shape] = parameter_count(build(spec, task, seed=0))
    return found


def same_inside(given: Any) -> None:
    """``similarity(X, Y)``: one for the same states in another basis, low for states that share nothing."""
    similar = function(given, "similarity")
    draw = np.random.default_rng(3)

    def told(X: Floats, Y: Floats, of: str) -> float:
        found = number(ask(similar, X, Y, of=of), f"similarity of {of}")
        if not -NEAR <= found <= 1 + 1e-6:
            raise Wrong(f"{of}: similarity is {found:.4g}, and must lie in 0 .. 1")
        return found

    for n, width in ((200, 1), (200, 3), (300, 6)):
        X = draw.normal(size=(n, width)) * np.geomspace(1, 3, width) + 5
        turn = np.linalg.qr(draw.normal(size=(width, width)))[0]
        Y = X @ turn + 0.7 * X.std() * draw.normal(size=(n, width))
        other = draw.normal(size=(n, width)) + 5
        for changed, of in (
            (X, "a model with itself"),
            (X[:, ::-1].copy(), "a model and the same with its numbers in reverse order"),
            (X @ turn, "a model and the same in a turned basis"),
            (2.5 * X, "a model and the same with all states longer"),
            (X + draw.normal(size=width), "a model and the same with all states moved alike"),
        ):
            if abs((found := told(X, changed, of)) - 1) > 1e-6:
                raise Wrong(f"{of}: similarity is {found:.4f}, and must be 1")
        if abs(told(X, Y, "two models that agree in part") - told(Y, X, "the same two, exchanged")) > 1e-6:
            raise Wrong("similarity(X, Y) and similarity(Y, X) must be the same")
        if abs(told(X, Y, "two models that agree in part") - told(X @ turn, Y, "the same, one of them turned")) > 1e-6:
            raise Wrong("two models that agree in part: similarity must stay when one of them is turned")
        if (nothing := told(X, other, "two models that share nothing")) > 0.3:
            raise Wrong(f"two models that share nothing: similarity is {nothing:.2f}, and must be near 0")
        if not nothing + 0.05 < told(X, Y, "two models that agree in part") < 0.999:
            raise Wrong("two models that agree in part must lie between those that share nothing and the same")
        shuffled = X[draw.permutation(n)]
        if told(X, shuffled, "a model and itself with its inputs shuffled") > 0.3:
            raise Wrong("a model and itself with its inputs shuffled share nothing, input by input: near 0 expected")
