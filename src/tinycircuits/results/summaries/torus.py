"""Clock or pizza, from what is stored: machines set by hand and trained models."""

from functools import cache

import pandas as pd

from tinycircuits.models.clockwork import ClockworkSpec
from tinycircuits.results.tables.grokking import GROKKINGS
from tinycircuits.results.tables.torus import GROKKED, HAND_SET
from tinycircuits.results.torus import Torus, load_torus

SYMMETRICITY, RIGHT, WRONG = "symmetricity", "irrelevance (right)", "irrelevance (largest wrong)"
COSINE = "cosine of phases"
NUMBERS = (SYMMETRICITY, RIGHT, WRONG, COSINE)
MEMORISED = "shuffled sums"
"""Whose models learned sums that are no sums."""
_D, _E = "addition-113-3l.torus", "addition-97-2l.torus"


@cache
def machines() -> pd.DataFrame:
    """One row for each machine set by hand: ``spread``, ``noise``, ``seed``, ``wrong pairs`` and the ``NUMBERS``."""
    found, rows = load_torus(f"{HAND_SET}.torus"), []
    for index, one in enumerate(found.of):
        assert isinstance(one, ClockworkSpec)
        about = {"spread": one.spread, "noise": one.noise, "seed": one.seed, "wrong pairs": int(found.wrong[index])}
        irrelevance = dict(zip((RIGHT, WRONG), found.irrelevance[index].tolist(), strict=True))
        phases = found.mean_cosine(index, 0, least=0)
        rows.append({**about, SYMMETRICITY: float(found.symmetricity[index, 0]), **irrelevance, COSINE: phases})
    return pd.DataFrame(rows)


def sources() -> dict[str, Torus]:
    """What is stored of trained models, of models before training and of memorisers, by the name that a figure has."""
    named = {"D": _D, "E": _E, "D, untrained": f"{_D}, untrained", "E, untrained": f"{_E}, untrained"}
    named |= {f"{name}, {MEMORISED}": f"{of}, shuffled answers" for name, of in (("D", _D), ("E", _E))}
    named |= {f"one layer, {GROKKINGS[name].title}": f"{name}.torus" for name in GROKKED}
    return {shown: load_torus(name) for shown, name in named.items()}


def trained_numbers() -> pd.DataFrame:
    """Tidy rows ``models``, ``number``, ``value``: symmetricity and irrelevance of machines that make no mistake, and
    of every model."""
    rows = []
    of = machines()
    for name, spread in (("pizza by hand", 0.0), ("clock by hand", 1.0)):
        right = of[(of.spread == spread) & (of["wrong pairs"] == 0)]
        rows += [(name, number, value) for number in (SYMMETRICITY, RIGHT) for value in right[number]]
    for name, each in sources().items():
        rows += [(name, SYMMETRICITY, value) for value in each.symmetricity[:, 0].tolist()]
        rows += [(name, RIGHT, value) for value in each.irrelevance[:, 0].tolist()]
    return pd.DataFrame(rows, columns=["models", "number", "value"])
