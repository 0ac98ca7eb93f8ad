"""What models with tied embeddings do, on circuits whose answer is known."""

from dataclasses import replace

import pytest

from tests.circuits import ablate
from tests.swept import SWEEP, swept
from tinycircuits.interp.activations import components
from tinycircuits.models.by_hand import hand_built
from tinycircuits.results.summaries.tied import BY_MEAN, PUSHED, renaming_table, shifts, without_the_mlp
from tinycircuits.results.sweeps import SweepResult
from tinycircuits.tasks import ReverseIncrement

TASK = ReverseIncrement(n_digits=3)


def sweep_of(monkeypatch, *circuits):
    """A sweep over three digits; its faultless models are these, by seed."""
    found = swept(
        train_wrong_sequences=[0] * len(circuits) + [1] * (4 - len(circuits)), holdout_wrong_sequences=[0] * 4
    )
    monkeypatch.setattr(SweepResult, "models", lambda result, seeds: iter([circuits[seed] for seed in seeds]))
    return replace(found, sweep=replace(SWEEP, task=TASK))


def test_attention_that_renames_is_told_from_attention_that_copies(monkeypatch):
    by_three = hand_built(ReverseIncrement(n_digits=3, increment=3), mlp=False)
    circuits = hand_built(TASK, mlp=False), by_three, hand_built(TASK, mlp=True)
    result = sweep_of(monkeypatch, *circuits)
    assert shifts(result) == {1: 1, 3: 1, None: 1}
    row = renaming_table({"one": result}, "model").iloc[0]
    assert (row.model, row.seeds, row.faultless) == ("one", 4, 3)
    assert (row["by one"], row["by another"], row["no shift"]) == (1, 1, 1)


def test_the_mlp_is_replaced_by_its_mean_and_the_push_is_another_row(monkeypatch):
    model = hand_built(TASK, mlp=True)
    table = without_the_mlp(sweep_of(monkeypatch, model)).set_index("output of the MLP").right
    gone = ablate(model, TASK.sequences(), TASK, components(model)[1], "mean", seed=0, draws=1)
    assert table[BY_MEAN] == gone.errors().accuracy
    assert table[PUSHED] == pytest.approx(gone.control_accuracy())
    assert table[PUSHED] > table[BY_MEAN]
