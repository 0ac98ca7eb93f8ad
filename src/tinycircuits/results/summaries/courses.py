"""Many seeds of modular addition side by side: the courses of their training, and their mistakes."""

from collections.abc import Mapping, Sequence
from typing import Literal

import pandas as pd
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from tinycircuits.results.runs import Run
from tinycircuits.results.tables.studies import Study

_SETS = {"all pairs": "all", "training": "train", "held out": "holdout"}
Curve = tuple[range, list[float]]


def courses(runs: Sequence[Run], published: Run, what: Literal["loss", "wrong"]) -> dict[str, Curve]:
    """Loss (nats) or share of wrong pairs by epoch: held-out pairs of each seed, and both sets of the published one.

    The other seeds come first, as ``seed 1``, so that the published model is drawn over them.
    """
    curves = {f"seed {one.seed}": _course(one, "holdout", what) for one in runs if one.seed != published.seed}
    named = {"training pairs": "train", "held-out pairs": "holdout"}
    return curves | {name: _course(published, part, what) for name, part in named.items()}


def _course(one: Run, part: str, what: Literal["loss", "wrong"]) -> Curve:
    values = list(one.history[f"{part}_loss"]) if what == "loss" else one.wrong_shares(part)
    return range(len(values)), values


def first_below(curve: Curve, level: float) -> int:
    """The first epoch at which a curve of ``courses`` lies below ``level``; raises ``ValueError`` if it never does."""
    for epoch, value in zip(*curve, strict=True):
        if value < level:
            return epoch
    raise ValueError(f"level must be reached by the curve, whose lowest value is {min(curve[1]):.4g}, got {level}")


def mirrored(study: Study) -> Bool[Tensor, " holdout"]:
    """Which held-out pairs (a, b) have (b, a) in the training set."""
    n = len(study.task.sequences())
    split = study.train.split.indices(n)
    trained = torch.zeros(n, dtype=torch.bool)
    trained[split.train] = True
    p = int(n**0.5)
    return trained.reshape(p, p).T.flatten()[split.holdout]


def mistakes(runs: Sequence[Run], said: Mapping[int, Int[Tensor, "a b"]]) -> pd.DataFrame:
    """One row for each seed: wrong pairs of each set, those of the *hard* ones, and the first five missed sums.

    ``said`` are the answers of each seed's model. Hard are the held-out pairs that are not ``mirrored``.
    """
    rows = []
    for one in runs:
        task = one.study.task
        missed = said[one.seed].flatten() != task.answers(task.sequences())[:, 0]
        held = one.study.train.split.indices(len(missed)).holdout
        counts = {name: one.errors(on=part) for name, part in _SETS.items()}
        pairs = [divmod(int(at), len(said[one.seed])) for at in missed.nonzero()[:5]]
        rows.append(
            {
                "article": one.study.article,
                "seed": one.seed,
                **{name: f"{x.wrong_digits:,} of {x.n_digits:,}" for name, x in counts.items()},
                "held out, hard": int(missed[held][~mirrored(one.study)].sum()),
                "missed": ", ".join(f"{a} + {b}" for a, b in pairs),
            }
        )
    return pd.DataFrame(rows)
