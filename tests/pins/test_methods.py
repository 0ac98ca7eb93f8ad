"""The published numbers of patching, ablation, read-outs and dictionaries on modular addition, pinned.

Counts are exact where nothing lies on an edge; single precision moves recoveries and F1 a little between processors.
"""

import pytest
import torch

from tinycircuits.interp.ablation import ablation_table
from tinycircuits.interp.activations import attention_heads, components
from tinycircuits.interp.meanings import one_number_f1
from tinycircuits.interp.operands import OPERANDS, corrupted_pairs
from tinycircuits.interp.patching import DIRECTIONS, activation_patching
from tinycircuits.interp.readout_map import readout_map
from tinycircuits.interp.sae import random_dictionary
from tinycircuits.results import fits, runs
from tinycircuits.results.tables.fits import FITS
from tinycircuits.results.tables.studies import studies_of
from tinycircuits.tasks import ModularAddition
from tinycircuits.training.dictionaries import SaeSpec

SINGLE = {"atol": 2e-3, "rtol": 0}
ADDITIONS = tuple(name for name, study in studies_of(ModularAddition).items() if study.article)
studies = pytest.mark.parametrize("name", ADDITIONS)


@pytest.fixture(scope="module")
def published():
    return {name: runs.load(name) for name in ADDITIONS}


@studies
def test_patching(published, name, num_regression):
    run = published[name]
    task = run.study.task
    at = torch.randperm(task.modulus**2, generator=torch.Generator().manual_seed(0))[:1024]
    columns = {}
    for operand in OPERANDS:
        other = corrupted_pairs(task, operand=operand, seed=0)[at]
        for direction in DIRECTIONS:
            found = activation_patching(
                run.model,
                task,
                task.sequences()[at],
                other,
                groups=[*components(run.model), *attention_heads(run.model)],
                direction=direction,
            )
            columns |= {
                f"{operand}, {direction}, {metric}": [found.recovery(label, metric) for label in found.labels]
                for metric in ("logit difference", "loss")
            }
    num_regression.check(columns, default_tolerance=SINGLE)


@studies
def test_ablation(published, name, num_regression):
    run = published[name]
    task = run.study.task
    sequences = task.sequences()[:: task.modulus // 10]
    table = ablation_table(
        run.model,
        sequences,
        task,
        kinds=("zero", "mean", "resample"),
        only=[*components(run.model), *attention_heads(run.model)],
        seed=0,
        draws=0,
    )
    num_regression.check(
        {f"{each.component.label} {each.kind}": [each.errors().accuracy] for each in table.ablations},
        default_tolerance=SINGLE,
    )


@studies
def test_where_the_sum_can_be_read(published, name, num_regression):
    run = published[name]
    task = run.study.task
    sequences = task.sequences()
    targets = {"a + b": task.answers(sequences)[:, 0]}
    columns = {}
    for by in ("lda", "ridge"):
        found = readout_map(run.model, sequences, task, targets, seeds=[0], positions=["="], by=by)
        columns[by] = found.accuracy("a + b")[0, :, 0].numpy()
        columns[f"{by}, shuffled"] = found.accuracy("a + b", shuffled=True)[0, :, 0].numpy()
    num_regression.check(columns, default_tolerance={"atol": 5e-3, "rtol": 0})


@pytest.mark.parametrize(
    "name", [name for name, fit in FITS.items() if isinstance(fit.recipe, SaeSpec) and "gpt2" not in name]
)
def test_dictionaries(name, num_regression):
    chosen = fits.fit_named(name)
    states, sums = fits.fitted_on(chosen)
    modulus = int(sums.max()) + 1
    columns = {"l0": [], "fvu": [], "dead": [], "share of F1 above 0.8": [], "the same, random encoder": []}
    for seed in chosen.seeds:
        fitted = fits.load_fit(name, seed)
        blind = random_dictionary(states, width=chosen.recipe.width, l0=fitted.metrics["l0"], seed=seed)
        f1 = [one_number_f1(each.encode(states), sums, modulus=modulus)[1] for each in (fitted.dictionary, blind)]
        live = (fitted.dictionary.encode(states) > 0).any(0)
        columns["share of F1 above 0.8"].append(float((f1[0][live] >= 0.8).double().mean()))
        columns["the same, random encoder"].append(float((f1[1] >= 0.8).double().mean()))
        for metric in ("l0", "fvu", "dead"):
            columns[metric].append(float(fitted.metrics[metric]))
    num_regression.check(columns, default_tolerance={"atol": 1e-2, "rtol": 0})


def test_the_articles_read_out(data_regression):
    name = "addition-97-2l-probe-article"
    metrics = [fits.load_fit(name, seed).metrics for seed in fits.fit_named(name).seeds]
    data_regression.check({f"seed {seed}": each["stages"] for seed, each in enumerate(metrics)})
