"""Lattices against passes of TransformerLens with hooks, against the ablation table, and in circuits set by hand."""

from functools import partial

import pytest
import torch
from transformer_lens.model_bridge import TransformerBridge

from tests.circuits import SPECS, answering, hand_built, parameters, scrambled
from tinycircuits.interp.ablation import ablation_table
from tinycircuits.interp.activations import Component, Head, activations
from tinycircuits.interp.branches import Neuron
from tinycircuits.interp.lattice import REPLACEMENTS, Lattice, attentions_and_neurons, lattice
from tinycircuits.interp.pairs import derangement
from tinycircuits.interp.removals import neuron_wrong
from tinycircuits.models.build import ModelSpec, build
from tinycircuits.models.errors import teacher_forced
from tinycircuits.tasks import ReverseIncrement

TASK = ReverseIncrement(n_digits=3)
SEQUENCES = TASK.sequences()
TOKENS = TASK.inputs(SEQUENCES)
SMALL = ModelSpec(n_layers=2, d_model=4, n_heads=1, d_head=2, d_mlp=3)
UNITS = {
    "two layers": (Component(0, "attn"), Neuron(0, 3), Component(1, "attn"), Neuron(1, 0), Neuron(1, 7)),
    "one layer": (Head(0, 0), Component(0, "mlp")),
    "three layers, two heads, gelu": (Head(0, 1), Component(1, "mlp"), Head(2, 0), Head(2, 1), Neuron(2, 4)),
    "attention only": (Component(0, "attn"), Head(1, 1)),
    "no LayerNorm": (Component(0, "attn"), Component(0, "mlp"), Neuron(1, 0), Neuron(1, 2)),
}


@torch.no_grad()
def wrong_by_hooks(model, kept, units, kind, *, seed=0, shift=1):
    """One pass of TransformerLens in which every unit that is not kept has another value at its hook."""
    clean = activations(model, TOKENS, sorted({unit.hook for unit in units}))
    partners = derangement(len(TOKENS), seed=seed, shift=shift)

    def replace(values, hook, name):
        values, own = values.clone(), clean[name]
        other = {"zero": torch.zeros_like(own), "mean": own.mean(0).expand_as(own), "resample": own[partners]}[kind]
        for unit in units:
            if unit.hook == name and unit not in kept:
                match unit:
                    case Component():
                        values = other.clone()
                    case Head(head=head):
                        values[:, :, head] = other[:, :, head]
                    case Neuron(neuron=neuron):
                        values[..., neuron] = other[..., neuron]
        return values

    hooks = [(name, partial(replace, name=name)) for name in clean]
    logits = model.run_with_hooks(TOKENS, fwd_hooks=hooks)[:, list(TASK.predicting_rows)]
    return int((logits.argmax(-1) != TASK.answers(SEQUENCES)).sum())


@pytest.mark.parametrize("kind", REPLACEMENTS)
@pytest.mark.parametrize("name", UNITS)
def test_every_count_is_that_of_a_pass_with_hooks(name, kind):
    ready = answering if SPECS[name].layer_norm else scrambled
    model, units = ready(SPECS[name], TASK), UNITS[name]
    found = lattice(model, SEQUENCES, TASK, kind=kind, units=units)
    for mask in range(1 << len(units)):
        kept = [unit for j, unit in enumerate(units) if mask >> j & 1]
        assert int(found.wrong[mask]) == wrong_by_hooks(model, kept, units, kind), found.named(mask)


@pytest.mark.parametrize("kind", REPLACEMENTS)
def test_single_removals_are_the_rows_of_the_ablation_table_and_the_whole_is_the_model(kind):
    model = answering(SMALL, TASK)
    found = lattice(model, SEQUENCES, TASK, kind=kind, seed=3)
    attentions = [Component(0, "attn"), Component(1, "attn")]
    table = ablation_table(model, SEQUENCES, TASK, kinds=[kind], only=attentions, seed=3, draws=0)
    single = dict(zip(found.units, found.single.tolist(), strict=True))
    for part in attentions:
        assert single[part] == table.get(part, kind).errors().wrong_digits
    if kind != "resample":
        for layer in range(2):
            wrong = neuron_wrong(model, SEQUENCES, TASK, layer=layer, kind=kind).sum(1).tolist()
            assert [single[Neuron(layer, n)] for n in range(3)] == wrong
    assert int(found.wrong[-1]) == int(teacher_forced(model, TASK, SEQUENCES).wrong.sum())
    assert found.n_answers == 64 * 3


def test_draws_of_a_resample_are_counted_together():
    model = answering(SMALL, TASK)
    units = (Component(0, "attn"), Neuron(1, 1))
    found = lattice(model, SEQUENCES, TASK, kind="resample", units=units, seed=5, draws=3)
    assert found.n_answers == 3 * 64 * 3
    for mask, kept in enumerate([(), units[:1], units[1:], units]):
        expected = sum(wrong_by_hooks(model, kept, units, "resample", seed=5, shift=1 + draw) for draw in range(3))
        assert int(found.wrong[mask]) == expected


def test_the_inputs_may_pass_in_parts(monkeypatch):
    model = answering(SMALL, TASK)
    whole = [lattice(model, SEQUENCES, TASK, kind=kind).wrong for kind in REPLACEMENTS]
    monkeypatch.setattr("tinycircuits.interp.branches.STATES", 1_000)
    for kind, wrong in zip(REPLACEMENTS, whole, strict=True):
        assert torch.equal(lattice(model, SEQUENCES, TASK, kind=kind).wrong, wrong)


def test_where_all_tokens_tie_the_first_is_said_as_by_arg_max():
    model = build(SMALL, TASK, seed=0, dtype="float64")
    with torch.no_grad():
        parameters(model)["head.weight"].zero_()
    found = lattice(model, SEQUENCES, TASK, kind="zero")
    assert set(found.wrong.tolist()) == {int(teacher_forced(model, TASK, SEQUENCES).wrong.sum())}
    assert 0 < int(found.wrong[0]) < found.n_answers


@pytest.mark.parametrize("mlp", [False, True])
def test_a_circuit_set_by_hand_has_itself_as_its_one_minimal_circuit(mlp):
    found = lattice(hand_built(TASK, mlp=mlp), SEQUENCES, TASK, kind="zero")
    expected = ("L0 attn", "L0N0", "L0N1", "L0N2") if mlp else ("L0 attn",)  # without neuron 3 all tie: "0" is first
    assert [found.named(mask) for mask in found.minimal] == [expected]
    assert found.necessary == found.used == tuple(range(len(expected)))


def redundant() -> TransformerBridge:
    """A circuit that copies by attention, and renames twice over: neurons d and 4 + d both write digit d + 1."""
    spec = ModelSpec(n_layers=1, d_model=4 + TASK.n_ctx + 9, n_heads=1, d_head=TASK.n_ctx, d_mlp=8, layer_norm=False)
    model = build(spec, TASK, seed=0, dtype="float64")
    copied, said, at = 4 + 1 + TASK.n_ctx - 1, 4 + 1 + TASK.n_ctx + 3, torch.arange(4)
    with torch.no_grad():
        weights = parameters(model)
        for weight in weights.values():
            weight.zero_()
        weights["tok_embed.weight"][at, at] = 1
        weights["pos.weight"][torch.arange(TASK.n_ctx), 4 + torch.arange(TASK.n_ctx)] = 1
        for i, (row, source) in enumerate(zip(TASK.predicting_rows, TASK.source_columns, strict=True)):
            weights["layers.0.attn.q.weight"][i, 4 + row] = 100
            weights["layers.0.attn.k.weight"][i, 4 + source] = 100
        weights["layers.0.attn.v.weight"][at, at] = 1
        weights["layers.0.attn.o.weight"][copied + at, at] = 1
        for first in (0, 4):
            weights["layers.0.mlp.fc_in.weight"][first + at, copied + at] = 1
            weights["layers.0.mlp.fc_out.weight"][said + (at + 1) % 4, first + at] = 1
        weights["head.weight"][at, said + at] = 1
        weights["head.weight"][4] = 0
    return model


def test_a_planted_redundant_pair_gives_two_minimal_circuits_and_single_removals_miss_both():
    model = redundant()
    units = (Component(0, "attn"), *(Neuron(0, n) for n in (1, 2, 3, 5)))
    found = lattice(model, SEQUENCES, TASK, kind="zero", units=units)
    assert int(found.wrong[-1]) == 0
    circuits = {found.named(mask) for mask in found.minimal}
    assert circuits == {("L0 attn", "L0N1"), ("L0 attn", "L0N5")}  # 2 and 3 have their twins outside the units
    assert [found.labels[j] for j in found.necessary] == ["L0 attn"]
    assert found.single.tolist()[1:] == [0, 0, 0, 0]
    assert found.shapley[1] == found.shapley[4] > 0
    interactions = found.interactions
    assert interactions.loc["L0N1", "L0N5"] < 0 < interactions.loc["L0 attn", "L0N1"]


def test_rows_circuits_and_ranks_are_read_by_name():
    found = Lattice(
        (Component(0, "attn"), Neuron(0, 0), Neuron(0, 1)), "zero", torch.tensor([9, 5, 9, 0, 9, 0, 9, 2]), 9
    )
    assert found.circuits().values.tolist() == [[2, "L0 attn, L0N0"], [2, "L0 attn, L0N1"]]
    assert found.sufficient.nonzero()[:, 0].tolist() == [0b011, 0b101]  # the whole makes two mistakes
    rows = found.rows().set_index("unit")
    assert rows["removed alone"].tolist() == [9, 0, 0]
    assert rows["in minimal circuits"].tolist() == [2, 1, 1]
    assert rows["necessary"].tolist() == [True, False, False]
    assert rows["Shapley value"].sum() == pytest.approx(9 - 2)
    assert found.rank(found.mask(["L0N1", "L0 attn"])) == (2, 3)
    assert found.repairs.amax(1).tolist() == [0, 2, 2]
    with pytest.raises(ValueError, match="kept must name units of L0 attn, L0N0, L0N1, got L0N7"):
        found.mask(["L0N7"])


def test_the_units_of_a_model_are_its_attentions_and_neurons_in_order():
    model = scrambled(SMALL, TASK)
    labels = [unit.label for unit in attentions_and_neurons(model)]
    assert labels == ["L0 attn", "L0N0", "L0N1", "L0N2", "L1 attn", "L1N0", "L1N1", "L1N2"]


@pytest.mark.parametrize(
    ("units", "message"),
    [
        ([Neuron(0, 3)], "got L0N3"),
        ([Neuron(2, 0)], "got L2N0"),
        ([Head(0, 1)], "head must be one of"),
        ([Component(1, "attn"), Neuron(0, 0)], "in order of computation"),
        ([Neuron(0, 0), Neuron(0, 0)], "must be different"),
        ([Component(0, "mlp"), Neuron(0, 0)], "got L0 mlp and a part of it"),
        ([Neuron(0, 0)] * 21, "at most 20, got 21"),
    ],
)
def test_other_units_are_refused(units, message):
    with pytest.raises(ValueError, match=message):
        lattice(scrambled(SMALL, TASK), SEQUENCES, TASK, kind="zero", units=units)


def test_no_draws_are_refused():
    with pytest.raises(ValueError, match="draws must be at least 1, got 0"):
        lattice(scrambled(SMALL, TASK), SEQUENCES, TASK, kind="resample", draws=0)
