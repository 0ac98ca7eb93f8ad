"""What changes with the size at which the embeddings start, and with the start of all weights, as tables."""

from collections.abc import Sequence

import pandas as pd

from tinycircuits.claims.ledger import finding
from tinycircuits.claims.starts import Starts
from tinycircuits.claims.verdicts import Elsewhere, Finding
from tinycircuits.studies import START_SIZES

NAMES = {size: name for name, size in START_SIZES.items()}
"""``1/16`` for 0.0625."""


def read_by_size(of: Starts, stages: Sequence[str]) -> pd.DataFrame:
    """One row for each size, faultless seed and stage: share of held-out pairs whose sum is read at ``=``."""
    return pd.DataFrame(
        [
            {"size": NAMES[size], "seed": seed, "after": stage, "share": share}
            for size, found in of.profiles.items()
            for seed, shares in zip(found.seeds[found.solved].tolist(), of.read(size).tolist(), strict=True)
            for stage, share in zip(stages, shares, strict=True)
        ]
    )


def recovery_by_size(of: Starts, parts: Sequence[str]) -> pd.DataFrame:
    """One row for each size: faultless seeds, and the lowest and highest of them in the recovery of each part."""
    rows = []
    for size, found in of.profiles.items():
        recovered = found["patching.loss"][found.solved]
        spans = (f"{low:.2f} to {high:.2f}" for low, high in zip(recovered.amin(0), recovered.amax(0), strict=True))
        solved = f"{int(found.solved.sum())} of {len(found.seeds)}"
        rows.append({"embeddings start at": NAMES[size], "faultless": solved, **dict(zip(parts, spans, strict=True))})
    return pd.DataFrame(rows)


def second_column(names: Sequence[str]) -> pd.DataFrame:
    """One row for each of these statements: its verdict in the article's class, and in models that start otherwise.

    Raises ``ValueError`` for an unknown id, and for a statement of which the ledger keeps no second column.
    """
    rows = []
    for found in map(finding, names):
        if found.second is None:
            raise ValueError(f"the ledger keeps no second column for {found.claim.id}")
        rows.append(
            {
                "no.": found.claim.id,
                "statement": found.claim.says,
                "as printed": _verdict(found),
                "another start": _verdict(found.second),
            }
        )
    return pd.DataFrame(rows)


def _verdict(found: Finding | Elsewhere) -> str:
    return f"{found.verdict} ({found.met} of {found.judged})"
