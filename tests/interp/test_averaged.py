import pytest
import torch

from tests.circuits import SPECS, hand_built, parameters, scrambled
from tinycircuits.interp.activations import Component, components
from tinycircuits.interp.attention import attention_pattern
from tinycircuits.interp.averaged import averaged_output, averaged_pattern, put_means
from tinycircuits.interp.content import weight_by_digit
from tinycircuits.tasks import ReverseIncrement

TASK = ReverseIncrement(n_digits=3)
SEQUENCES = TASK.sequences()
TOKENS = TASK.inputs(SEQUENCES)
DIGITS, ANSWERS = SEQUENCES[:, 1:4], TASK.answers(SEQUENCES)
ROWS = TASK.predicting_rows
ATTENTION = Component(0, "attn")
every_spec = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)


def not_looking_says_zero():
    """A circuit that reads its source unless a 0 stands there; then it rests on BOS, which is copied as a 0.

    The value of a 0 would say 1: to be right the head must look by what stands there.
    """
    model = hand_built(TASK, mlp=True)
    weights = parameters(model)
    token, place, copied = 0, TASK.d_vocab, TASK.d_vocab + TASK.n_ctx
    with torch.no_grad():
        query, key = weights["layers.0.attn.q.weight"], weights["layers.0.attn.k.weight"]
        query[0, place + torch.tensor(list(ROWS))] = 0.5e5
        key[list(TASK.source_columns), token] = -2
        output = weights["layers.0.attn.o.weight"]
        output[copied, TASK.bos] = 1
        output[copied, 0], output[copied + 1, 0] = 0, 1
    return model


def wrong_with(model, hook, change):
    """For each answer the inputs that TransformerLens gets wrong when ``change`` edits the hook's value at its row."""
    counts = []
    for i, row in enumerate(ROWS):

        def edit(value, hook, i=i, row=row):
            value = value.clone()
            change(value, i, row)
            return value

        with torch.no_grad():
            logits = model.run_with_hooks(TOKENS, fwd_hooks=[(hook, edit)])
        counts.append(int((logits[:, row].argmax(-1) != ANSWERS[:, i]).sum()))
    return counts


def grouped(digit):
    """The inputs in groups that agree on a digit (of an answer's source if ``None``), or all in one."""
    if digit == "overall":
        return lambda i: [torch.ones(64, dtype=torch.bool)]
    return lambda i: [DIGITS[:, 2 - i if digit is None else digit] == v for v in range(4)]


@every_spec
def test_averaging_an_output_equals_a_loop_over_transformer_lens(spec):
    model = scrambled(spec, TASK)
    for component in components(model):
        found = averaged_output(model, SEQUENCES, TASK, component, seed=0)
        assert (found.what, found.n_inputs) == (component.label, 64)
        assert torch.equal(found.overall_by_source.sum(1), found.overall)
        for digit, counts in (("overall", found.overall), (None, found.by_source), (1, found.by_digit[:, 1])):
            groups = grouped(digit)

            def average(value, i, row, groups=groups):
                for group in groups(i):
                    value[group, row] = value[group, row].mean(0)

            assert counts.tolist() == wrong_with(model, component.hook, average)


@pytest.mark.parametrize("name", ["one layer", "two layers", "attention only"])
def test_averaging_a_pattern_equals_a_loop_over_transformer_lens(name):
    spec = SPECS[name]
    model = scrambled(spec, TASK)
    for layer in range(spec.n_layers):
        head = spec.n_heads - 1
        found = averaged_pattern(model, SEQUENCES, TASK, layer=layer, head=head, seed=0)
        assert found.what == f"L{layer}H{head} pattern"
        for digit, counts in (("overall", found.overall), (None, found.by_source), (0, found.by_digit[:, 0])):
            groups = grouped(digit)

            def average(value, i, row, groups=groups, head=head):
                for group in groups(i):
                    value[group, head, row] = value[group, head, row].mean(0)

            assert counts.tolist() == wrong_with(model, f"blocks.{layer}.attn.hook_pattern", average)


def test_putting_in_the_mean_of_a_digit_equals_a_loop_over_transformer_lens():
    model = scrambled(SPECS["two layers"], TASK)
    component = Component(0, "mlp")
    found = put_means(model, SEQUENCES, TASK, component)
    for v in range(4):
        counts = []
        for i, row in enumerate(ROWS):

            def put(value, hook, i=i, row=row, v=v):
                value = value.clone()
                value[:, row] = value[DIGITS[:, 2 - i] == v, row].mean(0)
                return value

            with torch.no_grad():
                said = model.run_with_hooks(TOKENS, fwd_hooks=[(component.hook, put)])[:, row].argmax(-1)
            counts.append(int((said != (v + 1) % 4).sum()))
        assert found[:, v].tolist() == counts


@pytest.mark.parametrize(
    "circuit", [lambda: hand_built(TASK, mlp=True), not_looking_says_zero], ids=["place", "content"]
)
def test_a_circuit_that_copies_the_source_needs_its_digit_and_no_other(circuit):
    model = circuit()
    with torch.no_grad():
        assert torch.equal(model(TOKENS)[:, ROWS].argmax(-1), ANSWERS)
    found = averaged_output(model, SEQUENCES, TASK, ATTENTION, seed=0)
    assert found.by_source.tolist() == [0, 0, 0]
    assert found.overall.tolist() == found.by_other.tolist() == [48, 48, 48]
    assert (found.shuffled >= 32).all()
    assert put_means(model, SEQUENCES, TASK, ATTENTION).eq(0).all()


def test_a_circuit_that_looks_by_place_answers_with_its_mean_pattern():
    found = averaged_pattern(hand_built(TASK, mlp=True), SEQUENCES, TASK, layer=0, seed=0)
    assert found.overall.eq(0).all()
    assert found.by_digit.eq(0).all()


def test_a_circuit_for_which_not_looking_says_zero_fails_on_zeros_with_its_mean_pattern():
    model = not_looking_says_zero()
    weight = weight_by_digit(attention_pattern(model, TOKENS, layer=0), SEQUENCES, TASK)
    torch.testing.assert_close(weight.source_mean, torch.tensor([[0.0, 1, 1, 1]] * 3, dtype=torch.float64))
    torch.testing.assert_close(weight.source_share, torch.ones(3, dtype=torch.float64))
    found = averaged_pattern(model, SEQUENCES, TASK, layer=0, seed=0)
    assert found.overall.tolist() == found.by_other.tolist() == [16, 16, 16]
    assert found.overall_by_source.tolist() == [[16, 0, 0, 0]] * 3
    assert found.by_source.tolist() == [0, 0, 0]
    assert (found.shuffled > 0).all()


def test_a_component_that_writes_the_same_for_all_inputs_may_be_averaged_but_not_put():
    model = hand_built(TASK, mlp=True)
    with torch.no_grad():
        parameters(model)["layers.0.mlp.fc_out.weight"].zero_()
    found = averaged_output(model, SEQUENCES, TASK, Component(0, "mlp"), seed=0)
    assert found.by_digit.unique().tolist() == [48]  # it says 0 whatever is put there
    assert put_means(model, SEQUENCES, TASK, Component(0, "mlp")).tolist() == [[64, 64, 64, 0]] * 3


def test_batches_change_nothing_and_the_seed_moves_the_shuffle_alone(monkeypatch):
    model = scrambled(SPECS["two layers"], TASK)
    whole, other = (averaged_output(model, SEQUENCES, TASK, ATTENTION, seed=seed) for seed in (0, 1))
    assert torch.equal(whole.by_digit, other.by_digit)
    assert not torch.equal(whole.shuffled, other.shuffled)
    monkeypatch.setattr("tinycircuits.interp.averaged.batches", lambda values: values.split(7))
    parts = averaged_output(model, SEQUENCES, TASK, ATTENTION, seed=0)
    assert torch.equal(parts.by_digit, whole.by_digit)
    assert torch.equal(parts.shuffled, whole.shuffled)


def test_what_the_model_lacks_is_refused():
    model = scrambled(SPECS["one layer"], TASK)
    for call in (
        lambda c: averaged_output(model, SEQUENCES, TASK, c, seed=0),
        lambda c: put_means(model, SEQUENCES, TASK, c),
    ):
        with pytest.raises(ValueError, match="component must be one of L0 attn, L0 mlp"):
            call(Component(1, "attn"))
    with pytest.raises(ValueError, match="head must be one of L0H0"):
        averaged_pattern(model, SEQUENCES, TASK, layer=0, head=1, seed=0)
