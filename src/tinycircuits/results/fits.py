"""Fits: what is fitted on the activations of a stored run. ``fit`` loads the stored one, or makes and stores it."""

import os
import time
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.activations import activations, part_named, stages
from tinycircuits.interp.sae import quality
from tinycircuits.models.build import build
from tinycircuits.models.dictionary import SparseAutoencoder
from tinycircuits.results.runs import checkpoints, load, provenance, results
from tinycircuits.results.store import Stored
from tinycircuits.results.tables.fits import Fit, fit_named
from tinycircuits.tasks import Task
from tinycircuits.training.dictionaries import ProbeSpec, SaeSpec, fit_probe, fit_sae


@dataclass(frozen=True)
class Fitted:
    """A stored fit: its metrics, and for an autoencoder its weights."""

    fit: Fit
    seed: int
    metrics: dict[str, Any]
    tensors: dict[str, Tensor]
    provenance: dict[str, Any]

    @property
    def dictionary(self) -> SparseAutoencoder:
        """The autoencoder; raises ``ValueError`` for a fit that is none."""
        if not isinstance(self.fit.recipe, SaeSpec):
            raise ValueError(f"fit must be a sparse autoencoder, got {self.fit.name}")
        return SparseAutoencoder(**self.tensors)


def fit(name: str, seed: int, *, progress: bool = False) -> Fitted:
    """Return a fit from the store, or by making and storing it.

    With ``TINYCIRCUITS_FROZEN=1`` nothing is made. Raises ``MissingResult`` then, or when the run that it is fitted on
    is not stored; ``CorruptResult``, ``StoreError`` and ``ValueError`` as ``runs.run`` does.
    """
    chosen = fit_named(name)
    spec = chosen.spec(seed).described()
    if not results().holds(name, spec) and os.environ.get("TINYCIRCUITS_FROZEN") != "1":
        with checkpoints().locked(name, spec):
            if not results().holds(name, spec):
                started = time.monotonic()
                tensors, metrics = _make(chosen, seed, progress=progress)
                made = provenance("cpu", time.monotonic() - started)
                results().save(name, spec, metrics, tensors, made)
    return load_fit(name, seed)


def load_fit(name: str, seed: int) -> Fitted:
    """Return a stored fit and never make it. Raises as ``fit`` does."""
    chosen = fit_named(name)
    stored = results().load(name, chosen.spec(seed).described(), remedy=chosen.command(seed))
    return _fitted(chosen, seed, stored)


def fitted_on(chosen: Fit) -> tuple[Float[Tensor, "batch d_model"], Int[Tensor, " batch"]]:
    """The states that an autoencoder is fitted on, one for each input, and the inputs' answers.

    Raises ``MissingResult`` or ``CorruptResult`` for the run, ``ValueError`` for a site that its model lacks.
    """
    run = load(chosen.study)
    component = part_named(run.model, chosen.site)
    return _states(run.model, run.study.task, component.hook), _answers(run.study.task)


def measure_sae(chosen: Fit, dictionary: SparseAutoencoder) -> dict[str, Any]:
    """How sparse and how faithful it is on the states that it was fitted on."""
    states, _ = fitted_on(chosen)
    found = quality(dictionary, states)
    return {"l0": found.l0, "fvu": found.fvu, "dead": found.dead, "n_states": len(states)}


def _make(chosen: Fit, seed: int, *, progress: bool) -> tuple[dict[str, Tensor], dict[str, Any]]:
    if isinstance(chosen.recipe, SaeSpec):
        states, _ = fitted_on(chosen)
        label = f"{chosen.name} seed {seed}" if progress else None
        dictionary, losses = fit_sae(states, chosen.recipe, seed=seed, progress=label)
        tensors = {name: tensor.contiguous() for name, tensor in dictionary.tensors.items()}
        return tensors, {**measure_sae(chosen, dictionary), "loss": losses}
    return {}, _probe_metrics(chosen.study, chosen.recipe, seed)


def _probe_metrics(study_name: str, recipe: ProbeSpec, seed: int) -> dict[str, Any]:
    """Held-out answers read right at each stage: from the model, with shuffled labels, and from an untrained model."""
    run = load(study_name)
    task, chosen = run.study.task, run.study
    answers = _answers(task)
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(answers), generator=generator)
    split = torch.split(order, [n := int(recipe.fit_share * len(order)), len(order) - n])
    shuffled = answers.clone()
    shuffled[split[0]] = answers[split[0]][torch.randperm(n, generator=generator)]
    untrained = build(chosen.model, task, seed=seed, dtype=chosen.train.dtype)
    read = partial(read_right, split=split, answers=answers, recipe=recipe, seed=seed)
    found: dict[str, Any] = {"n_fit": n, "n_holdout": len(split[1]), "stages": {}}
    for stage in stages(run.model):
        states = _states(run.model, task, stage.hook)
        fitted, held = read(states, answers)
        found["stages"][stage.label] = {
            "fitted": fitted,
            "held out": held,
            "shuffled labels": read(states, shuffled)[1],
            "untrained model": read(_states(untrained, task, stage.hook), answers)[1],
        }
    return found


def read_right(
    states: Float[Tensor, "batch d_model"],
    labels: Int[Tensor, " batch"],
    *,
    split: tuple[Tensor, ...],
    answers: Int[Tensor, " batch"],
    recipe: ProbeSpec,
    seed: int,
) -> tuple[int, int]:
    """Of the fitted and of the held-out inputs, how many a read-out that is fitted on ``labels`` reads right."""
    fitted, held = split
    probe = fit_probe(states[fitted], labels[fitted], recipe, classes=int(answers.max()) + 1, seed=seed)
    with torch.no_grad():
        right = probe(states).argmax(-1) == answers
    return int(right[fitted].sum()), int(right[held].sum())


def _states(model: TransformerBridge, task: Task, hook: str) -> Float[Tensor, "batch d_model"]:
    rows = task.predicting_rows
    return activations(model, task.inputs(task.sequences()), [hook], rows=rows)[hook][:, 0]


def _answers(task: Task) -> Int[Tensor, " batch"]:
    return task.answers(task.sequences())[:, 0]


def _fitted(chosen: Fit, seed: int, stored: Stored) -> Fitted:
    return Fitted(chosen, seed, stored.metrics, stored.tensors, stored.provenance)
