"""What the activity of latents, or of any directions, says about a number of the input."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor

_TIMES = (0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32)
"""How often a latent may fire when its best threshold is sought, in multiples of a number's share of the inputs."""


CLEAR_F1 = 0.8
"""From this F1 on the book says that a latent stands for one number; the rule is fixed before its results."""


@dataclass(frozen=True)
class Meanings:
    """What each latent's activity says about one number ``0 .. modulus-1`` of the input.

    Shows / does not show: what can be told from the latent, not that the model reads it.
    """

    f1: Float[Tensor, " latent"]
    """F1, 0 .. 1, of "the latent is above zero" as a detector of "the number is r", for the best r."""
    best_f1: Float[Tensor, " latent"]
    """The same with the best of a grid of thresholds for each latent; never below ``f1``."""
    residue: Int[Tensor, " latent"]
    """The r of ``best_f1``."""
    bits: Float[Tensor, " latent"]
    """Mutual information of the number and the latent in five levels: zero, and the quarters of its active range."""
    explained: Float[Tensor, " latent"]
    """Share of the latent's variance that its mean by number explains, 0 .. 1; 0 for a latent that never varies."""
    spectrum: Float[Tensor, "frequency latent"]
    """How the variance of that mean is shared out among the frequencies 1 .. modulus // 2; sums to 1, or to 0."""

    @property
    def clear(self) -> float:
        """Share of latents whose ``f1`` is at least ``CLEAR_F1``, 0 .. 1."""
        return float((self.f1 >= CLEAR_F1).double().mean())

    @property
    def best_clear(self) -> float:
        """The same of ``best_f1``."""
        return float((self.best_f1 >= CLEAR_F1).double().mean())

    def shares(self) -> pd.DataFrame:
        """Two rows: the ``share`` of latents that stand for one number, when ``fires`` is above zero and at best."""
        found = (("above zero", self.clear), ("above its best threshold", self.best_clear))
        return pd.DataFrame(found, columns=["fires", "share"])

    def row(self, **bits: float) -> dict[str, float]:
        """Medians over the latents, and their mean information on the sum; ``bits`` is that on numbers by name."""
        return {
            "latents": len(self.f1),
            "F1, above zero": float(self.f1.median()),
            "F1, best": float(self.best_f1.median()),
            "bits, a + b": float(self.bits.mean()),
            **{f"bits, {name}": found for name, found in bits.items()},
            "by sum": float(self.explained.median()),
            "top wave": float(self.spectrum.max(0).values.median()),
            "residues": self.n_covered,
        }

    @property
    def n_covered(self) -> int:
        """How many numbers some latent stands for, by ``best_f1``."""
        return len(set(self.residue[self.best_f1 >= CLEAR_F1].tolist()))


@torch.no_grad()
def meanings(activity: Float[Tensor, "batch latent"], numbers: Int[Tensor, " batch"], *, modulus: int) -> Meanings:
    """What latents, or any other non-negative activities, tell about one number of each input.

    Raises ``ValueError`` for a number outside ``0 .. modulus-1``, or a negative activity.
    """
    if bool((numbers < 0).any()) or bool((numbers >= modulus).any()):
        raise ValueError(f"numbers must lie in 0..{modulus - 1}, got {int(numbers.min())}..{int(numbers.max())}")
    if bool((activity < 0).any()):
        raise ValueError(f"activity must not be negative, got {float(activity.min()):.3g}")
    f1, best_f1, residue = one_number_f1(activity, numbers, modulus=modulus)
    explained, spectrum = _spectrum(activity.double(), numbers, modulus)
    return Meanings(f1, best_f1, residue, information(activity, numbers, modulus=modulus), explained, spectrum)


def mean_by_number(
    values: Float[Tensor, "batch dimension"], numbers: Int[Tensor, " batch"], *, modulus: int
) -> Float[Tensor, "number dimension"]:
    """The mean of ``values`` over the inputs of each number 0 .. modulus-1; 0 for one that none has."""
    return _by_number(values, numbers, modulus) / numbers.bincount(minlength=modulus).clamp_min(1)[:, None]


def best_for_each(
    activity: Float[Tensor, "batch latent"], meanings: Meanings, numbers: Int[Tensor, " batch"], *, modulus: int
) -> Float[Tensor, "number of_number"]:
    """For each number r the latent that stands for it best, as its mean activity at every number, largest 1.

    Of the latents whose mean activity is largest at r that with the largest ``best_f1``; another one where none is.
    """
    means = mean_by_number(activity, numbers, modulus=modulus)
    peaks = means.argmax(0)
    best = [int(torch.where(peaks == r, meanings.best_f1, -1.0).argmax()) for r in range(modulus)]
    return (means[:, best] / means[:, best].amax(0).clamp_min(1e-9)).T


@torch.no_grad()
def one_number_f1(
    activity: Float[Tensor, "batch latent"], numbers: Int[Tensor, " batch"], *, modulus: int
) -> tuple[Float[Tensor, " latent"], Float[Tensor, " latent"], Int[Tensor, " latent"]]:
    """``f1``, ``best_f1`` and ``residue`` of ``Meanings``.

    F1 = 2 hits / (inputs where the latent fires + inputs of the number).
    """
    cases = numbers.bincount(minlength=modulus)[:, None]
    ordered = rising(activity).flip(0)
    places = [round(times * len(activity) / modulus) for times in _TIMES]
    thresholds = [torch.zeros_like(activity[0]), *(ordered[place] for place in places if place < len(activity))]
    every, residues = [], []
    for threshold in thresholds:
        fires = (activity > threshold).to(activity.dtype)
        f1, residue = (2 * _by_number(fires, numbers, modulus) / (fires.sum(0) + cases)).max(0)
        every.append(f1)
        residues.append(residue)
    best = torch.stack(every).max(0)
    return every[0], best.values, torch.stack(residues).gather(0, best.indices[None])[0]


@torch.no_grad()
def information(
    activity: Float[Tensor, "batch latent"], numbers: Int[Tensor, " batch"], *, modulus: int
) -> Float[Tensor, " latent"]:
    """``bits`` of ``Meanings``: I(number; level), from the joint distribution over all inputs."""
    ordered, active = rising(activity).flip(0), (activity > 0).sum(0)
    level = (activity > 0).long()
    for share in (0.25, 0.5, 0.75):
        place = (share * active).long()[None].clamp_max(len(activity) - 1)
        level += (activity > ordered.gather(0, place)).long() * (active > 0)
    joint = torch.stack(
        [_by_number((level == i).to(activity.dtype), numbers, modulus) for i in range(5)]
    ).double() / len(numbers)
    independent = joint.sum(0, keepdim=True) * joint.sum(1, keepdim=True)
    return torch.where(joint > 0, joint * (joint / independent).log2(), 0).sum((0, 1))


def _spectrum(
    activity: Float[Tensor, "batch latent"], numbers: Int[Tensor, " batch"], modulus: int
) -> tuple[Float[Tensor, " latent"], Float[Tensor, "frequency latent"]]:
    """What the mean by number explains of each latent's variance, and how that is shared out among frequencies."""
    cases = numbers.bincount(minlength=modulus).double()[:, None]
    mean = mean_by_number(activity, numbers, modulus=modulus)
    between = (cases * (mean - activity.mean(0)).square()).sum(0)
    total = (activity - activity.mean(0)).square().sum(0)
    power = torch.fft.rfft(mean, dim=0)[1:].abs().square()
    if modulus % 2 == 0:
        power[-1] /= 2  # the last frequency has no partner at -k
    varies = total > 1e-12 * activity.square().sum(0)
    share = torch.where(varies, power / power.sum(0), 0).nan_to_num(0)
    return torch.where(varies, between / total, 0), share


def _by_number(values: Tensor, numbers: Int[Tensor, " batch"], modulus: int) -> Tensor:
    """Sums over the inputs of each number."""
    return values.new_zeros(modulus, values.shape[1]).index_add_(0, numbers, values)


def rising(values: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch latent"]:
    """Each column in rising order; numpy takes a tenth of the time that torch takes for it."""
    return torch.from_numpy(np.sort(values.T.contiguous().numpy(), axis=1)).T
