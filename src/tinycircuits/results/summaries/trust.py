"""How far methods may be trusted, from the stored calibration: rates with exact intervals, and who is fooled."""

import pandas as pd
import torch

from tinycircuits.interp.calibration import auroc
from tinycircuits.models.errors import share_interval
from tinycircuits.models.planted import PATTERNS, ROLES
from tinycircuits.results.calibrated import Calibration
from tinycircuits.results.text import of

FALSE, MISSED = "names a part that does nothing", "misses a part that works"


def error_rates(over: Calibration) -> pd.DataFrame:
    """Two rows a method, by ``error``: the ``share`` of idle parts that it names, and of working ones that it misses.

    ``low`` and ``high`` are the ends of the exact 95 % interval, over parts; parts of one model are not independent.
    """
    rows = []
    for method in over.methods:
        for error, (n, total) in {
            FALSE: over.count(method, "idle"),
            MISSED: over.count(method, "works", named=False),
        }.items():
            low, high = share_interval(n, total)
            rows.append({"method": method, "error": error, "share": n / total, "low": low, "high": high})
    return pd.DataFrame(rows)


def method_table(over: Calibration) -> pd.DataFrame:
    """One row for each method: its errors as counts, and how well its ranking tells the two kinds of parts apart."""
    return pd.DataFrame(
        {
            "method": method,
            "idle, named": of(*over.count(method, "idle")),
            "working, missed": of(*over.count(method, "works", named=False)),
            "counters, named": of(*over.count(method, "counters")),
            "idle among the top": of(*over.count(method, "idle", top=True)),
            "mean AUROC": f"{over.mean_auroc(method):.3f}",
        }
        for method in over.methods
    )


def misjudged(over: Calibration) -> pd.DataFrame:
    """By method and pattern the share of the planted parts that are misjudged, 0 .. 1; a plain model has none.

    A part is misjudged where it works and is not named, or is named and works in no smallest circuit. A method is asked
    about the parts that it judges.
    """
    rows = {}
    for pattern in PATTERNS[1:]:
        some = over.where(pattern=pattern)
        works = some.role == ROLES.index("works")
        shares = []
        for index in range(len(over.methods)):
            asked = some.planted & ~some.score[:, index].isnan()
            shares.append(float((some.named[:, index] != works)[asked].double().mean()))
        rows[pattern] = shares
    frame = pd.DataFrame(rows, index=pd.Index(over.methods, name="method"))
    return frame.rename_axis(columns="planted pattern")


def chance(over: Calibration, *, seed: int, draws: int = 100) -> tuple[float, float, float]:
    """Mean AUROC of ``draws`` random rankings of each model's parts, and the ends that hold 95 % of the draws."""
    generator = torch.Generator().manual_seed(seed)
    found = torch.zeros(draws, len(over.models), dtype=torch.float64)
    for i, role in enumerate(over.role):
        works = (role == ROLES.index("works"))[(role == ROLES.index("works")) | (role == ROLES.index("idle"))]
        for draw in range(draws):
            found[draw, i] = auroc(torch.rand(len(works), generator=generator), works)
    means = found.nanmean(1)
    low, high = means.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return float(means.mean()), low, high
