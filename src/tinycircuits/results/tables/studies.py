"""The studies: one row for each model that the book shows."""

from dataclasses import dataclass

from pydantic import Field

from tinycircuits.models.build import ModelSpec
from tinycircuits.specs import Spec, checked_seed
from tinycircuits.tasks import ModularAddition, OrderedSplit, ReverseIncrement, ShuffledSplit, Task
from tinycircuits.training.recipe import EpochBatches, IndependentBatches, TrainSpec


class RunSpec(Spec):
    """All that one stored result depends on."""

    task: Task
    model: ModelSpec
    train: TrainSpec
    seed: int = Field(ge=0)


@dataclass(frozen=True)
class Study:
    """One row of the table: a task, an architecture and a recipe. ``published_seed`` is the model that the book shows.

    ``article`` is the key of the article that it rebuilds, empty where it stands beside or is a task of your own.
    The published seed is the one that the article prints, ``printed_seed``; where it prints none, the smallest whose
    model makes no mistake on any held-out input. Stored are that seed, all smaller ones unless it is printed, and
    ``n_seeds`` from 0 on.
    """

    name: str
    article: str
    title: str
    task: Task
    model: ModelSpec
    train: TrainSpec
    published_seed: int
    n_seeds: int = 1
    printed_seed: int | None = None

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds whose results are committed, in order."""
        if self.printed_seed is None:
            return tuple(range(max(self.n_seeds, self.published_seed + 1)))
        return tuple(sorted({*range(self.n_seeds), self.printed_seed}))

    def spec(self, seed: int) -> RunSpec:
        """The full description of the run with this seed; raises ``ValueError`` for one out of range."""
        return RunSpec(task=self.task, model=self.model, train=self.train, seed=checked_seed(seed))


def _of_addition(n_train: int, batch_size: int) -> TrainSpec:
    """The recipe of modular addition.

    Article D gives the task, three layers of four heads and 50 epochs. Chosen here: the widths and the AdamW settings
    usual for this task since Nanda et al. 2023, the split of E, batches, warm-up and decay. Article E prints its class
    with PyTorch's own start, a vocabulary of a hundred tokens, seed 42 and the split, but neither an optimizer nor a
    length: the recipe of D, with the batch that E prints for its autoencoder. ``addition-97-2l-gpt2`` is the same task
    from the start that TransformerLens gives, embeddings at 0.07: the book's first version of E, kept for comparison.
    Float32 halves time and weights; the final errors and losses are still measured in float64 (``runs.measure``).
    """
    return TrainSpec(
        split=ShuffledSplit(n_train=n_train, seed=0),
        batches=EpochBatches(epochs=50, batch_size=batch_size),
        lr=1e-3,
        betas=(0.9, 0.98),
        weight_decay=1.0,
        warmup_steps=10,
        decay="cosine",
        dtype="float32",
    )


# Articles A and B say that their data are shuffled and that gradients are clipped; A adds a warm-up, both a cosine
# decay. They leave open the batch size, the learning rate, the clipping norm and the length of the warm-up. Chosen
# here: 256, the 0.01 of article C, 1.0 and 500 steps. C's recipe is complete and taken as its code has it.
_STUDIES = (
    Study(
        name="reversal-8d-2l",
        article="A",
        title="eight digits, two layers",
        task=ReverseIncrement(n_digits=8),
        model=ModelSpec(n_layers=2, d_model=4, n_heads=1, d_head=2, d_mlp=16),
        train=TrainSpec(
            split=ShuffledSplit(n_train=60_000, seed=0),
            batches=EpochBatches(epochs=40, batch_size=256),
            lr=1e-2,
            warmup_steps=500,
            decay="cosine",
            clip_norm=1.0,
        ),
        published_seed=1,
    ),
    Study(
        name="reversal-8d-1l",
        article="B",
        title="eight digits, one layer",
        task=ReverseIncrement(n_digits=8),
        model=ModelSpec(n_layers=1, d_model=4, n_heads=1, d_head=4, d_mlp=16),
        train=TrainSpec(
            split=ShuffledSplit(n_train=60_000, seed=0),
            batches=EpochBatches(epochs=30, batch_size=256),
            lr=1e-2,
            decay="cosine",
            clip_norm=1.0,
        ),
        published_seed=0,
    ),
    Study(
        name="reversal-4d-2l",
        article="C",
        title="four digits, two layers",
        task=ReverseIncrement(n_digits=4),
        model=ModelSpec(n_layers=2, d_model=4, n_heads=1, d_head=2, d_mlp=4),
        train=TrainSpec(
            split=OrderedSplit(n_train=200),
            batches=IndependentBatches(steps=4_000, batch_size=16, round_steps=100),
            lr=1e-2,
        ),
        published_seed=2,
    ),
    Study(
        name="addition-113-3l",
        article="D",
        title="modulo 113, three layers",
        task=ModularAddition(modulus=113, plus_sign=True),
        model=ModelSpec(n_layers=3, d_model=128, n_heads=4, d_head=32, d_mlp=512),
        train=_of_addition(n_train=10_215, batch_size=256),
        published_seed=0,
        n_seeds=5,
    ),
    Study(
        name="addition-97-2l",
        article="E",
        title="modulo 97, two layers",
        task=ModularAddition(modulus=97, plus_sign=False, unused_tokens=2),
        model=ModelSpec(n_layers=2, d_model=128, n_heads=4, d_head=32, d_mlp=256, act_fn="gelu", start="torch"),
        train=_of_addition(n_train=7_527, batch_size=128),
        published_seed=42,
        n_seeds=9,
        printed_seed=42,
    ),
    Study(
        name="addition-97-2l-gpt2",
        article="",
        title="modulo 97, two layers, another start",
        task=ModularAddition(modulus=97, plus_sign=False),
        model=ModelSpec(n_layers=2, d_model=128, n_heads=4, d_head=32, d_mlp=256, act_fn="gelu"),
        train=_of_addition(n_train=7_527, batch_size=512),
        published_seed=0,
        n_seeds=5,
    ),
)

STUDIES = {study.name: study for study in _STUDIES}


def studies_of(task: type[Task]) -> dict[str, Study]:
    """The studies of one kind of task, by name."""
    return {name: study for name, study in STUDIES.items() if isinstance(study.task, task)}


def study(name: str) -> Study:
    """The study of that name; raises ``ValueError`` that lists the known names."""
    if name not in STUDIES:
        raise ValueError(f"unknown study {name!r}; known are {', '.join(STUDIES)}")
    return STUDIES[name]
