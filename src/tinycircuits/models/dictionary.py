"""A sparse dictionary of states: the autoencoder and nothing around it."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class SparseAutoencoder:
    """z = ReLU((x - b_dec) @ W_enc + b_enc), x_hat = z @ W_dec + b_dec, with decoder rows of length 1.

    Source: Bricken et al. 2023, "Towards Monosemanticity".
    """

    W_enc: Float[Tensor, "d_in latent"]
    b_enc: Float[Tensor, " latent"]
    W_dec: Float[Tensor, "latent d_in"]
    b_dec: Float[Tensor, " d_in"]

    def encode(self, states: Float[Tensor, "batch d_in"]) -> Float[Tensor, "batch latent"]:
        """The latents, none below zero."""
        return torch.relu((states - self.b_dec) @ self.W_enc + self.b_enc)

    def decode(self, latents: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch d_in"]:
        """The states that the latents stand for."""
        return latents @ self.W_dec + self.b_dec

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The weights by name, as they are stored."""
        return {name: getattr(self, name) for name in ("W_enc", "b_enc", "W_dec", "b_dec")}
