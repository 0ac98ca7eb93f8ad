"""Programs: tables in place of a model's parts, on circuits whose program is known and against plain loops."""

from dataclasses import replace

import pytest
import torch

from tests.circuits import SPECS, hand_built, scrambled
from tinycircuits.interp.activations import Component
from tinycircuits.interp.averaged import averaged_output
from tinycircuits.interp.program import RUNGS, cells, ladder, program
from tinycircuits.tasks import ReverseIncrement

TASK = ReverseIncrement(n_digits=3)
SEQUENCES = TASK.sequences()
TOKENS = TASK.inputs(SEQUENCES)
DIGITS, N = SEQUENCES[:, 1:4], len(SEQUENCES)
ROWS = list(TASK.predicting_rows)
NAMED = {rung.name: rung for rung in RUNGS}
MISSED = 3 * N // 4
"""Answers that change where the program cannot know the digit and says the same for all."""
RELU = {name: spec for name, spec in SPECS.items() if spec.act_fn == "relu"}
every_spec = pytest.mark.parametrize("spec", RELU.values(), ids=RELU)


def changes(model, name, task=TASK):
    return program(model, cells(model, task), NAMED[name]).changed.tolist()


def test_the_circuit_of_attention_alone_is_one_table():
    model = hand_built(TASK, mlp=False)
    assert changes(model, "own token") == [MISSED] * 3
    for name in list(NAMED)[1:]:
        assert changes(model, name) == [0] * 3


def test_neurons_that_each_wait_for_a_digit_need_a_matrix_for_each_digit():
    model = hand_built(TASK, mlp=True)
    assert changes(model, "fetch, a matrix for each digit") == changes(model, "fetch, own switches") == [0] * 3
    assert changes(model, "fetch, one matrix") == [MISSED] * 3  # each neuron is off for most inputs
    assert min(changes(model, "fetch")) >= MISSED - 1


def test_the_ladder_runs_every_rung_in_order():
    model = hand_built(TASK, mlp=True)
    found = ladder(model, cells(model, TASK))
    assert found.n_inputs == N
    assert found.changed.tolist() == [changes(model, name) for name in NAMED]


def test_the_tables_of_a_wrong_digit_change_three_answers_of_four():
    """But for the first answer where the table goes by the token as well: there the token is the digit."""
    model = hand_built(TASK, mlp=False)
    *blind, last = ladder(model, cells(model, TASK, neighbour=True)).changed.tolist()
    assert blind == [[MISSED] * 3] * (len(RUNGS) - 1)
    assert last == [0, MISSED, MISSED]


@every_spec
def test_cells_are_means_over_the_inputs_that_agree(spec):
    model = scrambled(spec, TASK)
    found = cells(model, TASK)
    logits, cache = model.run_with_cache(TOKENS)
    said, i, v, q = logits.argmax(-1), 2, 3, 1
    chosen = (DIGITS[:, 0] == v) & (TOKENS[:, ROWS[i]] == q)
    assert found.count[i, v, q] == chosen.sum() == N // 16
    for layer in range(spec.n_layers):
        expected = cache[f"blocks.{layer}.hook_attn_out"][chosen, ROWS[i]].mean(0)
        torch.testing.assert_close(found.fetched[layer][i, v, q], expected)
        if spec.d_mlp:
            on = (cache[f"blocks.{layer}.mlp.hook_pre"][chosen, ROWS[i]] > 0).double().mean(0)
            torch.testing.assert_close(found.on[layer][i, v, q], on)
            expected = cache[f"blocks.{layer}.hook_mlp_out"][chosen, ROWS[i]].mean(0)
            torch.testing.assert_close(found.written[layer][i, v, q], expected)
    assert found.said[i, v, q].tolist() == said[chosen, ROWS[i]].bincount(minlength=TASK.d_vocab).tolist()
    assert found.count.sum((1, 2)).tolist() == [N] * 3


def test_cells_know_what_the_model_gets_wrong():
    model = scrambled(SPECS["one layer"], TASK)
    wrong = (model(TOKENS)[:, ROWS].argmax(-1) != TASK.answers(SEQUENCES)).sum(0)
    found = cells(model, TASK)
    assert found.wrong.tolist() == wrong.tolist() != [0] * 3
    assert found.right.tolist() == [[1, 2, 3, 0]] * 3


def test_at_the_first_answer_the_token_is_the_source_digit():
    count = cells(hand_built(TASK, mlp=False), TASK).count[0]
    assert torch.equal(count, torch.eye(4, dtype=torch.int64) * N // 4)


@every_spec
def test_where_one_input_fills_each_cell_the_program_is_the_model(spec):
    task = ReverseIncrement(n_digits=2)
    model = scrambled(spec, task)
    tokens = task.inputs(task.sequences())
    told = program(model, cells(model, task), NAMED["fetch by digit and token"])
    value, token = task.sequences()[:, 1], tokens[:, task.predicting_rows[1]]
    expected = model(tokens)[:, task.predicting_rows[1]]
    torch.testing.assert_close(told.logits()[1, value, token], expected)
    assert told.changed.tolist()[1] == 0


@pytest.mark.parametrize("seed", range(3))
def test_in_one_layer_fetching_by_digit_is_the_mean_over_its_inputs(seed):
    """Of an untrained model both count the answers that are not the task's; here its own answers are compared."""
    model = scrambled(SPECS["one layer"], TASK, seed=seed)
    told = program(model, cells(model, TASK), NAMED["fetch, own switches"])
    wrong = told.logits().argmax(-1)
    value, token = DIGITS.flip(1), TOKENS[:, ROWS]
    by_program = (wrong[torch.arange(3), value, token] != TASK.answers(SEQUENCES)).sum(0)
    means = averaged_output(model, SEQUENCES, TASK, Component(0, "attn"), seed=0)
    assert by_program.tolist() == means.by_source.tolist()


def test_a_mean_over_cells_counts_inputs_and_not_cells():
    model = scrambled(SPECS["one layer"], TASK)
    found = cells(model, TASK)
    _, cache = model.run_with_cache(TOKENS)
    out = cache["blocks.0.hook_attn_out"]
    for i, row in enumerate(ROWS):
        torch.testing.assert_close(found.over(found.fetched[0], "place")[i, 0, 0], out[:, row].mean(0))
    expected = out[DIGITS[:, 2] == 1, ROWS[0]].mean(0)
    torch.testing.assert_close(found.over(found.fetched[0], "digit")[0, 1, 0], expected)
    assert found.over(found.fetched[0], "digit and token") is found.fetched[0]


def test_switches_are_those_of_most_inputs():
    found = cells(scrambled(SPECS["one layer"], TASK), TASK)
    told = program(scrambled(SPECS["one layer"], TASK), found, NAMED["fetch, one matrix"])
    share = (found.on[0] * found.count[..., None]).sum((1, 2)) / N
    assert torch.equal(told.switched[0][:, 0, 0], share > 0.5)
    assert told.switched[0].shape == (3, 1, 1, 16)


@pytest.mark.parametrize("name", ["one layer", "no LayerNorm", "attention only"])
def test_the_arrows_end_in_the_margins_of_the_program(name):
    model = scrambled(SPECS[name], TASK)
    told = program(model, cells(model, TASK), NAMED["fetch, own switches"])
    steps, logits = told.steps(), told.logits()
    torch.testing.assert_close(steps[-1], logits[..., :2] - logits[..., 2:4])
    assert len(steps) == len(told.states())


def test_arrows_are_for_four_digits():
    task = ReverseIncrement(n_digits=2, modulus=3)
    model = hand_built(task, mlp=False)
    with pytest.raises(ValueError, match="modulus 4, got 3"):
        program(model, cells(model, task), NAMED["fetch"]).steps()


def test_the_size_of_a_program_is_that_of_its_tables():
    model = scrambled(SPECS["one layer"], TASK)
    told = program(model, cells(model, TASK), NAMED["fetch, one matrix"])
    assert told.numbers == 3 * 4 * 4 + 3 * 16
    assert replace(told, switched=()).numbers == 3 * 4 * 4


def test_neurons_that_are_no_switches_are_refused():
    with pytest.raises(ValueError, match="ReLU for its neurons to be switches, got gelu"):
        cells(scrambled(SPECS["three layers, two heads, gelu"], TASK), TASK)
