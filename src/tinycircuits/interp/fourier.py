"""A clock's own coordinates: functions of a number modulo p as sums of waves."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.activations import batches
from tinycircuits.tasks import ModularAddition, Task


@dataclass(frozen=True)
class KeyFrequencies:
    """The waves that a model's answers are made of.

    Shows / does not show: what the table of logits looks like, not which part makes it.
    """

    keys: tuple[int, ...]
    """Frequencies of a + b - c that hold a noticeable share of the logits' variance."""
    of_embedding: float
    """Share of the embedding's variance that they hold, 0 .. 1."""
    of_logits: float
    """Share of the logits' variance that they hold."""
    all_waves: float
    """Share that the waves of all frequencies hold."""
    strongest: int
    """The embedding's strongest frequency."""
    n_multiples: int
    """Key frequencies among the first ten multiples of that."""


def fourier_basis(modulus: int) -> Float[Tensor, "wave number"]:
    """The real Fourier basis of functions on 0 .. p-1, orthonormal: 1, cos w_1 x, sin w_1 x, cos w_2 x, ...

    w_k = 2 pi k / p, k = 1 .. p // 2 whole turns; for even p the last wave, cos(pi x), has no sine beside it.

    Raises ``ValueError`` for a modulus below 2.
    """
    if modulus < 2:
        raise ValueError(f"modulus must be 2 or larger, got {modulus}")
    x = torch.arange(modulus, dtype=torch.float64)
    waves = [torch.ones_like(x)]
    for k in range(1, modulus // 2 + 1):
        angle = 2 * math.pi * (k * x % modulus) / modulus
        waves += [angle.cos()] if 2 * k == modulus else [angle.cos(), angle.sin()]
    return torch.nn.functional.normalize(torch.stack(waves), dim=1)


def frequency_shares(values: Float[Tensor, "number *dimension"]) -> Float[Tensor, " frequency"]:
    """Share of the variance of ``values`` over the numbers 0 .. p-1 that turns k times, for k = 1 .. p // 2.

    |projection on cos w_k x and sin w_k x|^2 / |values - mean|^2, summed over all dimensions. Adds up to 1 (Parseval).

    Raises ``ValueError`` for values that are the same for every number, or fewer than two numbers.
    """
    flat = values.reshape(len(values), -1).double()
    if bool((flat == flat[0]).all()):
        raise ValueError("values must differ between numbers, got the same for all")
    power = (fourier_basis(len(flat)) @ flat).square().sum(1)[1:]
    return pairs_of(power) / power.sum()


def pairs_of(power: Float[Tensor, " wave"]) -> Float[Tensor, " frequency"]:
    """The power of each frequency, its cosine and its sine together, from that of all waves but the constant."""
    return torch.nn.functional.pad(power, (0, len(power) % 2)).reshape(-1, 2).sum(1)


@torch.no_grad()
def pair_logits(model: TransformerBridge, task: Task) -> Float[Tensor, "a b d_vocab"]:
    """The logits of the answer for every pair of numbers of modular addition.

    Raises ``ValueError`` for another task.
    """
    if not isinstance(task, ModularAddition):
        raise ValueError(f"task must be a ModularAddition, got {type(task).__name__}")
    (row,) = task.predicting_rows
    parts = [model(tokens)[:, row] for tokens in batches(task.inputs(task.sequences()), 1024)]
    return torch.cat(parts).reshape(task.modulus, task.modulus, -1)


def clock_shares(logits: Float[Tensor, "a b c"]) -> Float[Tensor, " frequency"]:
    """Share of the logits' variance over (a, b, c) that is a multiple of cos w_k (a + b - c), for k = 1 .. p // 2.

    The mean over c is taken out first: it moves no probability. What is left over, 1 - sum, is anything else: other
    frequencies in a and b, other phases, noise.

    Source: the form sum_k alpha_k cos(w_k (a + b - c)) of Nanda et al. 2023, arXiv 2301.05217, equation for the logits.

    Raises ``ValueError`` for logits that are not a cube, or that are the same for every c.
    """
    modulus, total = len(logits), float(_centred(logits).square().sum())
    if total <= 0:
        raise ValueError("logits must differ between answers, got the same for all")
    cosines = fourier_basis(modulus)[1::2]
    return (cosines @ by_distance(logits)).square() * modulus**2 / total


def by_distance(
    logits: Float[Tensor, "a b c"], labels: Int[Tensor, " number"] | None = None
) -> Float[Tensor, " distance"]:
    """The mean logit of the answers c that lie a + b - c = 0 .. p-1 hours before the right one.

    The mean over c is taken out first. ``labels`` are other names for the numbers, in a, b and c alike.

    Raises ``ValueError`` for logits that are not a cube.
    """
    centred = _centred(logits)
    x = torch.arange(len(logits)) if labels is None else labels
    distance = (x[:, None, None] + x[None, :, None] - x) % len(x)
    return distance.flatten().bincount(centred.flatten()) / len(x) ** 2


def _centred(logits: Float[Tensor, "a b c"]) -> Float[Tensor, "a b c"]:
    modulus = len(logits)
    if logits.shape != (modulus, modulus, modulus):
        raise ValueError(f"logits must be a cube (a, b, c), got {tuple(logits.shape)}")
    return logits.double() - logits.double().mean(-1, keepdim=True)


def dependence(values: Float[Tensor, "a b *dimension"]) -> dict[str, float]:
    """Share of the variance of ``values`` over all pairs that is a function of a, of b, of a + b or of a - b alone.

    Var(mean of values given f(a, b)) / Var(values), summed over all dimensions; sums and differences modulo p.
    For odd p the four parts are orthogonal, because they hold the waves (k, 0), (0, k), (k, k) and (k, -k); ``rest`` is
    what is left of 1.

    Shows / does not show: what the values follow, not what computes it. Source: ours.

    Raises ``ValueError`` for values that are no square of odd size, or that are the same for every pair.
    """
    modulus = len(values)
    if values.shape[1] != modulus or modulus % 2 == 0:
        raise ValueError(f"values must be a square (a, b) of odd size, got {tuple(values.shape)}")
    flat = values.double().reshape(modulus**2, -1)
    if bool((flat == flat[0]).all()):
        raise ValueError("values must differ between pairs, got the same for all")
    centred = flat - flat.mean(0)
    total = centred.square().sum()
    x = torch.arange(modulus)
    a, b = x.repeat_interleave(modulus), x.repeat(modulus)
    shares = {}
    for name, label in {"a": a, "b": b, "a + b": (a + b) % modulus, "a - b": (a - b) % modulus}.items():
        means = torch.zeros(modulus, flat.shape[1], dtype=flat.dtype).index_add_(0, label, centred) / modulus
        shares[name] = float(modulus * means.square().sum() / total)
    return {**shares, "rest": 1 - sum(shares.values())}


def key_frequencies(
    embedding: Float[Tensor, "number d_model"], logits: Float[Tensor, "a b c"], *, least: float = 0.02
) -> KeyFrequencies:
    """The frequencies that hold at least ``least`` of the logits' variance, and what else they hold.

    Raises as ``frequency_shares`` and ``clock_shares`` do.
    """
    in_embedding, in_logits = frequency_shares(embedding), clock_shares(logits)
    keys = (in_logits >= least).nonzero().flatten()
    strongest, p = int(in_embedding.argmax()) + 1, len(logits)
    return KeyFrequencies(
        keys=tuple((keys + 1).tolist()),
        of_embedding=float(in_embedding[keys].sum()),
        of_logits=float(in_logits[keys].sum()),
        all_waves=float(in_logits.sum()),
        strongest=strongest,
        n_multiples=len({1 + int(k) for k in keys} & multiples(strongest, p)),
    )


@dataclass(frozen=True)
class Clock:
    """What one model says to every pair of numbers, and the waves that its logits are made of."""

    said: Int[Tensor, "a b"]
    """The answer that it gives, the arg-max over the whole vocabulary."""
    frequencies: KeyFrequencies


def clock(model: TransformerBridge, task: Task) -> Clock:
    """What a model of modular addition says, and its key frequencies; raises as ``pair_logits`` does."""
    logits = pair_logits(model, task)
    p = len(logits)
    return Clock(logits.argmax(-1), key_frequencies(model.W_E[:p].detach(), logits[..., :p]))


def multiples(k: int, modulus: int, *, first: int = 10) -> set[int]:
    """The frequencies k, 2k, ... up to ``first`` times k, in 0 .. p // 2: a wave and its mirror p - k turn alike."""
    return {min(j * k % modulus, -j * k % modulus) for j in range(1, first + 1)}
