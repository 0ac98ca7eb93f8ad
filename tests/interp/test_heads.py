"""The attention of one row in every head: identities, rows set by hand, the roles' rule, and the oracle."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.circuits import SPECS, scrambled
from tinycircuits.interp.attention import attention_pattern
from tinycircuits.interp.heads import all_read, by_head, deviation, head_roles, head_rows, story, summarize_heads
from tinycircuits.tasks import ModularAddition

TASK = ModularAddition(modulus=7, plus_sign=True)
TOKENS = TASK.inputs(TASK.sequences())
NAMES = TASK.position_names[:4]
every_spec = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)


@every_spec
def test_the_row_is_the_one_of_each_heads_pattern_and_of_transformer_lens(spec):
    model = scrambled(spec, TASK)
    rows = head_rows(model, TOKENS, row=3)
    with torch.no_grad():
        cache = model.run_with_cache(TOKENS)[1]
    for layer in range(spec.n_layers):
        assert torch.equal(rows[:, layer], cache["pattern", layer][:, :, 3])
        for head in range(spec.n_heads):
            assert torch.equal(rows[:, layer, head], attention_pattern(model, TOKENS, layer=layer, head=head)[:, 3])


@every_spec
def test_every_row_sums_to_one_and_does_not_look_ahead(spec):
    rows = head_rows(scrambled(spec, TASK), TOKENS, row=1)
    torch.testing.assert_close(rows.sum(-1), torch.ones(rows.shape[:3], dtype=torch.float64))
    assert (rows[..., 2:] == 0).all()


@every_spec
def test_in_the_first_layer_the_attention_on_a_rises_and_falls_with_a_alone(spec):
    """The odds of a against = come from the tokens a and = only, so they cannot depend on b there."""
    rows = head_rows(scrambled(spec, TASK), TOKENS, row=3)[:, 0].reshape(7, 7, -1, 4)
    odds = (rows[..., 0] / rows[..., 3]).log()
    torch.testing.assert_close(odds, odds[:, :1].expand_as(odds), rtol=0, atol=1e-10)


@pytest.mark.parametrize("row", [-1, 4])
def test_a_row_outside_the_tokens_is_refused(row):
    with pytest.raises(ValueError, match=rf"row must lie in 0\.\.3, got {row}"):
        head_rows(scrambled(SPECS["one layer"], TASK), TOKENS, row=row)


def one_head(*rows):
    return torch.tensor(rows, dtype=torch.float64)[:, None, None]


def test_mean_spread_and_entropy_of_rows_written_by_hand():
    summary = summarize_heads(one_head([1.0, 0, 0, 0], [0, 0, 1.0, 0], [0.25] * 4, [0.25] * 4))
    assert summary.n_inputs == 4
    assert summary.mean[0, 0].tolist() == [0.375, 0.125, 0.375, 0.125]
    assert summary.std[0, 0, 1].item() == pytest.approx(0.125)
    assert summary.entropy_bits.item() == pytest.approx(1.0)


@given(st.integers(2, 6))
def test_even_attention_has_as_many_bits_as_its_positions_and_no_spread(n):
    summary = summarize_heads(torch.full((3, 2, 2, n), 1 / n))
    torch.testing.assert_close(summary.entropy_bits, torch.full((2, 2), math.log2(n), dtype=torch.float64))
    assert summary.std.abs().max() < 1e-12


def test_mean_shares_of_every_head_sum_to_one():
    rows = head_rows(scrambled(SPECS["three layers, two heads, gelu"], TASK), TOKENS, row=3)
    summary = summarize_heads(rows)
    torch.testing.assert_close(summary.mean, rows.mean(0))
    torch.testing.assert_close(summary.std, rows.std(0, correction=0))
    torch.testing.assert_close(summary.mean.sum(-1), torch.ones(3, 2, dtype=torch.float64))


def test_roles_follow_the_rule_at_its_edge():
    mean = torch.tensor([[[0.6, 0.2, 0.1, 0.1], [0.59, 0.41, 0, 0]], [[0, 0.7, 0.3, 0], [0, 0, 0.1, 0.9]]]).double()
    assert head_roles(mean, NAMES) == (("a", "spread"), ("+", "="))
    assert head_roles(mean, NAMES, threshold=0.75) == (("spread", "spread"), ("spread", "="))


@pytest.mark.parametrize(
    ("names", "threshold", "said"),
    [("ab", 0.6, "names must name 4 positions, got 2"), (NAMES, 0.5, "threshold must lie above 0.5")],
)
def test_roles_without_a_name_or_with_two_winners_are_refused(names, threshold, said):
    with pytest.raises(ValueError, match=said):
        head_roles(torch.full((1, 1, 4), 0.25), names, threshold=threshold)


def test_an_input_deviates_by_half_where_it_moves_all_its_attention():
    mean = torch.zeros(1, 1, 4, dtype=torch.float64)
    mean[..., 0] = 1
    assert deviation(one_head([1.0, 0, 0, 0], [0, 0, 0, 1.0]), mean).tolist() == [0, 0.5]


def test_no_inputs_are_refused():
    with pytest.raises(ValueError, match="at least one input"):
        summarize_heads(torch.zeros(0, 1, 1, 4))


def test_a_story_is_told_of_a_single_input_and_the_work_is_divided_when_both_numbers_are_read():
    names = ("a", "b", "=")
    split = torch.tensor([[[0.8, 0.1, 0.1], [0.1, 0.3, 0.6]], [[0.2, 0.7, 0.1], [0.4, 0.3, 0.3]]])
    rows = torch.stack([split, split[:1].expand(2, -1, -1)])
    assert story(split, names) == ["L0H0 reads a", "L0H1 reads =", "L1H0 reads b"]
    assert all_read(rows, names, ["a", "b"]).tolist() == [True, False]
    with pytest.raises(ValueError, match=r"among must be of a, b, =, got \+"):
        all_read(rows, names, ["a", "+"])


def test_a_position_that_holds_exactly_the_threshold_is_read():
    mean = torch.tensor([[[0.6, 0.4]]], dtype=torch.float64)
    assert head_roles(mean, "ab") == (("a",),)
    assert head_roles(mean - 1e-9, "ab") == (("spread",),)
    assert all_read(mean[None], "ab", ["a"]).tolist() == [True]


def test_heads_are_rows_and_positions_columns():
    values = torch.arange(16.0).reshape(2, 2, 4)
    frame = by_head(values, NAMES)
    assert frame.loc["L1H0", "b"] == values[1, 0, 2]
    assert (frame.index.name, frame.columns.name) == ("head", "token read")
    assert list(frame.index) == ["L0H0", "L0H1", "L1H0", "L1H1"]
