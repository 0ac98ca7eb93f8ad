"""Checks of the exercises on one model of digits: attention, MLP, ablation, circuit."""

from functools import cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from tinycircuits.exercises.asking import Floats, array, ask, function, wholes
from tinycircuits.exercises.kinds import Wrong
from tinycircuits.exercises.subjects import ONE_LAYER, digits_of, taken_apart, task_of
from tinycircuits.models.by_hand import hand_built
from tinycircuits.tasks import ReverseIncrement

READ_ROW = 3
"""The answer whose state before the MLP is read."""
NEAR = 1e-9


def right_row(given: Any) -> None:
    """``row_and_column(n, i)``: where circuits set by hand for 1 .. 6 digits look when they say answer ``i``."""
    find = function(given, "row_and_column")
    for n in range(1, 7):
        pattern, said = _looks(n)
        for i in range(n):
            of = f"row_and_column({n}, {i})"
            row, column = wholes(ask(find, n, i, of=of), 2, of)
            if not (0 <= row < 2 * n and 0 <= column < 2 * n):
                raise Wrong(f"{of} gives {row}, {column}; the model of {n} digits reads the positions 0 .. {2 * n - 1}")
            if said.get(row) != i:
                says = f"says y_{said[row]}" if row in said else "makes no answer"
                raise Wrong(f"{of} gives the row {row}, which {says} in the circuit set by hand")
            if pattern[row, column] < 0.5:
                raise Wrong(
                    f"{of}: the row {row} is right, and the circuit set by hand gives the column {column} "
                    f"{pattern[row, column]:.2f} of its attention there"
                )


@cache
def _looks(n: int) -> tuple[Floats, dict[int, int]]:
    """The attention of the circuit of ``n`` digits, the same for every input, and which answer each row says."""
    task = ReverseIncrement(n_digits=n)
    model, one = hand_built(task, mlp=False), task.sequences()[:1]
    pattern = model.run_with_cache(task.inputs(one))[1]["pattern", 0][0, 0]
    return pattern.detach().numpy(), {row: i for i, row in enumerate(task.predicting_rows)}


def quiet_row(given: Any) -> None:
    """The answer whose row gives its source the least attention, averaged over all inputs of the one-layer model."""
    n = task_of(ONE_LAYER).n_digits
    known = tuple(f"y_{i}" for i in range(n))
    if given not in known:
        raise Wrong(f"answer must be one of {', '.join(known)}")
    on_source = _on_source()
    mine = float(on_source[known.index(given)])
    better = int((on_source < mine).sum())
    if better:
        raise Wrong(
            f"the row that says {given} gives its source {mine:.2f} of its attention, and "
            f"{better} of the {n} rows give{'s' if better == 1 else ''} theirs less"
        )


@cache
def _on_source() -> Float[Tensor, " answer"]:
    """Mean weight on the source, answer by answer, from the tables of attention."""
    task, apart, digits = task_of(ONE_LAYER), taken_apart(ONE_LAYER), digits_of(ONE_LAYER)
    queries, tokens = apart.queries(digits), task.inputs(task.sequences_of(digits))
    found = []
    for i, column in enumerate(task.source_columns):
        every = torch.stack([apart.weight[i, 0, queries[:, i], p, tokens[:, p]] for p in range(tokens.shape[1])])
        found.append((every[column] / every.sum(0)).mean())
    return torch.stack(found)


def straight_lines(given: Any) -> None:
    """``fit(states, answers)``: four straight lines that read answer y_3 before the MLP, on states never shown.

    They must read as well when the basis is turned and moved, and the digits have other names.
    """
    fit = function(given, "fit")
    states, answers = _before_mlp()
    shown = torch.randperm(len(states), generator=torch.Generator().manual_seed(0))[:2_000]
    draw = np.random.default_rng(0)
    turn = np.linalg.qr(draw.normal(size=(4, 4)))[0]
    cases = (
        ("the model's own basis", states, answers),
        ("a turned and moved basis", states @ turn + 3 * draw.normal(size=4), answers),
        ("renamed digits", states, (3 * answers + 2) % 4),
    )
    for said, each, right in cases:
        found = ask(fit, each[shown], right[shown], of=f"2,000 states in {said}")
        if not isinstance(found, tuple | list) or len(found) != 2:
            raise Wrong("fit(states, answers) must give two things: W, 4 x 4, and b, 4 numbers")
        W, b = array(found[0], (4, 4), "W"), array(found[1], (4,), "b")
        wrong = int(((each @ W + b).argmax(1) != right).sum())
        if wrong:
            raise Wrong(
                f"in {said}, your lines read {wrong:,} of {len(each):,} states wrong; the largest of "
                "states @ W + b must name the answer of every input"
            )


@cache
def _before_mlp() -> tuple[Floats, Any]:
    digits = digits_of(ONE_LAYER)
    states = taken_apart(ONE_LAYER).states(digits)[:, READ_ROW].numpy().astype(np.float64)
    return states, task_of(ONE_LAYER).solve(digits)[:, READ_ROW].numpy()


def stand_ins(given: Any) -> None:
    """``replaced(outputs, kind)``: zero, mean and resample, by what each keeps of the outputs and what it forgets."""
    replace = function(given, "replaced")
    draw = np.random.default_rng(2)
    for n, rows, width in ((2, 1, 1), (3, 2, 2), (7, 3, 4)):
        outputs = draw.normal(size=(n, rows, width)) + 2
        of = f"{n} inputs, {rows} rows, {width} numbers"
        kept = {}
        for kind in ("zero", "mean", "resample"):
            said = f"replaced(outputs, {kind!r}) for {of}"
            kept[kind] = array(ask(replace, outputs, kind, of=said), outputs.shape, said)
        if kept["zero"].any():
            raise Wrong(f"{of}: with 'zero' nothing may be left, and some numbers are not zero")
        mean = kept["mean"]
        if np.abs(mean - mean[:1]).max() > NEAR:
            raise Wrong(f"{of}: with 'mean' the same must stand there for every input")
        if np.abs(mean.sum(0) - outputs.sum(0)).max() > NEAR:
            raise Wrong(f"{of}: with 'mean' the sum over inputs must stay, at each row by itself")
        drawn = kept["resample"]
        same = np.abs(drawn[:, None] - outputs[None]).reshape(n, n, -1).max(-1) < NEAR
        if not same.any(1).all():
            raise Wrong(
                f"{of}: with 'resample' input {int((~same.any(1)).nonzero()[0][0])} must get the whole output "
                "of some input, all rows of it"
            )
        if same.diagonal().any():
            raise Wrong(f"{of}: with 'resample' input {int(same.diagonal().nonzero()[0][0])} gets its own output")
        if not (same.sum(0) == 1).all():
            raise Wrong(f"{of}: with 'resample' each output must be used once, none twice")


def swap(given: Any) -> None:
    """``swapped(model, base, source, row)``: attention's output at one row comes from another input, for all pairs.

    In a circuit set by hand the answer at that row is then the source's; at all other rows nothing moves.
    """
    swapped = function(given, "swapped")
    task = ReverseIncrement(n_digits=2)
    model, sequences = hand_built(task, mlp=True), task.sequences()
    tokens = task.inputs(sequences)
    n = len(tokens)
    base, source = tokens.repeat_interleave(n, 0), tokens.repeat(n, 1)
    with torch.no_grad():
        clean = model(base).numpy()
    right = task.answers(sequences).repeat(n, 1).numpy()
    for i, row in enumerate(task.predicting_rows):
        of = f"all {n * n} pairs of inputs, row {row}"
        given_logits = ask(lambda b, s, r: swapped(model, b, s, r), base, source, row, of=of)
        logits = array(given_logits, clean.shape, f"swapped(...) for {of}")
        elsewhere = np.delete(np.abs(logits - clean).max(-1), row, axis=1)
        if elsewhere.max() > NEAR:
            raise Wrong(f"{of}: the logits of another row move, and only row {row} was to change")
        says = logits[:, row, : task.modulus].argmax(-1)
        if (wrong := says != right[:, i]).any():
            at = int(wrong.nonzero()[0][0])
            raise Wrong(
                f"base {_shown(base[at])}, source {_shown(source[at])}, row {row}: the model says {says[at]}, and with "
                f"what attention brought to this row from the source it must say the source's answer, y_{i}"
            )
    with torch.no_grad():
        if np.abs(model(base).numpy() - clean).max() > 0:
            raise Wrong("after your function the model answers otherwise: a hook of yours is still in it")


def _shown(tokens: Int[Tensor, " pos"]) -> str:
    return " ".join(map(str, tokens[1:3].tolist()))
