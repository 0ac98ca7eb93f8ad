"""Many seeds of one training side by side: counts, shares with intervals, one row for each seed."""

from collections.abc import Mapping

import pandas as pd

from tinycircuits.models.errors import share_interval
from tinycircuits.results.sweeps import SweepResult

OUTCOMES = ("faultless", "with mistakes")


def share_table(results: Mapping[str, SweepResult], label: str) -> pd.DataFrame:
    """One row for each sweep, its name in column ``label``: how many seeds make no mistake on any input.

    ``low`` and ``high`` end the exact 95 % interval of ``share``, ``solved`` says both counts, ``5 of 50``; ``best
    accuracy`` is that of the best seed.
    """
    rows = []
    for name, result in results.items():
        faultless, seeds = int(result.solved.sum()), len(result.seeds)
        low, high = share_interval(faultless, seeds)
        counts = {"seeds": seeds, "faultless": faultless, "share": faultless / seeds, "low": low, "high": high}
        words = {"solved": f"{faultless:,} of {seeds:,}", "best accuracy": float(result.accuracy.max())}
        rows.append({label: name, **counts, **words})
    return pd.DataFrame(rows)


def seed_table(results: Mapping[str, SweepResult], label: str) -> pd.DataFrame:
    """One row for each seed of each sweep: its wrong digits over all inputs, its accuracy, its outcome.

    ``outcome`` is one of ``OUTCOMES``; seeds without a mistake stand first, so that figures name them first.
    """
    frames = [
        pd.DataFrame(
            {
                label: name,
                "seed": result.seeds.numpy(),
                "wrong digits": result.wrong_digits.numpy(),
                "accuracy": result.accuracy.numpy(),
                "outcome": [OUTCOMES[not solved] for solved in result.solved.tolist()],
            }
        )
        for name, result in results.items()
    ]
    return pd.concat(frames).sort_values("outcome", kind="stable", ignore_index=True)
