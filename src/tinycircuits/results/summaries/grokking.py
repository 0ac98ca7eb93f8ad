"""Stored trainings that grok: the steps at which something was first so, and their seeds side by side."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from tinycircuits.results.grokked import Grokking

AT_REST = 10
"""So many last rounds are the end: a single one may stand on a bump of the loss."""


@dataclass(frozen=True)
class Milestones:
    """Optimizer steps of the first look at which something holds; ``None`` where it never does."""

    known: int | None
    """No training pair is wrong."""
    missed_when_known: int | None
    """How many held-out pairs are wrong at that look."""
    half_of_waves: int | None
    """The key frequencies, if there are any, hold half of the share of the neuron-logit map that they end with."""
    half: int | None
    """At most half of the held-out pairs are wrong."""
    right: int | None
    """No held-out pair is wrong."""
    wrong_at_end: float
    """Median of the wrong held-out pairs over the last rounds."""
    n_holdout: int


def milestones(kept: Grokking) -> Milestones:
    """When a training knew its pairs, when its waves grew, and when it understood."""
    train, holdout = kept.wrong.unbind(1)
    n_holdout = len(kept.spec.of.train.split.indices(kept.spec.of.task.n_sequences).holdout)
    known, share = _first(train == 0), of_keys(kept, "of_neurons")
    return Milestones(
        known=_step(kept, known),
        missed_when_known=None if known is None else int(holdout[known]),
        half_of_waves=_step(kept, _first(share >= share[-1] / 2)) if kept.keys else None,
        half=_step(kept, _first(2 * holdout <= n_holdout)),
        right=_step(kept, _first(holdout == 0)),
        wrong_at_end=float(holdout[-AT_REST:].double().quantile(0.5)),
        n_holdout=n_holdout,
    )


def of_keys(kept: Grokking, what: str) -> Float[Tensor, " round"]:
    """Share of the key frequencies together in ``of_embedding``, ``of_neurons`` or ``of_logits``, by round."""
    return kept.curves[what][:, torch.tensor(kept.keys, dtype=torch.long) - 1].sum(1)


def by_protocol(kept: Grokking, step: int, part: str = "holdout") -> dict[str, float]:
    """The restricted loss after ``step`` steps, by protocol, in nats; ``ValueError`` for a step without a look."""
    round_, before, after = kept.steps.index(step), "restricted_", f".{part}"
    return {
        name.removeprefix(before).removesuffix(after): float(kept.curves[name][round_])
        for name in sorted(kept.curves)  # as they are loaded they have no order
        if name.startswith(before) and name.endswith(after)
    }


def spikes(kept: Grokking, *, factor: float = 10.0) -> int:
    """Rounds after which the training loss is more than ``factor`` times what it was before, once all pairs are known.

    Raises ``ValueError`` for a training that never knows them.
    """
    known = _first(kept.wrong[:, 0] == 0)
    if known is None:
        raise ValueError("every training pair must be right at some round")
    loss = kept.curves["loss.train"][known:]
    return int((loss[1:] > factor * loss[:-1]).sum())


def _first(holds: Bool[Tensor, " round"]) -> int | None:
    return int(holds.nonzero()[0, 0]) if bool(holds.any()) else None


def _step(kept: Grokking, round_: int | None) -> int | None:
    return None if round_ is None else kept.steps[round_]
