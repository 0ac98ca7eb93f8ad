"""Proving: how the proofs of many models are made and checked."""

from collections.abc import Iterable, Iterator
from functools import partial

import torch
from torch import Tensor
from tqdm.auto import tqdm
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.models.build import build
from tinycircuits.models.spoiled import SPOILED
from tinycircuits.models.weights import put_weights
from tinycircuits.proof.search import Verdict, search, smallest_margin
from tinycircuits.proof.subject import rule_of, tables_of
from tinycircuits.proof.tables import Tables
from tinycircuits.proof.trial import wrong_answers
from tinycircuits.proof.verdict import Told, prove
from tinycircuits.results.courses import load_course
from tinycircuits.results.differences import tensors_that_differ
from tinycircuits.results.door import Entry, Made, Work
from tinycircuits.results.proofs import PARTS, SHOWN, place
from tinycircuits.results.rows import Row
from tinycircuits.results.runs import load
from tinycircuits.results.store import Stored
from tinycircuits.results.sweeps import load_sweep
from tinycircuits.results.tables.courses import COURSES, CourseSpec
from tinycircuits.results.tables.proofs import PROOFS, ProofRow, ProofSpec
from tinycircuits.results.text import of
from tinycircuits.tasks import DigitTask

Measured = dict[str, Tensor]
SELDOM = 100
"""Wrong answers to the random inputs up to which all wrong answers are counted."""
SAMPLE = 3
"""Models of an entry that are proved again where not all are."""
BOXES_TOLERANCE = 0.02
"""Share of a number of boxes that may differ where another machine rounds otherwise."""


def measured(model: TransformerBridge, task: DigitTask) -> Measured:
    """The fields of ``Proofs`` of one model all of whose inputs can be listed."""
    tables, told = tables_of(model, rule_of(task)), prove(model, task)
    counted = search(tables, count=True)
    if len(counted.open):
        raise ValueError(f"{sum(counted.open.sizes)} answers of a model could not be counted")
    return _told(tables, told, counted)


def unlisted(model: TransformerBridge, task: DigitTask, spec: ProofSpec, parts: int = PARTS) -> Measured:
    """The same of a model with too many inputs to list: it is tried on random ones, and counted if it is seldom wrong.

    A model that is wrong in more than ``SELDOM`` of the tried answers is not counted: the boxes would be as many.
    Only the first ``parts`` of the random inputs are tried.
    """
    tables, told = tables_of(model, rule_of(task)), prove(model, task)
    tried = torch.zeros(PARTS, dtype=torch.int64)
    if told.word != "proved":
        index = torch.randint(task.n_sequences, (spec.tried,), generator=torch.Generator().manual_seed(1))
        for part, some in zip(range(parts), index.chunk(PARTS), strict=False):
            digits = task.sequences_at(some)[:, 1 : 1 + task.n_digits]
            tried[part] = wrong_answers(tables, digits.numpy())
    counted = search(tables, count=True, most=spec.most if tried.sum() <= SELDOM else 1)
    cases = torch.full((1, SHOWN, 1 + task.n_digits), -1, dtype=torch.int8)
    for index_, (row, case) in zip(range(SHOWN), counted.wrong_cases(), strict=False):
        cases[0, index_] = torch.tensor([row, *case])
    left = torch.tensor([sum(counted.open.sizes)])
    return _told(tables, told, counted) | {"left": left, "tried": tried[None], "cases": cases}


def _told(tables: Tables, told: Told, counted: Verdict) -> Measured:
    right = told.word == "proved"
    found = {
        "proved": right,
        "refuted": told.word == "refuted",
        "boxes": told.verdict.n_boxes,
        "wrong": counted.n_wrong,
        "counting_boxes": counted.n_boxes,
        "margin": smallest_margin(tables).low if right else 0.0,
    }
    return {name: torch.tensor([value]) for name, value in found.items()}


def rows() -> list[Row]:
    """The rows of the table of proofs."""
    return [row_of(each) for each in PROOFS.values()]


def row_of(chosen: ProofRow) -> Row:
    """Proofs as a row of what is stored."""

    def entries(seeds: Iterable[int]) -> list[Entry]:
        asked = set(seeds)
        return [entry(chosen, block) for block in chosen.blocks if asked & set(block)]

    every = [seed for block in chosen.blocks for seed in block]
    return Row("proof", chosen.name, chosen.name, f"proofs of {chosen.source}", every, entries)


def entry(chosen: ProofRow, block: range) -> Entry:
    """The proofs of one block as an entry."""
    return Entry(
        **vars(place(chosen, block)),
        make=partial(_make, chosen, block),
        check=partial(_check, chosen, block),
        says=_said,
        sampled=f"; {SAMPLE} models proved again",
    )


def _models(chosen: ProofRow, block: range) -> Iterator[tuple[TransformerBridge, DigitTask]]:
    """The models of an entry in turn, in float64; one object with other weights at each step."""
    if chosen.of_run:
        found = load(chosen.source, block[0])
        for change in (lambda model: model, *SPOILED.values()):
            yield change(found.model), _of_digits(found.study.task)
    elif chosen.of_course:
        described = chosen.spec(block).of
        assert isinstance(described, CourseSpec)
        spec, weights = described.of, load_course(COURSES[chosen.source].source, block[0]).weights
        model = build(spec.model, spec.task, seed=0, dtype="float64")
        for row in weights:
            yield put_weights(model, row.double()), _of_digits(spec.task)
    else:
        sweep = load_sweep(chosen.source, block)
        for each in sweep.models(list(block)):
            yield each, _of_digits(sweep.sweep.task)


def _of_digits(task: object) -> DigitTask:
    if not isinstance(task, DigitTask):
        raise ValueError(f"task must be one of digits, got {type(task).__name__}")
    return task


def _make(chosen: ProofRow, block: range, work: Work) -> Made:
    models = tqdm(_models(chosen, block), desc=work.bar, unit="model", disable=None if work.bar else True)
    tensors = _stacked([_measured(chosen, block, model, task) for model, task in models])
    return Made(_counts(tensors), tensors)


def _measured(
    chosen: ProofRow, block: range, model: TransformerBridge, task: DigitTask, parts: int = PARTS
) -> Measured:
    return unlisted(model, task, chosen.spec(block), parts) if chosen.drawn else measured(model, task)


def _stacked(found: list[Measured]) -> Measured:
    return {name: torch.cat([each[name] for each in found]) for name in found[0]}


def _counts(tensors: Measured) -> dict[str, int]:
    return {
        "models": len(tensors["proved"]),
        "proved": int(tensors["proved"].sum()),
        "refuted": int(tensors["refuted"].sum()),
    }


def _check(chosen: ProofRow, block: range, stored: Stored, whole: bool) -> list[str]:
    """All models proved again, or the first, the middle and the last."""
    n = len(stored.tensors["proved"])
    at = list(range(n)) if whole else sorted({0, n // 2, n - 1})
    parts = PARTS if whole else 1
    again = [_measured(chosen, block, *each, parts) for index, each in enumerate(_models(chosen, block)) if index in at]
    now, before = _stacked(again), {name: each[at] for name, each in stored.tensors.items()}
    exact = ["proved", "refuted"]
    if chosen.drawn:
        counted = before["left"] == 0
        for each in (now, before):
            each["tried"] = each["tried"][:, :parts]
            each.update({name: each[name][counted] for name in ("wrong", "left", "counting_boxes", "cases")})
        exact += ["tried", "cases"]
    exact.append("wrong")
    found = [] if stored.metrics == _counts(stored.tensors) else ["metrics"]
    found += tensors_that_differ({name: now[name] for name in exact}, before)
    rest = {name: each for name, each in now.items() if name not in exact}
    return found + tensors_that_differ(rest, before, tolerance=BOXES_TOLERANCE)


def _said(stored: Stored) -> str:
    metrics = stored.metrics
    n = metrics["models"]
    return f"{of(metrics['proved'], n)} models proved, {of(metrics['refuted'], n)} refuted"
