"""What a sparse dictionary recovers where the right features are known: the waves of a sum, or its residues."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import normalize, one_hot

from tinycircuits.interp.meanings import CLEAR_F1
from tinycircuits.interp.sae import live_activity, quality
from tinycircuits.models.dictionary import SparseAutoencoder

NEAR = 0.9
"""From this cosine on a direction counts as the right one; fixed before the results."""


@dataclass(frozen=True)
class Recovered:
    """How many of the right features a dictionary has, and how many of its latents are one.

    A wave is recovered if some live latent writes, by a cosine of ``NEAR``, along its plane; a residue r of the sum if
    some live latent fires just when the sum is r, by an F1 of ``CLEAR_F1``.

    Shows / does not show: whether the right features are among the latents, not whether anybody could pick them out.
    """

    live: int
    waves: int
    residues: int
    latents_of_waves: int
    latents_of_residues: int


def planes_of_sum(
    states: Float[Tensor, "batch d_in"], sums: Int[Tensor, " batch"], frequencies: Sequence[int], *, modulus: int
) -> Float[Tensor, "frequency d_in 2"]:
    """For each frequency an orthonormal basis of the plane along which the states turn with cos, sin w_k (a + b)."""
    angle = 2 * torch.pi * torch.outer(torch.tensor(frequencies), sums).to(states.dtype) / modulus
    centred = states - states.mean(0)
    pairs = torch.stack([angle.cos() @ centred, angle.sin() @ centred], dim=-1)
    bases: Tensor = torch.linalg.qr(pairs).Q
    return bases


@torch.no_grad()
def recovered(
    dictionary: SparseAutoencoder,
    states: Float[Tensor, "batch d_in"],
    sums: Int[Tensor, " batch"],
    planes: Float[Tensor, "frequency d_in 2"],
    *,
    modulus: int,
) -> Recovered:
    """Which waves, given by their planes, and which residues of the sums a dictionary of ``states`` recovers.

    The cosine of a latent with a plane is that with the direction in it that is nearest: the length of the unit
    decoder row's projection.
    """
    alive = quality(dictionary, states).live
    rows = normalize(dictionary.W_dec[alive], dim=1)
    near = torch.einsum("ld,fdc->lfc", rows, planes).norm(dim=-1) >= NEAR
    clear = _f1(live_activity(dictionary, states) > 0, sums, modulus) >= CLEAR_F1
    return Recovered(
        live=int(alive.sum()),
        waves=int(near.any(0).sum()),
        residues=int(clear.any(0).sum()),
        latents_of_waves=int(near.any(1).sum()),
        latents_of_residues=int(clear.any(1).sum()),
    )


def _f1(
    fires: Bool[Tensor, "batch latent"], sums: Int[Tensor, " batch"], modulus: int
) -> Float[Tensor, "latent number"]:
    """F1 = 2 hits / (inputs where the latent fires + inputs of the number), of each latent for each number."""
    of_number = one_hot(sums, modulus).double()
    hits = fires.double().T @ of_number
    return 2 * hits / (fires.double().sum(0)[:, None] + of_number.sum(0))
