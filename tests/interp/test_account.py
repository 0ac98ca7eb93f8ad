"""Accounts: one variable at a time from a program's table, on known circuits and against TransformerLens."""

import pytest
import torch

from tests.circuits import SPECS, hand_built, scrambled
from tinycircuits.interp.account import account, look
from tinycircuits.interp.activations import Component
from tinycircuits.interp.averaged import averaged_output
from tinycircuits.interp.program import RUNGS, cells, program
from tinycircuits.tasks import ReverseIncrement

TASK = ReverseIncrement(n_digits=3)
SEQUENCES = TASK.sequences()
TOKENS = TASK.inputs(SEQUENCES)
DIGITS, N = SEQUENCES[:, 1:4], len(SEQUENCES)
ROWS = list(TASK.predicting_rows)
MATRIX, OWN = "fetch, one matrix", "fetch, own switches"


def test_a_circuit_that_is_its_program_leaves_nothing():
    found = account(hand_built(TASK, mlp=False), TASK, rung="fetch", seed=0)
    assert found.variables == ("L0 fetched",)
    assert found.alone.tolist() == [[0, 0, 0]]
    assert found.together.tolist() == [0, 0, 0]
    assert float(found.unexplained) == 0
    torch.testing.assert_close(found.nats, torch.zeros(3, dtype=torch.float64))
    assert found.n_inputs == N


def test_each_variable_is_named_and_has_a_row():
    found = account(scrambled(SPECS["two layers"], TASK), TASK, rung=MATRIX, seed=0)
    parts = [f"L{layer} {what}" for layer in (0, 1) for what in ("fetched", "switches", "written")]
    assert list(found.variables) == found.rows()["variable"].tolist() == parts
    assert found.rows()["answers changed"].tolist() == found.alone.sum(1).tolist()
    assert found.rows()["random push"].tolist() == found.pushed.sum(1).tolist()


def replaced(model, hook, edit):
    """The answers that TransformerLens changes when ``edit`` sets the hook's value at each answer's row in turn."""
    before = model(TOKENS).argmax(-1)
    counts = []
    for i, row in enumerate(ROWS):

        def put(value, hook, i=i, row=row):
            value = value.clone()
            value[:, row] = edit(value[:, row], i)
            return value

        with torch.no_grad():
            after = model.run_with_hooks(TOKENS, fwd_hooks=[(hook, put)]).argmax(-1)
        counts.append(int((after[:, row] != before[:, row]).sum()))
    return counts


def by_digit(value, i):
    """The mean over the inputs with the same source digit."""
    source = DIGITS[:, 2 - i]
    return torch.stack([value[source == v].mean(0) for v in range(4)])[source]


@pytest.mark.parametrize("name", ["one layer", "two layers", "no LayerNorm"])
def test_one_variable_at_a_time_is_what_transformer_lens_does(name):
    model = scrambled(SPECS[name], TASK)
    found = dict(
        zip(*(lambda a: (a.variables, a.alone.tolist()))(account(model, TASK, rung=MATRIX, seed=0)), strict=True)
    )
    for layer in range(model.cfg.n_layers):
        for what, hook in (("fetched", "attn_out"), ("written", "mlp_out")):
            assert found[f"L{layer} {what}"] == replaced(model, f"blocks.{layer}.hook_{hook}", by_digit)
        pre = f"blocks.{layer}.mlp.hook_pre"
        kept = model.run_with_cache(TOKENS)[1][pre]

        def switched(value, i, kept=kept):
            read = kept[:, ROWS[i]]
            return read * ((read > 0).double().mean(0) > 0.5)

        assert found[f"L{layer} switches"] == replaced(model, f"blocks.{layer}.mlp.hook_post", switched)
    assert max(map(max, found.values())) > 0


def test_the_control_moves_as_far_and_hangs_on_the_seed():
    model = scrambled(SPECS["one layer"], TASK)
    first, other = (account(model, TASK, rung=MATRIX, seed=seed) for seed in (0, 1))
    assert torch.equal(first.alone, other.alone)
    assert not torch.equal(first.pushed, other.pushed)
    still = account(hand_built(TASK, mlp=False), TASK, rung="fetch", seed=0)
    assert still.pushed.tolist() == [[0, 0, 0]], "a push of no length changes nothing"


def test_unexplained_is_the_variance_within_the_groups_of_the_table():
    model = scrambled(SPECS["one layer"], TASK)
    found = account(model, TASK, rung=MATRIX, seed=0)
    out = model.run_with_cache(TOKENS)[1]["blocks.0.hook_attn_out"][:, ROWS]
    within = sum((out[:, i] - by_digit(out[:, i], i)).square().sum() for i in range(3))
    expected = within / (out - out.mean(0)).square().sum()
    torch.testing.assert_close(found.unexplained[0], expected)
    assert 0 < expected < 1


def test_nats_compare_the_model_with_the_program_input_by_input():
    model = scrambled(SPECS["one layer"], TASK)
    told = program(model, cells(model, TASK), next(rung for rung in RUNGS if rung.name == MATRIX)).logits()
    logits = model(TOKENS)[:, ROWS]
    value, token = DIGITS.flip(1), TOKENS[:, ROWS]
    expected = [
        torch.nn.functional.kl_div(
            told[i, value[:, i], token[:, i]].log_softmax(-1),
            logits[:, i].log_softmax(-1),
            log_target=True,
            reduction="batchmean",
        )
        for i in range(3)
    ]
    torch.testing.assert_close(account(model, TASK, rung=MATRIX, seed=0).nats, torch.stack(expected).detach())


def test_an_unknown_rung_is_refused_by_name():
    with pytest.raises(ValueError, match=r"rung must be one of own token, .*, got 'guess'"):
        account(hand_built(TASK, mlp=False), TASK, rung="guess", seed=0)


def test_a_look_that_never_wanders_brings_the_source_alone():
    model = hand_built(TASK, mlp=False)
    found = look(model, TASK)
    torch.testing.assert_close(found.weight, torch.ones(3, 4, dtype=torch.float64))
    assert found.rest.tolist() == torch.zeros_like(found.rest).tolist()
    torch.testing.assert_close(
        found.fetched[:, :, None], cells(model, TASK).over(cells(model, TASK).fetched[0], "digit")
    )


def test_a_look_is_the_mean_attention_and_the_rest_is_what_is_left():
    model = scrambled(SPECS["one layer"], TASK)
    found = look(model, TASK)
    _, cache = model.run_with_cache(TOKENS)
    i, row, place = 1, ROWS[1], 2  # y_1 is made from x_1
    weight = cache["blocks.0.attn.hook_pattern"][:, 0, row, place]
    value = cache["blocks.0.attn.hook_v"][:, place, 0] @ model.W_O[0, 0]
    source = DIGITS[:, 1]
    torch.testing.assert_close(found.weight[i], torch.stack([weight[source == v].mean() for v in range(4)]).detach())
    for v in range(4):
        torch.testing.assert_close(found.source[i, v], value[source == v][0].detach())
    out = cache["blocks.0.hook_attn_out"][:, row] - model.b_O[0]
    rest = (out - weight[:, None] * value).mean(0) / (1 - weight).mean()
    torch.testing.assert_close(found.rest[i], rest.detach())


def test_the_mean_output_over_all_inputs_is_kept_by_the_rest():
    """Where the digit does not move the weight, the looks add up to attention's mean output."""
    model = scrambled(SPECS["one layer"], TASK)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "attn.q" in name:
                parameter.zero_()
    found = look(model, TASK)
    out = model.run_with_cache(TOKENS)[1]["blocks.0.hook_attn_out"][:, ROWS]
    torch.testing.assert_close(found.fetched.mean(1), out.mean(0).detach())


def test_a_look_takes_the_place_of_the_table():
    model = hand_built(TASK, mlp=True)
    told = program(model, cells(model, TASK), next(r for r in RUNGS if r.name == "fetch, a matrix for each digit"))
    assert look(model, TASK).put(told).changed.tolist() == [0, 0, 0]


def test_means_of_one_digit_agree_with_the_chapter_on_circuits():
    model = hand_built(TASK, mlp=True)
    found = account(model, TASK, rung=OWN, seed=0)
    means = averaged_output(model, SEQUENCES, TASK, Component(0, "attn"), seed=0)
    assert found.alone[0].tolist() == means.by_source.tolist() == [0, 0, 0]


def test_two_heads_have_no_single_look():
    spec = SPECS["one layer"].model_copy(update={"n_heads": 2, "d_head": 2})
    with pytest.raises(ValueError, match="one head, got 2"):
        look(scrambled(spec, TASK), TASK)
