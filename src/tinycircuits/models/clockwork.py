"""Two machines that add on a clock, set by hand as one: what tells them apart is the phases of their neurons."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.models.build import ModelSpec, build, named_parameters
from tinycircuits.specs import Spec, checked_seed
from tinycircuits.tasks import ModularAddition

N_TURNS, N_SPREAD = 9, 7
"""Neurons of one frequency: so many mean phases, for each of so many differences of phases."""
_SCORE = 30.0
"""By so much the attention's score at the position that a head reads is above all others."""
_GAIN = 2.2
"""What the MLP writes is so about as long as in article E's model, where the autoencoders are fitted."""


class ClockworkSpec(Spec):
    """All that one machine depends on: its task, what ``clockwork`` is told, and its noise.

    ``recipe`` is raised by hand whenever a change of this module changes a weight.
    """

    task: ModularAddition
    frequencies: tuple[int, ...]
    spread: float = Field(ge=0, le=1)
    noise: float = Field(default=0.0, ge=0)
    seed: int = Field(default=0, ge=0)
    recipe: int = 1

    def model(self) -> TransformerBridge:
        """The machine; raises as ``clockwork`` does."""
        made = clockwork(self.task, frequencies=self.frequencies, spread=self.spread)
        return with_noise(made, self.noise, seed=self.seed)


@dataclass(frozen=True)
class Phases:
    """The phases of the neurons of one frequency, in radians."""

    of_a: Float[Tensor, " neuron"]
    of_b: Float[Tensor, " neuron"]


def phases(spread: float) -> Phases:
    """Mean phases all round the circle, and differences ``of_a - of_b`` spread evenly over a share of it.

    ``spread`` 1 is the whole circle, a clock; 0 is none, a pizza. For each difference the mean phases are
    2 pi (m + j / 7) / 9, so that without spread all 63 differ.

    Raises ``ValueError`` for a share outside 0 .. 1.
    """
    if not 0 <= spread <= 1:
        raise ValueError(f"spread must lie in 0..1, got {spread}")
    row = torch.arange(N_SPREAD, dtype=torch.float64)[:, None]
    mean = 2 * math.pi * (torch.arange(N_TURNS, dtype=torch.float64) + row / N_SPREAD) / N_TURNS
    half = math.pi * spread * (2 * row - N_SPREAD + 1) / N_SPREAD / 2
    return Phases((mean + half).flatten(), (mean - half).flatten())


def clockwork(task: ModularAddition, *, frequencies: Sequence[int], spread: float) -> TransformerBridge:
    """A one-layer model without LayerNorm that adds with the waves of ``frequencies``; float64.

    One head copies the token at ``a``, the other that at ``b``, by position alone. Each neuron of frequency k is

        relu(cos(w_k a + phi_a) + cos(w_k b + phi_b)),    w_k = 2 pi k / p,

    and writes cos(w_k c + phi_a + phi_b) on the logit of c. Summed over a whole circle of mean phases that is

        logit(c) = sum_k g_k(a - b) cos(w_k (a + b - c)),    g_k = the mean of |cos((w_k (a - b) + phi_a - phi_b) / 2)|

    over the differences. Without spread g_k is |cos(w_k (a - b) / 2)|: the pizza, blind for some a - b at each k.
    Over the whole circle g_k is the same for all pairs: the clock. Source: the formulas of Zhong et al. 2023
    (arXiv 2306.17844), the neurons ours.

    Raises ``ValueError`` for no frequency, one outside 1 .. p // 2 or twice, and a spread outside 0 .. 1.
    """
    p, n = task.modulus, len(frequencies)
    if not n or len(set(frequencies)) < n or not set(frequencies) <= set(range(1, p // 2 + 1)):
        raise ValueError(f"frequencies must be different ones in 1..{p // 2}, got {tuple(frequencies)}")
    turned = phases(spread)
    width, n_neurons = 2 * n, n * len(turned.of_a)
    token, of_a, of_b, answer, position, d_model = accumulate([width] * 4 + [task.n_ctx], initial=0)
    spec = ModelSpec(n_layers=1, d_model=d_model, n_heads=2, d_head=width, d_mlp=n_neurons, layer_norm=False)
    model = build(spec, task, seed=0, dtype="float64")
    circle = torch.zeros(task.d_vocab, width, dtype=torch.float64)
    circle[:p] = circles(p, frequencies)
    with torch.no_grad():
        weights = named_parameters(model)
        for weight in weights.values():
            weight.zero_()
        weights["tok_embed.weight"][:, token:of_a] = circle
        places = torch.arange(task.n_ctx)
        weights["pos.weight"][places, position + places] = 1
        (row,), dimensions = task.predicting_rows, torch.arange(width)
        for head, (column, slot) in enumerate(zip(task.operand_columns, (of_a, of_b), strict=True)):
            at = head * width
            weights["layers.0.attn.q.weight"][at, position + row] = _SCORE * math.sqrt(width)
            weights["layers.0.attn.k.weight"][at, position + column] = 1
            weights["layers.0.attn.v.weight"][at + dimensions, token + dimensions] = 1
            weights["layers.0.attn.o.weight"][slot + dimensions, at + dimensions] = 1
        for index in range(n):
            neurons = slice(index * len(turned.of_a), (index + 1) * len(turned.of_a))
            plane = torch.tensor([2 * index, 2 * index + 1])
            weights["layers.0.mlp.fc_in.weight"][neurons, of_a + plane] = _reading(turned.of_a)
            weights["layers.0.mlp.fc_in.weight"][neurons, of_b + plane] = _reading(turned.of_b)
            out = _reading(turned.of_a + turned.of_b).T * _GAIN / len(turned.of_a)
            weights["layers.0.mlp.fc_out.weight"][answer + plane, neurons] = out
        weights["head.weight"][:, answer:position] = circle
    return model


def circles(modulus: int, frequencies: Sequence[int]) -> Float[Tensor, "number twice"]:
    """Every number as a point on a circle for each frequency: cos w_k n, sin w_k n."""
    turns = torch.outer(torch.arange(modulus), torch.tensor(frequencies)) % modulus
    angle = 2 * math.pi * turns.double() / modulus
    return torch.stack([angle.cos(), angle.sin()], dim=-1).flatten(1)


@torch.no_grad()
def with_noise(model: TransformerBridge, level: float, *, seed: int) -> TransformerBridge:
    """The same model, changed: every weight matrix W gains Gaussian noise of the expected norm ``level`` |W|.

    Biases that are zero stay zero. Raises ``ValueError`` for a level below 0 and a seed out of range.
    """
    if level < 0:
        raise ValueError(f"level must be 0 or larger, got {level}")
    generator = torch.Generator().manual_seed(checked_seed(seed))
    for weight in named_parameters(model).values():
        noise = torch.randn(weight.shape, generator=generator, dtype=weight.dtype)
        weight += noise * level * weight.norm() / math.sqrt(weight.numel())
    return model


def _reading(phase: Float[Tensor, " neuron"]) -> Float[Tensor, "neuron 2"]:
    """What reads cos(x + phase) from cos x, sin x."""
    return torch.stack([phase.cos(), -phase.sin()], dim=-1)
