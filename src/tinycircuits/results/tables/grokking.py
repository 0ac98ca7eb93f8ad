"""Grokking: the trainings that understand long after they know every training pair by heart, kept as they go."""

from dataclasses import dataclass

from tinycircuits.models.build import Dtype, ModelSpec
from tinycircuits.results.tables.studies import RunSpec
from tinycircuits.specs import Spec
from tinycircuits.tasks import ModularAddition, ShuffledSplit, ShuffledSums
from tinycircuits.training.recipe import IndependentBatches, TrainSpec

ROUND_STEPS = 100
"""Optimizer steps between two looks."""


class GrokkingSpec(Spec):
    """All that one stored training depends on: the run, and after which of its rounds the weights are kept.

    ``recipe`` is raised by hand whenever a change of what is looked at changes a number.
    """

    of: RunSpec
    kept: tuple[int, ...]
    recipe: int = 1


_MODEL = ModelSpec(n_layers=1, d_model=128, n_heads=4, d_head=32, d_mlp=512, layer_norm=False, start="hooked")
"""The architecture of Nanda et al. 2023, with the biases that TransformerLens has in attention."""


@dataclass(frozen=True)
class GrokkingRow:
    """One row of the table. ``seeds`` are trained; of those in ``whole`` the weights of ten rounds are kept, of the
    others those of the last."""

    name: str
    title: str
    task: ModularAddition
    train: TrainSpec
    seeds: range
    model: ModelSpec = _MODEL
    whole: range = range(0)

    @property
    def rounds(self) -> int:
        """Rounds of ``ROUND_STEPS`` steps."""
        return self.train.batches.n_rounds

    def spec(self, seed: int) -> GrokkingSpec:
        """The full description of one seed's training; raises ``ValueError`` for a seed that is not kept."""
        if seed not in self.seeds:
            raise ValueError(f"seed must lie in 0..{self.seeds[-1]}, got {seed}")
        tenths = range(self.rounds // 10, self.rounds + 1, self.rounds // 10)
        of = RunSpec(task=self.task, model=self.model, train=self.train, seed=seed)
        return GrokkingSpec(of=of, kept=tuple(tenths) if seed in self.whole else (self.rounds,))


def reference(
    modulus: int, share: float, steps: int, *, weight_decay: float = 1.0, loss_dtype: Dtype | None = None
) -> TrainSpec:
    """The recipe of Nanda et al. 2023 (arXiv 2301.05217), shorter: whole batches, no decay of the rate.

    Read there: AdamW at 1e-3, weight decay 1, betas 0.9 and 0.98, ten steps of warm-up, 40,000 steps. Chosen here:
    fewer steps. Above the published loss stands that it casts logits to float64, its code casts them to float32: ours
    is that of the code, and what the comment says is a control.
    """
    n_train = int(share * modulus**2)
    return TrainSpec(
        split=ShuffledSplit(n_train=n_train, seed=0),
        batches=IndependentBatches(steps=steps, batch_size=n_train, round_steps=ROUND_STEPS),
        lr=1e-3,
        betas=(0.9, 0.98),
        weight_decay=weight_decay,
        warmup_steps=10,
        dtype="float32",
        forward="tables",
        loss_dtype=loss_dtype,
    )


_LARGE = ModularAddition(modulus=113, plus_sign=False)
_SMALL = ModularAddition(modulus=59, plus_sign=False)
_SHARE, _STEPS = 0.3, 16_000
_SMALL_SHARE, _SMALL_STEPS = 0.4, 12_000

_ROWS = (
    GrokkingRow("grokking-113", "modulo 113", _LARGE, reference(113, _SHARE, _STEPS), range(3), whole=range(1)),
    GrokkingRow("grokking-59", "modulo 59", _SMALL, reference(59, _SMALL_SHARE, _SMALL_STEPS), range(5)),
    GrokkingRow(
        "grokking-59-no-decay",
        "modulo 59, no weight decay",
        _SMALL,
        reference(59, _SMALL_SHARE, _SMALL_STEPS, weight_decay=0.0),
        range(1),
    ),
    GrokkingRow(
        "grokking-59-precise",
        "modulo 59, loss in double precision",
        _SMALL,
        reference(59, _SMALL_SHARE, _SMALL_STEPS, loss_dtype="float64"),
        range(1),
    ),
    GrokkingRow(
        "grokking-59-shuffled",
        "modulo 59, shuffled sums",
        ShuffledSums(modulus=59, plus_sign=False, seed=0),
        reference(59, _SMALL_SHARE, _SMALL_STEPS),
        range(1),
    ),
)
GROKKINGS = {row.name: row for row in _ROWS}


def grokking_row(name: str) -> GrokkingRow:
    """The row of that name; raises ``ValueError`` that lists the known ones."""
    if name not in GROKKINGS:
        raise ValueError(f"unknown training {name!r}; known are {', '.join(GROKKINGS)}")
    return GROKKINGS[name]
