"""What a model with four numbers in its stream can say, as a globe: its states on a sphere, its answers as regions."""

from dataclasses import dataclass
from functools import cached_property

import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.activations import activations, stage_named, stages
from tinycircuits.models.weights import named_weights
from tinycircuits.tasks import Task

AXES = ((0.5, 0.5, -0.5, -0.5), (0.5, -0.5, 0.5, -0.5), (0.5, -0.5, -0.5, 0.5))
"""Three directions at right angles, each of mean zero and length one: the globe of the live page has the same."""
_SPREAD = 20_000
"""Places, spread evenly over the sphere, by which regions are measured: their shares are right to a few thousandths."""
_GOLDEN = torch.pi * (3 - 5**0.5)
"""From each of these places to the next, radians of longitude."""


@dataclass(frozen=True)
class Globe:
    """The states at the rows that predict the answers, on the unit sphere, and what the model says at each place of it.

    A normalised state of four numbers has mean zero and length two: half of it is a point of a sphere in three
    dimensions. The logits are linear there, logits = directions p + offsets, so that the sphere falls into regions, at
    most one for each token, with circles between them.

    Shows / does not show: everything that the read-out does, without a projection. Not how the states came there.
    """

    tokens: tuple[str, ...]
    points: Float[Tensor, "batch answer 3"]
    answers: Int[Tensor, "batch answer"]
    """The right ones."""
    directions: Float[Tensor, "token 3"]
    offsets: Float[Tensor, " token"]

    def says(self, points: Float[Tensor, "*any 3"]) -> Int[Tensor, "*any"]:
        """The token with the largest logit at each point, the first of equal ones."""
        said: Tensor = (points @ self.directions.T + self.offsets).argmax(-1)
        return said

    @cached_property
    def counts(self) -> Int[Tensor, "token token"]:
        """How many states with each right answer (rows) lie in each region (columns)."""
        size = len(self.tokens)
        pairs = self.answers.flatten() * size + self.says(self.points).flatten()
        return pairs.bincount(minlength=size**2).view(size, size)

    @cached_property
    def areas(self) -> Float[Tensor, " token"]:
        """The share of the sphere that each region takes, 0 .. 1, to a few thousandths."""
        return self.says(everywhere()).bincount(minlength=len(self.tokens)).double() / _SPREAD

    def middle(self, token: int) -> Float[Tensor, "3"]:
        """The middle of a region: the mean of its places, of length one.

        Raises ``ValueError`` for a token that is said nowhere.
        """
        places = everywhere()
        inside = places[self.says(places) == token]
        if not len(inside):
            raise ValueError(f"token must be one with a region, got {self.tokens[token]!r}")
        return torch.nn.functional.normalize(inside.mean(0), dim=0)

    def rows(self) -> pd.DataFrame:
        """One row for each region: its share of the sphere, the states in it, and those that are right there."""
        return pd.DataFrame(
            {
                "region": self.tokens,
                "share of the sphere": self.areas,
                "states": self.counts.sum(0),
                "right": self.counts.diagonal(),
            }
        )


@torch.no_grad()
def globe(model: TransformerBridge, task: Task, *, stage: str | None = None) -> Globe:
    """The states of one stage on all inputs, by default the last, where the final LayerNorm puts them before its gain.

    x = (resid - mean) / sqrt(variance + eps), p = AXES x / 2; directions = 2 AXES (w * W_U), offsets = b W_U + b_U,
    with w and b the gain and the bias of the final LayerNorm. |p| falls short of 1 by eps alone.

    Source: ours.

    Raises ``ValueError`` for an unknown stage, and for a model without LayerNorm or with another width than 4.
    """
    if model.cfg.d_model != len(AXES) + 1 or model.cfg.normalization_type != "LN":
        raise ValueError(
            f"model must have LayerNorm and d_model 4 for a globe, got {model.cfg.normalization_type}, "
            f"d_model {model.cfg.d_model}"
        )
    hook = (stages(model)[-1] if stage is None else stage_named(model, stage)).hook
    sequences = task.sequences()
    resid = activations(model, task.inputs(sequences), [hook], rows=task.predicting_rows)[hook].double()
    centred = resid - resid.mean(-1, keepdim=True)
    normed = centred / (centred.square().mean(-1, keepdim=True) + model.cfg.eps).sqrt()
    weights = {name: weight.double() for name, weight in named_weights(model).items()}
    axes = torch.tensor(AXES, dtype=torch.float64)
    return Globe(
        tokens=tuple(task.token_names),
        points=normed @ axes.T / 2,
        answers=task.answers(sequences),
        directions=2 * (axes @ (weights["ln_final.w"][:, None] * weights["W_U"])).T,
        offsets=weights["ln_final.b"] @ weights["W_U"] + weights["b_U"],
    )


def everywhere() -> Float[Tensor, "place 3"]:
    """Places spread evenly over the unit sphere, on a spiral."""
    step = torch.arange(_SPREAD, dtype=torch.float64)
    height = 1 - (2 * step + 1) / _SPREAD
    around, radius = step * _GOLDEN, (1 - height**2).sqrt()
    return torch.stack([radius * around.cos(), radius * around.sin(), height], dim=-1)
