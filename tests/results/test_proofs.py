"""Stored proofs: what they say is what the sweep's errors and the course's counts say, model by model."""

import pytest
import torch

from tests.test_cli import call
from tests.tiny import COURSE, SWEPT, TINY, only_these
from tinycircuits.results import courses, door, proofs, runs, sweeps
from tinycircuits.results.courses import load_course
from tinycircuits.results.errors import MissingResult
from tinycircuits.results.proofs import load_proofs
from tinycircuits.results.sweeps import load_sweep
from tinycircuits.results.tables.proofs import ProofRow, proof_row

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
            door.get(proofs.entry(row, block))
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


def test_they_are_listed_verified_and_made_again(small, monkeypatch, capsys):
    code, out, _ = call(monkeypatch, capsys, "list", "swept.proofs")
    assert (code, "proofs of swept" in out) == (0, True)
    code, out, _ = call(monkeypatch, capsys, "verify", "swept.proofs", "--whole")
    assert (code, out.count("ok ")) == (0, 2)
    code, out, _ = call(monkeypatch, capsys, "retrain", "tiny.course.proofs")
    assert (code, out.startswith("0 numbers changed in 1 entries made anew.")) == (0, True)


def test_a_changed_count_is_noticed(small):
    (block, _) = ROWS[0].blocks
    entry = proofs.entry(ROWS[0], block)
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
