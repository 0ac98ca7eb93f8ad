"""Whole models: no machine gives a margin below what is claimed, and every claim of right or wrong is true of it."""

import numpy as np
import pytest
import torch

from tests.circuits import SPECS, scrambled
from tests.proof.machine import Rounding
from tinycircuits.proof.everywhere import Network, Shape, certify, rounded_to
from tinycircuits.proof.machines import MACHINES, Machine
from tinycircuits.proof.nearby import length
from tinycircuits.results.runs import load
from tinycircuits.tasks import ModularAddition, ReverseIncrement

TASK = ReverseIncrement(n_digits=3)
FINE = 2.0**-34
REAL, DOUBLE, SINGLE = MACHINES.values()


def parts_of(model, task):
    sequences = task.sequences()
    weights = {name: each.numpy() for name, each in model.state_dict().items()}
    tokens, right = task.inputs(sequences).numpy(), task.answers(sequences).numpy()
    return weights, Shape(model.cfg.n_heads, model.cfg.act_fn), tokens, right, list(task.predicting_rows)


def margins(logits, right):
    """Of the right token over each other one, the least."""
    logits, index = logits.astype(np.float64), right[..., None]
    other = np.arange(logits.shape[-1]) != index
    return np.where(other, np.take_along_axis(logits, index, -1) - logits, np.inf).min(-1)


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
@pytest.mark.parametrize(
    ("u", "machines"),
    [
        (2.0**-24, [Rounding("single", 0), Rounding("single", 1)]),
        (FINE, [Rounding("adverse", 0, FINE, up=True), Rounding("adverse", 1, FINE)]),
        (0.0, [Rounding("none")]),
    ],
    ids=["float32", "errs all it may", "real"],
)
def test_no_machine_is_farther_off_than_the_bound_and_no_verdict_is_false(spec, u, machines):
    weights, shape, tokens, right, rows = parts_of(scrambled(spec, TASK, seed=1), TASK)
    weights = rounded_to(weights, "float32")
    network = Network(weights, shape)
    answers, at = network.answers(tokens, right, rows, np.array([u])), network.final(tokens, rows, np.array([u]))
    for machine in machines:
        found = margins(machine.logits(weights, shape, tokens, rows), right).ravel()
        assert (found >= answers.margin[0] - answers.error[0] * (1 + 1e-5)).all()
        assert (found[answers.right[0]] > 0).all()
        assert (found[answers.wrong[0]] < 0).all()
    assert at.x.shape == (len(tokens), len(rows), weights["embed.weight"].shape[1])
    if u < 2.0**-24:
        assert np.isfinite(answers.error).all()
        assert answers.wrong[0].any()
    assert (answers.right[0] | answers.wrong[0] | answers.undecided[0]).all()


def test_margins_are_those_of_the_ordinary_model():
    for spec in SPECS.values():
        model = scrambled(spec, TASK)
        weights, shape, tokens, right, rows = parts_of(model, TASK)
        with torch.no_grad():
            logits = model(torch.from_numpy(tokens))[:, rows].numpy()
        answers = Network(weights, shape).answers(tokens, right, rows, np.array([0.0]))
        np.testing.assert_allclose(answers.margin[0], margins(logits, right).ravel(), rtol=1e-9, atol=1e-9)
        assert (answers.right[0] == (answers.margin[0] > 0)).all()


def test_gains_are_folded_into_the_last_difference_of_two_logits():
    """Distances before the final gain, of a real machine far away: U_y - U_j sees them through the gain."""
    weights, shape, tokens, right, rows = parts_of(scrambled(SPECS["one layer"], TASK, seed=3), TASK)
    weights["ln_final.weight"] = np.array([20.0, 0.1, 0.1, 0.1])
    network = Network(weights, shape)
    at = network.final(tokens, rows, np.array([2.0**-24]))
    error = network.answers(tokens, right, rows, np.array([2.0**-24])).error[0].reshape(right.shape)
    gain, unembed = weights["ln_final.weight"], weights["unembed.weight"]
    folded = length((unembed[:, None] - unembed) * gain)
    least = np.where(np.eye(len(unembed), dtype=bool), np.inf, folded).min(1)
    assert (error >= least[right] * at.r[0]).all()


@pytest.mark.parametrize(("name", "open_"), [("reversal-4d-2l", 1), ("reversal-8d-1l", 0)])
def test_published_models_are_certified_whole_and_one_input_of_four_digits_not_in_single_precision(name, open_):
    run = load(name)
    weights, shape, tokens, right, rows = parts_of(run.model, run.study.task)
    some = slice(None, None, 16 if len(tokens) > 1000 else 1)
    found = {
        one.name: answers.right[at].sum()
        for group, _, answers in certify(weights, shape, tokens[some], right[some], rows, list(MACHINES.values()))
        for at, one in enumerate(group)
    }
    n = right[some].size
    assert found == {"real": n, "float64": n, "float32": n - open_}


def test_addition_is_certified_in_double_precision():
    run = load("addition-97-2l")
    weights, shape, tokens, right, rows = parts_of(run.model, run.study.task)
    ((group, norms, answers),) = certify(weights, shape, tokens[::20], right[::20], rows, [REAL, DOUBLE])
    assert group == (REAL, DOUBLE)
    assert answers.right.all()
    assert norms["blocks.0.attn.q"].shape == (3, 4)
    assert norms["blocks.1.mlp.out"].shape == (3, 1)


def test_machines_that_hold_other_numbers_are_certified_apart():
    weights, *rest = parts_of(load("reversal-4d-2l").model, ReverseIncrement(n_digits=4))
    groups = [group for group, *_ in certify(weights, *rest, list(MACHINES.values()))]
    assert groups == [(REAL, DOUBLE), (SINGLE,)]
    single = {name: each.astype(np.float32) for name, each in weights.items()}
    assert [group for group, *_ in certify(single, *rest, list(MACHINES.values()))] == [(REAL, DOUBLE, SINGLE)]
    margin = {
        one.weights: answers.margin[0] for (one, *_), _, answers in certify(weights, *rest, list(MACHINES.values()))
    }
    own = Network(rounded_to(weights, "float32"), rest[0]).answers(*rest[1:], np.array([0.0])).margin[0]
    assert ((margin["float32"] == own) | (margin["float32"] > own)).all()
    assert (margin["float32"] == own).mean() > 0.9
    assert (margin["float64"] != own).all()


def test_weights_that_are_no_numbers_are_refused():
    weights, *rest = parts_of(load("reversal-4d-2l").model, ReverseIncrement(n_digits=4))
    weights["unembed.weight"] = weights["unembed.weight"] * np.nan
    with pytest.raises(ValueError, match=r"finite numbers, got others in unembed.weight"):
        list(certify(weights, *rest, [REAL]))


def ordered(task):
    """A one-layer model that adds 2^60, 1 and -2^60 in one of its maps: the answer hangs on the order."""
    from tinycircuits.models.build import ModelSpec, build, named_parameters

    spec = ModelSpec(n_layers=1, d_model=4, n_heads=1, d_head=2, d_mlp=3, layer_norm=False)
    model = build(spec, task, seed=0, dtype="float64")
    weights = named_parameters(model)
    with torch.no_grad():
        for each in weights.values():
            each.zero_()
        weights["pos.weight"][:, 0] = 1
        weights["layers.0.mlp.fc_in.bias"] += 1
        weights["layers.0.mlp.fc_out.weight"][1] = torch.tensor([2.0**60, 1.0, -(2.0**60)])
        weights["head.weight"][1, 1], weights["head.weight"][0, 0] = 1, 0.5
    return model


def test_what_hangs_on_the_order_of_a_sum_is_not_certified_though_right_in_real_arithmetic():
    task = ModularAddition(modulus=2, plus_sign=False)
    weights, shape, tokens, right, rows = parts_of(ordered(task), task)
    a, b, c = np.float64(2.0**60), np.float64(1.0), np.float64(-(2.0**60))
    assert (a + c) + b == 1 != (a + b) + c == 0
    exact = Rounding("none").logits(weights, shape, tokens, rows)[:, 0]
    assert (exact.argmax(-1) == 1).all()
    ((_, _, answers),) = certify(weights, shape, tokens, right, rows, [REAL, DOUBLE])
    assert answers.undecided.all()


def test_the_roundoff_of_tf32_certifies_nothing():
    run = load("reversal-8d-1l")
    weights, shape, tokens, right, rows = parts_of(run.model, run.study.task)
    coarse = Machine("tf32", 2.0**-11, "float32")
    ((_, _, answers),) = certify(weights, shape, tokens[::500], right[::500], rows, [coarse])
    assert not answers.right.any()
    assert not answers.wrong.any()


def test_every_sum_on_the_way_counts_one_rounding():
    """All weights zero but the embeddings: their sum, and two additions to the stream."""
    weights, shape, tokens, _, rows = parts_of(scrambled(SPECS["no LayerNorm"], TASK), TASK)
    blank = {name: each if "embed" in name and "un" not in name else 0 * each for name, each in weights.items()}
    at = Network(blank, shape).final(tokens, rows, np.array([2.0**-24]))
    sums = 1 + 2 * 2
    assert (at.r[0] >= sums * 2.0**-24 * length(at.x)).all()
    assert (at.r[0] <= sums * 2.0**-24 * length(at.x) * 1.001).all()
