"""Waves in what a model of modular addition computes: each value as a function of the pair (a, b), by frequency.

For every frequency k of a clock with p hours, w_k = 2 pi k / p, the functions of a pair hold eight directions:

- ``linear``: cos and sin of w_k a, cos and sin of w_k b: A cos(w_k a + phi_a) + B cos(w_k b + phi_b);
- ``sums`` and ``differences``: cos and sin of w_k (a + b), and of w_k (a - b);
- ``full``: all eight, which is every product of cos, sin of w_k a with cos, sin of w_k b as well.

All of them are orthogonal, so that a share of the variance is the R^2 of the best fit.
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from tinycircuits.interp.fourier import fourier_basis

Span = Literal["linear", "sums", "differences", "full"]
SPANS: tuple[Span, ...] = get_args(Span)


@dataclass(frozen=True)
class WaveFits:
    """The best fit of each value by waves of one frequency, for every frequency k = 1 .. p // 2.

    Shows / does not show: the form of a function of a and b, not what computes it or reads it.
    """

    shares: dict[Span, Float[Tensor, "frequency value"]]
    """R^2 of the waves of one frequency over all pairs; 0 for a value that is the same for every pair."""
    amplitudes: Float[Tensor, "3 frequency value"]
    """A and B of A cos(w_k a + phi_a) + B cos(w_k b + phi_b), and that of cos(w_k (a + b) + phi)."""
    phases: Float[Tensor, "3 frequency value"]
    """phi_a, phi_b, and the phase of the sum, in radians within -pi .. pi."""

    @property
    def alive(self) -> Bool[Tensor, " value"]:
        """Which values are not the same for every pair."""
        return self.shares["full"].sum(0) > 0

    def best(self, span: Span) -> Int[Tensor, " value"]:
        """The frequency of the best fit, 1 .. p // 2."""
        return self.shares[span].argmax(0) + 1

    def r2(self, span: Span, *, waves: int = 1) -> Float[Tensor, " value"]:
        """R^2 of the ``waves`` best frequencies together, 0 .. 1, without products of two different frequencies."""
        return self.shares[span].topk(waves, dim=0).values.sum(0)

    def at(self, frequency: Int[Tensor, " value"]) -> tuple[Tensor, Tensor, Tensor]:
        """phi_a, phi_b and the phase of the sum of each value at a frequency of its own."""
        phi_a, phi_b, of_sum = self.phases[:, frequency - 1, torch.arange(self.phases.shape[-1])]
        return phi_a, phi_b, of_sum


def wave_fits(values: Float[Tensor, "a b value"]) -> WaveFits:
    """Each of ``values``, over all pairs (a, b), fitted by the waves of every frequency; in float64.

    Source: neurons by the share of their variance on one frequency, Nanda et al. 2023, arXiv 2301.05217, section 4.2
    (the span ``full``); the fit with two phases, arXiv 2512.25060 (the span ``linear``).

    Raises ``ValueError`` for values that are no square of odd size.
    """
    p = len(values)
    if values.shape[1] != p or p % 2 == 0:
        raise ValueError(f"values must be a square (a, b) of odd size, got {tuple(values.shape)}")
    basis, double = fourier_basis(p), values.double()
    terms = basis @ (basis @ double.flatten(1)).reshape(p, p, -1)  # along a, then along b
    cos, sin = torch.arange(1, p, 2), torch.arange(2, p, 2)
    of_a, of_b = (terms[cos, 0], terms[sin, 0]), (terms[0, cos], terms[0, sin])
    cc, cs, sc, ss = terms[cos, cos], terms[cos, sin], terms[sin, cos], terms[sin, sin]
    of_sum, of_difference = ((cc - ss) / math.sqrt(2), (sc + cs) / math.sqrt(2)), ((cc + ss), (sc - cs))
    power = {
        "linear": _power(*of_a) + _power(*of_b),
        "sums": _power(*of_sum),
        "differences": _power(*of_difference) / 2,
    }
    total = _variation(double)
    shares = {name: each / total for name, each in power.items()}
    shares["full"] = sum(shares.values(), torch.zeros(()))
    fitted = [_fit(*of_a), _fit(*of_b), _fit(*of_sum)]
    amplitudes, phases = (torch.stack(each) for each in zip(*fitted, strict=True))
    return WaveFits({span: shares[span] for span in SPANS}, amplitudes * math.sqrt(2) / p, phases)


def _variation(values: Float[Tensor, "a b value"]) -> Float[Tensor, " value"]:
    """|value - mean|^2 over all pairs; infinite for a value that is the same for every pair."""
    found = (values - values.mean((0, 1))).square().sum((0, 1))
    same = (values == values[0, 0]).flatten(0, 1).all(0)
    return found.masked_fill(same, torch.inf)


def _power(cos: Tensor, sin: Tensor) -> Tensor:
    return cos.square() + sin.square()


def _fit(cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor]:
    """Length and angle of cos, sin: C cos x + S sin x = A cos(x + phi) with C = A cos phi and S = -A sin phi."""
    return torch.hypot(cos, sin), torch.atan2(-sin, cos)
