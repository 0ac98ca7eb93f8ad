"""Stored proofs: what they say is what the sweep's errors and the course's counts say, model by model."""

from dataclasses import replace

import pytest
import torch

from tests.test_cli import call
from tests.tiny import COURSE, SWEPT, TINY, only_these
from tinycircuits.results import courses, door, proving, runs, sweeps
from tinycircuits.results.courses import load_course
from tinycircuits.results.errors import MissingResult
from tinycircuits.results.proofs import SHOWN, load_proofs
from tinycircuits.results.sweeps import load_sweep
from tinycircuits.results.tables import proofs as tables
from tinycircuits.results.tables.proofs import ProofRow, proof_row
from tinycircuits.tasks import SampledSplit
from tinycircuits.training.recipe import DrawnBatches

ROWS = [ProofRow("swept"), ProofRow("tiny.course")]


@pytest.fixture
def small(house, monkeypatch):
    """A house with a trained sweep and a course, of which proofs may be kept."""
    monkeypatch.setattr(torch._dynamo.config, "disable", True)
    only_these(monkeypatch, studies=[TINY], sweeps=[SWEPT], courses=[COURSE], proofs=ROWS)
    runs.run("tiny")
    sweeps.run_sweep("swept")
    door.get(courses.entry(COURSE, 0))
    for row in ROWS:
        for block in row.blocks:
            door.get(proving.entry(row, block))
    return house


def test_proofs_of_a_sweep_have_its_wrong_digits_in_order_of_its_seeds(small):
    found, sweep = load_proofs("swept"), load_sweep("swept")
    assert torch.equal(found.wrong, sweep.wrong_digits.long())
    assert torch.equal(found.proved, sweep.solved)
    assert torch.equal(found.refuted, ~sweep.solved)
    assert not found.undecided.any()
    assert (found.boxes > 0).all()


def test_proofs_of_a_course_have_its_wrong_digits_in_order_of_its_rounds(small):
    found = load_proofs("tiny.course")
    assert torch.equal(found.wrong, load_course("tiny").wrong.sum(1))
    assert torch.equal(found.proved, found.wrong == 0)


@pytest.fixture
def unlisted(house, monkeypatch):
    """A sweep whose steps draw their inputs, of a task so small that a list can tell what its proofs must say."""
    monkeypatch.setattr(torch._dynamo.config, "disable", True)
    monkeypatch.setattr(tables, "TRIED", 300)
    recipe = SWEPT.train.model_copy(
        update={
            "split": SampledSplit(n_train=5, n_holdout=6, seed=0),
            "batches": DrawnBatches(steps=60, batch_size=8, round_steps=20),
        }
    )
    swept = replace(SWEPT, train=recipe)
    only_these(monkeypatch, sweeps=[swept], proofs=ROWS[:1])
    found = sweeps.run_sweep("swept")
    return found


def made():
    for block in ROWS[0].blocks:
        door.get(proving.entry(ROWS[0], block))
    return load_proofs("swept")


def test_a_model_with_too_many_inputs_is_tried_and_its_wrong_answers_are_counted_and_kept(unlisted, monkeypatch):
    monkeypatch.setattr(proving, "SELDOM", 600)
    found, task = made(), unlisted.sweep.task
    missed = unlisted.wrong(torch.ones(4, dtype=torch.bool))
    assert torch.equal(found.wrong, missed.sum((1, 2)))
    assert not found.left.any()
    index = torch.randint(16, (300,), generator=torch.Generator().manual_seed(1))
    assert torch.equal(found.tried.sum(1), missed[:, index].sum((1, 2)))
    assert int(found.wrong.max()) > 0
    for model, (cases, wrong) in enumerate(zip(found.cases, missed, strict=True)):
        kept = {tuple(case) for case in cases.tolist() if case[0] >= 0}
        listed = {(row, *task.sequences()[at, 1:3].tolist()) for at, row in wrong.nonzero().tolist()}
        assert kept <= listed
        assert len(kept) == min(len(listed), SHOWN), model
    for block in ROWS[0].blocks:
        entry = proving.entry(ROWS[0], block)
        assert door.verified(entry).startswith("ok ")
        stored = door.load(entry)
        door.put(entry, door.Made(stored.metrics, {**stored.tensors, "tried": stored.tensors["tried"] + 1}), {})
        assert "tried" in door.verified(entry)


def test_a_model_that_is_often_wrong_is_not_counted(unlisted, monkeypatch):
    monkeypatch.setattr(proving, "SELDOM", 0)
    monkeypatch.setattr(tables, "MOST", 2)
    found, missed = made(), unlisted.wrong(torch.ones(4, dtype=torch.bool)).sum((1, 2))
    assert (found.left > 0).tolist() == (missed > 0).tolist()
    assert (found.wrong <= missed).all()
    assert torch.equal(found.refuted, missed > 0)


def test_they_are_listed_verified_and_made_again(small, monkeypatch, capsys):
    code, out, _ = call(monkeypatch, capsys, "list", "swept.proofs")
    assert (code, "proofs of swept" in out) == (0, True)
    code, out, _ = call(monkeypatch, capsys, "verify", "swept.proofs", "--whole")
    assert (code, out.count("ok ")) == (0, 2)
    code, out, _ = call(monkeypatch, capsys, "retrain", "tiny.course.proofs")
    assert (code, out.startswith("0 numbers changed in 1 entries made anew.")) == (0, True)


def test_a_changed_count_is_noticed(small):
    (block, _) = ROWS[0].blocks
    entry = proving.entry(ROWS[0], block)
    stored = door.load(entry)
    for name in ("wrong", "boxes", "proved"):
        tensor = stored.tensors[name].clone()
        tensor[0] = ~tensor[0] if tensor.dtype == torch.bool else tensor[0] * 2 + 1
        changed = door.Made(stored.metrics, {**stored.tensors, name: tensor})
        door.put(entry, changed, {})
        assert name in door.verified(entry)


def test_what_is_not_kept_is_an_error_that_names_what_is(house, monkeypatch):
    only_these(monkeypatch, studies=[TINY], sweeps=[SWEPT], proofs=ROWS[:1])
    with pytest.raises(ValueError, match="no proofs of 'seeds-b' are kept; known are swept"):
        proof_row("seeds-b")
    with pytest.raises(MissingResult, match=r"tinycircuits retrain swept.proofs --seeds 0..1"):
        load_proofs("swept")
