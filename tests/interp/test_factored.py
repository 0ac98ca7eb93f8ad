"""The tables of a one-layer model against TransformerLens, on all inputs."""

import pytest
import torch

from tests.circuits import SPECS, hand_built, scrambled
from tinycircuits.interp.activations import activations
from tinycircuits.interp.factored import factored, made_from
from tinycircuits.models.build import ModelSpec
from tinycircuits.results.runs import load
from tinycircuits.results.sweeps import load_sweep
from tinycircuits.tasks import IncrementInPlace, ReverseAddNeighbour, ReverseIncrement, ShuffledAnswers

TASK = ReverseIncrement(n_digits=3)
SHAPES = {
    "with both": SPECS["one layer"],
    "no LayerNorm": ModelSpec(n_layers=1, d_model=4, n_heads=1, d_head=3, d_mlp=8, layer_norm=False),
    "no MLP": ModelSpec(n_layers=1, d_model=5, n_heads=1, d_head=4, d_mlp=None),
    "two heads, gelu": ModelSpec(n_layers=1, d_model=6, n_heads=2, d_head=3, d_mlp=5, act_fn="gelu"),
    "neither": ModelSpec(n_layers=1, d_model=4, n_heads=2, d_head=2, d_mlp=None, layer_norm=False),
}
TASKS = {
    "reversal": TASK,
    "one digit": ReverseIncrement(n_digits=1),
    "modulo 3, by two": ReverseIncrement(n_digits=3, modulus=3, increment=2),
    "in place": IncrementInPlace(n_digits=3),
}


def digits_of(task):
    return task.sequences()[:, 1 : 1 + task.n_digits]


@torch.no_grad()
def gap(model, task):
    """The largest difference from TransformerLens in states and logits, over all inputs."""
    found, sequences = factored(model, task), task.sequences()
    rows, largest = list(task.predicting_rows), 0.0
    hook = "blocks.0.hook_attn_out"
    for part in torch.split(sequences, 8192):
        tokens, digits = task.inputs(part), part[:, 1 : 1 + task.n_digits]
        expected = activations(model, tokens, [hook], rows=rows)[hook]
        kept = activations(model, tokens, ["blocks.0.hook_resid_pre"], rows=rows)["blocks.0.hook_resid_pre"]
        for one, two in (
            (found.attn_out(digits), expected),
            (found.states(digits), kept + expected),
            (found.logits(digits), model(tokens)[:, rows]),
        ):
            largest = max(largest, float((one - two).abs().max()))
    return largest


@pytest.mark.parametrize("spec", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_states_and_logits_are_those_of_transformer_lens(spec, task):
    assert gap(scrambled(spec, task), task) < 1e-9


def test_the_published_model_on_all_inputs():
    run = load("reversal-8d-1l")
    assert gap(run.model, run.study.task) < 1e-9


@pytest.mark.parametrize("seed", [0, 4, 107])
def test_models_of_the_sweep_on_all_inputs(seed):
    sweep = load_sweep("seeds-b", range(seed, seed + 1))
    assert gap(sweep.model(seed), sweep.sweep.task) < 1e-9


@pytest.mark.parametrize("name", ["attention-4-raw", "attention-8", "attention-4-in-place"])
def test_models_without_mlp_on_all_inputs(name):
    sweep = load_sweep(name, range(2))
    assert gap(sweep.model(1), sweep.sweep.task) < 1e-9


def test_a_digit_adds_what_the_two_positions_that_show_it_add():
    """The plain way: for one input, key by key."""
    model, task = scrambled(SHAPES["two heads, gelu"], TASK), TASK
    found = factored(model, task)
    sequence = task.sequences()[27]
    digits, n = sequence[1:4], task.n_digits
    for i in range(n):
        q = sequence[n + i]
        for j in range(n):
            shows = [1 + j] + [n + 1 + a for a in range(i) if task.source_columns[a] == 1 + j]
            weights = torch.stack([found.weight[i, :, q, p, sequence[p]] for p in shows])
            values = torch.stack([found.value[p, sequence[p]] for p in shows])
            torch.testing.assert_close(found.d[i, :, q, j, digits[j]], weights.sum(0))
            torch.testing.assert_close(found.n[i, :, q, j, digits[j]], (weights[..., None] * values).sum(0))
        torch.testing.assert_close(found.d_0[i, :, q], found.weight[i, :, q, 0, task.bos])


@torch.no_grad()
def test_weights_over_their_sum_are_the_attention_pattern():
    model = scrambled(SHAPES["with both"], TASK)
    found, sequences = factored(model, TASK), TASK.sequences()
    tokens = TASK.inputs(sequences)
    pattern = activations(model, tokens, ["blocks.0.attn.hook_pattern"])["blocks.0.attn.hook_pattern"]
    for i, row in enumerate(TASK.predicting_rows):
        for batch in range(0, 64, 7):
            met = torch.stack([found.weight[i, 0, tokens[batch, row], p, t] for p, t in enumerate(tokens[batch])])
            torch.testing.assert_close(met / met.sum(), pattern[batch, 0, row])


def test_queries_and_answers_are_those_of_the_task():
    for task in TASKS.values():
        found, sequences = factored(scrambled(SHAPES["with both"], task), task), task.sequences()
        assert torch.equal(found.answers(digits_of(task)), task.answers(sequences))
        assert torch.equal(found.queries(digits_of(task)), sequences[:, list(task.predicting_rows)])


def test_eight_digits_are_decided_by_1504_exponentials():
    run = load("reversal-8d-1l")
    found = factored(run.model, run.study.task)
    assert found.n_exponentials == 1504
    assert int((found.weight > 0).sum()) == 1504


def test_the_circuit_set_by_hand_gives_every_answer():
    model = hand_built(TASK, mlp=False)
    logits = factored(model, TASK).logits(digits_of(TASK))
    assert torch.equal(logits.argmax(-1), TASK.answers(TASK.sequences()))


def test_each_answer_is_traced_to_its_digit():
    source, answer = made_from(ReverseIncrement(n_digits=4, modulus=5, increment=2))
    assert source == (3, 2, 1, 0)
    assert answer.tolist() == [[2, 3, 4, 0, 1]] * 4
    assert made_from(IncrementInPlace(n_digits=2))[0] == (0, 1)


@pytest.mark.parametrize("task", [ReverseAddNeighbour(n_digits=3), ShuffledAnswers(n_digits=3, seed=0)])
def test_an_answer_made_from_several_digits_is_refused(task):
    with pytest.raises(ValueError, match=f"task must make each answer from one digit, got {type(task).__name__}"):
        made_from(task)


def test_two_layers_are_refused():
    with pytest.raises(ValueError, match="model must have one layer, got 2"):
        factored(scrambled(SPECS["two layers"], TASK), TASK)
