"""Patching of modular addition: one of its two numbers corrupted, or both, in both directions."""

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import pandas as pd
import torch
from jaxtyping import Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.activations import Part, components
from tinycircuits.interp.pairs import shuffle_apart
from tinycircuits.interp.patching import DIRECTIONS, Direction, Metric, Patching, activation_patching
from tinycircuits.tasks import ModularAddition

Operand = Literal["a", "b", "both"]
OPERANDS: tuple[Operand, ...] = get_args(Operand)
Ways = Mapping[tuple[Operand, Direction], Patching]
"""What ``patch_every_way`` finds."""


def corrupted_pairs(task: ModularAddition, *, operand: Operand, seed: int) -> Int[Tensor, "batch n_ctx"]:
    """For every sequence of ``task`` one whose ``operand`` is another and whose answer is another.

    The operands come from a permutation of all sequences drawn from ``seed``, so that each value occurs as often as
    before; with ``both``, both numbers differ from the clean ones and so does their sum.

    Raises ``ValueError`` for an unknown operand, or a modulus that leaves no other answer.
    """
    if operand not in OPERANDS:
        raise ValueError(f"operand must be one of {', '.join(OPERANDS)}, got {operand!r}")
    clean = task.sequences()
    columns = list(task.operand_columns)
    changed = columns if operand == "both" else [columns[operand == "b"]]

    def corrupt(partners: Int[Tensor, " batch"]) -> Int[Tensor, "batch n_ctx"]:
        pairs = clean[:, columns].clone()
        for place, column in enumerate(columns):
            if column in changed:
                pairs[:, place] = clean[partners, column]
        return task.sequences_of(pairs)

    def clash(partners: Int[Tensor, " batch"]) -> Tensor:
        other = corrupt(partners)
        same = (other[:, changed] == clean[:, changed]).any(1)
        return same | (task.answers(other) == task.answers(clean)).any(1)

    return corrupt(shuffle_apart(len(clean), clash, seed=seed))


def plain_shuffle(
    task: ModularAddition, *, n_inputs: int, seed: int
) -> tuple[Int[Tensor, "batch n_ctx"], Int[Tensor, "batch n_ctx"]]:
    """``n_inputs`` random sequences, and the same with b shuffled among them; by chance some keep their answer.

    Source: the corruption of article E.
    """
    generator = torch.Generator().manual_seed(seed)
    every = task.sequences()
    clean = every[torch.randperm(len(every), generator=generator)[:n_inputs]]
    pairs = clean[:, list(task.operand_columns)]
    pairs[:, 1] = pairs[torch.randperm(len(pairs), generator=generator), 1]
    return clean, task.sequences_of(pairs)


def patch_operand(
    model: TransformerBridge, task: ModularAddition, *, operand: Operand, at_answer: bool, draws: int = 0
) -> Patching:
    """``activation_patching`` of every component on all inputs, clean outputs into runs whose ``operand`` is corrupted.

    Patched is every position, or where ``at_answer`` the predicting row only. Raises as the two functions do.
    """
    clean, corrupted = task.sequences(), corrupted_pairs(task, operand=operand, seed=0)
    rows, parts = task.predicting_rows if at_answer else None, components(model)
    return activation_patching(
        model, task, clean, corrupted, groups=parts, direction="denoise", positions=rows, draws=draws
    )


def patch_every_way(
    model: TransformerBridge,
    task: ModularAddition,
    groups: Mapping[str, Sequence[Part]] | Sequence[Part],
    *,
    n_inputs: int,
    seed: int = 0,
) -> dict[tuple[Operand, Direction], Patching]:
    """``activation_patching`` with each operand corrupted, in both directions, always on the same random inputs.

    ``seed`` draws the ``n_inputs`` inputs and their ``corrupted_pairs``. Raises as these two do, and ``ValueError``
    for more inputs than there are.
    """
    clean = task.sequences()
    if not 1 <= n_inputs <= len(clean):
        raise ValueError(f"n_inputs must lie in 1..{len(clean)}, got {n_inputs}")
    drawn = torch.randperm(len(clean), generator=torch.Generator().manual_seed(seed + 1))[:n_inputs]
    found = {}
    for operand in OPERANDS:
        corrupted = corrupted_pairs(task, operand=operand, seed=seed)
        for direction in DIRECTIONS:
            found[operand, direction] = activation_patching(
                model, task, clean[drawn], corrupted[drawn], groups=groups, direction=direction
            )
    return found


def recovery_by_operand(ways: Ways, direction: Direction, metric: Metric) -> pd.DataFrame:
    """``Patching.recovery`` in one direction: a row for each patched part, a column for each corrupted operand.

    Raises as ``Patching.recovery`` does.
    """
    columns = {operand: ways[operand, direction].recoveries(metric) for operand in OPERANDS}
    labels = pd.Index(ways["a", direction].labels, name="patched")
    return pd.DataFrame(columns, index=labels).rename_axis(columns="corrupted")


def widest_interval(ways: Ways, metric: Metric, *, seed: int = 0) -> float:
    """The length of the longest bootstrap interval of any part, operand and direction; raises as ``intervals``."""
    found = [each for patching in ways.values() for each in patching.intervals(metric, seed=seed).values()]
    return max(each.high - each.low for each in found)
