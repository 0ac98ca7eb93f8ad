"""What the tests of the finished book need: browsers, TeX, a built book. CI may not go without them."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

BUILD = Path(__file__).resolve().parents[1] / "book" / "_build"


def missing(what: str) -> None:
    """Skip the test because ``what`` is missing; where tools are required, fail."""
    if os.environ.get("TINYCIRCUITS_REQUIRE_TOOLS"):
        pytest.fail(f"{what}, and TINYCIRCUITS_REQUIRE_TOOLS is set")
    pytest.skip(what)


def chromium() -> str:
    """Return the path of the system's Chromium."""
    return _program("Chromium", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def firefox() -> str:
    """Return the path of the system's Firefox."""
    return _program("Firefox", "firefox-esr", "firefox")


def _program(title: str, *names: str) -> str:
    found = next((path for path in map(shutil.which, names) if path), None)
    if found is None:
        missing(f"{title} is not installed")
    return str(found)


def built(path: str, how: str) -> Path:
    """Return a file of the built book."""
    if not (BUILD / path).exists():
        missing(f"book/_build/{path} is not built: {how}")
    return BUILD / path


def read_the_book(module: Path, names: Mapping[str, Any]) -> bool:
    """Whether the tests of a module, which has these ``names``, need the built book, or browsers and TeX to read it."""
    return module.parent.name in {"browser", "pdf"} or names.get("built") is built
