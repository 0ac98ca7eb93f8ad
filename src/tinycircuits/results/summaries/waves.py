"""What the rule on waves asks of each model of articles D and E: read from what is stored, without what measured it."""

from typing import Any

import pandas as pd

from tinycircuits.results.analyses import stored_fields
from tinycircuits.results.runs import Run, run
from tinycircuits.results.tables.analyses import ADDING
from tinycircuits.results.tables.profiles import Kind

ROUNDED = 0.85
"""Nanda et al. 2023 count the neurons with more than this share of their variance on one frequency."""
FEWEST = 10
"""Of fewer neurons no median phase is told."""


def models(kind: Kind) -> dict[str, Run]:
    """The models whose waves are stored, by article and seed, ``D 0``; the published one of an article comes first.

    Of models before training there is one for each article, and of those trained on the answers of other inputs.
    """
    found = {}
    for study, seeds in ADDING.items():
        for seed in seeds if kind == "trained" else seeds[:1]:
            of = run(study) if seed == seeds[0] else run(study, seed)
            found[f"{of.study.article} {seed}" if kind == "trained" else f"{of.study.article}, {kind}"] = of
    return found


def flags(kind: Kind) -> dict[str, bool]:
    """What ``stored`` and ``stored_fields`` are asked for models of a kind."""
    return {"trained": kind != "untrained", "shuffled": kind == "shuffled answers"}


def wave_rows(kind: Kind = "trained") -> pd.DataFrame:
    """One row for each of ``models``: ``wrong`` pairs of all ``pairs``, and what carries the sum.

    ``wrong without`` the key waves of the embedding, ``without others``, as many, the draw with the most wrong pairs;
    ``sum in last MLP`` a share of its variance; ``phase error`` of the first MLP in radians, NaN for fewer than
    ``FEWEST`` neurons; ``one frequency`` the largest share of an MLP's neurons that have one.
    """
    found = {name: stored_fields("adding.adding", of, **flags(kind)) for name, of in models(kind).items()}
    return pd.DataFrame([_row(name, of) for name, of in found.items()])


def _row(name: str, of: dict[str, Any]) -> dict[str, object]:
    cut, mlps = of["cuts"], [part for part in of["parts"] if part["phases"] is not None]
    return {
        "model": name,
        "article": name[0],
        "pairs": len(of["profile"]) ** 2,
        "wrong": cut["whole"],
        "wrong without": cut["without"],
        "without others": int(cut["drawn_without"].max()) if of["keys"] else cut["whole"],
        "sum in last MLP": of["parts"][-1]["follows"]["a + b"],
        "phase error": _phase_error(mlps[0]["phases"]),
        "one frequency": max(float((part["one"]["full"] > ROUNDED).double().mean()) for part in mlps),
    }


def _phase_error(phases: dict[str, Any]) -> float:
    """The median distance of the phases that neurons read and write at."""
    return float(phases["errors"].median()) if phases["n_neurons"] >= FEWEST else float("nan")
