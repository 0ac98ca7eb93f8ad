"""Blind: which readings of a model move when its weights are rewritten and its answers are not."""

import pytest
import torch

from tests.circuits import SPECS, scrambled
from tinycircuits.interp.activations import components
from tinycircuits.interp.blind import SAME, blind, readings
from tinycircuits.interp.removals import neuron_wrong
from tinycircuits.models.symmetries import SYMMETRIES
from tinycircuits.tasks import ReverseIncrement

TASK = ReverseIncrement(n_digits=3)


@pytest.fixture(scope="module")
def model():
    return scrambled(SPECS["two layers"], TASK)


@pytest.fixture(scope="module")
def found(model):
    return blind(model, TASK, seed=0)


def test_no_answer_changes_and_a_push_changes_many(found):
    assert found.changed.tolist() == [0] * len(SYMMETRIES)
    assert found.probability.max() < 1e-9
    assert found.n_answers == 64 * 3
    unfelt = found.symmetries.index("key bias redrawn")
    assert [i for i, count in enumerate(found.changed_by_push.tolist()) if count == 0] == [unfelt]


@pytest.mark.parametrize(
    ("instrument", "moved_by"),
    [
        ("attention weights", set()),
        ("wrong without a part (zero)", set()),
        ("wrong without a part (mean)", set()),
        ("read-out with LayerNorm", set()),
        ("wrong without its weights", {"value bias redrawn"}),
        ("wrong without neuron k", {"neurons permuted"}),
        ("cosine with W_E", {"one number added"}),
        ("cosine with W_U", {"one number added", "gains scaled", "stream turned", "logits shifted"}),
        ("length of a neuron's weights", {"neurons permuted", "neurons scaled", "gains scaled", "stream turned"}),
    ],
)
def test_an_instrument_moves_with_the_weights_that_it_reads(found, instrument, moved_by):
    column = found.moved[:, found.instruments.index(instrument)]
    assert {name for name, each in zip(found.symmetries, column, strict=True) if each > SAME} == moved_by


def test_the_frame_is_one_where_a_reading_moves(found):
    frame = found.frame()
    assert frame.shape == (len(SYMMETRIES), len(found.instruments))
    assert frame.loc["value bias redrawn", "wrong without its weights"] == 1
    assert frame.loc["value bias redrawn", "attention weights"] == 0
    assert frame.to_numpy().sum() == (found.moved > SAME).sum()


def test_readings_are_the_numbers_that_the_chapters_print(model):
    read = readings(model, TASK)
    without = neuron_wrong(model, TASK.sequences(), TASK, layer=1, kind="zero").double()
    torch.testing.assert_close(read["wrong without neuron k"][1], without)
    assert len(read["wrong without a part (zero)"]) == len(components(model))
    assert not torch.equal(read["wrong without a part (zero)"], read["wrong without a part (mean)"])
    torch.testing.assert_close(read["attention weights"].sum(-1), torch.ones_like(read["attention weights"][..., 0]))
