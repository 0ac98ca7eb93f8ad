"""The live model's script, in Chromium, computes what TransformerLens computes, whatever a reader changes."""

import math
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
import yaml

from tests.browser.cases import (
    NEAR,
    STUDIES,
    cases,
    far_out,
    one_of_each,
    published,
    some_at_once,
    some_touches,
)
from tests.browser.engine import Engine, Touch
from tests.circuits import SPECS, scrambled
from tinycircuits.interp.removals import removals
from tinycircuits.models.errors import teacher_forced
from tinycircuits.models.live import live_data
from tinycircuits.results.runs import load
from tinycircuits.tasks import ModularAddition

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("engine")]

PINS = Path(__file__).parents[1] / "pins/test_published"
shapes = pytest.mark.parametrize("shape", SPECS)
articles = pytest.mark.parametrize("name", [pytest.param("A", marks=pytest.mark.slow), "B", "C"])


@articles
def test_all_logits_of_a_published_model_are_those_of_python(engine: Engine, name: str) -> None:
    run, data = load(STUDIES[name]), published(name)
    task = run.study.task
    found = engine.count(data, [])
    for at in torch.split(torch.arange(len(task.sequences())), 4096):
        with torch.no_grad():
            logits = run.model(task.inputs(task.sequences()[at]))[:, list(task.predicting_rows)]
        assert np.abs(found.logits[at] - logits.numpy()).max() < NEAR
    assert found.wrong == teacher_forced(run.model, task, task.sequences()).wrong.sum(0).tolist()


@articles
def test_the_page_shows_the_numbers_that_are_counted(engine: Engine, name: str) -> None:
    data, random = published(name), Random(0)
    inputs = random.sample(range(data["modulus"] ** data["n_digits"]), 200)
    for touches in ([], some_touches(data, random, 3)):
        other = [random.randrange(data["modulus"]) for _ in range(data["n_digits"])]
        counted = engine.count(data, touches, other).logits[inputs]
        assert np.abs(counted - engine.trace(data, touches, other, inputs=inputs)).max() < NEAR


def removing(removed: str, kind: str) -> list[Touch]:
    """The row of a table of ablations as a change; ``removed`` is ``L0 mlp``, ``L0H1`` or ``L0N3``."""
    layer, part = removed[1], removed[2:].strip()
    if kind == "zero_weights":
        return [{"kind": "zero", "name": f"blocks.{layer}.{'attn.W_O' if part == 'attn' else 'mlp.W_out'}"}]
    site = {"H": f"head.{layer}.{part[1:]}", "N": f"neuron.{layer}.{part[1:]}"}.get(part[0], f"{part}.{layer}")
    return [{"kind": "hold", "site": site, "pos": None, "by": kind}]


def pinned(name: str) -> dict[str, dict[str, int]]:
    return yaml.safe_load((PINS / f"test_ablation_{STUDIES[name].replace('-', '_')}_.yml").read_text())


@pytest.mark.parametrize(
    ("name", "row"), [(name, row) for name in STUDIES for row in pinned(name) if not row.endswith(", resample")]
)
def test_a_removal_has_the_count_that_is_pinned(engine: Engine, name: str, row: str) -> None:
    assert sum(engine.wrong(published(name), removing(*row.split(", ")))) == pinned(name)[row]["wrong digits"]


@pytest.mark.parametrize("name", [pytest.param("B", marks=pytest.mark.slow), "C"])
def test_every_part_head_and_neuron_is_removed_as_in_the_package(engine: Engine, name: str) -> None:
    run, data = load(STUDIES[name]), published(name)
    rows = removals(run.model, run.study.task.sequences(), run.study.task)
    found = {(row.removed, row.kind): engine.wrong(data, removing(row.removed, row.kind)) for row in rows}
    assert found == {(row.removed, row.kind): row.wrong.tolist() for row in rows}


@pytest.mark.parametrize("make", [one_of_each, some_at_once, far_out])
@shapes
def test_a_change_is_what_the_package_makes_of_it(engine: Engine, shape: str, make) -> None:
    differing = [(case.touches, case.differing(engine)) for case in cases(shape, make)]
    assert differing
    assert [(touches, wrong) for touches, wrong in differing if wrong] == []


def test_sums_are_counted_as_in_the_package(engine: Engine) -> None:
    task = ModularAddition(modulus=5, plus_sign=True, unused_tokens=0)
    model = scrambled(SPECS["three layers, two heads, gelu"], task)
    data = live_data(model, task, name="sums", study="none", seed=0)
    engine.take(data)
    wrong = engine.page.evaluate(
        "(data) => Array.from({ length: data.modulus }, (_, a) => E.wrongPairs(known.get(data.name), new Map(), a))",
        data,
    )
    sequences = task.sequences()
    expected = teacher_forced(model, task, sequences).wrong[:, 0]
    assert wrong == [int(expected[sequences[:, data["a"]] == a].sum()) for a in range(task.modulus)]


def test_the_error_function_is_that_of_the_library(engine: Engine) -> None:
    points = [step / 64 for step in range(-448, 449)] + [2.5, -2.5, 2.4999999, 1e-300, 30.0, -1e3]
    found = engine.page.evaluate("(points) => points.map(E.erf)", points)
    assert max(abs(one - math.erf(x)) for one, x in zip(found, points, strict=True)) < 1e-15
