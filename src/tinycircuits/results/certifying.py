"""Certifying: how the certificates of the published models are made, and confirmed by the separate checker."""

import hashlib
from collections.abc import Iterable
from copy import deepcopy
from functools import partial

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor
from tqdm.auto import tqdm
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.models.build import build
from tinycircuits.proof.certificates import Certified, certificate_file, certified, shape_of
from tinycircuits.proof.machines import MACHINES
from tinycircuits.proof.recheck import Refused, recheck
from tinycircuits.proof.subject import bytes_of
from tinycircuits.results.certificates import place
from tinycircuits.results.door import Entry, Made, Work
from tinycircuits.results.rows import Row
from tinycircuits.results.runs import load
from tinycircuits.results.store import Json, Stored
from tinycircuits.results.tables.certificates import CERTIFICATES, CertificateRow
from tinycircuits.results.text import of
from tinycircuits.tasks import Task

AT_ONCE = 4096
SAMPLED = "float64"
"""The machine that is confirmed where not all are."""
BOUND_TOLERANCE = 1e-4
"""Share by which a bound may differ where another machine adds in another order."""


def rows() -> list[Row]:
    """The rows of the table of certificates."""
    return [row_of(each) for each in CERTIFICATES.values()]


def row_of(chosen: CertificateRow) -> Row:
    """A certificate as a row of what is stored; it has no seeds."""

    def entries(seeds: Iterable[int]) -> list[Entry]:
        return [] if list(seeds) else [entry(chosen)]

    title = f"every answer of {chosen.source}{'' if chosen.trained else ' before training'}, on every machine"
    return Row("certificate", chosen.name, place(chosen).folder, title, (), entries)


def entry(chosen: CertificateRow) -> Entry:
    """A certificate as an entry."""
    return Entry(
        **vars(place(chosen)),
        make=partial(_make, chosen),
        check=partial(_check, chosen),
        says=_said,
        sampled=f"; {SAMPLED} confirmed by the checker",
    )


def _model(chosen: CertificateRow) -> tuple[TransformerBridge, Task]:
    study = chosen.study
    if not chosen.trained:
        return build(study.model, study.task, seed=0, dtype="float64"), study.task
    return load(chosen.source).model, study.task


def _make(chosen: CertificateRow, work: Work) -> Made:
    model, task = _model(chosen)
    machines = [MACHINES[name] for name in chosen.spec.machines]
    total = len(task.sequences()) * len(machines)
    with tqdm(total=total, desc=work.bar, unit="input", disable=None if work.bar else True) as bar:
        found = certified(model, task, machines, bar.update)
    tensors = {
        "counts": found.counts,
        "spare": found.spare,
        "margin": found.margin,
        "error": found.error,
        "grid": found.grid.astype(np.int32),
        **{f"norms.{name}": each for name, each in found.norms.items()},
    }
    return Made(_metrics(model, task, found.counts), {name: torch.from_numpy(each) for name, each in tensors.items()})


def _metrics(model: TransformerBridge, task: Task, counts: ndarray) -> Json:
    return {
        "answers": int(counts[0].sum()),
        "certified right": counts[:, 0].tolist(),
        "observed": {kind: _wrong(model, task, kind) for kind in ("float64", "float32")},
        "weights": hashlib.sha256(bytes_of(model)).hexdigest(),
    }


@torch.no_grad()
def _wrong(model: TransformerBridge, task: Task, kind: str) -> int:
    """Wrong answers of the ordinary model, with numbers of this kind, on this computer."""
    same = deepcopy(model)
    same = same.double() if kind == "float64" else same.float()
    wrong, rows = 0, list(task.predicting_rows)
    for part in torch.split(task.sequences(), AT_ONCE):
        logits = same(task.inputs(part))[:, rows]
        wrong += int((logits.argmax(-1) != task.answers(part)).sum())
    return wrong


def _check(chosen: CertificateRow, stored: Stored, whole: bool) -> list[str]:
    """The separate checker confirms what is stored of one machine; with ``whole`` of all, and it is made again."""
    model, task = _model(chosen)
    try:
        recheck(certificate_file(_as_found(stored, None if whole else SAMPLED), shape_of(model), task, bytes_of(model)))
    except Refused as refused:
        return [str(refused)]
    if stored.metrics != _metrics(model, task, stored.tensors["counts"].numpy()):
        return ["metrics"]
    if not whole:
        return []
    again = certified(model, task, [MACHINES[name] for name in chosen.spec.machines])
    names = [name for name in ("spare", "margin", "error") if not _alike(stored.tensors[name], getattr(again, name))]
    return names + ([] if np.array_equal(again.counts, stored.tensors["counts"].numpy()) else ["counts"])


def _alike(before: Tensor, now: ndarray) -> bool:
    return bool(np.allclose(before.numpy(), now, rtol=BOUND_TOLERANCE))


def _as_found(stored: Stored, only: str | None) -> Certified:
    """What is stored, of all machines or of one, for the file that the checker reads."""
    arrays = {name: each.numpy() for name, each in stored.tensors.items()}
    norms = {name.removeprefix("norms."): each for name, each in arrays.items() if name.startswith("norms.")}
    names = stored.spec["machines"]
    at = [index for index, name in enumerate(names) if only in (None, name)]
    fields = {name: arrays[name][at] for name in ("counts", "spare", "margin", "error", "grid")}
    return Certified(tuple(MACHINES[names[index]] for index in at), **fields, norms=norms)


def _said(stored: Stored) -> str:
    names, n = stored.spec["machines"], stored.metrics["answers"]
    right = stored.metrics["certified right"]
    return ", ".join(f"{name} {of(count, n)} answers certified" for name, count in zip(names, right, strict=True))
