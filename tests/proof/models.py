"""Models, boxes and plain loops that the tests of the prover share."""

from functools import cache

import numpy as np
import torch

from tests.circuits import scrambled
from tinycircuits.models.build import ModelSpec, named_parameters
from tinycircuits.models.by_hand import hand_built
from tinycircuits.proof.cases import Boxes, joined, roots
from tinycircuits.proof.subject import rule_of, tables_of
from tinycircuits.results.runs import load
from tinycircuits.results.sweeps import load_sweep
from tinycircuits.tasks import IncrementInPlace, ReverseIncrement

TASK = ReverseIncrement(n_digits=3)
TASKS = {
    "reversal": TASK,
    "one digit": ReverseIncrement(n_digits=1),
    "modulo 3, by two": ReverseIncrement(n_digits=3, modulus=3, increment=2),
    "in place": IncrementInPlace(n_digits=3),
}
SPECS = {
    "with both": ModelSpec(n_layers=1, d_model=4, n_heads=1, d_head=4, d_mlp=16),
    "narrow": ModelSpec(n_layers=1, d_model=3, n_heads=1, d_head=2, d_mlp=5),
    "no LayerNorm": ModelSpec(n_layers=1, d_model=4, n_heads=1, d_head=3, d_mlp=8, layer_norm=False),
    "no MLP": ModelSpec(n_layers=1, d_model=5, n_heads=1, d_head=4, d_mlp=None),
    "neither": ModelSpec(n_layers=1, d_model=4, n_heads=1, d_head=2, d_mlp=None, layer_norm=False),
}


@cache
def published():
    return load("reversal-8d-1l")


@cache
def of_sweep(name, seed):
    return load_sweep(name, range(seed, seed + 1)).model(seed)


def perturbed(model, seed, by=0.3):
    """The model with noise on every weight, of a share of its own size."""
    from copy import deepcopy

    other, generator = deepcopy(model), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for each in named_parameters(other).values():
            each += by * each.std() * torch.randn(each.shape, generator=generator, dtype=each.dtype)
    return other


@cache
def subjects():
    """(tables, task) of random, perturbed and trained models, with and without each part."""
    found = {}
    for name, spec in SPECS.items():
        for seed in (0, 1):
            found[f"random, {name}, {seed}"] = tables_of(scrambled(spec, TASK, seed=seed), rule_of(TASK))
    found["in place"] = tables_of(scrambled(SPECS["with both"], TASKS["in place"]), rule_of(TASKS["in place"]))
    eight = published().study.task
    for seed in (0, 51, 54):
        model = of_sweep("seeds-b", seed)
        found[f"trained {seed}"] = tables_of(model, rule_of(eight))
        found[f"perturbed {seed}"] = tables_of(perturbed(model, seed), rule_of(eight))
    found["by hand"] = tables_of(hand_built(TASK, mlp=True), rule_of(TASK))
    return found


def digits_of(task):
    return task.sequences()[:, 1 : 1 + task.n_digits].numpy()


def random_boxes(rule, n, seed, share=0.5):
    """Boxes within roots: each value of a digit that is free stays with this chance, and at least one does."""
    draw, base = np.random.default_rng(seed), roots(rule)
    base = base[draw.integers(len(base), size=n)]
    kept = base.allowed & (draw.random(base.allowed.shape) < share)
    first = base.allowed & (draw.random(base.allowed.shape).argsort(-1) == 0)
    return Boxes(
        base.row,
        np.where(kept.any(-1, keepdims=True), kept, np.where(first.any(-1, keepdims=True), first, base.allowed)),
    )


def some_cases(boxes, n, seed):
    """For each box ``n`` of its cases: the box's index, row and digits."""
    draw, found = np.random.default_rng(seed), []
    for index, (row, allowed) in enumerate(zip(boxes.row, boxes.allowed, strict=True)):
        digits = [draw.choice(np.flatnonzero(each), size=n) for each in allowed]
        found.append((np.full(n, index), np.full(n, row), np.stack(digits, 1)))
    return tuple(np.concatenate(part) for part in zip(*found, strict=True))


def normed(tables, x):
    return x if tables.eps is None else x / np.sqrt((x**2).sum(-1, keepdims=True) + tables.eps)


def root_of_final(tables, y):
    """The root that the final LayerNorm divides by, from states after attention; 1 without."""
    m = y + np.maximum(normed(tables, y) @ tables.G.T + tables.g_0, 0) @ tables.W_out + tables.b_out
    return np.ones(len(y)) if tables.eps is None else np.sqrt((m**2).sum(-1) + tables.eps)


def every_case(rule):
    return joined([roots(rule)]).inputs()
