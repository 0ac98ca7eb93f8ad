"""One Chromium for all tests of a process; the built book, and the live model's engine."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.cases import STUDIES, data_of, published
from tests.browser.engine import Engine, engine_text
from tests.circuits import SPECS
from tests.tools import built, chromium


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = chromium()
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="session")
def site() -> Path:
    return built("html/intro.html", "make book").parent


@pytest.fixture(scope="session")
def engine(browser: Browser) -> Engine:
    """It knows a model of every shape, and those of the articles."""
    made = Engine(browser, engine_text())
    for data in (*map(data_of, SPECS), *map(published, STUDIES)):
        made.take(data)
    return made
