"""Mistakes planted in the script, each of which the comparison with TransformerLens must notice."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.cases import cases, data_of, far_out, one_of_each, some_at_once
from tests.browser.engine import Engine, engine_text

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("engine")]

SHAPES = ("two layers", "three layers, two heads, gelu", "one layer", "attention only")
MISTAKES = tomllib.loads(Path(__file__).with_name("mistakes.toml").read_text())["mistake"]


def differing(engine: Engine) -> Iterator[list[str]]:
    """Yield for each change what differs."""
    for shape in SHAPES:
        engine.take(data_of(shape))
        for make in (some_at_once, one_of_each, far_out):
            yield from (case.differing(engine) for case in cases(shape, make))


@pytest.mark.parametrize("mistake", MISTAKES, ids=[mistake["says"] for mistake in MISTAKES])
def test_the_comparison_notices(browser: Browser, mistake: dict[str, str]) -> None:
    text = engine_text()
    assert text.count(mistake["old"]) == 1
    engine = Engine(browser, text.replace(mistake["old"], mistake["new"]))
    assert any(differing(engine))
    engine.close()
