"""What the command line prints: what is stored, what came of it, and what a new making changed."""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import torch
from tqdm.auto import tqdm

from tinycircuits.proof import certificates, recheck, subject, verdict
from tinycircuits.proof.checker import Refused, check
from tinycircuits.proof.machines import MACHINES, machine
from tinycircuits.results import catalogue, door
from tinycircuits.results.door import Entry
from tinycircuits.results.errors import CorruptResult, MissingResult, StoreError
from tinycircuits.results.rows import Kind, Row, committed_or_stored
from tinycircuits.results.runs import load, row_of, stored_seeds
from tinycircuits.results.store import Stored
from tinycircuits.results.sweeps import load_sweep
from tinycircuits.results.tables.studies import STUDIES, Study
from tinycircuits.results.tables.sweeps import SWEEPS
from tinycircuits.results.text import aligned, of
from tinycircuits.specs import checked_seed
from tinycircuits.tasks import DigitTask

MOST_SEEDS = 100_000
"""Asked for at once; more than any machine trains in a year is a slip of the finger."""
FOLDED: tuple[Kind, ...] = ("profile", "analysis")
"""Kinds with so many rows that each folder is one line."""


def overview(names: list[str] | None = None) -> str:
    """Every study with the errors of its published model, then every other kind of row, kind by kind.

    Of profiles and analyses each folder is one line, unless it is named. Raises ``ValueError`` for an unknown name.
    """
    rows = catalogue.rows(names)
    of_kind = {kind: [row for row in rows if row.kind == kind] for kind in get_args(Kind)}
    tables = []
    if of_kind["study"]:
        tables.append(_studies([STUDIES[row.name] for row in of_kind["study"]]))
    if of_kind["sweep"]:
        header = ("sweep", "of", "seeds stored", "size", "without a mistake")
        tables.append(aligned([header, *map(_sweep, of_kind["sweep"])]))
    for kind in ("course", "proof", "certificate", "fit", "profile", "lattices", "analysis", "calibration", "torus"):
        if found := of_kind[kind]:
            lines = [_held(row.name, row.title, [row]) for row in found]
            if kind in FOLDED and names is None:
                lines = [
                    _held(name, f"{len(folder)} rows; list {name}", folder)
                    for name, folder in _by_folder(found).items()
                ]
            tables.append(aligned([(kind, "of", "stored", "size"), *lines]))
    return "\n\n".join(tables)


def _by_folder(rows: list[Row]) -> dict[str, list[Row]]:
    return {name: [row for row in rows if row.folder == name] for name in dict.fromkeys(row.folder for row in rows)}


def seed_range(text: str) -> range:
    """The seeds that ``0..999`` or ``7`` names, the last one included; raises ``ValueError`` for anything else."""
    found = re.fullmatch(r"([0-9]{1,30})(?:\.\.([0-9]{1,30}))?", text)
    seeds = range(int(found[1]), int(found[2] or found[1]) + 1) if found else range(0)
    if not seeds:
        raise ValueError(f"seeds must look like 0..999 or 7, got {text!r}")
    checked_seed(seeds[-1])
    if seeds[-1] - seeds[0] >= MOST_SEEDS:
        raise ValueError(f"at most {MOST_SEEDS:,} seeds at once, got {text!r}")
    return seeds


def verification(names: list[str] | None, *, whole: bool, progress: bool) -> tuple[list[str], bool]:
    """One line for each stored result, each that is missing and each left over, and whether all are sound.

    A result is sound when its sums match, a row describes it, and what is evaluated again comes out as it is stored:
    counts exactly, losses within rounding. Raises ``ValueError`` for an unknown name.
    """
    jobs = [each for row in catalogue.rows(names) for each in committed_or_stored(row)]
    lines = [door.verified(each, whole=whole) for each in tqdm(jobs, desc="verify", disable=not progress)]
    lines += [f"STALE   {path}: no row describes it; delete it" for path in catalogue.left_over(names)]
    return lines, all(line.startswith("ok") for line in lines)


def remade(names: list[str], seeds: range | None, *, device: str, progress: bool) -> str:
    """Make entries anew; a Markdown table of the numbers that changed, old and new.

    Without ``seeds``, every stored entry of these names. Raises as ``door.remake`` does, and ``ValueError`` for an
    unknown name.
    """
    rows, entries = [], catalogue.entries(names, seeds)
    for each in entries:
        before = _as_it_is(each)
        after = door.remake(each, device=device, progress=progress)
        rows += [f"| `{each.name}` | {door.span_of(each.seeds)} | {line} |" for line in changes(before, after)]
    head = f"{len(rows)} numbers changed in {len(entries)} entries made anew."
    return (
        "\n".join([head, "", "| name | seed | number | old | new |", "|---|---|---|---|---|", *rows]) if rows else head
    )


def proved(
    name: str,
    seed: int | None,
    *,
    margin: float = 0.0,
    count: bool = False,
    weights: Path | None = None,
    save: Path | None = None,
    progress: bool,
) -> tuple[str, int]:
    """Whether a one-layer model is right on every input, told, and the exit code: 0 only for a proof.

    The model is that of a study or of a sweep, or with ``weights`` that of a file, of which the study gives the task. A
    proof is kept in ``save``. Raises ``ValueError`` for what cannot be proved or read, and as ``runs.load`` does.
    """
    if not (math.isfinite(margin) and margin >= 0):
        raise ValueError(f"margin must be a number from 0 on, got {margin}")
    if weights is not None and seed is not None:
        raise ValueError("--weights and --seed exclude each other")
    if name not in STUDIES and name not in SWEEPS:
        raise ValueError(f"unknown study or sweep {name!r}; known are {', '.join([*STUDIES, *SWEEPS])}")
    task = (STUDIES if name in STUDIES else SWEEPS)[name].task
    if not isinstance(task, DigitTask):
        raise ValueError(f"task must be one of digits, got {type(task).__name__} of {name}")
    data, said = None, name
    if weights is not None:
        model, task, data = subject.read_model(weights, task)
        said = f"{weights}, task of {name}"
    elif name in STUDIES:
        run = load(name, seed)
        model, said = run.model, f"{name} seed {run.seed}"
    else:
        seed = checked_seed(seed or 0)
        model, said = load_sweep(name, range(seed, seed + 1)).model(seed, "float32"), f"{name} seed {seed}"
    told = verdict.prove(model, task, weights=data, margin=margin, count=count, bar=said if progress else None)
    lines = [f"{said}: {type(task).__name__}, {task.n_digits} digits modulo {task.modulus}", *told.lines]
    if save is not None:
        lines.insert(-1, _kept(save, told.proof))
    return "\n".join(lines), told.exit_code


def certified(
    name: str, seed: int | None, *, machines: list[str], save: Path | None = None, progress: bool
) -> tuple[str, int]:
    """What is certain of a study's model on the named machines, on all if none is named, told, and the exit code.

    The code is 0 only where every answer is certified right on each of them. A certificate is kept in ``save``. Raises
    ``ValueError`` for an unknown study or machine, and as ``runs.load`` does.
    """
    if name not in STUDIES:
        raise ValueError(f"unknown study {name!r}; known are {', '.join(STUDIES)}")
    names = [machine(each).name for each in dict.fromkeys(machines or MACHINES)]
    run = load(name, seed)
    label = f"{name} seed {run.seed}"
    told = certificates.said(run.model, run.study.task, names, bar=label if progress else None)
    lines = [f"{label}: {run.study.title}", *told.lines]
    if save is not None:
        lines.insert(-1, _kept(save, told.file))
    return "\n".join(lines), told.exit_code


def _kept(file: Path, proof: bytes) -> str:
    if not proof:
        return f"nothing is written to {file}: there is no proof"
    try:
        file.write_bytes(proof)
    except OSError as error:
        raise ValueError(f"cannot write {file}: {error.strerror}") from None
    return f"the proof is kept in {file}; tinycircuits check-proof {file}"


def checked_proof(file: Path) -> str:
    """One line on a proof or a certificate that a file holds; the file tells its kind.

    Raises ``ValueError`` for a file that cannot be read, and ``Refused`` where it does not hold.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ValueError(f"{file} cannot be read ({error.strerror})") from None
    try:
        return recheck.recheck(data) if recheck.is_certificate(data) else check(data)
    except recheck.Refused as refused:
        raise Refused(str(refused)) from None


def changes(before: Stored | str, after: Stored) -> Iterator[str]:
    """Each number that differs between two makings of one entry, and how many tensors do: ``number | old | new``."""
    if isinstance(before, str):
        yield f"all | {before} | made"
        return
    for path, old, new in _pairs(before.metrics, after.metrics):
        if old != new:
            yield f"{path} | {_value(old)} | {_value(new)}"
    unlike = [name for name, tensor in after.tensors.items() if not _equal(tensor, before.tensors.get(name))]
    if unlike:
        yield f"tensors | {len(after.tensors)} | {len(unlike)} differ"


def _as_it_is(entry: Entry) -> Stored | str:
    try:
        return door.load(entry)
    except StoreError:
        return "damaged" if entry.held else "missing"


def _equal(new: torch.Tensor, old: torch.Tensor | None) -> bool:
    return old is not None and new.shape == old.shape and torch.equal(new, old)


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
    if isinstance(number, str) or number is None:
        return number or "none"
    return f"{number:,}" if isinstance(number, int) else f"{number:.6g}"


def _studies(chosen: list[Study]) -> str:
    header = ("study", "seed", "key", "state", "size", "wrong digits", "free-running", "smaller seeds that failed")
    return aligned([header, *map(_study, chosen)])


def _study(chosen: Study) -> tuple[str, ...]:
    seed = chosen.published_seed
    (place,) = row_of(chosen).entries([seed])
    head, size = (chosen.name, str(seed), place.path.name), f"{place.size / 1024:.0f} kB"
    try:
        published = load(chosen.name, seed)
    except MissingResult:
        return (*head, _unfinished(chosen, place), "-", "-", "-", "-")
    except CorruptResult:
        return (*head, "damaged", size, "-", "-", "-")
    forced, free = published.errors(), published.errors("free_running")
    smaller = [s for s in stored_seeds(chosen.name) if s < seed]
    failed = sum(load(chosen.name, s).errors().wrong_digits > 0 for s in smaller)
    passed_over = f"{failed} of {seed}" if chosen.printed_seed is None else "the article's seed"
    wrong = of(forced.wrong_digits, forced.n_digits), of(free.wrong_digits, free.n_digits)
    return (*head, "stored", size, *wrong, passed_over)


def _unfinished(chosen: Study, place: Entry) -> str:
    try:
        done = place.rounds_done
    except CorruptResult:
        return "damaged checkpoint"
    return f"unfinished, {done} of {chosen.train.batches.n_rounds} rounds" if done else "not trained"


def _sweep(row: Row) -> tuple[str, ...]:
    stored = [each for each in row.committed if each.held]
    size = f"{sum(each.size for each in stored) / 1024:.0f} kB"
    try:
        solved = sum(int(load_sweep(row.name, each.seeds).solved.sum()) for each in stored)
    except CorruptResult:
        return (row.name, row.title, "damaged", size, "-")
    seeds = sum(len(each.seeds) for each in stored)
    return (row.name, row.title, of(seeds, len(list(row.seeds))), size, of(solved, seeds) if seeds else "-")


def _held(name: str, title: str, rows: list[Row]) -> tuple[str, ...]:
    """One line for rows of which only is said how much is there; damage is ``verify``'s to find."""
    committed = [each for row in rows for each in row.committed]
    stored = [each for each in committed if each.held]
    return (name, title, of(len(stored), len(committed)), f"{sum(each.size for each in stored) / 1024:.0f} kB")
