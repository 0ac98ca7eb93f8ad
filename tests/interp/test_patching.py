import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy import stats
from torch.nn.functional import cross_entropy
from transformer_lens import patching as tl

from tests.circuits import ablate, scrambled
from tinycircuits.interp.activations import (
    Component,
    Head,
    activations,
    attention_heads,
    component_groups,
    components,
    part_named,
)
from tinycircuits.interp.forward import logits_after
from tinycircuits.interp.operands import OPERANDS, corrupted_pairs
from tinycircuits.interp.pairs import derangement, shuffle_apart
from tinycircuits.interp.patching import DIRECTIONS, activation_patching
from tinycircuits.models.build import ModelSpec
from tinycircuits.tasks import ModularAddition

TASK = ModularAddition(modulus=7, plus_sign=True)
CLEAN = TASK.sequences()
OTHER = corrupted_pairs(TASK, operand="b", seed=0)
SPECS = {
    "two layers, gelu": ModelSpec(n_layers=2, d_model=8, n_heads=2, d_head=4, d_mlp=16, act_fn="gelu"),
    "three layers": ModelSpec(n_layers=3, d_model=6, n_heads=2, d_head=3, d_mlp=5),
    "attention only": ModelSpec(n_layers=2, d_model=8, n_heads=2, d_head=4, d_mlp=None),
}
every_spec = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
every_direction = pytest.mark.parametrize("direction", DIRECTIONS)
SPEC = SPECS["three layers"]


def patch(model, clean=CLEAN, corrupted=OTHER, **options):
    options = {"groups": [*components(model), *attention_heads(model)], "direction": "denoise"} | options
    return activation_patching(model, TASK, clean, corrupted, **options)


@every_spec
def test_the_groups_are_each_component_and_all_of_a_kind(spec):
    model = scrambled(spec, TASK)
    groups = component_groups(model)
    together = {kind: {part for part in components(model) if part.kind == kind} for kind in ("attn", "mlp")}
    assert [parts for parts in groups.values() if len(parts) == 1] == [(part,) for part in components(model)]
    assert set(groups["all attention"]) == together["attn"]
    assert set(groups.get("all MLPs", ())) == together["mlp"]


def test_shuffle_apart_is_a_permutation_without_a_clash():
    colours = torch.arange(30) % 3
    for seed in range(20):
        partners = shuffle_apart(30, lambda chosen: colours[chosen] == colours, seed=seed)
        assert sorted(partners.tolist()) == list(range(30))
        assert not bool((colours[partners] == colours).any())


@every_spec
@every_direction
def test_clean_into_clean_moves_nothing(spec, direction):
    model = scrambled(spec, TASK)
    found = patch(model, corrupted=CLEAN, direction=direction)
    for metric in found.clean:
        expected = found.clean[metric].expand_as(found.patched[metric])
        torch.testing.assert_close(found.patched[metric], expected, atol=1e-12, rtol=1e-12)
        with pytest.raises(ValueError, match="nothing can be recovered"):
            found.recovery("L0 attn", metric)


@every_spec
@every_direction
@pytest.mark.parametrize("operand", OPERANDS)
def test_all_components_together_carry_the_whole_answer(spec, direction, operand):
    model = scrambled(spec, TASK)
    other = corrupted_pairs(TASK, operand=operand, seed=1)
    found = patch(model, corrupted=other, groups={"all": components(model), "none": ()}, direction=direction)
    ends = {"denoise": found.clean, "noise": found.corrupted}[direction]
    base = {"denoise": found.corrupted, "noise": found.clean}[direction]
    for metric in ends:  # at "=" the embedding is the same in both runs, so the outputs are all that differs
        assert torch.equal(found.patched[metric][0], ends[metric])
        assert torch.equal(found.patched[metric][1], base[metric])
        assert found.recovery("all", metric) == 1
        assert found.recovery("none", metric) == 0


@every_spec
def test_all_heads_of_a_layer_are_its_attention(spec):
    model = scrambled(spec, TASK)
    for layer in range(spec.n_layers):
        attention = Component(layer, "attn")
        together = [head for head in attention_heads(model) if head.layer == layer]
        found = patch(model, groups={"attention": [attention], "heads": together})
        for values in found.patched.values():
            torch.testing.assert_close(values[0], values[1], atol=1e-9, rtol=1e-9)


@every_spec
@every_direction
@pytest.mark.parametrize("positions", [None, [3], [0, 2]])
def test_each_part_equals_transformer_lens_patching(spec, direction, positions):
    model = scrambled(spec, TASK)
    found = patch(model, direction=direction, positions=positions)
    base, source = (OTHER, CLEAN) if direction == "denoise" else (CLEAN, OTHER)
    at = slice(None) if positions is None else positions
    with torch.no_grad():
        cache = model.run_with_cache(TASK.inputs(source))[1]
    right, other = TASK.answers(CLEAN)[:, 0], TASK.answers(OTHER)[:, 0]
    metrics = {
        "logit difference": lambda x: (x[:, -1].gather(1, right[:, None]) - x[:, -1].gather(1, other[:, None]))[:, 0],
        "loss": lambda x: cross_entropy(x[:, -1], right, reduction="none"),
    }

    def run(setter, name, axes):
        with torch.no_grad():
            return tl.generic_activation_patch(
                model, TASK.inputs(base), cache, metrics, setter, name, axes, reduce="none", baseline=True
            )

    def whole(output, index, clean):
        output[:, at] = clean[:, at]
        return output

    def one_head(z, index, clean):
        z[:, at, index[1]] = clean[:, at, index[1]]
        return z

    kinds = ["attn"] if spec.d_mlp is None else ["attn", "mlp"]
    theirs = {kind: run(whole, f"{kind}_out", ["layer"]) for kind in kinds}
    theirs["z"] = run(one_head, "z", ["layer", "head_index"])
    for m, metric in enumerate(metrics):
        ends = found.corrupted if direction == "denoise" else found.clean
        torch.testing.assert_close(theirs["z"].baseline[m].double(), ends[metric], atol=1e-5, rtol=1e-5)
        for i, label in enumerate(found.labels):
            part = part_named(model, label)
            one = isinstance(part, Head)
            values = theirs["z"].values[m, part.layer, part.head] if one else theirs[part.kind].values[m, part.layer]
            torch.testing.assert_close(values.double(), found.patched[metric][i], atol=1e-5, rtol=1e-5)


def test_recovery_and_its_interval_are_those_of_scipy():
    found = patch(scrambled(SPEC, TASK))
    for metric in ("loss", "logit difference"):
        ours = found.intervals(metric, seed=0, resamples=4000)
        for i, label in enumerate(found.labels):
            columns = [x.numpy() for x in (found.patched[metric][i], found.corrupted[metric], found.clean[metric])]

            def recovery(patched, corrupted, clean, axis=-1):
                return (patched.mean(axis) - corrupted.mean(axis)) / (clean.mean(axis) - corrupted.mean(axis))

            assert ours[label].value == pytest.approx(recovery(*columns), abs=1e-12) == found.recovery(label, metric)
            if abs(columns[2].mean() - columns[1].mean()) < 0.2:
                continue  # a ratio with a denominator near zero has no stable interval
            theirs = stats.bootstrap(
                columns, recovery, paired=True, n_resamples=4000, method="percentile", rng=np.random.default_rng(1)
            ).confidence_interval
            width = theirs.high - theirs.low
            assert ours[label].low == pytest.approx(theirs.low, abs=0.1 * width + 1e-9)
            assert ours[label].high == pytest.approx(theirs.high, abs=0.1 * width + 1e-9)


def test_the_interval_of_runs_that_all_recover_alike_is_a_point():
    model = scrambled(SPEC, TASK)
    ends = patch(model, groups={"all": components(model)}).intervals(seed=0, resamples=50)["all"]
    assert (ends.low, ends.high) == pytest.approx((1, 1), abs=1e-12)


@every_direction
def test_the_control_moves_the_output_as_far_and_depends_on_its_seed(direction):
    model = scrambled(SPEC, TASK)
    part = Component(1, "mlp")
    found = patch(model, groups=[part], direction=direction, draws=2, seed=5)
    base, source = (OTHER, CLEAN) if direction == "denoise" else (CLEAN, OTHER)
    outputs = [activations(model, TASK.inputs(x), [part.hook])[part.hook] for x in (base, source)]
    moved = (outputs[1] - outputs[0]).norm(dim=-1)
    drawn = torch.nn.functional.normalize(
        torch.randn(outputs[0].shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64), dim=-1
    )
    read = activations(model, TASK.inputs(base), [part.input_hook])[part.input_hook]
    logits = logits_after(model, read + outputs[0] + moved[..., None] * drawn, part, rows=[3])[:, 0]
    loss = cross_entropy(logits, TASK.answers(CLEAN)[:, 0], reduction="none")
    torch.testing.assert_close(found.control["loss"][0, 0], loss)
    again = patch(model, groups=[part], direction=direction, draws=2, seed=5)
    assert torch.equal(again.control["loss"], found.control["loss"])
    assert found.control_recovery("L1 mlp", "loss") == pytest.approx(
        float(sum(found._moved(x[0], "loss") for x in found.control["loss"])) / 2
    )


def test_batches_do_not_matter(monkeypatch):
    model = scrambled(SPEC, TASK)
    whole = patch(model)
    monkeypatch.setattr("tinycircuits.interp.patching.BATCH", 10)
    parts = patch(model)
    for metric in whole.patched:
        torch.testing.assert_close(parts.patched[metric], whole.patched[metric], atol=1e-10, rtol=1e-10)


@every_spec
@pytest.mark.parametrize("kind", ["zero", "mean", "resample"])
def test_ablating_a_head_equals_the_full_run_with_a_hook_on_its_z(spec, kind):
    model = scrambled(spec, TASK)
    partners = derangement(len(CLEAN), seed=5)
    changes = {
        "zero": torch.zeros_like,
        "mean": lambda z: z.mean(0).expand_as(z),
        "resample": lambda z: z[partners],
    }
    for head in attention_heads(model):

        def hook(z, hook, head=head):
            z = z.clone()
            z[:, :, head.head] = changes[kind](z)[:, :, head.head]
            return z

        with torch.no_grad():
            logits = model.run_with_hooks(TASK.inputs(CLEAN), fwd_hooks=[(head.hook, hook)])
        found = ablate(model, CLEAN, TASK, head, kind, seed=5, draws=1)
        assert torch.equal(found.wrong[:, 0], logits[:, -1].argmax(-1) != TASK.answers(CLEAN)[:, 0])
        assert found.control_wrong.shape == (1, len(CLEAN), 1)


def test_a_head_has_no_bias_of_its_own():
    model = scrambled(SPEC, TASK)
    zeroed = ablate(model, CLEAN, TASK, Head(0, 1), "zero", seed=0, draws=0)
    weights = ablate(model, CLEAN, TASK, Head(0, 1), "zero_weights", seed=0, draws=0)
    assert torch.equal(zeroed.wrong, weights.wrong)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: part_named(m, "L0H2"), "part must be one of L0 attn, .*L2H1, got 'L0H2'"),
        (lambda m: ablate(m, CLEAN, TASK, Head(0, 2), "zero", seed=0), "head must be one of L0H0, .*, got 'L0H2'"),
        (lambda m: patch(m, groups=[Head(3, 0)]), "head must be one of L0H0, .*, got 'L3H0'"),
        (lambda m: patch(m, groups=[Component(3, "mlp")]), "component must be one of L0 attn, .*, got 'L3 mlp'"),
        (lambda m: patch(m, positions=[4]), r"positions must lie in 0\.\.3, got 4"),
        (lambda m: patch(m, draws=-1), "draws must be 0 or more, got -1"),
        (lambda m: patch(m, groups={"x": [Component(0, "mlp"), Head(1, 0)]}), "first patched layer only, but 'x'"),
        (lambda m: patch(m).recovery("L9"), "label must be one of L0 attn, .*, got 'L9'"),
        (lambda m: patch(m).control_recovery("L0 attn"), "draws must be at least 1 for a control, got 0"),
        (lambda m: patch(m).intervals(seed=0, resamples=0), "resamples must be 1 or more"),
        (
            lambda m: corrupted_pairs(ModularAddition(modulus=2, plus_sign=True), operand="both", seed=0),
            "no permutation of 4 inputs",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(scrambled(SPEC, TASK))


def test_words_and_shapes_that_the_annotations_forbid_are_refused_without_them_too():
    """The checker of annotations speaks first in these tests, so a process without it is asked."""
    code = """
from tinycircuits.interp.activations import components
from tinycircuits.interp.patching import activation_patching
from tinycircuits.interp.operands import corrupted_pairs
from tinycircuits.models.build import ModelSpec, build
from tinycircuits.tasks import ModularAddition
task = ModularAddition(modulus=5, plus_sign=False)
model = build(ModelSpec(n_layers=1, d_model=4, n_heads=1, d_head=4, d_mlp=4), task, seed=0)
clean, other = task.sequences(), corrupted_pairs(task, operand="a", seed=0)
def patch(corrupted=other, direction="noise"):
    return activation_patching(model, task, clean, corrupted, groups=components(model), direction=direction)
for call in (
    lambda: corrupted_pairs(task, operand="c", seed=0),
    lambda: patch(direction="up"),
    lambda: patch(corrupted=other[:3]),
    lambda: patch().recovery("L0 mlp", "kl"),
):
    try:
        call()
    except ValueError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "operand must be one of a, b, both, got 'c'",
        "direction must be one of denoise, noise, got 'up'",
        "clean and corrupted must be equally many, got 25 and 3",
        "metric must be one of logit difference, loss, got 'kl'",
    ]


@pytest.fixture(scope="module")
def model():
    return scrambled(SPEC, TASK)


def test_recoveries_are_those_of_the_patching_with_interval_and_control(model):
    clean, other = TASK.sequences(), corrupted_pairs(TASK, operand="b", seed=0)
    options = {"groups": components(model), "direction": "denoise", "draws": 2}
    versions = {
        "all": activation_patching(model, TASK, clean, other, **options),
        "some": activation_patching(model, TASK, clean[:20], other[:20], **options),
    }
    for patching in versions.values():
        found = patching.rows().set_index("part")
        assert len(found) == len(patching.labels)
        for part, interval in patching.intervals("loss", seed=0).items():
            row = found.loc[part]
            assert [row.recovery, row.low, row.high] == [interval.value, interval.low, interval.high]
            assert row["random push"] == patching.control_recovery(part, "loss")
