"""Certificates of the published models as they are stored: for each machine how many answers are certain.

``certifying`` makes them.
"""

from dataclasses import dataclass

from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

from tinycircuits.proof.machines import VERDICTS
from tinycircuits.results import door
from tinycircuits.results.door import Place
from tinycircuits.results.tables.certificates import CertificateRow, certificate_row


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
    def grids(self) -> dict[str, ndarray]:
        """The grid of each machine."""
        return {name: self.grid[at].numpy() for at, name in enumerate(self.machines)}

    @property
    def said(self) -> dict[str, str]:
        """For each machine answers certified right, wrong, and undecided: ``1,023 / 0 / 1``."""
        return {name: " / ".join(f"{n:,}" for n in self.counts[at].tolist()) for at, name in enumerate(self.machines)}

    @property
    def n_answers(self) -> int:
        """Answers to all inputs."""
        return int(self.counts[0].sum())


def load_certificate(source: str, *, trained: bool = True) -> StoredCertificate:
    """The stored certificate of a study's published model, or of its model before training; never makes it.

    Raises as ``door.load`` and ``certificate_row`` do.
    """
    stored = door.load(place(certificate_row(source, trained=trained)))
    fields = {name: stored.tensors[name] for name in ("counts", "spare", "margin", "error", "grid")}
    return StoredCertificate(
        tuple(stored.spec["machines"]), **fields, observed=stored.metrics["observed"], sha256=stored.metrics["weights"]
    )


def place(chosen: CertificateRow) -> Place:
    """Where a certificate lies; it has no seeds."""
    folder = f"{chosen.source}.certificate"
    return Place(folder, chosen.spec, chosen.name, range(0), door.retraining(chosen.name, range(0)))
