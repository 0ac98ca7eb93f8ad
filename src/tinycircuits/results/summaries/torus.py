"""Clock or pizza, from what is stored: machines set by hand, trained models, phases by layer, known features."""

from collections.abc import Iterator
from functools import cache

import pandas as pd
import torch

from tinycircuits.interp.recovered import Recovered, planes_of_sum, recovered
from tinycircuits.interp.sae import random_dictionary
from tinycircuits.models.clockwork import ClockworkSpec
from tinycircuits.results.fits import fitted_on, load_fit
from tinycircuits.results.tables.fits import fit_named
from tinycircuits.results.tables.grokking import GROKKINGS
from tinycircuits.results.tables.machines import FREQUENCIES, MACHINES
from tinycircuits.results.tables.torus import GROKKED, HAND_SET
from tinycircuits.results.torus import Torus, load_torus

SYMMETRICITY, RIGHT, WRONG = "symmetricity", "irrelevance (right)", "irrelevance (largest wrong)"
COSINE = "cosine of phases"
NUMBERS = (SYMMETRICITY, RIGHT, WRONG, COSINE)
_D, _E = "addition-113-3l.torus", "addition-97-2l.torus"


@cache
def machines() -> pd.DataFrame:
    """One row for each machine set by hand: ``spread``, ``noise``, ``seed``, ``wrong pairs`` and the ``NUMBERS``."""
    found, rows = load_torus(f"{HAND_SET}.torus"), []
    for index, one in enumerate(found.of):
        assert isinstance(one, ClockworkSpec)
        about = {"spread": one.spread, "noise": one.noise, "seed": one.seed, "wrong pairs": int(found.wrong[index])}
        irrelevance = dict(zip((RIGHT, WRONG), found.irrelevance[index].tolist(), strict=True))
        phases = found.differences(index, 0, least=0).mean_cosine
        rows.append({**about, SYMMETRICITY: float(found.symmetricity[index, 0]), **irrelevance, COSINE: phases})
    return pd.DataFrame(rows)


def sources() -> dict[str, Torus]:
    """What is stored of trained models and of models before training, by the name that a figure has."""
    named = {"D": _D, "E": _E, "D, untrained": f"{_D}, untrained", "E, untrained": f"{_E}, untrained"}
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


def phase_table() -> pd.DataFrame:
    """One row for each trained model and layer: ``models``, ``seed`` (its place among them), ``layer``, how many
    ``neurons`` follow one wave, the ``mean cosine`` of their phase differences, ``floor``; NaN where none does."""
    return pd.DataFrame(
        {
            "models": name,
            "seed": seed,
            "layer": f"L{layer}",
            "neurons": d.n,
            "mean cosine": d.mean_cosine,
            "floor": d.floor,
        }
        for name, each in sources().items()
        if not name.endswith("untrained")
        for seed in range(len(each.of))
        for layer in range(each.share.shape[1])
        for d in [each.differences(seed, layer)]
    )


@cache
def dictionaries() -> dict[tuple[str, str], list[Recovered]]:
    """What every fit on a machine recovers, by machine and dictionary; beside it random encoders, as sparse as the
    first fit, and the fits judged by shuffled sums."""
    found: dict[tuple[str, str], list[Recovered]] = {}
    for machine in MACHINES:
        for how in ("summed", "averaged"):
            for name, each in _judged(machine, how):
                found.setdefault((machine, f"{how}, {name}"), []).append(each)
    return found


def _judged(machine: str, how: str) -> Iterator[tuple[str, Recovered]]:
    chosen = fit_named(f"{machine}-sae-{how}")
    p = MACHINES[machine].task.modulus
    states, sums = fitted_on(chosen)
    shuffled = sums[torch.randperm(len(sums), generator=torch.Generator().manual_seed(0))]
    planes, by_chance = (planes_of_sum(states, each, FREQUENCIES, modulus=p) for each in (sums, shuffled))
    for seed in chosen.seeds:
        fit = load_fit(chosen.name, seed)
        drawn = random_dictionary(states, width=fit.dictionary.W_enc.shape[1], l0=fit.metrics["l0"], seed=seed)
        yield "trained", recovered(fit.dictionary, states, sums, planes, modulus=p)
        yield "random encoder", recovered(drawn, states, sums, planes, modulus=p)
        yield "shuffled sums", recovered(fit.dictionary, states, shuffled, by_chance, modulus=p)
