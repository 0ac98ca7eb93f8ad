"""The certificates: of which published models it is stored what is certain of their answers on every machine."""

from dataclasses import dataclass

from tinycircuits.results.tables.profiles import Untrained
from tinycircuits.results.tables.studies import STUDIES, RunSpec, Study, study
from tinycircuits.specs import Spec


class CertificateSpec(Spec):
    """All that a stored certificate depends on: the run, and the machines.

    ``analysis`` is raised by hand whenever a change of ``tinycircuits.proof`` changes a bound.
    """

    of: RunSpec | Untrained
    machines: tuple[str, ...] = ("real", "float64", "float32")
    analysis: int = 1


@dataclass(frozen=True)
class CertificateRow:
    """One row of the table: the published model of a study, or as a control one of its models before training."""

    source: str
    trained: bool = True

    @property
    def name(self) -> str:
        """``reversal-8d-1l.certificate``, or the same with ``, untrained``."""
        return f"{self.source}.certificate{'' if self.trained else ', untrained'}"

    @property
    def study(self) -> Study:
        """The study; raises ``ValueError`` for an unknown one."""
        return study(self.source)

    @property
    def spec(self) -> CertificateSpec:
        """The full description of the entry."""
        of = self.study
        if not self.trained:
            return CertificateSpec(of=Untrained(task=of.task, model=of.model, n_seeds=1))
        return CertificateSpec(of=of.spec(of.published_seed))


CERTIFICATES = {
    row.name: row
    for trained in (True, False)
    for row in (CertificateRow(each.name, trained) for each in STUDIES.values() if each.article)
}


def certificate_row(source: str, *, trained: bool = True) -> CertificateRow:
    """The row of a study; raises ``ValueError`` that lists the known ones."""
    row = CertificateRow(source, trained)
    if row.name not in CERTIFICATES:
        raise ValueError(f"{row.name} is not kept; known are {', '.join(CERTIFICATES)}")
    return row
