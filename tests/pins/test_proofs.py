"""Every stored proof against what is stored beside it, and the measures that the prover was built for."""

import torch

from tinycircuits.results.courses import load_course
from tinycircuits.results.proofs import load_proofs
from tinycircuits.results.sweeps import load_sweep


def test_every_model_of_b_is_decided_and_its_wrong_digits_are_the_recorded_ones():
    found, sweep = load_proofs("seeds-b"), load_sweep("seeds-b")
    assert len(found.proved) == 200
    assert torch.equal(found.proved, sweep.solved)
    assert torch.equal(found.refuted, ~sweep.solved)
    assert torch.equal(found.wrong, sweep.wrong_digits.long())
    assert int(found.boxes[found.proved].min()) >= 116
    assert bool((found.margin[found.proved] > 0).all())


def test_every_round_of_the_training_of_b_is_decided():
    found, course = load_proofs("reversal-8d-1l.course"), load_course("reversal-8d-1l")
    assert torch.equal(found.wrong, course.wrong.sum(1))
    assert torch.equal(found.proved, course.wrong.sum(1) == 0)
    assert not found.undecided.any()
