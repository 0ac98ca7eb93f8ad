"""Checks every annotated shape while the tests run, and keeps torch to one thread: the models are tiny."""

import pytest
import torch
from hypothesis import settings
from jaxtyping import install_import_hook

from tests import tools, typechecker

settings.register_profile("behaviour", deadline=None)  # how long a case takes says more of the machine than of it
settings.load_profile("behaviour")
install_import_hook("tinycircuits", f"{typechecker.__name__}.check")
torch.set_num_threads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what reads the book. Tests that take long come first: begun last, they would keep one process busy alone."""
    for item in items:
        if tools.read_the_book(item.path, vars(item.module)):
            item.add_marker("book")
    items.sort(key=lambda item: not any(map(item.get_closest_marker, ("xdist_group", "slow"))))


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A table with one tiny study, and stores in an empty folder."""
    from tests.tiny import TINY
    from tinycircuits.results.tables.studies import STUDIES

    monkeypatch.setitem(STUDIES, "tiny", TINY)
    monkeypatch.setenv("TINYCIRCUITS_RESULTS", str(tmp_path / "results"))
    monkeypatch.setenv("TINYCIRCUITS_CHECKPOINTS", str(tmp_path / "checkpoints"))
    monkeypatch.delenv("TINYCIRCUITS_FROZEN", raising=False)
    return tmp_path
