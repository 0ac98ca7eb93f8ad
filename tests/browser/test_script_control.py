"""The control beside each change: a push as long as the change, in a direction drawn at random."""

from random import Random

import numpy as np
import pytest
import torch

from tests.browser.cases import OTHER, TASK, data_of, some_touches
from tests.browser.engine import Engine, Touch
from tests.circuits import SPECS, scrambled
from tinycircuits.models.build import ModelSpec
from tinycircuits.models.live import live_data
from tinycircuits.models.weights import named_weights, with_weights

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("engine")]

shapes = pytest.mark.parametrize("shape", SPECS)


def pushes(engine: Engine, shape: str, touches: list[Touch], *, draw: int = 1) -> np.ndarray:
    """How far the control moves the logits of each input and answer."""
    data = data_of(shape)
    return engine.count(data, touches, OTHER, draw=draw).logits - engine.count(data, []).logits


@shapes
def test_logits_are_pushed_as_far_as_a_changed_unembedding_moves_them(engine: Engine, shape: str) -> None:
    touches: list[Touch] = [{"kind": "weight", "name": "W_U", "index": 3, "value": 2.0}]
    data = data_of(shape)
    change = engine.count(data, touches).logits - engine.count(data, []).logits
    push = pushes(engine, shape, touches)
    np.testing.assert_allclose(np.linalg.norm(push, axis=-1), np.linalg.norm(change, axis=-1), rtol=1e-9)
    assert np.linalg.norm(change, axis=-1).min() > 0
    assert np.abs(push - change).max() > 0.1


@pytest.mark.parametrize(
    ("site", "d_mlp"), [("embed", None), ("attn.0", None), ("head.0.1", None), ("mlp.0", 5), ("neuron.0.2", 5)]
)
def test_what_a_part_writes_is_pushed_as_far_as_its_change(engine: Engine, site: str, d_mlp: int | None) -> None:
    """In models in which nothing follows that part, so that final states differ by what is written alone."""
    spec = ModelSpec(n_layers=1, d_model=6, n_heads=2, d_head=2, d_mlp=d_mlp, layer_norm=False)
    model = scrambled(spec, TASK)
    if site == "embed":
        model = with_weights(model, named_weights(model) | {"blocks.0.attn.W_O": torch.zeros_like(model.W_O[0])})
    data = live_data(model, TASK, name=site, study="none", seed=0)
    engine.take(data)
    touches: list[Touch] = [{"kind": "hold", "site": site, "pos": None, "by": "mean"}]
    before, after, control = (
        engine.count(data, given, draw=draw).states for given, draw in (([], 0), (touches, 0), (touches, 1))
    )
    change, push = (np.linalg.norm(moved - before, axis=-1) for moved in (after, control))
    np.testing.assert_allclose(push, change, atol=1e-5)
    assert change.max() > 0.1
    assert np.abs(control - after).max() > 0.1


@shapes
def test_no_change_is_no_push(engine: Engine, shape: str) -> None:
    data = data_of(shape)
    for touches in ([], [{"kind": "hold", "site": "embed", "pos": 0, "by": "other"}]):  # BOS is BOS in every input
        assert np.array_equal(pushes(engine, shape, touches), np.zeros((TASK.modulus**TASK.n_digits, 3, TASK.d_vocab)))
        assert engine.count(data, touches, OTHER, draw=1).wrong == engine.count(data, []).wrong


@shapes
def test_a_draw_is_the_same_every_time_and_differs_from_others(engine: Engine, shape: str) -> None:
    touches = some_touches(data_of(shape), Random(3), 4)
    first, again, second = (pushes(engine, shape, touches, draw=draw) for draw in (1, 1, 2))
    assert np.array_equal(first, again)
    assert np.abs(first - second).max() > 1e-3


def test_directions_are_drawn_evenly(engine: Engine) -> None:
    """Over many inputs they cancel, and are as long along one axis as along another."""
    touches: list[Touch] = [{"kind": "weight", "name": "b_U", "index": 0, "value": 1.0}]
    directions = np.concatenate([pushes(engine, "one layer", touches, draw=draw) for draw in range(1, 41)]).reshape(
        -1, TASK.d_vocab
    )
    n = len(directions)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=-1), 1, rtol=1e-9)
    assert np.abs(directions.mean(0)).max() < 5 / np.sqrt(TASK.d_vocab * n)
    np.testing.assert_allclose(
        directions.T @ directions / n, np.eye(TASK.d_vocab) / TASK.d_vocab, atol=5 / np.sqrt(n) / TASK.d_vocab
    )
