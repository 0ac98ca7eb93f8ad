"""What a training reads: the sequences of its batches, and those on which it is measured."""

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from tinycircuits.tasks import SampledSplit, Split, Task


@dataclass(frozen=True)
class Data:
    """The data of one training; all on the CPU. ``train`` and ``holdout`` are indices into ``measured``."""

    task: Task
    measured: Int[Tensor, "batch n_ctx"]
    train: Int[Tensor, " train"]
    holdout: Int[Tensor, " holdout"]
    listed: bool
    """Whether the batches come from the training set, which is listed, or each from all inputs anew."""

    @classmethod
    def of(cls, task: Task, split: Split) -> "Data":
        """All sequences and their split, or two samples of what is never listed."""
        found = split.indices(task.n_sequences)
        if not isinstance(split, SampledSplit):
            return cls(task, task.sequences(), found.train, found.holdout, listed=True)
        train, holdout = torch.split(torch.arange(split.n_train + split.n_holdout), [split.n_train, split.n_holdout])
        both = task.sequences_at(torch.cat([found.train, found.holdout]))
        return cls(task, both, train, holdout, listed=False)

    @property
    def n_train(self) -> int:
        """From how many sequences a batch is drawn."""
        return len(self.train) if self.listed else self.task.n_sequences

    def batch(self, drawn: Int[Tensor, "*batch"]) -> Int[Tensor, "*batch n_ctx"]:
        """The sequences of a batch, or of one for each lane, given as ``draw`` of the recipe gives it."""
        if self.listed:
            return self.measured[self.train[drawn]]
        return self.task.sequences_at(drawn.flatten()).view(*drawn.shape, -1)
