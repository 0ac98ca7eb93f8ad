"""The measuring function of the chapter on the start: where the sum is formed, by how large the embeddings begin."""

from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from tinycircuits.claims.addition import AFTER_L0, sum_at_equals
from tinycircuits.claims.measures import Measure, register
from tinycircuits.claims.profiles import Profile, profile
from tinycircuits.claims.verdicts import Observed
from tinycircuits.studies import ALTERNATIVES, START_SIZES, study

E = study("addition-97-2l")


@dataclass(frozen=True)
class Starts:
    """Models of article E's class from several sizes of the embeddings' start, the same seeds each."""

    profiles: dict[float, Profile]
    """By the standard deviation at which the embeddings start, in rising order."""
    shuffled: bool = False
    """Whether read-outs are taken that were fitted to shuffled labels."""

    def read(self, size: float, *, solved: bool = True) -> Float[Tensor, "seed stage"]:
        """Share of held-out pairs whose sum is read at ``=``, by stage; of the seeds that solve the task, or all."""
        found = self.profiles[size]
        shares = sum_at_equals(found, shuffled=self.shuffled)
        return shares[found.solved] if solved else shares


def starts(*, shuffled: bool = False) -> Starts:
    """The stored profiles of all sizes; raises ``MissingResult`` and ``CorruptResult`` as ``profile`` does."""
    others = {each.model.embed_std: each for each in ALTERNATIVES.values() if each.model.embed_std is not None}
    found = {}
    for size in sorted(START_SIZES.values()):
        if size in others:
            found[size] = profile(others[size].name, "trained")
        else:
            found[size] = _first(profile("E", "trained"), len(next(iter(others.values())).seeds))
    return Starts(found, shuffled)


def _first(of: Profile, n: int) -> Profile:
    """The profile of the seeds below ``n``."""
    chosen = of.seeds < n
    return Profile(of.kind, of.seeds[chosen], {name: numbers[chosen] for name, numbers in of.numbers.items()})


def the_start_decides_where(of: Starts) -> Observed:
    """In every seed that solves the task the sum is read after layer 0 on at least nine tenths of held-out pairs from
    the smallest start and on fewer than half from the printed one; and the median falls from each size to the next."""
    after = {size: of.read(size)[:, AFTER_L0] for size in of.profiles}
    sizes = list(after)
    medians = torch.stack([after[size].quantile(0.5) for size in sizes])
    small, printed = after[sizes[0]], after[E.model.default_embed_std]
    met = bool((small >= 0.9).all() and (printed < 0.5).all() and (medians.diff() < 0).all())
    values = {
        "read after layer 0, smallest start, lowest seed": small.min(),
        "printed start, highest seed": printed.max(),
        "smallest fall of the median from one size to the next": -medians.diff().max(),
    }
    return Observed(torch.tensor([met]), {name: value[None] for name, value in values.items()})


register(
    "start",
    Measure(the_start_decides_where, starts, {"shuffled labels": partial(starts, shuffled=True)}),
)
