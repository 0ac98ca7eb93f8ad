from functools import cache

from tinycircuits.interp.lattice import lattice
from tinycircuits.results.sweeps import load_sweep


@cache
def _lattice():
    result = load_sweep("seeds-c-shuffled-better", range(303, 304))
    task = result.sweep.task
    return lattice(result.model(303), task.sequences(), task, kind="mean")


def _named(which):
    found = _lattice()
    return list(found.named(found.minimal[which]))


def right_first():
    return _named(0)


def right_last():
    return set(_named(-1))


def right_by_removing():
    """Leave out one part after the other while all answers stay right."""
    found = _lattice()
    kept = (1 << len(found.units)) - 1
    for unit in range(len(found.units)):
        if int(found.wrong[kept & ~(1 << unit)]) == 0:
            kept &= ~(1 << unit)
    while kept not in found.minimal:
        kept = next(m for m in found.minimal if m & kept == m)
    return list(found.named(kept))


def wrong_everything():
    return list(_lattice().labels)


def wrong_one_too_many():
    mine = _named(0)
    return [*mine, next(each for each in _lattice().labels if each not in mine)]


def wrong_one_too_few():
    return _named(0)[1:]


def wrong_attention_only():
    return ["L0 attn", "L1 attn"]


def wrong_neurons_only():
    return [each for each in _lattice().labels if "N" in each]


def wrong_a_head():
    return ["L0H0", "L1H0"]


def wrong_text():
    return "all of them"
