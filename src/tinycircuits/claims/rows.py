"""Statements of the ledger as tables: rules, counts and verdicts."""

from collections.abc import Mapping, Sequence

import pandas as pd

from tinycircuits.claims.judge import Finding, verdict
from tinycircuits.claims.ledger import finding
from tinycircuits.claims.report import controls, seeds
from tinycircuits.results.profiles import profile
from tinycircuits.results.tables.profiles import Kind


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


def ledger_table(chosen: Sequence[Finding]) -> pd.DataFrame:
    """One row for each of these findings: the article, the statement with a link to its place, counts, the verdict."""
    return pd.DataFrame(
        {
            "article": found.claim.source,
            "claim": found.claim.link,
            "statement": found.claim.says,
            "models that meet the rule": seeds(found),
            "verdict": found.verdict,
        }
        for found in chosen
    )


def met_shares(chosen: Sequence[Finding]) -> pd.DataFrame:
    """One row for each of these findings: the ``share`` of models that meet the rule with its 95 % interval, 0 .. 1.

    ``control`` is the largest share of any control, 0 where there is none.
    """
    return pd.DataFrame(
        {
            "claim": found.claim.id,
            "share": found.met / found.judged,
            "low": found.interval[0],
            "high": found.interval[1],
            "control": max((control.met / control.judged for control in found.controls), default=0.0),
        }
        for found in chosen
    )


def controls_met(name: str) -> dict[str, str]:
    """How many models of each control meet a statement's rule, by the control's name: ``0 of 5``."""
    return {control.name: seeds(control) for control in finding(name).controls}


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
                "as printed": f"{found.verdict} ({seeds(found)})",
                "another start": f"{found.second.verdict} ({seeds(found.second)})",
            }
        )
    return pd.DataFrame(rows)


def residue_verdicts(sources: Mapping[str, str], *, least: float = 0.5) -> pd.DataFrame:
    """One row for each source of profiles and for its random encoders: dictionaries that meet the rule, by threshold.

    The rule is that ``least`` of the live latents stand for one residue.
    """
    kinds: tuple[Kind, ...] = ("trained", "random encoder")
    rows = []
    for label, source in sources.items():
        for kind in kinds:
            seen = profile(source, kind)
            met = {how: seen[f"latents.residues, {how}"] >= least for how in ("above zero", "best threshold")}
            shown = {how: f"{int(each.sum())} of {len(each)}" for how, each in met.items()}
            name = label if kind == "trained" else f"blind, as sparse as {label}"
            rows.append({"dictionary": name, **shown, "verdict": verdict(met["above zero"].tolist())})
    return pd.DataFrame(rows)
