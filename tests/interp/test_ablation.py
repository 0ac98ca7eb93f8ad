import pytest
import torch
from transformer_lens.tools.analysis import collect_activations, interchange, intervened_logits

from tests.circuits import SPECS, ablate, answers_of_others, hand_built, parameters, scrambled
from tinycircuits.interp.ablation import KINDS, ablation_table
from tinycircuits.interp.activations import Component, activations, components
from tinycircuits.interp.interchange import interchange as run_interchange
from tinycircuits.interp.pairs import derangement, unit_directions
from tinycircuits.models.build import ModelSpec, build
from tinycircuits.models.errors import teacher_forced
from tinycircuits.tasks import ReverseIncrement

TASK = ReverseIncrement(n_digits=3)
SEQUENCES = TASK.sequences()
TOKENS = TASK.inputs(SEQUENCES)
ANSWERS = TASK.answers(SEQUENCES)
ROWS = list(TASK.predicting_rows)
every_spec = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
TWO_LAYERS = SPECS["two layers"]


def parts(model):
    return pytest.mark.parametrize("component", components(model), ids=lambda c: c.label)


@torch.no_grad()
def wrong_with(model, component, change):
    """The plain way: the whole forward pass through TransformerLens with a hook on the component's output."""
    logits = model.run_with_hooks(TOKENS, fwd_hooks=[(component.hook, lambda output, hook: change(output))])
    return logits[:, ROWS].argmax(-1) != ANSWERS


@every_spec
@pytest.mark.parametrize("kind", ["zero", "mean", "resample"])
def test_ablation_equals_the_full_run_with_a_hook(spec, kind):
    model = scrambled(spec, TASK)
    partners = derangement(64, seed=5)
    changes = {
        "zero": torch.zeros_like,
        "mean": lambda output: output.mean(0).expand_as(output),
        "resample": lambda output: output[partners],
    }
    for component in components(model):
        expected = wrong_with(model, component, changes[kind])
        found = ablate(model, SEQUENCES, TASK, component, kind, seed=5, draws=0)
        assert torch.equal(found.wrong, expected)
        assert found.control_wrong.shape == (0, 64, 3)


@every_spec
def test_zero_weights_equals_really_zeroing_them_and_restoring(spec):
    model = scrambled(spec, TASK)
    before = teacher_forced(model, TASK, SEQUENCES).wrong
    for component in components(model):
        found = ablate(model, SEQUENCES, TASK, component, "zero_weights", seed=0, draws=0)
        leaf = "attn.o" if component.kind == "attn" else "mlp.fc_out"
        weight = parameters(model)[f"layers.{component.layer}.{leaf}.weight"]
        kept = weight.detach().clone()
        with torch.no_grad():
            weight.zero_()
            zeroed = teacher_forced(model, TASK, SEQUENCES).wrong.bool()
            weight.copy_(kept)
        assert torch.equal(found.wrong, zeroed)
    assert torch.equal(teacher_forced(model, TASK, SEQUENCES).wrong, before)


@every_spec
def test_the_control_moves_each_output_by_the_ablations_distance(spec):
    model = scrambled(spec, TASK)
    generator = torch.Generator().manual_seed(9)
    directions = unit_directions((2, 64, 6, spec.d_model), generator=generator, dtype=torch.float64)
    for component in components(model):
        found = ablate(model, SEQUENCES, TASK, component, "zero", seed=9, draws=2)
        for draw in range(2):
            expected = wrong_with(model, component, lambda o: o + o.norm(dim=-1, keepdim=True) * directions[draw])  # noqa: B023
            assert torch.equal(found.control_wrong[draw], expected)


def test_directions_have_length_one_and_no_preferred_side():
    directions = unit_directions((20_000, 3), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(directions.norm(dim=-1), torch.ones(20_000, dtype=torch.float64))
    assert directions.mean(0).abs().max() < 0.02


@every_spec
def test_the_mean_of_an_output_that_never_varies_changes_nothing(spec):
    model = scrambled(spec, TASK)
    with torch.no_grad():
        for name, weight in parameters(model).items():
            if name.endswith(("attn.o.weight", "fc_out.weight")):
                weight.zero_()  # every component now writes its bias
    table = ablation_table(model, SEQUENCES, TASK, kinds=["mean", "resample", "zero_weights"], seed=0, draws=1)
    for ablation in table.ablations:
        assert torch.equal(ablation.wrong, table.clean_wrong)
        assert torch.equal(ablation.control_wrong[0], table.clean_wrong)


def test_the_table_holds_every_pair_and_the_entries_of_single_ablations():
    model = scrambled(TWO_LAYERS, TASK)
    table = ablation_table(model, SEQUENCES, TASK, seed=3, draws=2)
    assert [(a.component, a.kind) for a in table.ablations] == [(c, k) for c in components(model) for k in KINDS]
    assert torch.equal(table.clean_wrong, teacher_forced(model, TASK, SEQUENCES).wrong.bool())
    single = ablate(model, SEQUENCES, TASK, Component(1, "attn"), "resample", seed=3, draws=2)
    entry = table.get(Component(1, "attn"), "resample")
    assert torch.equal(single.wrong, entry.wrong)
    assert torch.equal(single.control_wrong, entry.control_wrong)


def test_batches_do_not_matter_without_control(monkeypatch):
    model = scrambled(TWO_LAYERS, TASK)
    whole = ablation_table(model, SEQUENCES, TASK, seed=3, draws=0)
    monkeypatch.setattr("tinycircuits.interp.ablation.batches", lambda values: values.split(7))
    for one, other in zip(
        whole.ablations, ablation_table(model, SEQUENCES, TASK, seed=3, draws=0).ablations, strict=True
    ):
        assert torch.equal(one.wrong, other.wrong)


def test_errors_on_a_subset_are_those_of_its_rows():
    model = scrambled(TWO_LAYERS, TASK)
    ablation = ablate(model, SEQUENCES, TASK, Component(0, "mlp"), "zero", seed=0, draws=1)
    index = torch.tensor([3, 50, 7])
    errors = ablation.errors(index)
    assert (errors.n_sequences, errors.n_digits) == (3, 9)
    assert errors.wrong_digits == sum(int(ablation.wrong[i].sum()) for i in (3, 50, 7))
    assert errors.wrong_sequences == sum(bool(ablation.wrong[i].any()) for i in (3, 50, 7))
    assert ablation.control_errors(index)[0].n_digits == 9
    assert ablation.accuracy_by_answer().tolist() == [1 - int(column.sum()) / 64 for column in ablation.wrong.T]


def test_without_its_attention_the_hand_built_circuit_says_0_and_the_control_costs_less():
    table = ablation_table(hand_built(TASK, mlp=True), SEQUENCES, TASK, seed=0)
    assert table.clean_errors().wrong_digits == 0
    for component in (Component(0, "attn"), Component(0, "mlp")):
        for kind in ("zero_weights", "zero"):
            assert table.get(component, kind).errors().wrong_digits == 192 * 3 // 4
        assert max(e.wrong_digits for e in table.get(component, "zero").control_errors()) < 192 * 3 // 4
        # resampled: right only where the partner happens to have the same answer
        partners = derangement(64, seed=0)
        assert torch.equal(table.get(component, "resample").wrong, ANSWERS[partners] != ANSWERS)


def test_nothing_random_comes_from_outside():
    state = torch.get_rng_state()
    model = scrambled(TWO_LAYERS, TASK)
    first, again = (ablation_table(model, SEQUENCES, TASK, seed=1, draws=1) for _ in range(2))
    other = ablation_table(model, SEQUENCES, TASK, seed=2, draws=1)
    assert all(
        torch.equal(a.control_wrong, b.control_wrong) for a, b in zip(first.ablations, again.ablations, strict=True)
    )
    assert any(
        not torch.equal(a.control_wrong, b.control_wrong) for a, b in zip(first.ablations, other.ablations, strict=True)
    )
    assert torch.equal(torch.get_rng_state(), state)


def test_float32_counts_are_those_of_float64_on_an_untrained_model():
    kinds = ("zero", "mean")
    tables = [
        ablation_table(build(TWO_LAYERS, TASK, seed=0, dtype=dtype), SEQUENCES, TASK, kinds=kinds, seed=0, draws=1)
        for dtype in ("float32", "float64")
    ]
    for single, double in zip(tables[0].ablations, tables[1].ablations, strict=True):
        assert torch.equal(single.wrong, double.wrong)


@pytest.mark.parametrize("n", [2, 3, 50])
def test_derangements_give_every_input_another_and_all_shifts_give_all_pairs(n):
    pairs = {(i, j) for shift in range(1, n) for i, j in enumerate(derangement(n, seed=4, shift=shift).tolist())}
    assert pairs == {(i, j) for i in range(n) for j in range(n) if i != j}


@every_spec
def test_an_input_interchanged_with_itself_answers_as_before(spec):
    model = scrambled(spec, TASK)
    with torch.no_grad():
        clean = model(TOKENS)[:, ROWS].argmax(-1)
    for component in components(model):
        assert torch.equal(answers_of_others(model, SEQUENCES, TASK, component, torch.arange(64)), clean)


@every_spec
def test_interchange_agrees_with_transformer_lens_one_row_at_a_time(spec):
    model = scrambled(spec, TASK)
    sources = derangement(64, seed=2)
    swap = interchange.SubspaceInterchange(torch.eye(spec.d_model, dtype=torch.float64))
    for component in components(model):
        found = answers_of_others(model, SEQUENCES, TASK, component, sources)
        for i, row in enumerate(ROWS):
            at = torch.full((64,), row)

            def read(tokens, row=row):
                return model(tokens)[:, row]

            values = collect_activations(model, component.hook, TOKENS[sources], read, positions=at)
            logits = intervened_logits(model, component.hook, swap, TOKENS, values, read, positions=at)
            assert torch.equal(found[:, i], logits.argmax(-1))


@parts(hand_built(TASK, mlp=True))
def test_the_hand_built_circuit_gives_the_sources_answer_every_time(component):
    found = run_interchange(hand_built(TASK, mlp=True), SEQUENCES, TASK, component, seed=0, pairings=63)
    assert found.n_pairs == 64 * 63
    assert found.coincide.tolist() == [64 * 15] * 3
    assert found.accuracy.tolist() == found.accuracy_distinct.tolist() == [1, 1, 1]
    assert torch.equal(found.as_base, found.coincide)
    assert (found.control_accuracy < 0.6).all()
    torch.testing.assert_close(found.chance, torch.full((3,), 15 / 63, dtype=torch.float64))


def test_interchange_counts_add_up():
    model = scrambled(TWO_LAYERS, TASK)
    found = run_interchange(model, SEQUENCES, TASK, Component(0, "attn"), seed=7)
    sources = derangement(64, seed=7)
    said = answers_of_others(model, SEQUENCES, TASK, Component(0, "attn"), sources)
    assert torch.equal(found.as_source, (said == ANSWERS[sources]).sum(0))
    assert torch.equal(found.as_base, (said == ANSWERS).sum(0))
    assert torch.equal(found.coincide + found.distinct, torch.full((3,), 64))
    assert (found.as_source_distinct <= found.distinct).all()


def test_a_component_that_writes_nothing_new_cannot_be_interchanged():
    model = hand_built(TASK, mlp=True)
    with torch.no_grad():
        parameters(model)["layers.0.mlp.fc_out.weight"].zero_()
    found = run_interchange(model, SEQUENCES, TASK, Component(0, "mlp"), seed=0)
    assert torch.equal(found.as_source, torch.full((3,), 16))  # it says 0 whatever the input


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: ablate(m, SEQUENCES, TASK, Component(2, "mlp"), "zero", seed=0), "component must be one of L0 attn"),
        (lambda m: ablation_table(m, SEQUENCES, TASK, draws=-1, seed=0), "draws must be 0 or more, got -1"),
        (lambda m: ablation_table(m, SEQUENCES[:1], TASK, seed=0), "at least two sequences, got 1"),
        (
            lambda m: ablation_table(m, SEQUENCES, TASK, kinds=["zero"], seed=0, draws=0).get(
                Component(0, "mlp"), "mean"
            ),
            "component and kind must be one of L0 attn zero",
        ),
        (
            lambda m: run_interchange(m, SEQUENCES, TASK, Component(5, "attn"), seed=0),
            "component must be one of L0 attn",
        ),
        (lambda m: run_interchange(m, SEQUENCES[:1], TASK, Component(0, "attn"), seed=0), "at least two sequences"),
        (
            lambda m: run_interchange(m, SEQUENCES, TASK, Component(0, "attn"), seed=0, pairings=64),
            r"pairings must lie in 1\.\.63, got 64",
        ),
        (lambda m: derangement(1, seed=0), "n must be at least 2"),
        (lambda m: derangement(4, seed=0, shift=4), r"shift must lie in 1\.\.3, got 4"),
    ],
)
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(scrambled(TWO_LAYERS, TASK))


def test_activations_of_the_clean_run_are_left_as_they_were():
    model = scrambled(TWO_LAYERS, TASK)
    hooks = [c.hook for c in components(model)]
    before = activations(model, TOKENS, hooks)
    ablation_table(model, SEQUENCES, TASK, seed=0, draws=1)
    run_interchange(model, SEQUENCES, TASK, Component(0, "attn"), seed=0)
    after = activations(model, TOKENS, hooks)
    assert all(torch.equal(before[hook], after[hook]) for hook in hooks)


@pytest.mark.parametrize("draws", [1, 2, 3])
def test_the_control_is_the_mean_over_all_draws(draws):
    task = ReverseIncrement(n_digits=2)
    model = build(ModelSpec(n_layers=1, d_model=4, n_heads=1, d_head=2, d_mlp=4), task, seed=0, dtype="float64")
    one = ablate(model, task.sequences(), task, Component(0, "mlp"), "zero", seed=0, draws=draws)
    right = 1 - one.control_wrong.double().mean()
    assert one.control_accuracy() == pytest.approx(float(right), abs=1e-12)


def test_there_is_no_control_without_a_draw():
    task = ReverseIncrement(n_digits=2)
    model = build(ModelSpec(n_layers=1, d_model=4, n_heads=1, d_head=2, d_mlp=4), task, seed=0)
    with pytest.raises(ValueError, match="draws must be at least 1"):
        ablate(model, task.sequences(), task, Component(0, "mlp"), "zero", seed=0, draws=0).control_accuracy()
