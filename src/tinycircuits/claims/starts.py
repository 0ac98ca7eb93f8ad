"""The measuring function of the chapter on the start: where the sum is formed, by how large the embeddings begin."""

from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from tinycircuits.claims.addition import AFTER_L0, sum_at_equals
from tinycircuits.claims.measures import Measure, register
from tinycircuits.claims.verdicts import Observed
from tinycircuits.results.profiles import Profile, profile
from tinycircuits.results.tables.alternatives import ALTERNATIVES, LARGE_BATCHES, START_SIZES
from tinycircuits.results.tables.studies import study

E = study("addition-97-2l")
N_HELD_OUT = len(E.task.sequences()) - E.train.split.n_train


Recipe = Literal["large batches", "as the study"]
"""How the models are trained: in batches of 512 at a constant rate for 60 epochs, or by the study's own recipe."""


@dataclass(frozen=True)
class Starts:
    """Models of article E's class from several sizes of the embeddings' start, the same seeds each."""

    profiles: dict[float, Profile]
    """By the standard deviation at which the embeddings start, in rising order."""
    shuffled: bool = False
    """Whether read-outs are taken that were fitted to shuffled labels."""

    def finished(self, size: float) -> Bool[Tensor, " seed"]:
        """Which models miss at most a hundredth of the held-out pairs."""
        return self.profiles[size]["wrong.holdout"].sum(1) <= 0.01 * N_HELD_OUT

    def read(self, size: float) -> Float[Tensor, "finished stage"]:
        """Share of held-out pairs whose sum is read at ``=``, by stage, in the models that are ``finished``."""
        return sum_at_equals(self.profiles[size], shuffled=self.shuffled)[self.finished(size)]


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
        of = profile(sized[size].name if size in sized else printed, "trained")
        found[size] = of.of_seeds((of.seeds < len(seeds)).nonzero()[:, 0])
    return Starts(found, shuffled)


def the_start_decides_where(of: Starts) -> Observed:
    """Of the models that miss at most a hundredth of the held-out pairs, every one from the smallest start reads the
    sum after layer 0 on at least nine tenths of them, every one from the printed start on fewer than half, and the
    median is nowhere more than a hundredth above that of the next smaller size."""
    after = {size: of.read(size)[:, AFTER_L0] for size in of.profiles}
    sizes = list(after)
    medians = torch.stack([after[size].quantile(0.5) for size in sizes])
    small, printed = after[sizes[0]], after[E.model.default_embed_std]
    met = bool((small >= 0.9).all() and (printed < 0.5).all() and (medians.diff() <= 0.01).all())
    values = {
        "read after layer 0, smallest start, lowest seed": small.min(),
        "printed start, highest seed": printed.max(),
        "largest rise of the median from one size to the next": medians.diff().max(),
        "models that count": torch.tensor(float(sum(map(len, after.values())))),
    }
    return Observed(torch.tensor([met]), {name: value[None] for name, value in values.items()})


register(
    "start",
    Measure(the_start_decides_where, starts, {"shuffled labels": partial(starts, shuffled=True)}),
)
