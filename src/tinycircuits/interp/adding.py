"""How a model of modular addition adds: the waves of its embedding, of every part, of its logits, and cuts of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.activations import activations, components
from tinycircuits.interp.fourier import by_distance, clock_shares, dependence, fourier_basis, frequency_shares
from tinycircuits.interp.frequencies import Cuts, alphas, cuts, others
from tinycircuits.interp.progress import above_the_floor, noise_floor
from tinycircuits.interp.waves import SPANS, Span, WaveFits, wave_fits
from tinycircuits.tasks import ModularAddition

RELABELLED, SHUFFLES = 100, 20
LEAST = 0.02
"""The share of the logits' variance from which on ``fourier.clock`` calls a frequency key."""
FITTED = 0.5
"""A neuron is asked for its phases if a wave of a and one of b hold at least this share of its variance."""


@dataclass(frozen=True)
class Phases:
    """Does a neuron write at the phase phi_a + phi_b that it reads at?

    A neuron that reads cos(w_k a + phi_a) + cos(w_k b + phi_b) says, among other things, cos(w_k (a + b) + phi_a +
    phi_b). For that to count for the answer c = a + b it must write cos(w_k c + phi_out) on the logits with phi_out =
    phi_a + phi_b. Circular distances between the two, 0 .. pi; by chance their median is pi / 2.

    Shows / does not show: the straight way from a neuron to the logits, past all later layers.
    """

    n_neurons: int
    """Neurons of which a wave of a and one of b of the same frequency hold half of the variance."""
    errors: Float[Tensor, " neuron"]
    """The distances in ascending order."""
    control: Float[Tensor, " draw"]
    """The median distance from what other neurons of the same frequency write."""


@dataclass(frozen=True)
class PartWaves:
    """What one part writes at "=", over all pairs; an MLP's neurons are looked at one by one.

    ``follows`` is ``dependence`` of the part's output, or of the neurons.
    """

    part: str
    n_alive: int
    """Values that are not the same for every pair: neurons, or dimensions of an attention's output."""
    follows: dict[str, float]
    one: dict[Span, Float[Tensor, " value"]]
    """R^2 of the best frequency, in ascending order, of those alive."""
    two: dict[Span, Float[Tensor, " value"]]
    phases: Phases | None
    """None for an attention."""


@dataclass(frozen=True)
class Adding:
    """The waves in one model of modular addition."""

    of_embedding: Float[Tensor, " frequency"]
    """Shares of the variance of ``W_E`` over the numbers, ``frequency_shares``."""
    embedding_floor: float
    keys: tuple[int, ...]
    """The frequencies above it: largest share in any of 1,000 random orders of the numbers."""
    of_logits: Float[Tensor, " frequency"]
    """Shares of the logits' variance, ``clock_shares``."""
    logits_floor: float
    """The largest share in any of 100 random relabellings of the numbers, in a, b and c alike."""
    alphas: Float[Tensor, " frequency"]
    """The factors of cos w_k (a + b - c) in the logits."""
    profile: Float[Tensor, " distance"]
    """The mean logit by a + b - c, the mean over c taken out."""
    parts: tuple[PartWaves, ...]
    wrong_of_first: Int[Tensor, " waves"]
    """Wrong pairs when of the logits only the mean and cos, sin of w_k (a + b) stay, of the first strongest waves."""
    wrong_of_drawn: Int[Tensor, " draw"]
    """The same of as many other frequencies as hold ``LEAST``."""
    cuts: Cuts

    @property
    def logit_keys(self) -> tuple[int, ...]:
        """The frequencies that hold ``LEAST`` of the logits' variance, as ``fourier.clock`` has them."""
        return tuple((self.of_logits >= LEAST).nonzero().flatten().add(1).tolist())

    @property
    def logit_keys_above_floor(self) -> tuple[int, ...]:
        """The frequencies above the floor of relabelled numbers."""
        return tuple((self.of_logits > self.logits_floor).nonzero().flatten().add(1).tolist())

    def rebuilt(self, keys: Sequence[int]) -> Float[Tensor, " distance"]:
        """sum_k alpha_k cos w_k d over these frequencies, at d = 0 .. p-1: the whole clock of equation (logits)."""
        p = len(self.profile)
        angles = 2 * math.pi / p * torch.tensor(list(keys), dtype=torch.float64)[:, None] * torch.arange(p)
        return (self.alphas[torch.tensor(list(keys), dtype=torch.long) - 1, None] * angles.cos()).sum(0)


@torch.no_grad()
def adding(model: TransformerBridge, task: ModularAddition) -> Adding:
    """The waves of a model's embedding, of what each part writes at "=", and of its logits; cuts of key frequencies.

    The model runs in its own precision; all sums and fits are float64. Source: ours; the algorithm is that of Nanda et
    al. 2023, arXiv 2301.05217.
    """
    p, numbers = task.modulus, model.W_E[: task.modulus]
    acts = activations(model, task.inputs(task.sequences()), _hooks(model), rows=task.predicting_rows)
    logits = acts.pop("unembed.hook_out")[:, 0].reshape(p, p, -1)
    of_logits, keys = clock_shares(logits[..., :p]), above_the_floor(numbers)
    order = (of_logits.argsort(descending=True) + 1).tolist()
    sums = SumWaves(logits, task)
    n_keys = int((of_logits >= LEAST).sum())
    drawn = others(p, order[:n_keys], seed=0, draws=SHUFFLES)
    return Adding(
        of_embedding=frequency_shares(numbers),
        embedding_floor=noise_floor(numbers),
        keys=keys,
        of_logits=of_logits,
        logits_floor=relabelled_floor(logits[..., :p]),
        alphas=alphas(logits[..., :p]),
        profile=by_distance(logits[..., :p]),
        parts=tuple(part_waves(model, task, hook, values[:, 0]) for hook, values in acts.items()),
        wrong_of_first=torch.tensor([sums.wrong(order[:n]) for n in range(1, len(order) + 1)]),
        wrong_of_drawn=torch.tensor([sums.wrong(waves) for waves in drawn], dtype=torch.int64),
        cuts=cuts(model, task, keys),
    )


def _hooks(model: TransformerBridge) -> list[str]:
    """What each part writes, neuron by neuron for an MLP, and the logits."""
    parts = [f"blocks.{c.layer}.mlp.hook_post" if c.kind == "mlp" else c.hook for c in components(model)]
    return [*parts, "unembed.hook_out"]


def relabelled_floor(logits: Float[Tensor, "a b c"], *, seed: int = 0, n: int = RELABELLED) -> float:
    """The largest share of any frequency when the numbers change names at random, in a, b and c alike."""
    p, generator = len(logits), torch.Generator().manual_seed(seed)
    total = float((logits.double() - logits.double().mean(-1, keepdim=True)).square().sum())
    names = [torch.randperm(p, generator=generator) for _ in range(n)]
    means = torch.stack([by_distance(logits, each) for each in names])
    return float((means @ fourier_basis(p)[1::2].T).square().max()) * p**2 / total


class SumWaves:
    """The part of the logits that depends on a + b alone, by its waves."""

    def __init__(self, logits: Float[Tensor, "a b d_vocab"], task: ModularAddition) -> None:
        p = task.modulus
        self._sum = (torch.arange(p)[:, None] + torch.arange(p)).flatten() % p
        flat = logits.double().flatten(0, 1)
        means = torch.zeros(p, flat.shape[1], dtype=flat.dtype).index_add_(0, self._sum, flat) / p
        self._basis, self._right = fourier_basis(p), task.answers(task.sequences())[:, 0]
        self._terms = self._basis @ means

    def wrong(self, keys: Sequence[int]) -> int:
        """Wrong pairs when the mean and cos, sin of w_k (a + b) of these frequencies are all that the logits hold."""
        rows = [0, *(row for k in keys for row in (2 * k - 1, 2 * k))]
        said = (self._basis[rows].T @ self._terms[rows]).argmax(-1)
        return int((said[self._sum] != self._right).sum())


def part_waves(
    model: TransformerBridge, task: ModularAddition, hook: str, values: Float[Tensor, "pair value"]
) -> PartWaves:
    """The waves of one part's values at "=", over all pairs."""
    fits = wave_fits(values.reshape(task.modulus, task.modulus, -1))
    layer, kind = int(hook.split(".")[1]), "attn" if "attn" in hook else "mlp"
    one, two = ({span: fits.r2(span, waves=n)[fits.alive].sort().values.float() for span in SPANS} for n in (1, 2))
    return PartWaves(
        part=f"L{layer} {kind}",
        n_alive=int(fits.alive.sum()),
        follows=dependence(values.reshape(task.modulus, task.modulus, -1)),
        one=one,
        two=two,
        phases=phases(fits, written_on_logits(model, task, layer)) if kind == "mlp" else None,
    )


def written_on_logits(model: TransformerBridge, task: ModularAddition, layer: int) -> Float[Tensor, "neuron number"]:
    """What each neuron writes on the logits of the numbers past all later layers: W_out, the final LayerNorm, W_U.

    Of the LayerNorm only what does not depend on the input: it subtracts the mean over dimensions, and has a gain.
    """
    W_out = model.W_out[layer].double()
    norm = model.ln_final.original_component
    if model.cfg.normalization_type is not None:
        W_out = (W_out - W_out.mean(1, keepdim=True)) * norm.weight.double()
    written: Tensor = W_out @ model.W_U[:, : task.modulus].double()
    return written


def phases(fits: WaveFits, written: Float[Tensor, "neuron number"], *, seed: int = 0) -> Phases:
    """How far each neuron's phase on the logits lies from the sum of the two phases that it reads at."""
    frequency, there = fits.best("linear"), (fits.r2("linear") >= FITTED).nonzero().flatten()
    phi_a, phi_b, _ = fits.at(frequency)
    waves = fourier_basis(written.shape[1]) @ written.T
    out = torch.atan2(
        -waves[2 * frequency, torch.arange(len(frequency))], waves[2 * frequency - 1, torch.arange(len(frequency))]
    )
    wanted, out, of = (phi_a + phi_b)[there], out[there], frequency[there]
    generator = torch.Generator().manual_seed(seed)
    control = [circular(out[_within(of, generator)], wanted) for _ in range(SHUFFLES)] if len(there) else []
    return Phases(
        n_neurons=len(there),
        errors=circular(out, wanted).sort().values,
        control=torch.tensor([float(each.median()) for each in control], dtype=torch.float64),
    )


def circular(angle: Float[Tensor, "*any"], other: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    """The distance of two angles on the circle, 0 .. pi."""
    return (torch.remainder(angle - other + math.pi, 2 * math.pi) - math.pi).abs()


def _within(groups: Int[Tensor, " value"], generator: torch.Generator) -> Int[Tensor, " value"]:
    """A random order that exchanges values of the same group only."""
    by_group = groups.argsort(stable=True)
    drawn = torch.rand(len(groups), generator=generator)
    shuffled = torch.empty_like(by_group)
    shuffled[by_group] = torch.tensor(sorted(range(len(groups)), key=lambda i: (int(groups[i]), float(drawn[i]))))
    return shuffled
