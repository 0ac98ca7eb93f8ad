"""Rows so small that a test makes them."""

from tinycircuits.models.build import ModelSpec
from tinycircuits.results.tables.analyses import ANALYSES, analysis
from tinycircuits.results.tables.calibration import CALIBRATIONS
from tinycircuits.results.tables.certificates import CERTIFICATES
from tinycircuits.results.tables.courses import COURSES, CourseRow
from tinycircuits.results.tables.fits import FITS, Fit
from tinycircuits.results.tables.grokking import GROKKINGS
from tinycircuits.results.tables.lattices import LATTICES
from tinycircuits.results.tables.profiles import SOURCES, Source
from tinycircuits.results.tables.proofs import PROOFS
from tinycircuits.results.tables.studies import STUDIES, Study
from tinycircuits.results.tables.sweeps import SWEEPS, Sweep
from tinycircuits.results.tables.torus import TORI
from tinycircuits.tasks import OrderedSplit, ReverseIncrement
from tinycircuits.training.dictionaries import SaeSpec
from tinycircuits.training.recipe import IndependentBatches, TrainSpec

TINY = Study(
    name="tiny",
    article="none",
    title="two digits, for tests",
    task=ReverseIncrement(n_digits=2),
    model=ModelSpec(n_layers=1, d_model=4, n_heads=1, d_head=2, d_mlp=4),
    train=TrainSpec(
        split=OrderedSplit(n_train=12), batches=IndependentBatches(steps=12, batch_size=4, round_steps=4), lr=1e-2
    ),
    published_seed=0,
)
SWEPT = Sweep("swept", "tiny", TINY.task, TINY.model, TINY.train.model_copy(update={"dtype": "float32"}), 4, 2)
SAE = Fit("sae", "tiny", "tiny", "L0 mlp", SaeSpec(width=6, l1=0.1, lr=1e-2, epochs=2, batch_size=8), 2)
SOURCE = Source("tiny", ("errors",), trained="swept", n_seeds=4, dtype="float64")
COURSE = CourseRow("tiny", (0,))
REMOVED = analysis("tiny", "ablation.ablation_table", seed=0, draws=1)


def only_these(
    patch,
    *,
    studies=(),
    sweeps=(),
    fits=(),
    sources=None,
    analyses=(),
    courses=(),
    lattices=(),
    proofs=(),
    certificates=(),
):
    """Empty all tables but for these rows."""
    tables = (
        (STUDIES, studies),
        (SWEEPS, sweeps),
        (COURSES, courses),
        (PROOFS, proofs),
        (CERTIFICATES, certificates),
        (FITS, fits),
        (GROKKINGS, ()),
        (SOURCES, ()),
        (ANALYSES, analyses),
        (LATTICES, lattices),
        (CALIBRATIONS, ()),
        (TORI, ()),
    )
    for table, kept in tables:
        for name in list(table)[::-1]:  # a patch is undone from its end: the rows come back in their order
            patch.delitem(table, name)
        for each in kept:
            patch.setitem(table, each.name, each)
    for name, row in (sources or {}).items():
        patch.setitem(SOURCES, name, row)
