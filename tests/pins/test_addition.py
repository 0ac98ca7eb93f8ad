"""The published numbers of modular addition, pinned as those of part I; float32 models, so shares may move a little."""

import pytest
import torch

from tinycircuits.interp.fourier import clock_shares, dependence, frequency_shares
from tinycircuits.interp.heads import head_roles, head_rows, summarize_heads
from tinycircuits.results import runs
from tinycircuits.results.tables.studies import studies_of
from tinycircuits.tasks import ModularAddition

TOLERANCE = {"atol": 1e-4, "rtol": 1e-4}
ADDITIONS = tuple(name for name, study in studies_of(ModularAddition).items() if study.article)
studies = pytest.mark.parametrize("name", ADDITIONS)


@pytest.fixture(scope="module")
def every():
    return {name: runs.every_seed(name) for name in ADDITIONS}


@pytest.fixture(scope="module")
def rows(every):
    """Attention of = in all heads over all inputs, for each seed."""
    found = {}
    for name, each in every.items():
        task = each[0].study.task
        tokens = task.inputs(task.sequences())
        found[name] = [head_rows(one.model, tokens, row=task.predicting_rows[0]) for one in each]
    return found


def published(every, name):
    return next(one for one in every[name] if one.seed == one.study.published_seed)


@studies
def test_errors_of_every_seed(every, name, data_regression):
    data_regression.check({f"seed {one.seed}": one.metrics["teacher_forced"] for one in every[name]})


@studies
def test_losses_of_every_seed(every, name, num_regression):
    losses = {k: [one.metrics["loss"][k] for one in every[name]] for k in ("all", "train", "holdout")}
    num_regression.check(losses, default_tolerance={"atol": 1e-9, "rtol": 1e-9})


@studies
def test_attention_of_the_published_model(every, rows, name, num_regression):
    at = next(i for i, one in enumerate(every[name]) if one.seed == one.study.published_seed)
    summary = summarize_heads(rows[name][at])
    names = every[name][0].study.task.position_names
    columns = {f"mean on {names[at]}": summary.mean[..., at] for at in range(summary.mean.shape[-1])}
    columns |= {f"std on {names[at]}": summary.std[..., at] for at in range(summary.std.shape[-1])}
    columns["bits"] = summary.entropy_bits
    num_regression.check({k: v.flatten().numpy() for k, v in columns.items()}, default_tolerance=TOLERANCE)


@studies
def test_roles_of_every_seed(every, rows, name, data_regression):
    names = every[name][0].study.task.position_names[:-1]
    data_regression.check(
        {
            f"seed {one.seed}": [" ".join(layer) for layer in head_roles(each.double().mean(0), names)]
            for one, each in zip(every[name], rows[name], strict=True)
        }
    )


@studies
def test_what_attention_follows_in_every_seed(every, rows, name, num_regression):
    p = every[name][0].study.task.modulus
    columns = {}
    for one, each in zip(every[name], rows[name], strict=True):
        for layer, attention in enumerate(each.unbind(1)):
            shares = dependence(attention.reshape(p, p, *attention.shape[1:]))
            columns[f"seed {one.seed} layer {layer}"] = list(shares.values())
    num_regression.check(columns, default_tolerance=TOLERANCE)


@studies
def test_waves_of_the_published_model(every, name, num_regression):
    one = published(every, name)
    task = one.study.task
    p, (row,) = task.modulus, task.predicting_rows
    with torch.no_grad():
        logits = torch.cat([one.model(part)[:, row, :p] for part in task.inputs(task.sequences()).split(1024)])
    columns = {
        "embedding": frequency_shares(one.model.W_E[:p].detach()),
        "logits": clock_shares(logits.reshape(p, p, p)),
    }
    num_regression.check({k: v.numpy() for k, v in columns.items()}, default_tolerance=TOLERANCE)
