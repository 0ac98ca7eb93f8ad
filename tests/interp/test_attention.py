import math

import pytest
import torch

from tests.circuits import SPECS, hand_built, scrambled
from tinycircuits.interp.activations import activations, components, stages
from tinycircuits.interp.attention import attention_block, attention_pattern, attention_summary, summarize_attention
from tinycircuits.tasks import ReverseIncrement

TASK = ReverseIncrement(n_digits=3)
SEQUENCES = TASK.sequences()
TOKENS = TASK.inputs(SEQUENCES)
every_spec = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)


@every_spec
def test_patterns_are_causal_and_sum_to_one(spec):
    model = scrambled(spec, TASK)
    for layer in range(spec.n_layers):
        for head in range(spec.n_heads):
            pattern = attention_pattern(model, TOKENS, layer=layer, head=head)
            torch.testing.assert_close(pattern.sum(-1), torch.ones(pattern.shape[:2], dtype=torch.float64))
            assert (pattern.triu(1) == 0).all()


@every_spec
def test_pattern_is_the_one_of_transformer_lens(spec):
    model = scrambled(spec, TASK)
    layer, head = spec.n_layers - 1, spec.n_heads - 1
    with torch.no_grad():
        cache = model.run_with_cache(TOKENS)[1]
    assert torch.equal(attention_pattern(model, TOKENS, layer=layer, head=head), cache["pattern", layer][:, head])


@pytest.mark.parametrize("mlp", [True, False])
def test_a_head_set_by_hand_to_read_one_column_is_found_to_do_so(mlp):
    summary = attention_summary(hand_built(TASK, mlp=mlp), SEQUENCES, TASK, layer=0)
    assert summary.n_inputs == 64
    assert summary.query_rows == (3, 4, 5)
    assert summary.source_weight.tolist() == [1, 1, 1]
    assert summary.source_argmax_count.tolist() == [64, 64, 64]
    assert summary.source_argmax_share.tolist() == [1, 1, 1]
    assert summary.top_digit.tolist() == [2, 1, 0]
    assert summary.top_digit_weight.tolist() == [1, 1, 1]
    assert summary.entropy_bits.tolist() == [0, 0, 0]
    assert summary.mass_bos.tolist() == summary.mass_answers.tolist() == [0, 0, 0]
    assert torch.equal(summary.mean_block, torch.eye(3, dtype=torch.float64).flip(1))


def test_even_attention_has_the_entropy_of_its_number_of_columns():
    pattern = torch.ones(2, 6, 6, dtype=torch.float64).tril()
    summary = summarize_attention(pattern / pattern.sum(-1, keepdim=True), TASK)
    torch.testing.assert_close(summary.entropy_bits, torch.tensor([4.0, 5, 6], dtype=torch.float64).log2())
    torch.testing.assert_close(summary.mass_digits, torch.tensor([3 / 4, 3 / 5, 3 / 6], dtype=torch.float64))
    torch.testing.assert_close(summary.mass_answers, torch.tensor([0, 1 / 5, 2 / 6], dtype=torch.float64))


@pytest.mark.parametrize("rows", ["predicting", "labelled"])
def test_summary_equals_a_plain_loop(rows):
    model = scrambled(SPECS["two layers"], TASK)
    pattern = attention_pattern(model, TOKENS, layer=1)
    summary = attention_summary(model, SEQUENCES, TASK, layer=1, rows=rows)
    for i, row in enumerate(summary.query_rows):
        if row >= pattern.shape[1]:
            continue
        source = 3 - i
        lines = [pattern[b, row].tolist() for b in range(64)]
        assert summary.source_weight[i].item() == pytest.approx(sum(line[source] for line in lines) / 64)
        assert summary.source_argmax_count[i] == sum(line.index(max(line)) == source for line in lines)
        entropy = sum(-sum(w * math.log2(w) for w in line if w > 0) for line in lines) / 64
        assert summary.entropy_bits[i].item() == pytest.approx(entropy)
        masses = summary.mass_bos[i] + summary.mass_digits[i] + summary.mass_answers[i]
        assert masses.item() == pytest.approx(1)


def test_the_last_labelled_row_lies_outside_the_input_and_says_so():
    summary = attention_summary(scrambled(SPECS["one layer"], TASK), SEQUENCES, TASK, layer=0, rows="labelled")
    assert summary.query_rows == (4, 5, 6)
    assert summary.mean_block[2].isnan().all()
    assert summary.source_argmax_count[2] == 0
    assert summary.source_argmax_share[2].isnan()
    assert summary.top_digit[2] == -1
    assert not summary.mean_block[:2].isnan().any()


def test_block_cuts_the_rows_of_the_answers_and_the_columns_of_the_digits():
    pattern = attention_pattern(scrambled(SPECS["one layer"], TASK), TOKENS, layer=0)
    assert torch.equal(attention_block(pattern, TASK), pattern[:, 3:6, 1:4])
    labelled = attention_block(pattern, TASK, rows="labelled")
    assert torch.equal(labelled[:, :2], pattern[:, 4:6, 1:4])
    assert labelled[:, 2].isnan().all()


def test_summing_over_batches_changes_nothing(monkeypatch):
    model = scrambled(SPECS["two layers"], TASK)
    whole = attention_summary(model, SEQUENCES, TASK, layer=0)
    monkeypatch.setattr("tinycircuits.interp.attention.batches", lambda tokens: tokens.split(7))
    parts = attention_summary(model, SEQUENCES, TASK, layer=0)
    torch.testing.assert_close(parts.mean_pattern, whole.mean_pattern)
    assert torch.equal(parts.source_argmax_count, whole.source_argmax_count)


@every_spec
def test_each_stage_is_the_one_before_plus_a_component(spec):
    model = scrambled(spec, TASK)
    places, parts = stages(model), components(model)
    kept = activations(model, TOKENS, [s.hook for s in places] + [c.hook for c in parts])
    for before, component, after in zip(places, parts, places[1:], strict=False):
        torch.testing.assert_close(kept[after.hook], kept[before.hook] + kept[component.hook])
    assert [c.input_hook for c in parts if c.kind == "attn"] == [
        f"blocks.{i}.hook_resid_pre" for i in range(spec.n_layers)
    ]


def test_activations_do_not_depend_on_the_batch_size_and_keep_the_rows_asked_for():
    model = scrambled(SPECS["two layers"], TASK)
    name = "blocks.1.hook_mlp_out"
    whole = activations(model, TOKENS, [name])[name]
    torch.testing.assert_close(activations(model, TOKENS, [name], batch_size=5)[name], whole)
    assert torch.equal(activations(model, TOKENS, [name], rows=[3, 5])[name], whole[:, [3, 5]])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layer": 2}, r"layer must lie in 0\.\.1, got 2"),
        ({"layer": -1}, r"layer must lie in 0\.\.1, got -1"),
        ({"layer": 0, "head": 1}, r"head must lie in 0\.\.0, got 1"),
    ],
)
def test_an_unknown_layer_or_head_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        attention_pattern(scrambled(SPECS["two layers"], TASK), TOKENS, **arguments)


def test_an_unknown_hook_no_sequences_and_a_pattern_of_another_length_are_refused():
    model = scrambled(SPECS["attention only"], TASK)
    with pytest.raises(ValueError, match="names must be hooks of the model"):
        activations(model, TOKENS, ["blocks.0.hook_nothing"])
    with pytest.raises(ValueError, match="that the model reaches"), pytest.warns(UserWarning, match="gated-off"):
        activations(model, TOKENS, ["blocks.0.attn.hook_result"])
    with pytest.raises(ValueError, match="sequences must hold at least one sequence"):
        attention_summary(model, SEQUENCES[:0], TASK, layer=0)
    with pytest.raises(ValueError, match="pattern must have 6 query positions, got 5"):
        summarize_attention(torch.ones(1, 5, 5), TASK)
