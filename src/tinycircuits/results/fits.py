"""Fits: what is fitted on the activations of a stored run. ``fit`` loads the stored one, or makes and stores it."""

from collections.abc import Iterable
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
from tinycircuits.results import door
from tinycircuits.results.differences import SINGLE_TOLERANCE, differences
from tinycircuits.results.door import Entry, Made, Work
from tinycircuits.results.rows import Row
from tinycircuits.results.runs import load
from tinycircuits.results.store import Json, Stored
from tinycircuits.results.tables.fits import FITS, Fit, fit_named
from tinycircuits.tasks import Task
from tinycircuits.training.dictionaries import ProbeSpec, SaeSpec, fit_probe, fit_sae

READ_OUT_TOLERANCE = 2e-3
"""Difference of the share that a read-out reads right which rounding its steps otherwise may make."""


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
    """A fit from the store, or by making and storing it.

    Raises as ``door.get`` and ``runs.load`` do, and ``ValueError`` for an unknown fit or a seed out of range.
    """
    chosen = fit_named(name)
    return _fitted(chosen, seed, door.get(entry(chosen, seed), progress=progress))


def load_fit(name: str, seed: int) -> Fitted:
    """A stored fit; never made. Raises as ``door.load`` does, and ``ValueError`` as ``fit`` does."""
    chosen = fit_named(name)
    return _fitted(chosen, seed, door.load(entry(chosen, seed)))


def rows() -> list[Row]:
    """The rows of the table of fits."""
    return [row_of(each) for each in FITS.values()]


def row_of(chosen: Fit) -> Row:
    """A fit as a row of what is stored."""

    def entries(seeds: Iterable[int]) -> list[Entry]:
        return [entry(chosen, seed) for seed in seeds]

    return Row("fit", chosen.name, chosen.name, chosen.title, chosen.seeds, entries)


def entry(chosen: Fit, seed: int) -> Entry:
    """The fit of one seed as an entry; raises ``ValueError`` for a seed out of range."""
    return Entry(
        folder=chosen.name,
        spec=chosen.spec(seed),
        name=chosen.name,
        seeds=range(seed, seed + 1),
        command=f"tinycircuits fit {chosen.name} --seed {seed}",
        make=partial(_make, chosen, seed),
        check=partial(_check, chosen, seed),
        says=lambda stored: summary(_fitted(chosen, seed, stored)),
    )


def summary(one: Fitted) -> str:
    """What a fit found, and how long it took."""
    metrics = one.metrics
    if isinstance(one.fit.recipe, SaeSpec):
        found = f"l0 {metrics['l0']:.1f}, fvu {metrics['fvu']:.2g}, {metrics['dead']} of {one.fit.recipe.width} dead"
    else:
        right = (f"{stage} {each['held out']:,}" for stage, each in metrics["stages"].items())
        found = f"of {metrics['n_holdout']:,} held out read right: {', '.join(right)}"
    return f"{found}; {one.provenance['seconds']:.0f} s"


def fitted_on(chosen: Fit) -> tuple[Float[Tensor, "batch d_model"], Int[Tensor, " batch"]]:
    """The states that an autoencoder is fitted on, one for each input, and the inputs' answers.

    Raises ``MissingResult`` or ``CorruptResult`` for the run, ``ValueError`` for a site that its model lacks.
    """
    model, task = model_of(chosen)
    return _states(model, task, part_named(model, chosen.site).hook), _answers(task)


def model_of(chosen: Fit) -> tuple[TransformerBridge, Task]:
    """The model that something is fitted on, and its task; raises ``MissingResult`` or ``CorruptResult`` for a run."""
    if chosen.by_hand is not None:
        return chosen.by_hand.model(), chosen.by_hand.task
    run = load(chosen.study)
    return run.model, run.study.task


def measure_sae(chosen: Fit, dictionary: SparseAutoencoder) -> dict[str, Any]:
    """How sparse and how faithful it is on the states that it was fitted on."""
    states, _ = fitted_on(chosen)
    found = quality(dictionary, states)
    return {"l0": found.l0, "fvu": found.fvu, "dead": found.dead, "n_states": len(states)}


def _make(chosen: Fit, seed: int, work: Work) -> Made:
    if not isinstance(chosen.recipe, SaeSpec):
        return Made(_probe_metrics(chosen.study, chosen.recipe, seed), {})
    states, _ = fitted_on(chosen)
    dictionary, losses = fit_sae(states, chosen.recipe, seed=seed, progress=work.bar)
    tensors = {name: tensor.contiguous() for name, tensor in dictionary.tensors.items()}
    return Made({**measure_sae(chosen, dictionary), "loss": losses}, tensors)


def _check(chosen: Fit, seed: int, stored: Stored, whole: bool) -> list[str]:
    """An autoencoder is measured anew; a read-out, of which only counts are stored, is fitted anew."""
    if isinstance(chosen.recipe, SaeSpec):
        now = measure_sae(chosen, _fitted(chosen, seed, stored).dictionary)
        return differences(now, stored.metrics, tolerance=SINGLE_TOLERANCE)
    now = _shares(_probe_metrics(chosen.study, chosen.recipe, seed))
    return differences(now, _shares(stored.metrics), absolute=READ_OUT_TOLERANCE)


def _shares(metrics: Json) -> Json:
    whole = metrics["n_fit"] + metrics["n_holdout"]
    return {stage: {name: n / whole for name, n in each.items()} for stage, each in metrics["stages"].items()}


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
