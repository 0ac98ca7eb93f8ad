"""Rows: what the tables have in common. Each names some entries and makes them on demand."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tinycircuits.results.door import Entry, results

Kind = Literal[
    "study",
    "sweep",
    "course",
    "fit",
    "profile",
    "lattices",
    "analysis",
    "calibration",
    "proof",
    "certificate",
    "grokking",
    "torus",
]


@dataclass(frozen=True)
class Row:
    """Entries of one name: what the command line lists, makes anew and verifies.

    ``seeds`` are those that are committed; ``entries`` gives the entries that hold some seeds.
    """

    kind: Kind
    name: str
    folder: str
    title: str
    seeds: Iterable[int]
    entries: Callable[[Iterable[int]], list[Entry]]

    @property
    def committed(self) -> list[Entry]:
        """The entries that belong to the repository."""
        return self.entries(self.seeds)


def seeds_stored(row: Row) -> list[int]:
    """The seeds of a row whose results lie in the store under its present recipe, in order, whatever their health."""
    return [seed for entry in entries_stored(row) for seed in entry.seeds]


def entries_stored(row: Row) -> list[Entry]:
    """The entries of a row that lie in the store: the committed ones, and those of other seeds, in order."""
    known = {entry.path: entry for entry in row.committed}
    found = []
    for folder in results().folders(row.folder):
        if folder in known:
            found.append(known[folder])
            continue
        found += [entry for entry in row.entries(_seeds_said(folder)) if entry.path == folder]
    return sorted(found, key=lambda entry: list(entry.seeds))


def committed_or_stored(row: Row) -> list[Entry]:
    """The entries of a row that lie in the store, and those that should."""
    stored = entries_stored(row)
    return stored + [entry for entry in row.committed if not entry.held]


def _seeds_said(folder: Path) -> range:
    """The seeds that a stored spec names; none where it cannot be read."""
    try:
        spec = json.loads((folder / "spec.json").read_bytes())
        first = int(spec["seed"] if "seed" in spec else spec["first_seed"])
        return range(first, first + int(spec.get("lanes", 1)))
    except (OSError, ValueError, KeyError, TypeError):
        return range(0)
