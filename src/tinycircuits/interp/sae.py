"""Sparse dictionaries of a layer's output: how good they are, and the bases and random encoders to set beside them.

The dictionaries come from ``tinycircuits.results.fits``; this module only looks at them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from tinycircuits.interp.meanings import rising
from tinycircuits.interp.pairs import unit_directions
from tinycircuits.models.dictionary import SparseAutoencoder


@dataclass(frozen=True)
class Quality:
    """How sparse and how faithful a dictionary is on a set of states."""

    l0: float
    """Mean number of latents above zero."""
    fvu: float
    """Fraction of variance unexplained: sum |x - x_hat|^2 / sum |x - mean x|^2; 0 is perfect, 1 is the mean."""
    live: Bool[Tensor, " latent"]
    """Latents above zero on at least one state; the others are dead."""

    @property
    def dead(self) -> int:
        """Number of dead latents."""
        return int((~self.live).sum())

    def row(self) -> dict[str, float]:
        """``l0``, ``fvu`` and the number of ``dead`` latents."""
        return {"l0": self.l0, "fvu": self.fvu, "dead": self.dead}


@torch.no_grad()
def quality(dictionary: SparseAutoencoder, states: Float[Tensor, "batch d_in"]) -> Quality:
    """How many latents the dictionary needs for these states, and what it loses of them."""
    latents = dictionary.encode(states)
    return Quality(
        l0=float((latents > 0).double().sum(1).mean()),
        fvu=unexplained(states, dictionary.decode(latents)),
        live=(latents > 0).any(0),
    )


def live_activity(dictionary: SparseAutoencoder, states: Float[Tensor, "batch d_in"]) -> Float[Tensor, "batch live"]:
    """The activity of the latents that are above zero on at least one state."""
    latents = dictionary.encode(states)
    return latents[:, (latents > 0).any(0)]


def some_live(dictionary: SparseAutoencoder, states: Float[Tensor, "batch d_in"], n: int, *, seed: int) -> list[int]:
    """``n`` latents that are above zero on at least one state, or all if there are fewer, drawn from ``seed``."""
    live = (dictionary.encode(states) > 0).any(0).nonzero().flatten()
    order = torch.randperm(len(live), generator=torch.Generator().manual_seed(seed))
    chosen: list[int] = live[order[:n]].tolist()
    return chosen


def unexplained(states: Float[Tensor, "batch d_in"], rebuilt: Float[Tensor, "batch d_in"]) -> float:
    """Fraction of the states' variance that ``rebuilt`` loses; raises ``ValueError`` when they never vary."""
    total = (states - states.mean(0)).double().square().sum()
    if total == 0:
        raise ValueError("states must vary for a fraction of their variance to be defined, all are the same")
    return float((states - rebuilt).double().square().sum() / total)


def both_signs(projections: Float[Tensor, "batch direction"]) -> Float[Tensor, "batch latent"]:
    """Directions as non-negative activities: the positive part of each, then the negative part of each."""
    return torch.relu(torch.cat([projections, -projections], dim=1))


@torch.no_grad()
def principal_directions(states: Float[Tensor, "batch d_in"]) -> Float[Tensor, "d_in direction"]:
    """Orthonormal directions of falling variance (PCA)."""
    directions: Tensor = torch.linalg.svd(states - states.mean(0), full_matrices=False).Vh.T
    return directions


@torch.no_grad()
def fourier_directions(
    states: Float[Tensor, "batch d_in"], numbers: Int[Tensor, " batch"], *, modulus: int, n_frequencies: int
) -> Float[Tensor, "d_in direction"]:
    """Orthonormal directions along which the mean state by number turns with its strongest frequencies.

    For frequency k the mean over inputs of (x - mean) cos(2 pi k n / modulus) and of the same with sin; the
    ``n_frequencies`` with the largest pairs are kept and orthonormalised in falling order.

    Raises ``ValueError`` for more frequencies than the modulus or the state has.
    """
    largest = min((modulus - 1) // 2, states.shape[1] // 2)
    if not 1 <= n_frequencies <= largest:
        raise ValueError(f"n_frequencies must lie in 1..{largest}, got {n_frequencies}")
    angle = 2 * torch.pi * torch.outer(torch.arange(1, (modulus - 1) // 2 + 1), numbers).to(states.dtype) / modulus
    centred = states - states.mean(0)
    pairs = torch.stack([angle.cos() @ centred, angle.sin() @ centred], dim=1)
    order = pairs.square().sum((1, 2)).argsort(descending=True)[:n_frequencies]
    directions: Tensor = torch.linalg.qr(pairs[order].flatten(0, 1).T).Q
    return directions


@torch.no_grad()
def random_dictionary(states: Float[Tensor, "batch d_in"], *, width: int, l0: float, seed: int) -> SparseAutoencoder:
    """An autoencoder with a random encoder, of which only the decoder is fitted: the control of a trained one.

    The encoder's columns are random unit vectors. Each bias lets its latent fire on the share ``l0 / width`` of the
    states, so that as many latents are active as in the dictionary that it is compared with. The decoder is the
    least-squares solution, with a penalty of a millionth of the mean square; its rows are then scaled to length 1 and
    the encoder the other way.

    Raises ``ValueError`` when ``l0`` does not lie between 0 and ``width``.
    """
    if not 0 < l0 < width:
        raise ValueError(f"l0 must lie between 0 and the width {width}, got {l0}")
    generator = torch.Generator().manual_seed(seed)
    mean = states.mean(0)
    W_enc = unit_directions((width, states.shape[1]), generator=generator, dtype=states.dtype).T
    b_enc = -_quantile((states - mean) @ W_enc, 1 - l0 / width)
    latents = torch.relu((states - mean) @ W_enc + b_enc)
    gram = (latents.T @ latents).double()
    gram += 1e-6 * gram.trace() / width * torch.eye(width, dtype=torch.float64)
    W_dec = torch.linalg.solve(gram, (latents.T @ (states - mean)).double()).to(states.dtype)
    length = W_dec.norm(dim=1).clamp_min(1e-12)
    return SparseAutoencoder(W_enc * length, b_enc * length, W_dec / length[:, None], mean)


def mean_max_cosine(one: Float[Tensor, "latent d_in"], other: Float[Tensor, "others d_in"]) -> float:
    """How well ``other`` holds the directions of ``one``: the mean over its rows of the largest cosine, -1 .. 1."""
    return float((normalize(one, dim=1) @ normalize(other, dim=1).T).max(1).values.mean())


def mean_pairwise_cosine(directions: Sequence[Float[Tensor, "_ d_in"]]) -> float:
    """``mean_max_cosine`` averaged over all ordered pairs; raises ``ValueError`` for fewer than two."""
    if len(directions) < 2:
        raise ValueError(f"directions must be of two dictionaries or more, got {len(directions)}")
    pairs = list(permutations(directions, 2))
    return sum(mean_max_cosine(one, other) for one, other in pairs) / len(pairs)


@torch.no_grad()
def stability(dictionaries: Sequence[SparseAutoencoder], states: Float[Tensor, "batch d_in"]) -> float:
    """``mean_pairwise_cosine`` of the decoders' rows, those of latents that are above zero on some state.

    Raises as that does.
    """
    return mean_pairwise_cosine([each.W_dec[quality(each, states).live] for each in dictionaries])


def _quantile(values: Float[Tensor, "batch latent"], share: float) -> Float[Tensor, " latent"]:
    """``torch.quantile`` of each column, which sorts as slowly as torch does."""
    ordered = rising(values)
    place = torch.tensor(share, dtype=values.dtype) * (len(values) - 1)
    below = int(place)
    return torch.lerp(ordered[below], ordered[min(below + 1, len(values) - 1)], place - below)
