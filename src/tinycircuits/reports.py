"""What the command line prints: the table of studies, one run in a line, and the check of all stored results."""

import math
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm.auto import tqdm

from tinycircuits.results import profiles
from tinycircuits.results.fits import Fitted, load_fit, measure_sae
from tinycircuits.results.runs import Run, checkpoint_round, load, measure, results, retrain, stored_seeds
from tinycircuits.results.store import CorruptResult, MissingResult, StoreError, key
from tinycircuits.results.sweeps import SweepResult, load_sweep, stored_blocks
from tinycircuits.results.sweeps import measure as measure_block
from tinycircuits.results.tables.fits import FITS, Fit
from tinycircuits.results.tables.studies import STUDIES, Study, study
from tinycircuits.results.tables.sweeps import SWEEPS, Sweep
from tinycircuits.training.dictionaries import SaeSpec

Metrics = Mapping[tuple[str, int], dict[str, Any]]
"""The metrics of runs, by study and seed."""

LOSS_TOLERANCE = 1e-9
"""Relative difference of a re-evaluated loss from the stored one that rounding on another machine may make."""
FIT_TOLERANCE = 1e-4
"""The same for the sparsity and loss of an autoencoder, which works in single precision."""


def table_of_studies() -> str:
    """Every study with key, state, size, errors of the published model, and the seeds that are stored."""
    header = ("study", "seed", "key", "state", "size", "wrong digits", "free-running", "smaller seeds that failed")
    return _aligned([header, *(_row(chosen) for chosen in STUDIES.values())])


def table_of_sweeps() -> str:
    """Every sweep with its stored seeds, their size, and how many of them make no mistake on any input."""
    header = ("sweep", "of", "seeds stored", "size", "without a mistake")
    return _aligned([header, *(_sweep_row(chosen) for chosen in SWEEPS.values())])


def seed_range(text: str) -> range:
    """The seeds that ``0..999`` or ``7`` names, the last one included; raises ``ValueError`` for anything else."""
    found = re.fullmatch(r"(\d+)(?:\.\.(\d+))?", text)
    seeds = range(int(found[1]), int(found[2] or found[1]) + 1) if found else range(0)
    if not seeds:
        raise ValueError(f"seeds must look like 0..999 or 7, got {text!r}")
    return seeds


def sweep_summary(result: SweepResult) -> str:
    """One sweep in one line: seeds without a mistake, and the range of the others' wrong digits."""
    wrong = (1 - result.accuracy) * result.n_digits
    return (
        f"{result.sweep.name}: {_of(int(result.solved.sum()), len(result.seeds))} seeds make no mistake on any input; "
        f"wrong digits of {result.n_digits:,}: median {wrong.median():.0f}, largest {wrong.max():.0f}"
    )


def summary(run: Run) -> str:
    """One run in one line: its errors in both modes, its holdout, and where it lies."""
    forced, free, held = run.errors(), run.errors("free_running"), run.errors(on="holdout")
    return (
        f"{run.study.name} seed {run.seed}: {_of(forced.wrong_digits, forced.n_digits)} digits wrong, "
        f"{_of(forced.wrong_sequences, forced.n_sequences)} sequences; on the holdout "
        f"{_of(held.wrong_digits, held.n_digits)} digits; free-running "
        f"{_of(free.wrong_digits, free.n_digits)} digits; {run.provenance['seconds']:.0f} s; key {run.key}"
    )


def verification(names: list[str] | None, *, progress: bool) -> tuple[list[str], bool]:
    """One line for each stored result, and whether all are sound; ``names`` are studies, sweeps, fits, ``profiles``.

    A result is sound when its checksums match, it was made by the present recipe of its study, and its model,
    evaluated again, makes exactly the stored errors and the stored losses within ``LOSS_TOLERANCE``; of a fit, when its
    sparsity and loss come out again within ``FIT_TOLERANCE``. A profile must belong to models of the ledger.
    """
    studies, sweeps, fitted = _chosen(names)
    jobs = [partial(_verified, each, folder) for each in studies for folder in results().folders(each.name)]
    jobs += [partial(_verified_block, each, folder) for each in sweeps for folder in results().folders(each.name)]
    jobs += [partial(_verified_fit, each, folder) for each in fitted for folder in results().folders(each.name)]
    measured = results().folders(profiles.NAME) if names is None or profiles.NAME in names else []
    if measured:
        known = {results().folder(profiles.NAME, block.spec.described()): block for block in profiles.every_block()}
        jobs += [partial(_verified_profile, folder, known.get(folder)) for folder in measured]
    lines = [job() for job in tqdm(jobs, desc="verify", disable=not progress)]
    stored: list[Study | Fit] = [*studies, *fitted]
    for chosen in stored:
        for seed in chosen.seeds:
            if not results().holds(chosen.name, chosen.spec(seed).described()):
                lines.append(f"MISSING {chosen.name} seed {seed}: make it with: {chosen.command(seed)}")
    return lines, all(line.startswith("ok") for line in lines)


def summary_of_fit(fitted: Fitted) -> str:
    """One fit in one line: what it found, and how long it took."""
    metrics, label = fitted.metrics, f"{fitted.fit.name} seed {fitted.seed}"
    if isinstance(fitted.fit.recipe, SaeSpec):
        found = f"l0 {metrics['l0']:.1f}, fvu {metrics['fvu']:.2g}, {metrics['dead']} of {fitted.fit.recipe.width} dead"
    else:
        right = (f"{stage} {each['held out']:,}" for stage, each in metrics["stages"].items())
        found = f"of {metrics['n_holdout']:,} held out read right: {', '.join(right)}"
    return f"{label}: {found}; {fitted.provenance['seconds']:.0f} s"


def _chosen(names: list[str] | None) -> tuple[list[Study], list[Sweep], list[Fit]]:
    """The studies, sweeps and fits of these names; all without names; raises ``ValueError`` for an unknown one."""
    if names is None:
        return list(STUDIES.values()), list(SWEEPS.values()), [each for each in FITS.values() if each.study in STUDIES]
    others = {*FITS, *SWEEPS, profiles.NAME}
    studies = [study(name) for name in names if name not in others]
    return studies, [SWEEPS[n] for n in names if n in SWEEPS], [FITS[n] for n in names if n in FITS]


def _aligned(rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _sweep_row(chosen: Sweep) -> tuple[str, ...]:
    blocks = stored_blocks(chosen)
    size = sum(results().size(chosen.name, chosen.spec(block).described()) for block in blocks)
    try:
        solved = sum(int(load_sweep(chosen.name, block).solved.sum()) for block in blocks)
    except CorruptResult:
        return (chosen.name, chosen.title, "damaged", f"{size / 1024:.0f} kB", "-")
    stored = sum(map(len, blocks))
    of = _of(solved, stored) if blocks else "-"
    return (chosen.name, chosen.title, _of(stored, chosen.n_seeds), f"{size / 1024:.0f} kB", of)


def _verified_block(chosen: Sweep, folder: Path) -> str:
    try:
        stored = results().read(folder, remedy=f"tinycircuits sweep {chosen.name}")
        block = range(first := int(stored.spec["first_seed"]), first + int(stored.spec["lanes"]))
        if results().folder(chosen.name, chosen.spec(block).described()) != folder:
            return f"STALE   {folder}: made by another recipe; delete it"
    except StoreError as error:
        return f"DAMAGED {error}"
    now = measure_block(chosen, stored.tensors["weights"])
    if differences := [name for name, value in now.items() if not _same(value, stored.tensors[name])]:
        return f"DIFFERS {folder}: {', '.join(differences)}"
    return f"ok      {chosen.name} seeds {block[0]}..{block[-1]}: {stored.metrics['seeds_without_a_mistake']} solved"


def _same(now: Tensor, stored: Tensor) -> bool:
    if stored.is_floating_point():
        return torch.allclose(now, stored, rtol=LOSS_TOLERANCE, atol=1e-12)
    return torch.equal(now, stored)


def retrained(names: list[str], *, device: str, progress: bool) -> str:
    """Train every stored run of the studies anew; return a Markdown table of the numbers that changed, old and new.

    Raises as ``runs.load`` and ``runs.retrain`` do, and before anything is trained when a stored run is damaged.
    """
    jobs = [(name, seed) for name in names for seed in _seeds(name)]
    before = {(name, seed): load(name, seed).metrics for name, seed in jobs}
    after = {(name, seed): retrain(name, seed, device=device, progress=progress).metrics for name, seed in jobs}
    return changes(before, after)


def _seeds(name: str) -> list[int]:
    remedy = f"tinycircuits train {study(name).name}"
    return sorted(int(results().read(folder, remedy=remedy).spec["seed"]) for folder in results().folders(name))


def changes(before: Metrics, after: Metrics) -> str:
    """Return a Markdown table of the numbers that differ between two measurements of the same runs."""
    rows = [
        f"| `{name}` | {seed} | {path} | {_value(old)} | {_value(new)} |"
        for (name, seed), metrics in after.items()
        for path, old, new in _pairs(before[name, seed], metrics)
        if old != new
    ]
    head = f"{len(rows)} numbers changed in {len(after)} retrained runs."
    return (
        "\n".join([head, "", "| study | seed | number | old | new |", "|---|---|---|---|---|", *rows]) if rows else head
    )


def _pairs(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield every number with its path; the course of training is one entry, its last round."""
    if isinstance(new, dict):
        for name in sorted(new):
            yield from _pairs((old or {}).get(name), new[name], f"{path}.{name}" if path else name)
    elif isinstance(new, list):
        yield f"{path} (last round)", old[-1] if old else None, new[-1]
    else:
        yield path, old, new


def _value(number: Any) -> str:
    return "none" if number is None else f"{number:,}" if isinstance(number, int) else f"{number:.6g}"


def _row(chosen: Study) -> tuple[str, ...]:
    seed = chosen.published_seed
    spec = chosen.spec(seed).described()
    identity, size = key(spec), f"{results().size(chosen.name, spec) / 1024:.0f} kB"
    try:
        published = load(chosen.name, seed)
    except MissingResult:
        done = checkpoint_round(chosen.name, seed)
        state = f"unfinished, {done} of {chosen.train.batches.n_rounds} rounds" if done else "not trained"
        return (chosen.name, str(seed), identity, state, "-", "-", "-", "-")
    except CorruptResult:
        return (chosen.name, str(seed), identity, "damaged", size, "-", "-", "-")
    forced, free = published.errors(), published.errors("free_running")
    smaller = [s for s in stored_seeds(chosen.name) if s < seed]
    failed = sum(load(chosen.name, s).errors().wrong_digits > 0 for s in smaller)
    passed_over = f"{failed} of {seed}" if chosen.printed_seed is None else "the article's seed"
    return (
        chosen.name,
        str(seed),
        identity,
        "stored",
        size,
        _of(forced.wrong_digits, forced.n_digits),
        _of(free.wrong_digits, free.n_digits),
        passed_over,
    )


def _verified(chosen: Study, folder: Path) -> str:
    try:
        stored = results().read(folder, remedy=f"tinycircuits train {chosen.name}")
        seed = int(stored.spec["seed"])
        if results().folder(chosen.name, chosen.spec(seed).described()) != folder:
            return f"STALE   {folder}: made by another recipe; delete it"
        run = load(chosen.name, seed)
    except StoreError as error:
        return f"DAMAGED {error}"
    differences = _differences(measure(chosen, run.model), run.metrics)
    if differences:
        return f"DIFFERS {folder}: {', '.join(differences)}"
    return f"ok      {summary(run)}"


def _verified_fit(chosen: Fit, folder: Path) -> str:
    try:
        stored = results().read(folder, remedy=f"tinycircuits fit {chosen.name}")
        seed = int(stored.spec["seed"])
        if results().folder(chosen.name, chosen.spec(seed).described()) != folder:
            return f"STALE   {folder}: made by another recipe or on another run; delete it"
        fitted = load_fit(chosen.name, seed)
        now = measure_sae(chosen, fitted.dictionary) if isinstance(chosen.recipe, SaeSpec) else {}
    except StoreError as error:
        return f"DAMAGED {error}"
    differences = _differences(now, fitted.metrics, tolerance=FIT_TOLERANCE)
    if differences:
        return f"DIFFERS {folder}: {', '.join(differences)}"
    return f"ok      {summary_of_fit(fitted)}"


def _verified_profile(folder: Path, block: profiles.Block | None) -> str:
    if block is None:
        return f"STALE   {folder}: of other models, or measured by another recipe; delete it"
    try:
        return f"ok      {profiles.NAME} of {block.label}: {len(block.load())} numbers a seed"
    except StoreError as error:
        return f"DAMAGED {error}"


def _differences(
    now: dict[str, Any], stored: dict[str, Any], where: str = "", *, tolerance: float = LOSS_TOLERANCE
) -> list[str]:
    found = []
    for name, value in now.items():
        path, old = f"{where}{name}", stored.get(name)
        if isinstance(value, dict):
            found += _differences(value, old or {}, f"{path}.", tolerance=tolerance)
        elif isinstance(value, float) and isinstance(old, float):
            if not math.isclose(value, old, rel_tol=tolerance, abs_tol=1e-12):
                found.append(f"{path} is {value!r}, stored {old!r}")
        elif value != old:
            found.append(f"{path} is {value!r}, stored {old!r}")
    return found


def _of(part: int, whole: int) -> str:
    return f"{part:,} of {whole:,}"
