"""The page certifies a model as the package does: the same verdicts, by the same margins."""

import tomllib
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from playwright.sync_api import Browser
from transformer_lens.model_bridge import TransformerBridge

from tests.browser.cases import TASK, published
from tests.browser.engine import Engine, engine_text
from tests.circuits import SPECS, scrambled
from tinycircuits.models.build import named_parameters
from tinycircuits.models.live import live_data
from tinycircuits.proof.certificates import shape_of
from tinycircuits.proof.everywhere import CLEARLY, certify
from tinycircuits.proof.machines import MACHINES
from tinycircuits.proof.norms import norm_bound
from tinycircuits.results.certificates import load_certificate
from tinycircuits.results.runs import load
from tinycircuits.tasks import ReverseIncrement

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("engine")]

MISTAKES = tomllib.loads(Path(__file__).with_name("certify_mistakes.toml").read_text())["mistake"]
SPARE = 1e-6
"""Share by which a spare may differ: the page adds in another order."""

Verdict = dict[str, Any]


def in_the_page(engine: Engine, data: dict[str, Any], start: int, stop: int) -> list[Verdict]:
    """The verdicts of the script on some inputs, one for each machine."""
    engine.take(data)
    return engine.page.evaluate(
        "([name, start, stop]) => E.certifier(known.get(name))(start, stop)", [data["name"], start, stop]
    )


def in_python(model: TransformerBridge, task: ReverseIncrement, n: int) -> dict[str, Verdict]:
    """The verdicts of the package on the first inputs, by machine."""
    sequences, found = task.sequences()[:n], {}
    weights = {name: each.numpy() for name, each in model.state_dict().items()}
    given = task.inputs(sequences).numpy(), task.answers(sequences).numpy(), list(task.predicting_rows)
    for group, _, each in certify(weights, shape_of(model), *given, list(MACHINES.values())):
        for at, one in enumerate(group):
            spare = (each.margin - CLEARLY * each.error)[at]
            found[one.name] = {
                "right": int(each.right[at].sum()),
                "wrong": int(each.wrong[at].sum()),
                "undecided": int(each.undecided[at].sum()),
                "spare": float(np.where(each.right[at], spare, np.inf).min()),
            }
    return found


def stretched(by: float) -> TransformerBridge:
    """A model of random weights, of which query and key are made larger: rounding counts for more."""
    model = deepcopy(scrambled(SPECS["one layer"], TASK, seed=3))
    with torch.no_grad():
        for name, each in named_parameters(model).items():
            if ".q." in name or ".k." in name:
                each *= by
    return model


def differing(engine: Engine) -> Iterator[str]:
    """What the script finds otherwise than the package."""
    for by in (1.0, 20.0, 200.0):
        model = stretched(by)
        data = live_data(model, TASK, name=f"stretched {by}", study="none", seed=0)
        expected = in_python(model, TASK, len(TASK.sequences()))
        for name, found in zip(expected, in_the_page(engine, data, 0, 64), strict=True):
            counts = [found[key] == expected[name][key] for key in ("right", "wrong", "undecided")]
            if not all(counts) or found["spare"] != pytest.approx(expected[name]["spare"], rel=SPARE):
                yield f"{name}, stretched by {by}: {found}, in Python {expected[name]}"


def test_verdicts_and_spare_margins_are_those_of_the_package(engine: Engine) -> None:
    assert not list(differing(engine))


def test_the_models_of_this_test_have_every_verdict() -> None:
    seen = [in_python(stretched(by), TASK, 64)["float32"] for by in (1.0, 20.0, 200.0)]
    for verdict in ("right", "wrong", "undecided"):
        assert any(each[verdict] for each in seen), verdict


def test_parts_add_up_to_the_stored_certificate_of_the_published_model(engine: Engine) -> None:
    stored = load_certificate("reversal-8d-1l")
    total, step = 65_536, 8192
    parts = [in_the_page(engine, published("B"), at, at + step) for at in range(0, total, step)]
    for at, name in enumerate(stored.machines):
        for verdict in ("right", "wrong", "undecided"):
            assert sum(part[at][verdict] for part in parts) == stored.count(name, verdict)
        assert min(part[at]["spare"] for part in parts) == pytest.approx(float(stored.spare[at]), rel=SPARE)


def test_norms_are_bounded_as_in_the_package(engine: Engine) -> None:
    draw = np.random.default_rng(0)
    for shape in ((4, 4), (4, 16), (16, 4), (3, 1)):
        W = draw.normal(size=shape) * 10.0 ** draw.integers(-3, 4)
        found = engine.page.evaluate("([W, n]) => E.normBound(W, n)", [W.ravel().tolist(), shape[1]])
        assert found == pytest.approx(norm_bound(W), rel=1e-12)
        assert found >= np.linalg.norm(W, 2)


def test_a_model_of_two_layers_is_refused(engine: Engine) -> None:
    found = engine.page.evaluate(
        "(name) => { try { E.certifier(known.get(name)); } catch (error) { return error.message; } }",
        published("C")["name"],
    )
    assert found == "C is not of one layer and one head, with LayerNorm and ReLUs"


def test_the_same_weights_in_float64_and_float32_are_looked_at_once(engine: Engine) -> None:
    """Published weights that a float32 holds exactly have a margin that does not hang on the machine's weights."""
    model = deepcopy(load("reversal-8d-1l").model).float().double()
    data = live_data(model, ReverseIncrement(n_digits=8), name="single", study="none", seed=0)
    real, _, single = in_the_page(engine, data, 0, 64)
    assert real["right"] == single["right"] == 512
    assert 0 < real["spare"] - single["spare"] < 0.1


@pytest.mark.parametrize("mistake", MISTAKES, ids=[mistake["says"] for mistake in MISTAKES])
def test_the_comparison_notices(browser: Browser, mistake: dict[str, str]) -> None:
    text = engine_text()
    assert text.count(mistake["old"]) == 1
    engine = Engine(browser, text.replace(mistake["old"], mistake["new"]))
    assert any(True for _ in differing(engine))
    engine.close()
