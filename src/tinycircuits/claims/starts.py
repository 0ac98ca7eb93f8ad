"""Models of article E's class by how large their embeddings begin."""

from dataclasses import dataclass
from typing import Literal

from jaxtyping import Bool, Float
from torch import Tensor

from tinycircuits.results.numbers import OfPairs, pairs
from tinycircuits.results.tables.alternatives import ALTERNATIVES, LARGE_BATCHES, START_SIZES
from tinycircuits.results.tables.studies import study

E = study("addition-97-2l")
N_HELD_OUT = len(E.task.sequences()) - E.train.split.n_train


Recipe = Literal["large batches", "as the study"]
"""How the models are trained: in batches of 512 at a constant rate for 60 epochs, or by the study's own recipe."""


@dataclass(frozen=True)
class Starts:
    """Models of article E's class from several sizes of the embeddings' start, the same seeds each."""

    profiles: dict[float, OfPairs]
    """By the standard deviation at which the embeddings start, in rising order."""
    shuffled: bool = False
    """Whether read-outs are taken that were fitted to shuffled labels."""

    def finished(self, size: float) -> Bool[Tensor, " seed"]:
        """Which models miss at most a hundredth of the held-out pairs."""
        return self.profiles[size].wrong_held_out.sum(1) <= 0.01 * N_HELD_OUT

    def read(self, size: float) -> Float[Tensor, "finished stage"]:
        """Share of held-out pairs whose sum is read at ``=``, by stage, in the models that are ``finished``."""
        return self.profiles[size].sum_read(shuffled=self.shuffled)[self.finished(size)]


def starts(recipe: Recipe = "large batches", *, shuffled: bool = False) -> Starts:
    """The stored profiles of all sizes; raises ``MissingResult`` and ``CorruptResult`` as ``profile`` does."""
    choice, printed = {
        "large batches": (LARGE_BATCHES, "E, batch and length 512, 60, rate constant"),
        "as the study": ("embeddings start at", "E"),
    }[recipe]
    sized = {each.model.embed_std: each for each in ALTERNATIVES.values() if each.choice == choice}
    seeds = next(iter(sized.values())).seeds
    found = {}
    for size in sorted(START_SIZES.values()):
        of = pairs(sized[size].name if size in sized else printed, "trained")
        found[size] = of.of_seeds((of.seeds < len(seeds)).nonzero()[:, 0])
    return Starts(found, shuffled)
