"""Changes are written into the address and read back; whatever else stands there is left out."""

from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.browser.cases import data_of, some_touches
from tests.browser.engine import Engine, Touch
from tests.circuits import SPECS

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("engine")]

with_engine = settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def read(engine: Engine, data: dict[str, Any], text: str) -> list[Touch]:
    return engine.page.evaluate("([name, text]) => E.readTouches(known.get(name), text)", [data["name"], text])


def written(engine: Engine, touches: list[Touch]) -> str:
    return engine.page.evaluate("(touches) => E.written(touches)", touches)


@with_engine
@given(shape=st.sampled_from(sorted(SPECS)), seed=st.integers(0, 10**9), number=st.integers(0, 12))
def test_what_is_written_is_read(engine: Engine, shape: str, seed: int, number: int) -> None:
    touches = some_touches(data_of(shape), Random(seed), number)
    assert read(engine, data_of(shape), written(engine, touches)) == touches


@pytest.mark.parametrize(
    "junk",
    [
        "", "_", "~", "~~~", "nothing", "attn.0~half", "attn.9~zero", "attn.0.0~zero", "attn~zero", "attn.00~zero",
        "attn.0@~zero", "attn.0@6~zero", "attn.0@1.5~zero", "embed@-1~zero", "head.0.7~zero", "mlp.7~mean",
        "neuron.0.99~zero", "neuron.0.-1~zero", "edge.0.0.3.4~zero", "edge.0.0.3.1@2~zero", "edge.0.0.9.1~zero", "W_E",
        "W_E~1", "W_E~1~", "W_E~1~one", "W_E~-1~2", "W_E~1.5~2", "W_E~~2", "W_E~9999~2", "W_E~1~Infinity", "W_X~0",
        "__proto__~0", "constructor~zero", "blocks.0.attn.W_Q", "blocks.0.attn.W_Q~0~NaN",
    ],
)  # fmt: skip
def test_junk_is_left_out(engine: Engine, junk: str) -> None:
    data = data_of("two layers")
    good = "mlp.0@2~mean_W_E~3~0.25"
    assert read(engine, data, junk) == []
    assert read(engine, data, f"{junk}_{good}") == read(engine, data, good) != []
    assert read(engine, data, f"{good}_{junk}")[:1] == read(engine, data, good)[:1]


NAMES = ["attn", "mlp", "neuron", "edge", "embed", "head", "W_E", "b_U", "blocks.0.mlp.W_in", "zero", "mean", "other"]
PIECES = [*NAMES, *".@~_-e%& ", "0", "1", "12"]


@with_engine
@given(shape=st.sampled_from(sorted(SPECS)), text=st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_whatever_is_read_can_be_computed_and_written(engine: Engine, shape: str, text: str) -> None:
    data = data_of(shape)
    touches = read(engine, data, text)
    assert read(engine, data, written(engine, touches)) == touches
    assert np.isfinite(engine.trace(data, touches, [1, 2, 3], inputs=[5])).all()


def test_of_two_changes_of_one_place_the_later_is_read(engine: Engine) -> None:
    assert read(engine, data_of("two layers"), "mlp.0~mean_W_E~0~1_mlp.0~zero_W_E~0~2") == [
        {"kind": "hold", "site": "mlp.0", "pos": None, "by": "zero"},
        {"kind": "weight", "name": "W_E", "index": 0, "value": 2},
    ]
