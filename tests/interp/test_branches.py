"""The stream in every branch against TransformerLens: states under hooks, what units write, and who is ahead."""

from functools import partial

import pytest
import torch

from tests.circuits import SPECS, answering, hand_built, scrambled
from tinycircuits.interp.activations import Component, Head, activations, components
from tinycircuits.interp.branches import Branches, Neuron, ReadOut, Replaced, _summed
from tinycircuits.interp.pairs import derangement
from tinycircuits.models.errors import teacher_forced
from tinycircuits.tasks import ReverseIncrement

TASK = ReverseIncrement(n_digits=3)
SEQUENCES = TASK.sequences()
TOKENS = TASK.inputs(SEQUENCES)
EVERY = torch.arange(len(TOKENS))
PARTNERS = derangement(len(TOKENS), seed=4)
KINDS = ("zero", "mean", "resample")
UNITS = {
    "two layers": (Component(0, "attn"), Neuron(0, 3), Neuron(0, 9), Component(1, "attn"), Neuron(1, 7)),
    "one layer": (Head(0, 0), Component(0, "mlp")),
    "three layers, two heads, gelu": (Head(0, 1), Component(1, "mlp"), Head(2, 0), Head(2, 1), Neuron(2, 4)),
    "attention only": (Component(0, "attn"), Head(1, 1)),
    "no LayerNorm": (Component(0, "attn"), Component(0, "mlp"), Neuron(1, 0), Neuron(1, 2)),
}


def branches(model, units, kind, sources=PARTNERS):
    return Branches(model, TASK, SEQUENCES, units, Replaced(model, TOKENS, units, kind), sources)


@torch.no_grad()
def stream_by_hooks(model, kept, units, kind, at):
    """The residual stream at a hook in one pass of TransformerLens, with all but ``kept`` replaced on the way."""
    clean = activations(model, TOKENS, sorted({unit.hook for unit in units}))
    seen = {}

    def replace(values, hook, name):
        values, own = values.clone(), clean[name]
        other = {"zero": torch.zeros_like(own), "mean": own.mean(0).expand_as(own), "resample": own[PARTNERS]}[kind]
        for unit in (unit for unit in units if unit.hook == name and unit not in kept):
            if isinstance(unit, Component):
                values = other.clone()
            else:
                cut = (..., unit.neuron) if isinstance(unit, Neuron) else (slice(None), slice(None), unit.head)
                values[cut] = other[cut]
        return values

    def look(values, hook):
        seen["stream"] = values.clone()

    hooks = [(name, partial(replace, name=name)) for name in clean]
    model.run_with_hooks(TOKENS, fwd_hooks=[*hooks, (at, look)])
    return seen["stream"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", UNITS)
def test_the_stream_before_the_last_component_is_that_of_a_pass_with_hooks(name, kind):
    model, units = scrambled(SPECS[name], TASK), UNITS[name]
    found = branches(model, units, kind)
    found.wrong()  # leaves the stream before the last component
    last = components(model)[-1]
    before = [unit for unit in units if unit.component != last]
    at = f"blocks.{last.layer}.hook_{'resid_mid' if last.kind == 'mlp' else 'resid_pre'}"
    rows = list(TASK.predicting_rows) if last.kind == "mlp" else slice(None)
    assert len(found.states) == 1 << len(before)
    for mask, state in enumerate(found.states):
        kept = [unit for j, unit in enumerate(before) if mask >> j & 1]
        expected = stream_by_hooks(model, kept, before, kind, at)[:, rows]
        torch.testing.assert_close(state, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_all_parts_of_a_component_put_back_give_the_clean_stream(kind):
    model, units = scrambled(SPECS["two layers"], TASK), UNITS["two layers"]
    base, deltas = branches(model, units[:1], kind)._parts(Component(0, "attn"))
    expected = activations(model, TOKENS, ["blocks.0.hook_resid_mid"])["blocks.0.hook_resid_mid"]
    torch.testing.assert_close((base + deltas[0])[0], expected, rtol=0, atol=1e-12)
    assert not torch.allclose(base[0], expected)


@pytest.mark.parametrize("name", UNITS)
def test_the_whole_makes_the_mistakes_of_the_model(name):
    model = answering(SPECS[name], TASK) if SPECS[name].layer_norm else scrambled(SPECS[name], TASK)
    expected = int(teacher_forced(model, TASK, SEQUENCES).wrong.sum())
    assert 0 < expected < len(SEQUENCES) * TASK.n_answers
    for kind in KINDS:
        assert int(branches(model, UNITS[name], kind).wrong()[-1]) == expected


def test_an_input_that_is_its_own_partner_changes_nothing():
    model, units = answering(SPECS["two layers"], TASK), UNITS["two layers"]
    wrong = branches(model, units, "resample", EVERY).wrong()
    assert set(wrong.tolist()) == {int(teacher_forced(model, TASK, SEQUENCES).wrong.sum())}


def test_no_unit_leaves_one_set_which_is_the_model():
    model = hand_built(TASK, mlp=True)
    assert branches(model, (), "zero").wrong().tolist() == [0]


@pytest.mark.parametrize("unit", [Component(1, "attn"), Head(1, 1), Component(1, "mlp"), Neuron(1, 4)])
def test_what_stands_in_is_what_the_unit_writes_in_the_clean_model(unit):
    model = scrambled(SPECS["three layers, two heads, gelu"], TASK)
    values = activations(model, TOKENS, [unit.hook])[unit.hook]
    match unit:
        case Head(layer=layer, head=head):
            values = values[:, :, head] @ model.W_O[layer, head]
        case Neuron(layer=layer, neuron=neuron):
            values = values[..., neuron, None] * model.W_out[layer, neuron]
    rows = [2, 4]
    zero, mean, other = (Replaced(model, TOKENS, [unit], kind).at(unit, PARTNERS[:5], rows) for kind in KINDS)
    assert not zero.any()
    torch.testing.assert_close(mean, values[:, rows].mean(0, keepdim=True).detach())
    torch.testing.assert_close(other, values[PARTNERS[:5]][:, rows].detach())


def test_a_neuron_is_a_column_of_its_layers_hook_and_all_of_them_and_the_bias_are_the_mlp():
    model = scrambled(SPECS["two layers"], TASK)
    neurons = [Neuron(1, n) for n in range(16)]
    assert (neurons[3].label, neurons[3].component) == ("L1N3", Component(1, "mlp"))
    written = Replaced(model, TOKENS, neurons, "resample")
    together = sum(written.at(each, EVERY, slice(None)) for each in neurons) + model.b_out[1]
    name = Component(1, "mlp").hook
    torch.testing.assert_close(together.detach(), activations(model, TOKENS, [name])[name])


@torch.no_grad()
def said_by_the_model(model, states):
    return (model.ln_final(states[None])[0] @ model.W_U + model.b_U).argmax(-1)


@pytest.mark.parametrize("name", ["two layers", "no LayerNorm"])
def test_without_a_division_the_same_states_are_wrong(name):
    model = scrambled(SPECS[name], TASK)
    read = ReadOut(model)
    states = torch.randn(200, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    states = torch.cat([states, states * 1e-3])  # where the eps of LayerNorm counts
    said = said_by_the_model(model, states)
    assert len(said.unique()) > 2
    for token in range(TASK.d_vocab):
        wrong = read.wrong(read.forms(states, token)[None], token)[0]
        assert torch.equal(wrong, said != token)


def test_of_two_that_tie_the_first_is_said():
    model = hand_built(TASK, mlp=False)
    nothing = torch.zeros(1, model.cfg.d_model, dtype=torch.float64)
    read, first = ReadOut(model), int(said_by_the_model(model, nothing)[0])
    wrong = [bool(read.wrong(read.forms(nothing, token)[None], token)) for token in range(TASK.d_vocab)]
    assert wrong == [token != first for token in range(TASK.d_vocab)]


@pytest.mark.parametrize("states_at_once", [1 << 18, 16])
def test_units_that_act_on_few_states_are_counted_as_by_a_plain_loop(monkeypatch, states_at_once):
    monkeypatch.setattr("tinycircuits.interp.branches.STATES", states_at_once)
    model = scrambled(SPECS["two layers"], TASK)
    generator = torch.Generator().manual_seed(1)
    base = torch.randn(2, 90, 4, generator=generator, dtype=torch.float64)
    deltas = torch.randn(3, 2, 90, 4, generator=generator, dtype=torch.float64)
    deltas *= torch.rand(3, 2, 90, 1, generator=generator) < 0.5
    truth = torch.randint(TASK.d_vocab, (90,), generator=generator)
    expected = [
        int(
            (
                said_by_the_model(model, base[branch] + sum(deltas[j, branch] * (m >> j & 1) for j in range(3)))
                != truth
            ).sum()
        )
        for m in range(8)
        for branch in range(2)
    ]
    assert _summed(ReadOut(model), base, deltas, truth).tolist() == expected
