"""What the dictionaries that were fitted on machines set by hand recover of the features that are known there."""

from collections.abc import Iterator
from functools import cache

import torch

from tinycircuits.interp.recovered import Recovered, planes_of_sum, recovered
from tinycircuits.interp.sae import random_dictionary
from tinycircuits.results.fits import fitted_on, load_fit
from tinycircuits.results.tables.fits import fit_named
from tinycircuits.results.tables.machines import FREQUENCIES, MACHINES


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
