"""The published numbers, pinned. `make pins` measures them anew and shows what changed.

Counts are exact; shares and bits may move by rounding on another processor, within the stated tolerance.
"""

import pytest

from tinycircuits.interp.ablation import KINDS, ablation_table
from tinycircuits.interp.activations import Component, components
from tinycircuits.interp.attention import attention_pattern, attention_summary
from tinycircuits.interp.averaged import averaged_output, averaged_pattern, put_means
from tinycircuits.interp.content import read_weights, weight_by_digit
from tinycircuits.interp.interchange import interchange
from tinycircuits.interp.logits import logit_lens
from tinycircuits.interp.probes import fit_probe
from tinycircuits.models.build import build
from tinycircuits.results import runs
from tinycircuits.results.tables.studies import studies_of
from tinycircuits.tasks import ReverseIncrement

TOLERANCE = {"atol": 1e-6, "rtol": 1e-6}
REVERSALS = tuple(studies_of(ReverseIncrement))
studies = pytest.mark.parametrize("name", REVERSALS)


@pytest.fixture(scope="module")
def published():
    return {name: runs.load(name) for name in REVERSALS}


def parts(published, name):
    run = published[name]
    return run.model, run.study.task.sequences(), run.study.task


@studies
def test_errors(published, name, data_regression):
    run = published[name]
    data_regression.check({mode: run.metrics[mode] for mode in ("teacher_forced", "free_running")})


@studies
def test_losses(published, name, num_regression):
    num_regression.check({k: [v] for k, v in published[name].metrics["loss"].items()}, default_tolerance=TOLERANCE)


@studies
def test_attention(published, name, num_regression):
    model, sequences, task = parts(published, name)
    columns = {}
    for layer in range(published[name].study.model.n_layers):
        summary = attention_summary(model, sequences, task, layer=layer)
        columns |= {
            f"L{layer} source weight": summary.source_weight,
            f"L{layer} arg-max share": summary.source_argmax_share,
            f"L{layer} entropy": summary.entropy_bits,
            f"L{layer} mass on BOS": summary.mass_bos,
            f"L{layer} mass on y": summary.mass_answers,
        }
    num_regression.check({k: v.numpy() for k, v in columns.items()}, default_tolerance=TOLERANCE)


@studies
def test_read_out(published, name, num_regression):
    model, sequences, task = parts(published, name)
    accuracy = {
        ("with" if norm else "without") + " LayerNorm": logit_lens(model, sequences, task, layer_norm=norm).overall
        for norm in (False, True)
    }
    num_regression.check({k: v.numpy() for k, v in accuracy.items()}, default_tolerance=TOLERANCE)


@studies
def test_ablation(published, name, data_regression):
    model, sequences, task = parts(published, name)
    kinds = KINDS if task.n_digits == 4 else ("zero_weights", "mean")
    table = ablation_table(model, sequences, task, kinds=kinds, seed=0, draws=0)
    data_regression.check(
        {
            f"{one.component.label}, {one.kind}": {
                "wrong digits": one.errors().wrong_digits,
                "of": one.errors().n_digits,
            }
            for one in table.ablations
        }
    )


@studies
def test_interchange(published, name, data_regression):
    model, sequences, task = parts(published, name)
    swaps = {c.label: interchange(model, sequences, task, c, seed=0) for c in components(model)}
    data_regression.check(
        {
            label: {"pairs": s.n_pairs, "as source": s.as_source.tolist(), "random push": s.control_as_source.tolist()}
            for label, s in swaps.items()
        }
    )


def test_what_attention_may_be_averaged_over(published, data_regression):
    model, sequences, task = parts(published, "reversal-8d-1l")
    attention = Component(0, "attn")
    found = {
        "output": averaged_output(model, sequences, task, attention, seed=0),
        "pattern": averaged_pattern(model, sequences, task, layer=0, seed=0),
    }
    wrong = {
        f"{name}, mean {over}": getattr(each, field).tolist()
        for name, each in found.items()
        for over, field in (
            ("of all", "overall"),
            ("for the source digit", "by_source"),
            ("for another digit, fewest", "by_other"),
            ("of shuffled groups", "shuffled"),
        )
    }
    wrong["pattern, mean of all, by source digit"] = found["pattern"].overall_by_source.tolist()
    put = put_means(model, sequences, task, attention)
    data_regression.check(wrong | {"the mean for a digit put into every input": put.tolist()})


def test_weight_by_digit(published, num_regression):
    model, sequences, task = parts(published, "reversal-8d-1l")
    found = weight_by_digit(attention_pattern(model, task.inputs(sequences), layer=0), sequences, task)
    means = {f"mean where the source is {v}": found.source_mean[:, v].numpy() for v in range(4)}
    # the weight of y_0 lies below a billionth, and what explains it is of no interest
    shares = {f"share of x_{j}": found.share[:, j].numpy() for j in range(8)}
    num_regression.check(means | shares, default_tolerance=TOLERANCE)


def test_digits_in_a_row_of_weights(published, num_regression):
    model, sequences, task = parts(published, "reversal-8d-1l")
    split = published["reversal-8d-1l"].study.train.split.indices(len(sequences))
    untrained = build(published["reversal-8d-1l"].study.model, task, seed=0, dtype="float64")
    found = {
        name: read_weights(attention_pattern(each, task.inputs(sequences), layer=0), sequences, task, split, seed=0)
        for name, each in (("trained", model), ("untrained", untrained))
    }
    shares = {name: each.source_accuracy.numpy() for name, each in found.items()}
    num_regression.check(shares, default_tolerance={"atol": 5e-3, "rtol": 0})


def test_linear_read_out(published, num_regression):
    model, sequences, task = parts(published, "reversal-8d-1l")
    split = published["reversal-8d-1l"].study.train.split.indices(len(sequences))
    shares = {
        f"{stage} {'per row' if per_row else 'shared'}": [
            fit_probe(model, sequences, task, split, stage=stage, seed=0, per_row=per_row, n_fit_rows=4_000).accuracy
        ]
        for stage in ("L0 resid_mid", "L0 resid_post")
        for per_row in (False, True)
    }
    num_regression.check(shares, default_tolerance={"atol": 2e-3, "rtol": 0})
