"""The stored models that exercises are about, loaded once, and what is counted on them over all inputs."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.exercises.asking import Floats
from tinycircuits.interp.factored import Factored, factored
from tinycircuits.interp.lattice import Lattice, lattice
from tinycircuits.models.weights import named_weights, with_weights
from tinycircuits.results.runs import load
from tinycircuits.tasks import ReverseIncrement

ONE_LAYER, TWO_LAYERS = "reversal-8d-1l", "reversal-4d-2l"


@cache
def model_of(name: str) -> TransformerBridge:
    """The published model of a study; nothing may change it."""
    return load(name).model


@cache
def task_of(name: str) -> ReverseIncrement:
    """The task of a study of digits."""
    task = load(name).study.task
    assert isinstance(task, ReverseIncrement)
    return task


@cache
def digits_of(name: str) -> Int[Tensor, "batch digit"]:
    """All inputs of a study of digits, in counting order."""
    task = task_of(name)
    return task.sequences()[:, 1 : 1 + task.n_digits]


@cache
def weights_of(name: str) -> dict[str, Tensor]:
    """The weights of a published model by TransformerLens' names, without ``b_U``, which is always zero."""
    return {key: weight for key, weight in named_weights(model_of(name)).items() if key != "b_U"}


def arrays_of(name: str) -> dict[str, Floats]:
    """The same as fresh arrays of numpy, for a reader's code."""
    return {key: weight.numpy().astype(np.float64) for key, weight in weights_of(name).items()}


@cache
def taken_apart(name: str) -> Factored:
    """A published one-layer model as tables, in which all inputs are computed quickly."""
    return factored(model_of(name), task_of(name))


def changed(name: str, weights: Mapping[str, Any]) -> TransformerBridge:
    """A published model with some weights replaced."""
    return with_weights(model_of(name), {key: torch.as_tensor(value) for key, value in weights.items()})


@torch.no_grad()
def wrong_answers(name: str, model: TransformerBridge) -> Bool[Tensor, "batch answer"]:
    """Which answers of a one-layer model are wrong, for all inputs of a study; ties and nan are wrong."""
    task, digits = task_of(name), digits_of(name)
    logits = factored(model, task).logits(digits)
    answers = task.solve(digits)
    right = logits.gather(-1, answers[..., None])
    others = logits.scatter(-1, answers[..., None], -torch.inf)
    return ~(right > others).all(-1)


def first_wrong(name: str, wrong: Bool[Tensor, "batch answer"]) -> str:
    """The smallest input that is answered wrong, in words."""
    at = int(wrong.any(1).nonzero()[0, 0])
    digits = " ".join(map(str, digits_of(name)[at].tolist()))
    return f"the first is y_{int(wrong[at].nonzero()[0, 0])} of the input {digits}"


@cache
def lattice_of(name: str) -> Lattice:
    """What the model of four digits still answers with each set of its parts kept, the others held at zero."""
    task = task_of(name)
    return lattice(model_of(name), task.sequences(), task, kind="zero")
