"""What the rule of the chapter on adding sees: the waves of articles D's and E's models."""

import math

import pandas as pd

from tinycircuits.claims.judge import Observed
from tinycircuits.claims.rules_part_1 import once
from tinycircuits.results.summaries.waves import wave_rows
from tinycircuits.results.tables.profiles import Kind

QUARTER = math.pi / 4
"""Half of the median distance that two random phases have."""


def solving(kind: Kind) -> pd.DataFrame:
    """The rows of the trained models that miss no pair, or of all models of another kind."""
    rows = wave_rows(kind)
    return rows[rows.wrong == 0] if kind == "trained" else rows


def few_waves_carry_the_addition(of: pd.DataFrame) -> Observed:
    """In every model that solves the task more than half of the pairs are lost without the key frequencies of
    the embedding and fewer than half without as many others; nine tenths of the last MLP's variance follow a +
    b; fewer than half of the neurons of any MLP have one frequency; and the phases of the first MLP add up,
    their median distance below a quarter of pi, in every model of article D and in none of article E."""
    lost = (of["wrong without"] - of["wrong"]) / of["pairs"]
    others = (of["without others"] - of["wrong"]) / of["pairs"]
    close = of["phase error"] < QUARTER
    phases = bool((close == (of["article"] == "D")).all())
    values = {
        "smallest share lost without the keys": float(lost.min()),
        "largest share lost without as many others": float(others.max()),
        "smallest share of the last MLP that follows the sum": float(of["sum in last MLP"].min()),
        "largest share of an MLP's neurons of one frequency": float(of["one frequency"].max()),
        "largest phase distance in the first MLP, D": float(of["phase error"][of["article"] == "D"].max()),
        "smallest, E": float(of["phase error"][of["article"] == "E"].min()),
    }
    carried = lost.min() > 0.5 > others.max() and of["sum in last MLP"].min() >= 0.9
    return once(bool(carried and of["one frequency"].max() < 0.5) and phases, values)
