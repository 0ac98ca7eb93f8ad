"""What changes with the size at which the embeddings start, as tables."""

from collections.abc import Sequence

import pandas as pd

from tinycircuits.claims.rules_addition import AFTER_L0
from tinycircuits.claims.starts import Starts
from tinycircuits.results.tables.alternatives import START_SIZES

NAMES = {size: name for name, size in START_SIZES.items()}
"""``1/16`` for 0.0625."""


def read_by_size(of: Starts, stages: Sequence[str]) -> pd.DataFrame:
    """One row for each size, finished seed and stage: share of held-out pairs whose sum is read at ``=``."""
    return pd.DataFrame(
        [
            {"size": NAMES[size], "seed": seed, "after": stage, "share": share}
            for size, found in of.profiles.items()
            for seed, shares in zip(found.seeds[of.finished(size)].tolist(), of.read(size).tolist(), strict=True)
            for stage, share in zip(stages, shares, strict=True)
        ]
    )


def recovery_by_size(of: Starts, parts: Sequence[str]) -> pd.DataFrame:
    """One row for each size: the lowest and highest finished seed in the recovery of each part, patched at ``=``."""
    rows = []
    for size, found in of.profiles.items():
        recovered = found.recovery_at_equals[of.finished(size)]
        spans = (f"{low:.2f} to {high:.2f}" for low, high in zip(recovered.amin(0), recovered.amax(0), strict=True))
        rows.append({"embeddings start at": NAMES[size], **dict(zip(parts, spans, strict=True))})
    return pd.DataFrame(rows)


def finished_by_size(of: Starts) -> pd.DataFrame:
    """One row for each size: models that finished, that are faultless, what they miss, what is read after layer 0.

    ``wrong pairs`` are of all seeds; ``read after layer 0`` of the finished ones, lowest to highest.
    """
    rows = []
    for size, found in of.profiles.items():
        wrong, read = found.wrong.sum(1), of.read(size)[:, AFTER_L0]
        rows.append(
            {
                "embeddings start at": NAMES[size],
                "finished": f"{len(read)} of {len(wrong)}",
                "faultless": f"{int((wrong == 0).sum())} of {len(wrong)}",
                "wrong pairs": f"{int(wrong.min()):,} to {int(wrong.max()):,}",
                "read after layer 0": f"{100 * read.min():.1f} to {100 * read.max():.1f} %" if len(read) else "-",
            }
        )
    return pd.DataFrame(rows)
