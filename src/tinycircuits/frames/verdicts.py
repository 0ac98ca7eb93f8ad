"""Statements of the ledger as a table."""

from collections.abc import Sequence

import pandas as pd

from tinycircuits.claims.ledger import finding
from tinycircuits.claims.report import controls, seeds


def verdicts(names: Sequence[str]) -> pd.DataFrame:
    """One row for each of these statements: what it says, its rule, how many models meet it, what became of it.

    Raises ``ValueError`` that lists the known ids.
    """
    return pd.DataFrame(
        [
            {
                "no.": found.claim.id,
                "statement": found.claim.says,
                "rule for a seed": found.claim.rule,
                "seeds that meet it": seeds(found),
                "control": controls(found),
                "verdict": found.verdict,
            }
            for found in map(finding, names)
        ]
    )


def controls_met(name: str) -> dict[str, str]:
    """How many models of each control meet a statement's rule, by the control's name: ``0 of 5``."""
    return {control.name: f"{control.met:,} of {control.n:,}" for control in finding(name).controls}
