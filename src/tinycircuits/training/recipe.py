"""Recipes: what one training does, validated."""

import math
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from pydantic import Field, model_validator
from torch import Tensor

from tinycircuits.models.build import Dtype
from tinycircuits.specs import Spec
from tinycircuits.tasks import SampledSplit, Split

Positive = Annotated[int, Field(ge=1)]


class EpochBatches(Spec):
    """Each round is one epoch: a fresh permutation of the training set, cut into batches (the last may be small)."""

    epochs: Positive
    batch_size: Positive

    @property
    def round_name(self) -> str:
        """What a progress bar calls a round."""
        return "epoch"

    @property
    def n_rounds(self) -> int:
        """One round for each epoch."""
        return self.epochs

    def n_steps(self, n_train: int) -> int:
        """Optimizer steps in the whole training."""
        return self.epochs * math.ceil(n_train / self.batch_size)

    def draw(self, n_train: int, generators: Sequence[torch.Generator]) -> tuple[Int[Tensor, "lane batch"], ...]:
        """The batches of one round, as indices into the training set, one row for each generator."""
        orders = torch.stack([torch.randperm(n_train, generator=generator) for generator in generators])
        return torch.split(orders, self.batch_size, dim=1)


class _Steps(Spec):
    """Batches of single steps; a round is ``round_steps`` of them."""

    steps: Positive
    batch_size: Positive
    round_steps: Positive

    @property
    def round_name(self) -> str:
        """What a progress bar calls a round."""
        return f"{self.round_steps} steps"

    @property
    def n_rounds(self) -> int:
        """Rounds of ``round_steps`` steps each."""
        return self.steps // self.round_steps

    def n_steps(self, n_train: int) -> int:
        """Optimizer steps in the whole training, for every ``n_train``."""
        return self.n_rounds * self.round_steps


class IndependentBatches(_Steps):
    """Each step draws its batch anew, without replacement inside the batch; a round is ``round_steps`` steps."""

    def draw(self, n_train: int, generators: Sequence[torch.Generator]) -> tuple[Int[Tensor, "lane batch"], ...]:
        """The batches of one round, as indices into the training set, one row for each generator."""
        numbers = torch.empty(len(generators), self.round_steps, n_train)
        for generator, lane in zip(generators, numbers, strict=True):
            torch.rand(lane.shape, generator=generator, out=lane)
        return _start_of_argsort(numbers, self.batch_size).transpose(0, 1).contiguous().unbind()


class DrawnBatches(_Steps):
    """Each step draws its batch anew from all inputs, with replacement; a round is ``round_steps`` steps."""

    def draw(self, n_train: int, generators: Sequence[torch.Generator]) -> tuple[Int[Tensor, "lane batch"], ...]:
        """The batches of one round, as indices into all ``n_train`` inputs, one row for each generator."""
        size = (self.round_steps, self.batch_size)
        return torch.stack([torch.randint(n_train, size, generator=each) for each in generators], dim=1).unbind()


def _start_of_argsort(numbers: Float[Tensor, "lane row n"], count: int) -> Int[Tensor, "lane row count"]:
    """The first ``count`` entries of ``numbers.argsort(dim=2)``, several times sooner.

    Where the smallest numbers differ there is one such order, and a selection finds it. Where two are equal (one row
    of some thousands) their order is a habit of ``argsort``, which is therefore asked.
    """
    if count >= numbers.shape[2]:
        return numbers.argsort(dim=2)
    values, order = numbers.topk(count + 1, dim=2, largest=False)
    tied = (values.diff(dim=2) == 0).any(dim=2)
    order[tied] = numbers[tied].argsort(dim=1)[:, : count + 1]
    return order[:, :, :count]


class TrainSpec(Spec):
    """A training recipe: AdamW on the mean cross-entropy of the answer tokens.

    The learning rate rises linearly to ``lr`` over ``warmup_steps``, then stays or falls along a cosine to zero.
    ``forward`` is how the logits of a batch are computed: by the module, or ``by_tables``, which takes a quarter of
    the time for the whole batches of one-layer addition. ``recipe`` is raised by hand whenever a change of this module
    changes the outcome of a run.
    """

    LATER: ClassVar[frozenset[str]] = frozenset({"forward", "loss_dtype"})

    split: Split
    batches: EpochBatches | IndependentBatches | DrawnBatches
    lr: float = Field(gt=0)
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = Field(default=0.01, ge=0)
    warmup_steps: int = Field(default=0, ge=0)
    decay: Literal["constant", "cosine"] = "constant"
    clip_norm: float | None = Field(default=None, gt=0)
    dtype: Dtype = "float64"
    forward: Literal["module", "tables"] = "module"
    loss_dtype: Dtype | None = None
    recipe: int = 1

    @model_validator(mode="after")
    def _both_or_neither(self) -> "TrainSpec":
        if isinstance(self.split, SampledSplit) != isinstance(self.batches, DrawnBatches):
            raise ValueError("split must be a SampledSplit exactly where the batches are DrawnBatches")
        return self

    def lr_at(self, step: int, n_steps: int) -> float:
        """Learning rate of the step with index ``step`` of ``n_steps``."""
        if step < self.warmup_steps:
            return self.lr * (step + 1) / self.warmup_steps
        if self.decay == "constant":
            return self.lr
        done = (step - self.warmup_steps) / max(1, n_steps - self.warmup_steps)
        return self.lr * (1 + math.cos(math.pi * done)) / 2


def generator_of(seed: int, index: int) -> torch.Generator:
    """The source of the batches of round ``index`` of the run with this seed."""
    state = np.random.SeedSequence((seed, index)).generate_state(1)
    return torch.Generator().manual_seed(int(state[0]))
