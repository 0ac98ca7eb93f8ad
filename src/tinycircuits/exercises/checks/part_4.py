"""Checks of the exercises on methods and on models explained to the end, and of the open questions."""

from functools import cache
from typing import Any

import numpy as np
import torch

from tinycircuits.claims.judge import Finding
from tinycircuits.claims.ledger import finding, of_articles
from tinycircuits.exercises.asking import array, ask, brief, function, names, tables
from tinycircuits.exercises.kinds import Wrong
from tinycircuits.exercises.subjects import (
    ONE_LAYER,
    arrays_of,
    changed,
    digits_of,
    first_wrong,
    model_of,
    taken_apart,
    task_of,
    weights_of,
    wrong_answers,
)
from tinycircuits.interp.factored import factored
from tinycircuits.interp.lattice import Lattice, lattice
from tinycircuits.models.by_hand import hand_built
from tinycircuits.models.weights import named_weights, with_weights
from tinycircuits.results.sweeps import load_sweep
from tinycircuits.tasks import DigitTask, ReverseIncrement

NEAR = 1e-9
SWEEP, SEED = "seeds-c-shuffled-better", 303
"""A model with several minimal circuits."""
MOVED = ("W_V", "W_O", "W_in", "W_out")
"""Matrices that must be other ones."""
LEAST_ZEROS = 20
"""Weights at zero that an answer to the open question must beat."""


def enough(given: Any) -> None:
    """Parts of a model that suffice when the others are held at their mean, none of which can be left out."""
    circuits = of_seed()
    kept = names(given, circuits.labels, "answer")
    wrong = int(circuits.wrong[circuits.mask(kept)])
    if wrong:
        raise Wrong(
            f"with these {len(kept)} parts kept and the others at their mean, {wrong:,} of {circuits.n_answers:,} "
            "answers are wrong"
        )
    if circuits.mask(kept) not in circuits.minimal:
        raise Wrong(f"these {len(kept)} parts suffice, and some of them alone suffice as well: leave more out")


@cache
def of_seed() -> Lattice:
    """All sets of parts of the model that the exercise is about."""
    result = load_sweep(SWEEP, range(SEED, SEED + 1))
    task = result.sweep.task
    return lattice(result.model(SEED), task.sequences(), task, kind="mean")


def elsewhere(given: Any) -> None:
    """Changed weights of a circuit set by hand: no answer wrong, and no row's brightest column is its source."""
    task = ReverseIncrement(n_digits=3)
    before = hand_built(task, mlp=False)
    known = {name: tuple(weight.shape) for name, weight in named_weights(before).items() if name != "b_U"}
    build = function(given, "weights")
    start = {name: named_weights(before)[name].numpy() for name in known}
    model = with_weights(
        before,
        {n: torch.as_tensor(w) for n, w in tables(ask(build, start, of="the circuit"), known, "weights").items()},
    )
    sequences, rows = task.sequences(), list(task.predicting_rows)
    with torch.no_grad():
        logits, cache_ = model.run_with_cache(task.inputs(sequences))
    answers = task.answers(sequences)
    right = logits[:, rows].gather(-1, answers[..., None])
    others = logits[:, rows].scatter(-1, answers[..., None], -torch.inf)
    wrong = ~(right > others + NEAR).all(-1)
    if wrong.any():
        at = int(wrong.any(1).nonzero()[0, 0])
        digits = " ".join(map(str, sequences[at, 1:4].tolist()))
        raise Wrong(
            f"{int(wrong.sum())} of {wrong.numel()} answers are wrong; the first is "
            f"y_{int(wrong[at].nonzero()[0, 0])} of the input {digits}"
        )
    mean = cache_["pattern", 0][:, 0, rows].mean(0)
    for i, column in enumerate(task.source_columns):
        other = mean[i].clone()
        other[column] = 0
        if not float(other.max()) > float(mean[i, column]) + 1e-6:
            raise Wrong(
                f"no answer is wrong, and the row of y_{i} still reads its source with {float(mean[i, column]):.2f} of "
                f"its attention, no other column with more than {float(other.max()):.2f}"
            )


def four_vectors(given: Any) -> None:
    """``vectors(outputs, digits)``: four vectors for each answer that may stand for all that attention brings."""
    find = function(given, "vectors")
    task, apart, digits = task_of(ONE_LAYER), taken_apart(ONE_LAYER), digits_of(ONE_LAYER)
    outputs, answers, embedded = _brought()
    found = np.zeros((task.n_digits, task.modulus, outputs.shape[-1]))
    for i in range(task.n_digits):
        source = digits[:, apart.source[i]].numpy()
        of = f"what attention brings to the row of y_{i}, and the source digits"
        found[i] = array(ask(find, outputs[:, i].numpy(), source, of=of), found[i].shape, f"vectors for y_{i}")
        # the token at a row and the source digit decide the state: few states stand for all inputs
        state = embedded[:, i] + torch.from_numpy(found[i])[source]
        with torch.no_grad():
            wrong = apart.logits_of(state[:, None])[:, 0].argmax(-1) != answers[:, i]
        if wrong.any():
            at = int(wrong.nonzero()[0, 0])
            raise Wrong(
                f"y_{i}: with your vectors in the place of attention {int(wrong.sum()):,} of {len(wrong):,} are "
                f"wrong, the first for the input {' '.join(map(str, digits[at].tolist()))}"
            )


@cache
def _brought() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    apart, digits = taken_apart(ONE_LAYER), digits_of(ONE_LAYER)
    return apart.attn_out(digits), apart.answers(digits), apart.embedded(apart.queries(digits))


def other_weights(given: Any) -> None:
    """``rewrite(weights)``: four matrices that are other ones, and the same chances for every answer to every input."""
    rewrite = function(given, "rewrite")
    before = weights_of(ONE_LAYER)
    known = {name: tuple(weight.shape) for name, weight in before.items()}
    found = tables(ask(rewrite, arrays_of(ONE_LAYER), of="the weights"), known, "rewrite(weights)")
    for short in MOVED:
        name = next(each for each in before if each.endswith(short))
        old = before[name].numpy()
        far = float(np.linalg.norm(found.get(name, old) - old) / np.linalg.norm(old))
        if far < 0.1:
            raise Wrong(f"{name} is still the old one: it has moved by {far:.3f} of its length, and must by 0.1")
    digits = digits_of(ONE_LAYER)
    with torch.no_grad():
        after = _chances(changed(ONE_LAYER, found))
        off = (after - _chances_before()).abs().amax(-1)
    if not bool((off < 1e-6).all()):
        at = int((~(off < 1e-6)).any(1).nonzero()[0, 0])
        raise Wrong(
            f"the chances of the answers move, by up to {float(off.max()):.3g}; the first input is "
            f"{' '.join(map(str, digits[at].tolist()))}"
        )


@cache
def _chances_before() -> torch.Tensor:
    return _chances(model_of(ONE_LAYER))


def _chances(model: Any) -> torch.Tensor:
    task = task_of(ONE_LAYER)
    assert isinstance(task, DigitTask)
    return factored(model, task).logits(digits_of(ONE_LAYER)).softmax(-1)


def met_by_noise(given: Any) -> None:
    """A statement of the ledger that holds, at least for some seeds, and a control of which holds as well."""
    known = _stated()
    if given not in known:
        raise Wrong(f"answer must be the number of an article's statement, such as {known[0]}, got {brief(given)}")
    found = _finding(given)
    if found.verdict not in ("holds", "holds for some seeds"):
        raise Wrong(f"the verdict on {given} is: {found.verdict}; look for one that holds, at least for some seeds")
    if not any(control.verdict in ("holds", "holds for some seeds") for control in found.controls):
        raise Wrong(f"{given} holds, and no control of it does: this one says something about what was learned")


@cache
def _stated() -> tuple[str, ...]:
    return tuple(found.claim.id for found in of_articles())


@cache
def _finding(name: str) -> Finding:
    return finding(name)


def sparsest(given: Any) -> float:
    """``prune(weights)``: the one-layer model with many weights at zero and no answer wrong; how many is the score."""
    prune = function(given, "prune")
    known = {name: tuple(weight.shape) for name, weight in weights_of(ONE_LAYER).items()}
    start = arrays_of(ONE_LAYER)
    found = {**start, **tables(ask(prune, start, of="the weights"), known, "prune(weights)")}
    zeros = sum(int((weight == 0).sum()) for weight in found.values())
    wrong = wrong_answers(ONE_LAYER, changed(ONE_LAYER, found))
    if wrong.any():
        raise Wrong(
            f"with {zeros} weights at zero {int(wrong.sum()):,} of {wrong.numel():,} answers are wrong; "
            f"{first_wrong(ONE_LAYER, wrong)}"
        )
    if zeros < LEAST_ZEROS:
        raise Wrong(f"no answer is wrong, and {zeros} weights are zero; it must be {LEAST_ZEROS} at least")
    return float(zeros)
