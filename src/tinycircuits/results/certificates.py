"""Certificates of the published models as they are stored: for each machine how many answers are certain."""

import hashlib
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor
from tqdm.auto import tqdm
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.proof.certificates import VERDICTS, Certified, certificate_file, certified, shape_of
from tinycircuits.proof.machines import MACHINES
from tinycircuits.proof.recheck import Refused, recheck
from tinycircuits.proof.subject import bytes_of
from tinycircuits.results import door
from tinycircuits.results.door import Entry, Made, Work
from tinycircuits.results.rows import Row
from tinycircuits.results.runs import load
from tinycircuits.results.store import Json, Stored
from tinycircuits.results.tables.certificates import CERTIFICATES, CertificateRow, certificate_row
from tinycircuits.results.text import of
from tinycircuits.tasks import Task

AT_ONCE = 4096
BOUND_TOLERANCE = 1e-4
"""Share by which a bound may differ where another machine adds in another order."""


@dataclass(frozen=True)
class StoredCertificate:
    """What is certain of a published model on each of ``machines``. All fields as in ``proof.certificates``."""

    machines: tuple[str, ...]
    counts: Int[Tensor, "machine verdict"]
    spare: Float[Tensor, " machine"]
    margin: Float[Tensor, " machine"]
    error: Float[Tensor, " machine"]
    grid: Int[Tensor, "machine error margin"]
    observed: dict[str, int]
    """Wrong answers that this computer gives in the order in which it happens to add, by its numbers."""
    sha256: str
    """Of the weights' file."""

    def count(self, machine: str, verdict: str) -> int:
        """Answers with this verdict on this machine."""
        return int(self.counts[self.machines.index(machine), VERDICTS.index(verdict)])

    @property
    def n_answers(self) -> int:
        """Answers to all inputs."""
        return int(self.counts[0].sum())


def load_certificate(source: str) -> StoredCertificate:
    """The stored certificate of a study's published model; never makes it.

    Raises as ``door.load`` and ``certificate_row`` do.
    """
    stored = door.load(entry(certificate_row(source)))
    fields = {name: stored.tensors[name] for name in ("counts", "spare", "margin", "error", "grid")}
    return StoredCertificate(
        tuple(stored.spec["machines"]), **fields, observed=stored.metrics["observed"], sha256=stored.metrics["weights"]
    )


def rows() -> list[Row]:
    """The rows of the table of certificates."""
    return [row_of(each) for each in CERTIFICATES.values()]


def row_of(chosen: CertificateRow) -> Row:
    """A certificate as a row of what is stored; it has no seeds."""

    def entries(seeds: Iterable[int]) -> list[Entry]:
        return [] if list(seeds) else [entry(chosen)]

    return Row(
        "certificate", chosen.name, chosen.name, f"every answer of {chosen.source}, on every machine", (), entries
    )


def entry(chosen: CertificateRow) -> Entry:
    """A certificate as an entry."""
    return Entry(
        folder=chosen.name,
        spec=chosen.spec,
        name=chosen.name,
        seeds=range(0),
        command=door.retraining(chosen.name, range(0)),
        make=partial(_make, chosen),
        check=partial(_check, chosen),
        says=_said,
        sampled="; bounds of norms and counts as the checker finds them",
    )


def _model(chosen: CertificateRow) -> tuple[TransformerBridge, Task]:
    return load(chosen.source).model, chosen.study.task


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
    """The separate checker confirms what is stored; with ``whole`` it is also made again."""
    model, task = _model(chosen)
    try:
        recheck(certificate_file(_as_found(stored), shape_of(model), task, bytes_of(model)))
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


def _as_found(stored: Stored) -> Certified:
    """What is stored, for the file that the checker reads."""
    arrays = {name: each.numpy() for name, each in stored.tensors.items()}
    norms = {name.removeprefix("norms."): each for name, each in arrays.items() if name.startswith("norms.")}
    fields = {name: arrays[name] for name in ("counts", "spare", "margin", "error", "grid")}
    return Certified(tuple(MACHINES[name] for name in stored.spec["machines"]), **fields, norms=norms)


def _said(stored: Stored) -> str:
    names, n = stored.spec["machines"], stored.metrics["answers"]
    right = stored.metrics["certified right"]
    return ", ".join(f"{name} {of(count, n)} answers certified" for name, count in zip(names, right, strict=True))
