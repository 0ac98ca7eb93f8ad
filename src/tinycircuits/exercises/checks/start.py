"""Checks of the exercises of the first part: the task, the transformer, the live model, the training."""

from itertools import product
from typing import Any

import numpy as np

from tinycircuits.exercises.asking import array, ask, brief, function, names, tables, wholes
from tinycircuits.exercises.kinds import Wrong
from tinycircuits.exercises.subjects import ONE_LAYER, changed, first_wrong, weights_of, wrong_answers
from tinycircuits.tasks import ReverseIncrement

SPARED = 3
"""Biases that can be zero at once."""
BREAKS = 0.02
"""The length of a change of weights that a smaller one must beat."""
NEAR = 1e-9


def reverse(given: Any) -> None:
    """``solve(digits, modulus)``: each answer depends on one digit only, turns with it, and zero becomes one."""
    solve = function(given, "solve")
    for modulus, length in ((2, 1), (2, 3), (4, 1), (4, 2), (4, 3), (4, 4), (5, 3), (7, 2)):
        answers = {}
        for digits in product(range(modulus), repeat=length):
            of = f"solve({list(digits)}, {modulus})"
            found = wholes(ask(solve, list(digits), modulus, of=of), length, of)
            if not all(0 <= digit < modulus for digit in found):
                raise Wrong(f"{of} gives {found}, and the digits go from 0 to {modulus - 1}")
            answers[digits] = found
        for digits, found in answers.items():
            of = f"solve({list(digits)}, {modulus})"
            if not any(digits) and found != [1] * length:
                raise Wrong(f"{of} gives {found}, and zero raised by one is one")
            raised = tuple((digit + 1) % modulus for digit in digits)
            if answers[raised] != [(digit + 1) % modulus for digit in found]:
                raise Wrong(f"{of} gives {found}; with each digit raised by one it must give each answer raised by one")
            for at in range(length):
                other = (*digits[:at], (digits[at] + 1) % modulus, *digits[at + 1 :])
                moved = [i for i in range(length) if answers[other][i] != found[i]]
                if moved != [length - 1 - at]:
                    raise Wrong(
                        f"{of} and solve({list(other)}, {modulus}) differ in the digit at place {at}: exactly one "
                        f"answer must differ, at place {length - 1 - at}, and those at {moved} do"
                    )


def fair_holdout(given: Any) -> None:
    """``holdout(sequences, n)``: so many different inputs in which each digit stands equally often at each place."""
    choose = function(given, "holdout")
    sequences = ReverseIncrement(n_digits=4).sequences().numpy()[:, 1:5]
    for n in (8, 56, 64):
        chosen = wholes(ask(choose, sequences, n, of=f"n = {n}"), n, f"holdout(sequences, {n})")
        if not all(0 <= index < len(sequences) for index in chosen):
            raise Wrong(f"holdout(sequences, {n}): an index must lie in 0 .. {len(sequences) - 1}, got {brief(chosen)}")
        if len(set(chosen)) < n:
            raise Wrong(f"holdout(sequences, {n}) names an input twice; all {n} must be different")
        for place in range(4):
            for digit in range(4):
                times = int((sequences[chosen, place] == digit).sum())
                if times != n // 4:
                    raise Wrong(
                        f"of the {n} inputs of holdout(sequences, {n}), {times} have the digit {digit} at place "
                        f"{place}; it must be {n // 4}, as often as every other digit"
                    )


def attention_weights(given: Any) -> None:
    """``pattern(q, k)``: causal, adding up to one, the quotient of two weights e to the difference of scaled scores."""
    pattern = function(given, "pattern")
    draw = np.random.default_rng(0)
    for n, d_head in ((1, 1), (2, 1), (3, 2), (5, 4), (8, 3)):
        for size in (1.0, 30.0):
            q, k = size * draw.normal(size=(n, d_head)), size * draw.normal(size=(n, d_head))
            of = f"{n} positions with {d_head} numbers each"
            found = array(ask(pattern, q, k, of=of), (n, n), f"pattern(q, k) for {of}")
            for row in range(n):
                later, seen = found[row, row + 1 :], found[row, : row + 1]
                if later.any():
                    raise Wrong(f"{of}: row {row} reads a later position, {row + 1 + int(later.nonzero()[0][0])}")
                if (seen < 0).any() or abs(seen.sum() - 1) > NEAR:
                    raise Wrong(f"{of}: the weights of row {row} add up to {found[row].sum():.6g}, and must to 1")
                score = k[: row + 1] @ q[row] / np.sqrt(d_head)
                best = int(score.argmax())
                for column in range(row + 1):
                    wanted = seen[best] * np.exp(score[column] - score[best])
                    if abs(seen[column] - wanted) > NEAR:
                        raise Wrong(
                            f"{of}, row {row}: the weights of positions {column} and {best} are "
                            f"{seen[column]:.4g} and {seen[best]:.4g}; their quotient must be e to the difference of "
                            f"the scores q . k / sqrt({d_head})"
                        )


def spare_biases(given: Any) -> None:
    """Three biases of the one-layer model that may be zero all at once: no answer to any input is wrong."""
    biases = {name: weight for name, weight in weights_of(ONE_LAYER).items() if name.rpartition(".")[2].startswith("b")}
    known = tuple(biases)
    chosen = names(given, known, "answer")
    if len(chosen) != SPARED:
        raise Wrong(f"answer must name {SPARED} different biases, got {len(chosen)}")
    wrong = wrong_answers(ONE_LAYER, changed(ONE_LAYER, {name: biases[name] * 0 for name in chosen}))
    if wrong.any():
        raise Wrong(
            f"with these {SPARED} biases at zero {int(wrong.sum()):,} of {wrong.numel():,} answers are wrong; "
            f"{first_wrong(ONE_LAYER, wrong)}"
        )


def smallest_break(given: Any) -> float:
    """The length of a change of the one-layer model's weights that makes an answer wrong; less than 0.02 passes."""
    before = weights_of(ONE_LAYER)
    given = tables(given, {name: tuple(weight.shape) for name, weight in before.items()}, "change")
    length = float(np.sqrt(sum(np.square(step).sum() for step in given.values())))
    if not length:
        raise Wrong("change must change something: all of it is zero")
    model = changed(ONE_LAYER, {name: before[name].numpy() + step for name, step in given.items()})
    wrong = wrong_answers(ONE_LAYER, model)
    if not wrong.any():
        raise Wrong(f"after this change of length {length:.4g} all {wrong.numel():,} answers are still right")
    if length >= BREAKS:
        raise Wrong(f"this change breaks the model, and its length is {length:.4g}; it must be less than {BREAKS}")
    return length


def surprise(given: Any) -> None:
    """``loss(logits, answer)``: e to minus the losses adds up to one, and losses differ as logits do."""
    loss = function(given, "loss")
    draw = np.random.default_rng(1)
    cases = [np.zeros(1), np.zeros(2), np.zeros(5), *(draw.normal(size=n) for n in (2, 3, 5, 114))]
    cases += [np.array([1000.0, 0.0, -1000.0]), np.array([-900.0, -901.0])]
    for logits in cases:
        shown = brief(np.round(logits, 2).tolist())
        losses = np.array(
            [
                array(ask(loss, logits, answer, of=f"logits {shown}, answer {answer}"), (), f"loss for logits {shown}")
                for answer in range(len(logits))
            ]
        )
        summed = np.exp(-losses).sum()
        if (losses < 0).any() or abs(summed - 1) > NEAR:
            raise Wrong(
                f"logits {shown}: the chances e^-loss of all answers add up to {summed:.6g}, and must to 1"
                if (losses >= 0).all()
                else f"logits {shown}: a loss is negative, and no chance is above one"
            )
        if np.abs((losses - losses[0]) - (logits[0] - logits)).max() > 1e-9 * max(1, np.abs(logits).max()):
            raise Wrong(f"logits {shown}: a logit that is higher by one must have a loss that is lower by one nat")
