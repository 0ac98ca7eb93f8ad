"""The certificates: of which published models it is stored what is certain of their answers on every machine."""

from dataclasses import dataclass

from tinycircuits.results.tables.studies import STUDIES, RunSpec, Study, study
from tinycircuits.specs import Spec


class CertificateSpec(Spec):
    """All that a stored certificate depends on: the run, and the machines.

    ``analysis`` is raised by hand whenever a change of ``tinycircuits.proof`` changes a bound.
    """

    of: RunSpec
    machines: tuple[str, ...] = ("real", "float64", "float32")
    analysis: int = 1


@dataclass(frozen=True)
class CertificateRow:
    """One row of the table: the published model of a study."""

    source: str

    @property
    def name(self) -> str:
        """``reversal-8d-1l.certificate``, also its folder."""
        return f"{self.source}.certificate"

    @property
    def study(self) -> Study:
        """The study; raises ``ValueError`` for an unknown one."""
        return study(self.source)

    @property
    def spec(self) -> CertificateSpec:
        """The full description of the entry."""
        return CertificateSpec(of=self.study.spec(self.study.published_seed))


CERTIFICATES = {row.name: row for row in (CertificateRow(each.name) for each in STUDIES.values() if each.article)}


def certificate_row(source: str) -> CertificateRow:
    """The row of a study; raises ``ValueError`` that lists the known ones."""
    for row in CERTIFICATES.values():
        if row.source == source:
            return row
    known = ", ".join(row.source for row in CERTIFICATES.values())
    raise ValueError(f"no certificate of {source!r} is kept; known are {known}")
