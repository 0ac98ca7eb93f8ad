"""Where a straight line finds a number, and where it cannot."""

import pytest
import torch

from tests.circuits import scrambled
from tinycircuits.interp.activations import activations, stages
from tinycircuits.interp.readout_map import readout_map
from tinycircuits.interp.readouts import READOUTS, lda_readouts
from tinycircuits.models.build import ModelSpec
from tinycircuits.tasks import ModularAddition

ADDITION = ModularAddition(modulus=11, plus_sign=True)
PAIRS = ADDITION.sequences()
TARGETS = {"a + b": ADDITION.answers(PAIRS)[:, 0], "a": PAIRS[:, 0], "b": PAIRS[:, 2]}
WIDE = ModelSpec(n_layers=2, d_model=16, n_heads=2, d_head=8, d_mlp=32)
every_readout = pytest.mark.parametrize("by", READOUTS)


@every_readout
def test_the_map_finds_a_number_where_its_token_stands_and_nowhere_before(by):
    found = readout_map(scrambled(WIDE, ADDITION), PAIRS, ADDITION, TARGETS, seeds=range(3), by=by)
    assert found.correct.shape == found.shuffled_correct.shape == (3, 3, 5, 4)
    assert (found.n_fit, found.n_holdout) == (96, 25)
    assert found.chance == pytest.approx(1 / 11)
    assert found.at("a", "embed", "a").tolist() == found.at("b", "embed", "b").tolist() == [1, 1, 1]
    assert (found.accuracy("b")[:, :, :2] <= 0.2).all()  # a position never sees later ones
    for target in TARGETS:  # at "=" the embedding is one and the same vector for all inputs
        assert (found.at(target, "embed", "=") <= 0.2).all()
    assert found.accuracy("a", shuffled=True).mean() < 0.2


def test_one_place_of_the_map_is_the_read_out_of_its_states():
    model = scrambled(WIDE, ADDITION)
    found = readout_map(model, PAIRS, ADDITION, TARGETS, seeds=[4], positions=["="])
    order = torch.randperm(121, generator=torch.Generator().manual_seed(4))
    fitted, held = order[:96], order[96:]
    for stage in stages(model):
        states = activations(model, ADDITION.inputs(PAIRS), [stage.hook])[stage.hook][:, 3]
        for name, labels in TARGETS.items():
            guess = lda_readouts(states[fitted], labels[None, fitted], states[held])[0]
            right = int((guess == labels[held]).sum())
            assert float(found.at(name, stage.label, "=")[0]) == pytest.approx(right / 25)


def test_the_table_is_the_mean_over_probe_seeds_by_place():
    found = readout_map(scrambled(WIDE, ADDITION), PAIRS, ADDITION, TARGETS, seeds=[0, 1], positions=["b", "="])
    table = found.table("a", shuffled=True)
    assert (table.index.name, table.columns.name) == ("after", "position")
    for stage in found.stages:
        assert table.loc[stage, "="] == float(found.at("a", stage, "=", shuffled=True).mean())


def test_what_the_map_does_not_hold_is_refused():
    model = scrambled(WIDE, ADDITION)
    found = readout_map(model, PAIRS, ADDITION, TARGETS, seeds=[0], positions=["="])
    for call, message in (
        (lambda: found.accuracy("c"), r"target must be one of a \+ b, a, b, got 'c'"),
        (lambda: found.at("a", "L9", "="), "stage must be one of embed, .*, got 'L9'"),
        (lambda: found.at("a", "embed", "b"), "position must be one of =, got 'b'"),
        (lambda: readout_map(model, PAIRS, ADDITION, TARGETS, seeds=[]), "seeds must be some"),
        (lambda: readout_map(model, PAIRS, ADDITION, TARGETS, seeds=[0], fit_share=1.0), "got 1 seeds and 1.0"),
        (
            lambda: readout_map(model, PAIRS, ADDITION, TARGETS, seeds=[0], positions=["c"]),
            r"positions must be of a, \+, b, =, got 'c'",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            call()
