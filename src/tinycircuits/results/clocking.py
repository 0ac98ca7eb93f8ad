"""Clocking: how the numbers that tell a clock from a pizza are measured on models set by hand and on trained ones."""

from collections.abc import Iterable
from functools import partial

import torch
from torch import Tensor
from tqdm.auto import tqdm
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.activations import activations
from tinycircuits.interp.fourier import clock_shares, pair_logits
from tinycircuits.interp.torus import (
    distance_irrelevance,
    gradient_symmetricity,
    largest_wrong_logits,
    right_logits,
)
from tinycircuits.interp.waves import wave_fits
from tinycircuits.models.build import build
from tinycircuits.models.clockwork import ClockworkSpec
from tinycircuits.results import torus
from tinycircuits.results.differences import tensors_that_differ
from tinycircuits.results.door import Entry, Made, Work
from tinycircuits.results.grokked import load_grokking
from tinycircuits.results.provenance import made_here
from tinycircuits.results.rows import Row
from tinycircuits.results.runs import load, trained_anew
from tinycircuits.results.store import Stored
from tinycircuits.results.tables.grokking import GROKKINGS, GrokkingSpec
from tinycircuits.results.tables.studies import STUDIES, RunSpec
from tinycircuits.results.tables.torus import NAME, TORI, FreshSpec, Subject, TorusRow
from tinycircuits.tasks import ModularAddition
from tinycircuits.training.device import one_thread

TOLERANCE = 2e-3
"""Difference of a number measured again that another machine may make: it rounds otherwise in single precision."""


def rows() -> list[Row]:
    """The rows of the table."""
    return [row_of(each) for each in TORI.values()]


def row_of(chosen: TorusRow) -> Row:
    """A row as a row of what is stored; it has no seeds."""

    def entries(seeds: Iterable[int]) -> list[Entry]:
        return [] if list(seeds) else [entry(chosen)]

    return Row("torus", chosen.name, NAME, f"clock or pizza, {chosen.title}", (), entries)


def entry(chosen: TorusRow) -> Entry:
    """A row as an entry."""
    return Entry(
        **vars(torus.place(chosen)),
        make=partial(_make, chosen),
        check=partial(_check, chosen),
        says=lambda stored: f"{len(stored.tensors['wrong'])} models",
        sampled="; sums only" if _anew(chosen.of[0]) else "; the first measured again",
    )


def measured(model: TransformerBridge, task: ModularAddition, n_triples: int) -> dict[str, Tensor]:
    """The numbers of one model, in the order of ``Torus``."""
    p = task.modulus
    logits, own = pair_logits(model, task), task.answers(task.sequences()).reshape(p, p)
    numbers = torch.arange(p)
    sums = (numbers[:, None] + numbers) % p
    values = right_logits(logits[..., :p], sums), largest_wrong_logits(logits[..., :p], sums)
    found = gradient_symmetricity(model, task, n_triples=n_triples, seed=0)
    layers = [_neurons(model, task, layer) for layer in range(model.cfg.n_layers)]
    frequency, share, phase = (torch.stack(each) for each in zip(*layers, strict=True))
    return {
        "wrong": (logits.argmax(-1) != own).sum().int(),
        "symmetricity": torch.tensor([found.mean, found.half_width]),
        "irrelevance": torch.tensor([distance_irrelevance(each) for each in values]),
        "clock": clock_shares(logits[..., :p]).sum().float(),
        "frequency": frequency.short(),
        "share": share.float(),
        "phase": phase.float(),
    }


def _neurons(model: TransformerBridge, task: ModularAddition, layer: int) -> tuple[Tensor, Tensor, Tensor]:
    """Frequency, share and the two phases of each neuron of a layer, at ``=``."""
    hook, p = f"blocks.{layer}.mlp.hook_post", task.modulus
    kept = activations(model, task.inputs(task.sequences()), [hook], rows=task.predicting_rows)[hook][:, 0]
    fits = wave_fits(kept.reshape(p, p, -1))
    best = fits.best("full")
    of_a, of_b, _ = fits.at(best)
    return best, fits.r2("full"), torch.stack([of_a, of_b], dim=-1)


@one_thread()
def _make(chosen: TorusRow, work: Work) -> Made:
    bar = tqdm(chosen.of, desc=work.bar, unit="model", disable=None if work.bar else True)
    found = [measured(*_model(of), chosen.spec.n_triples) for of in bar]
    tensors = {name: torch.stack([each[name] for each in found]).contiguous() for name in found[0]}
    return Made({"models": len(found), "wrong": tensors["wrong"].tolist()}, tensors)


def _model(of: Subject) -> tuple[TransformerBridge, ModularAddition]:
    """The model of one subject, and its task; raises as ``load`` and ``load_grokking`` do."""
    match of:
        case ClockworkSpec():
            return of.model(), of.task
        case FreshSpec():
            model, task = build(of.model, of.task, seed=of.seed), of.task
        case GrokkingSpec():
            name = next(each.name for each in GROKKINGS.values() if of in map(each.spec, each.seeds))
            model, task = load_grokking(name, of.of.seed).model(), of.of.task
        case RunSpec():
            kept, task = _study_of(of), of.task
            model = load(kept, of.seed).model if kept else trained_anew(of)[0]
    assert isinstance(task, ModularAddition)
    return model, task


def _study_of(of: RunSpec) -> str | None:
    """The study that keeps this run."""
    return next((one.name for one in STUDIES.values() if one.spec(of.seed) == of), None)


def _anew(of: Subject) -> bool:
    """Whether the model is not kept: it comes out the same only on the processor that trained it."""
    return isinstance(of, RunSpec) and _study_of(of) is None


@one_thread()
def _check(chosen: TorusRow, stored: Stored, whole: bool) -> list[str]:
    """Every model measured again, or the first; of those that are not kept the sums are all, elsewhere."""
    found = [] if stored.metrics["wrong"] == stored.tensors["wrong"].tolist() else ["metrics"]
    there = whole and made_here(stored.provenance)
    for index, of in enumerate(chosen.of[: None if whole else 1]):
        if _anew(of) and not there:
            continue
        now = measured(*_model(of), chosen.spec.n_triples)
        before = {name: stored.tensors[name][index] for name in now}
        found += [f"{name} of model {index}" for name in tensors_that_differ(now, before, tolerance=TOLERANCE)]
    return found
