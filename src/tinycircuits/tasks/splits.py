"""How the sequences of a task are divided into a training set and a holdout."""

from dataclasses import dataclass

import torch
from jaxtyping import Int
from pydantic import Field
from torch import Tensor

from tinycircuits.specs import Spec


@dataclass(frozen=True)
class SplitIndices:
    """Indices into ``Task.sequences()``: disjoint, and together all of them, unless they are samples."""

    train: Int[Tensor, " train"]
    holdout: Int[Tensor, " holdout"]


class OrderedSplit(Spec):
    """The first ``n_train`` sequences in their fixed order train, the rest is held out. Nothing is shuffled."""

    n_train: int = Field(ge=1)

    def indices(self, n_sequences: int) -> SplitIndices:
        """The split of ``n_sequences``; raises ``ValueError`` when ``n_train`` leaves nothing to hold out."""
        return _cut(torch.arange(n_sequences), self.n_train)


class ShuffledSplit(Spec):
    """A permutation drawn from ``seed`` decides which ``n_train`` sequences train."""

    n_train: int = Field(ge=1)
    seed: int = Field(ge=0)

    def indices(self, n_sequences: int) -> SplitIndices:
        """The split of ``n_sequences``; raises ``ValueError`` when ``n_train`` leaves nothing to hold out."""
        generator = torch.Generator().manual_seed(self.seed)
        return _cut(torch.randperm(n_sequences, generator=generator), self.n_train)


class SampledSplit(Spec):
    """For inputs too many to list: two samples on which a model is measured, drawn with ``seed`` and replacement.

    No training set is among them: each step of such a training draws its own inputs (``DrawnBatches``). The first
    sample, of ``n_train``, stands where others have their training set, the second where they have the holdout.
    """

    n_train: int = Field(ge=1)
    n_holdout: int = Field(ge=1)
    seed: int = Field(ge=0)

    def indices(self, n_sequences: int) -> SplitIndices:
        """The samples from ``n_sequences``."""
        generator = torch.Generator().manual_seed(self.seed)
        drawn = torch.randint(n_sequences, (self.n_train + self.n_holdout,), generator=generator)
        return SplitIndices(train=drawn[: self.n_train], holdout=drawn[self.n_train :])


Split = OrderedSplit | ShuffledSplit | SampledSplit


def _cut(order: Int[Tensor, " sequences"], n_train: int) -> SplitIndices:
    if n_train >= len(order):
        raise ValueError(f"n_train must be below the number of sequences ({len(order)}), got {n_train}")
    return SplitIndices(train=order[:n_train], holdout=order[n_train:])
