"""What is fitted on a trained model's activations: recipes, and the loops that follow them. No disk."""

from typing import Literal

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize
from tqdm.auto import tqdm

from tinycircuits.models.dictionary import SparseAutoencoder
from tinycircuits.specs import Spec
from tinycircuits.training.device import one_thread


class SaeSpec(Spec):
    """A sparse autoencoder: Adam on the batch mean of |x - x_hat|^2 + l1 |z|_1, decoder rows kept at length 1.

    The decoder starts with random unit rows, the encoder as its transpose, ``b_dec`` at the mean state. The learning
    rate stays, or falls along a cosine to zero. ``recipe`` is raised by hand whenever a change of this module changes
    the outcome of a fit.
    """

    width: int = Field(ge=1)
    l1: float = Field(ge=0)
    lr: float = Field(gt=0)
    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    decay: Literal["constant", "cosine"] = "constant"
    recipe: int = 1


class ProbeSpec(Spec):
    """A linear read-out, softmax(x W + b): full-batch steps of Adam on the cross-entropy, from torch's initial weights.

    No penalty, no scaling of the states, and no stop: how far it has come after ``steps`` is part of the recipe.
    ``fit_share`` of the inputs are fitted, the others are held out. ``recipe`` as in ``SaeSpec``.
    """

    steps: int = Field(ge=1)
    lr: float = Field(gt=0)
    fit_share: float = Field(gt=0, lt=1)
    recipe: int = 1


def fit_probe(
    states: Float[Tensor, "batch d_in"], labels: Int[Tensor, " batch"], spec: ProbeSpec, *, classes: int, seed: int
) -> nn.Linear:
    """The read-out of ``labels`` from ``states``; ``seed`` draws its initial weights."""
    with torch.random.fork_rng(devices=[]), one_thread():
        torch.manual_seed(seed)
        probe = nn.Linear(states.shape[1], classes, dtype=states.dtype)
        optimizer = torch.optim.Adam(probe.parameters(), lr=spec.lr, foreach=True)
        for _ in range(spec.steps):
            loss = cross_entropy(probe(states), labels)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
    return probe


def fit_sae(
    states: Float[Tensor, "batch d_in"], spec: SaeSpec, *, seed: int, progress: str | None = None
) -> tuple[SparseAutoencoder, list[float]]:
    """The autoencoder of ``states``, and the mean loss of each epoch.

    ``seed`` draws the initial weights and the batches. ``progress`` names the bar, which is drawn on a terminal only.
    """
    generator = torch.Generator().manual_seed(seed)
    W_dec = normalize(torch.randn(spec.width, states.shape[1], generator=generator, dtype=torch.float64), dim=1)
    W_dec = W_dec.to(states.dtype)
    start = (W_dec.T.clone(), torch.zeros_like(W_dec[:, 0]), W_dec, states.mean(0))
    weights = tuple(weight.requires_grad_() for weight in start)
    optimizer = torch.optim.Adam(weights, lr=spec.lr, foreach=True)
    steps = spec.epochs * -(-len(states) // spec.batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps) if spec.decay == "cosine" else None
    losses = []
    with one_thread():
        for _ in tqdm(range(spec.epochs), desc=progress, unit="epoch", disable=None if progress else True):
            total = 0.0
            for at in torch.split(torch.randperm(len(states), generator=generator), spec.batch_size):
                total += len(at) * _step(SparseAutoencoder(*weights), states[at], spec.l1, optimizer)
                if schedule is not None:
                    schedule.step()
            losses.append(total / len(states))
    return SparseAutoencoder(*(weight.detach() for weight in weights)), losses


def _step(
    dictionary: SparseAutoencoder, batch: Float[Tensor, "batch d_in"], l1: float, optimizer: torch.optim.Optimizer
) -> float:
    """One step of Adam; the decoder's rows return to length 1. The loss before it."""
    latents = dictionary.encode(batch)
    loss = ((batch - dictionary.decode(latents)).square().sum(1) + l1 * latents.sum(1)).mean()
    optimizer.zero_grad()
    torch.autograd.backward(loss)
    optimizer.step()
    with torch.no_grad():
        dictionary.W_dec.copy_(normalize(dictionary.W_dec, dim=1))
    return loss.item()
