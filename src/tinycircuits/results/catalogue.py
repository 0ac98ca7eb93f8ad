"""The catalogue: every row of every table, whatever its kind."""

from pathlib import Path

from tinycircuits.results import (
    analyses,
    calibrating,
    certifying,
    clocking,
    courses,
    fits,
    grokking,
    latticing,
    profiling,
    proving,
    runs,
    sweeps,
)
from tinycircuits.results.door import Entry, results
from tinycircuits.results.rows import Row, committed_or_stored, entries_stored


def rows(names: list[str] | None = None) -> list[Row]:
    """All rows, or those of these names or folders; raises ``ValueError`` for an unknown one."""
    every = [
        *runs.rows(),
        *sweeps.rows(),
        *courses.rows(),
        *fits.rows(),
        *grokking.rows(),
        *profiling.rows(),
        *latticing.rows(),
        *analyses.rows(),
        *calibrating.rows(),
        *proving.rows(),
        *certifying.rows(),
        *clocking.rows(),
    ]
    for name in names or []:
        if not any(name in (row.name, row.folder) for row in every):
            known = dict.fromkeys(row.folder for row in every)
            raise ValueError(f"unknown name {name!r}; known are {', '.join(known)}")
    return [row for row in every if names is None or row.name in names or row.folder in names]


def entries(names: list[str], seeds: range | None = None) -> list[Entry]:
    """The entries of these rows that are committed or stored; with ``seeds`` those that hold them, stored or not.

    Raises ``ValueError`` for an unknown name, and for seeds that no entry holds.
    """
    found = [
        each for row in rows(names) for each in (committed_or_stored(row) if seeds is None else row.entries(seeds))
    ]
    if not found and seeds is not None:
        raise ValueError(f"{', '.join(names)}: no entry holds these seeds")
    return found


def left_over(names: list[str] | None = None) -> list[Path]:
    """What lies in the folders of these rows and belongs to no row: made by another recipe, or of another model."""
    folders = list(dict.fromkeys(row.folder for row in rows(names)))
    described = {each.path for row in rows() if row.folder in folders for each in entries_stored(row)}
    return [path for folder in folders for path in results().folders(folder) if path not in described]
