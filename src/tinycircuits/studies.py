"""The tables: studies of one published seed, what they leave open done otherwise, and sweeps over many seeds."""

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import Field

from tinycircuits.models import ModelSpec
from tinycircuits.specs import Spec
from tinycircuits.tasks import (
    IncrementInPlace,
    ModularAddition,
    OrderedSplit,
    ReverseAddNeighbour,
    ReverseIncrement,
    ShuffledAnswers,
    ShuffledSplit,
    Task,
)
from tinycircuits.training import EpochBatches, IndependentBatches, TrainSpec


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
        """The full description of the run with this seed; raises ``ValueError`` for a negative seed."""
        if seed < 0:
            raise ValueError(f"seed must be 0 or larger, got {seed}")
        return RunSpec(task=self.task, model=self.model, train=self.train, seed=seed)

    def command(self, seed: int) -> str:
        """The shell command that makes the result of ``seed``."""
        return f"tinycircuits train {self.name} --seed {seed}"


# Articles A and B say that their data are shuffled and that gradients are clipped; A adds a warm-up, both a cosine
# decay. They leave open the batch size, the learning rate, the clipping norm and the length of the warm-up. Chosen
# here: 256, the 0.01 of article C, 1.0 and 500 steps. C's recipe is complete and taken as its code has it.
#
# Article D gives the task, three layers of four heads and 50 epochs. Chosen here: the widths and the AdamW settings
# usual for this task since Nanda et al. 2023, the split of E, batches, warm-up and decay. Article E prints its class
# with PyTorch's own start, a vocabulary of a hundred tokens, seed 42 and the split, but neither an optimizer nor a
# length: the recipe of D, with the batch that E prints for its autoencoder. ``addition-97-2l-gpt2`` is the same task
# from the start that TransformerLens gives, embeddings at 0.07: the book's first version of E, kept as a second column.
# Float32 halves time and weights; the final errors and losses are still measured in float64 (`runs.measure`).
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
        train=TrainSpec(
            split=ShuffledSplit(n_train=10_215, seed=0),
            batches=EpochBatches(epochs=50, batch_size=256),
            lr=1e-3,
            betas=(0.9, 0.98),
            weight_decay=1.0,
            warmup_steps=10,
            decay="cosine",
            dtype="float32",
        ),
        published_seed=0,
        n_seeds=5,
    ),
    Study(
        name="addition-97-2l",
        article="E",
        title="modulo 97, two layers",
        task=ModularAddition(modulus=97, plus_sign=False, unused_tokens=2),
        model=ModelSpec(n_layers=2, d_model=128, n_heads=4, d_head=32, d_mlp=256, act_fn="gelu", start="torch"),
        train=TrainSpec(
            split=ShuffledSplit(n_train=7_527, seed=0),
            batches=EpochBatches(epochs=50, batch_size=128),
            lr=1e-3,
            betas=(0.9, 0.98),
            weight_decay=1.0,
            warmup_steps=10,
            decay="cosine",
            dtype="float32",
        ),
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
        train=TrainSpec(
            split=ShuffledSplit(n_train=7_527, seed=0),
            batches=EpochBatches(epochs=50, batch_size=512),
            lr=1e-3,
            betas=(0.9, 0.98),
            weight_decay=1.0,
            warmup_steps=10,
            decay="cosine",
            dtype="float32",
        ),
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


@dataclass(frozen=True)
class Alternative:
    """A study with one choice made otherwise, trained from a few seeds.

    ``choice`` names what is changed, ``value`` to what. Where ``sweep`` is named the models are stored as that sweep;
    else only what is measured on them is kept. ``left_open`` is false where the article fixes the choice, and the
    question is what depends on it.
    """

    study: Study
    choice: str
    value: str
    model: ModelSpec
    train: TrainSpec
    seeds: range
    sweep: str | None = None
    left_open: bool = True

    @property
    def name(self) -> str:
        """``E, embeddings start at 1/4``."""
        return f"{self.study.article}, {self.choice} {self.value}"

    def spec(self, seed: int) -> RunSpec:
        """The full description of the model of one seed."""
        return RunSpec(task=self.study.task, model=self.model, train=self.train, seed=seed)


START_SIZES = {"1/16": 1 / 16, "1/8": 1 / 8, "1/4": 1 / 4, "1/2": 1 / 2, "1": 1.0}
"""Standard deviations at which the embeddings of article E's class may start; 1 is what it prints."""
LARGE_BATCHES = "large batches, embeddings start at"
"""The same sizes, trained in batches of 512 at a constant rate: a recipe by which small starts finish in time."""


def _of_addition() -> Iterator[Alternative]:
    e, d = STUDIES["addition-97-2l"], STUDIES["addition-113-3l"]

    def trained(study_: Study, choice: str, value: str, **changes: object) -> Alternative:
        return Alternative(study_, choice, value, study_.model, study_.train.model_copy(update=changes), range(3))

    yield trained(e, "weight decay", "0", weight_decay=0.0)
    yield trained(e, "weight decay", "0.1", weight_decay=0.1)
    yield trained(e, "decay of the rate", "none", decay="constant", warmup_steps=0)
    large = EpochBatches(epochs=60, batch_size=512)
    plain = e.train.model_copy(update={"batches": large, "decay": "constant", "warmup_steps": 0})
    yield Alternative(e, "batch and length", "512, 60, rate constant", e.model, plain, range(5))
    for value, embed_std in START_SIZES.items():
        if embed_std != e.model.default_embed_std:
            model = e.model.model_copy(update={"embed_std": embed_std})
            for choice, recipe in (("embeddings start at", e.train), (LARGE_BATCHES, plain)):
                yield Alternative(e, choice, value, model, recipe, range(5), left_open=False)
    torch_start = d.model.model_copy(update={"start": "torch"})
    yield Alternative(d, "start", PYTORCH, torch_start, d.train, range(3))


OLDER, PYTORCH = "TransformerLens 3's", "PyTorch's"
"""Two other starts of the weights: those of the library when the articles were written, and those of PyTorch."""


def _of_reversal() -> Iterator[Alternative]:
    """All in single precision, as the sweeps that they stand beside."""
    c, b, a = (STUDIES[f"reversal-{shape}"] for shape in ("4d-2l", "8d-1l", "8d-2l"))

    def built(study_: Study, choice: str, value: str, key: str, n_seeds: int, **changes: object) -> Alternative:
        model, train = study_.model.model_dump(), study_.train.model_dump() | {"dtype": "float32"}
        for name, value_ in changes.items():
            (model if name in model else train)[name] = value_
        name = f"open-{study_.article.lower()}-{key}"
        return Alternative(study_, choice, value, ModelSpec(**model), TrainSpec(**train), range(n_seeds), name)

    for study_, n_seeds in ((a, 5), (b, 8), (c, 250)):
        yield built(study_, "start", OLDER, "hooked", n_seeds, start="hooked")
        yield built(study_, "start", PYTORCH, "torch", n_seeds, start="torch")
    yield built(a, "LayerNorm", "none", "raw", 5, layer_norm=False)
    ordered = b.train.model_copy(update={"dtype": "float32", "split": OrderedSplit(n_train=60_000)})
    yield Alternative(b, "split", "ordered", b.model, ordered, range(25), "seeds-b-ordered")


ALTERNATIVES = {each.name: each for each in (*_of_reversal(), *_of_addition())}
"""What the articles leave open, done in other usual ways, and the size of E's start, by name."""


class SweepSpec(Spec):
    """All that one stored block of a sweep depends on: models with seeds ``first_seed`` and the next ones.

    ``loop`` is raised by hand whenever a change of ``tinycircuits.lanes`` changes the outcome.
    """

    task: Task
    model: ModelSpec
    train: TrainSpec
    first_seed: int = Field(ge=0)
    lanes: int = Field(ge=1)
    loop: int = 1


@dataclass(frozen=True)
class Sweep:
    """One row of the table of sweeps: the same training from ``n_seeds`` seeds, stored in blocks of ``lanes``."""

    name: str
    title: str
    task: Task
    model: ModelSpec
    train: TrainSpec
    n_seeds: int
    lanes: int

    def blocks(self, seeds: range) -> list[range]:
        """The whole blocks that hold ``seeds``; raises ``ValueError`` for none and for negative ones."""
        if not seeds or seeds[0] < 0 or seeds.step != 1:
            raise ValueError(f"seeds must be a rising range of numbers from 0 on, got {seeds}")
        first, last = seeds[0] // self.lanes, seeds[-1] // self.lanes
        return [range(index * self.lanes, (index + 1) * self.lanes) for index in range(first, last + 1)]

    def spec(self, block: range) -> SweepSpec:
        """The full description of one block."""
        return SweepSpec(task=self.task, model=self.model, train=self.train, first_seed=block[0], lanes=len(block))

    def command(self, block: range) -> str:
        """The shell command that makes the block."""
        return f"tinycircuits sweep {self.name} --seeds {block[0]}..{block[-1]}"


# The sweeps train in single precision, as the articles do: many courses are wanted, not one to the last bit.
_C, _B, _A = (STUDIES[f"reversal-{shape}"] for shape in ("4d-2l", "8d-1l", "8d-2l"))
_PRINTED = _C.train.model_copy(update={"dtype": "float32"})
_SHUFFLED = ShuffledSplit(n_train=200, seed=0)
_BETTER = _PRINTED.model_copy(update={"decay": "cosine", "clip_norm": 1.0, "warmup_steps": 100})
_FAIR = _BETTER.model_copy(update={"split": _SHUFFLED})
_REVERSE, _PLAIN_REVERSE = ReverseIncrement(n_digits=4), ReverseIncrement(n_digits=4, increment=0)
_IN_PLACE, _NEIGHBOUR = IncrementInPlace(n_digits=4), ReverseAddNeighbour(n_digits=4)


def _one_layer(d_model: int, d_mlp: int | None = None, *, layer_norm: bool = True, tied: bool = False) -> ModelSpec:
    return ModelSpec(n_layers=1, d_model=d_model, n_heads=1, d_head=4, d_mlp=d_mlp, layer_norm=layer_norm, tied=tied)


def _seeds() -> Iterator[Sweep]:
    """The articles' own studies from many seeds; C on both splits, as printed and with a better recipe."""
    shuffled = _PRINTED.model_copy(update={"split": _SHUFFLED})
    yield Sweep("seeds-c-ordered", "C as printed", _C.task, _C.model, _PRINTED, 1_000, 250)
    yield Sweep("seeds-c-shuffled", "C, shuffled", _C.task, _C.model, shuffled, 1_000, 250)
    yield Sweep("seeds-c-ordered-better", "C, better recipe", _C.task, _C.model, _BETTER, 1_000, 250)
    yield Sweep("seeds-c-shuffled-better", "C, shuffled, better recipe", _C.task, _C.model, _FAIR, 1_000, 250)
    for study_, n_seeds in ((_B, 200), (_A, 100)):
        recipe = study_.train.model_copy(update={"dtype": "float32"})
        yield Sweep(f"seeds-{study_.article.lower()}", study_.article, study_.task, study_.model, recipe, n_seeds, 25)
    ordered = _B.train.model_copy(update={"dtype": "float32", "split": OrderedSplit(n_train=60_000)})
    yield Sweep("seeds-b-ordered", "B, ordered", _B.task, _B.model, ordered, 25, 25)


def _open() -> Iterator[Sweep]:
    """Articles A, B and C with one choice made otherwise that they leave open."""
    for each in ALTERNATIVES.values():
        if each.sweep is not None and each.sweep.startswith("open-"):
            n = len(each.seeds)
            yield Sweep(each.sweep, each.name, each.study.task, each.model, each.train, n, n)


def _controls() -> Iterator[Sweep]:
    """The articles' studies where every input has the answers of another one: trained models without an algorithm."""
    for study_, n_digits in ((_A, 8), (_B, 8), (_C, 4)):
        task = ShuffledAnswers(n_digits=n_digits, seed=0)
        recipe = study_.train.model_copy(update={"dtype": "float32"})
        name = f"shuffled-{study_.article.lower()}"
        yield Sweep(name, f"{study_.article}, answers shuffled", task, study_.model, recipe, 5, 5)


def _parts() -> Iterator[Sweep]:
    """Four digits without a part of the model, or of the task; all shuffled, by the better recipe."""
    no_attention = ModelSpec(n_layers=2, d_model=4, n_heads=1, d_head=1, d_mlp=16, attention=False)
    rows: list[tuple[str, str, Task, ModelSpec]] = [
        (f"attention-{d}{'' if norm else '-raw'}", "attention only", _REVERSE, _one_layer(d, layer_norm=norm))
        for norm in (True, False)
        for d in (4, 8, 16)
    ]
    rows += [
        ("mlp-only", "MLP only", _REVERSE, no_attention),
        ("mlp-only-in-place", "increment in place, MLP only", _IN_PLACE, no_attention),
        ("attention-4-in-place", "increment in place, attention only", _IN_PLACE, _one_layer(4)),
        ("attention-4-reversal", "pure reversal, attention only", _PLAIN_REVERSE, _one_layer(4)),
        ("attention-16-reversal", "pure reversal, attention only", _PLAIN_REVERSE, _one_layer(16)),
        ("tied-attention-4", "tied, attention only", _REVERSE, _one_layer(4, tied=True)),
        ("tied-attention-8", "tied, attention only", _REVERSE, _one_layer(8, tied=True)),
        ("tied-mlp-4", "tied, with MLP", _REVERSE, _one_layer(4, 16, tied=True)),
        ("tied-mlp-8", "tied, with MLP", _REVERSE, _one_layer(8, 16, tied=True)),
        ("neighbour-attention-16", "two digits, attention only", _NEIGHBOUR, _one_layer(16)),
        ("neighbour-attention-16-raw", "two digits, attention only", _NEIGHBOUR, _one_layer(16, layer_norm=False)),
        ("neighbour-mlp-16", "two digits, with MLP", _NEIGHBOUR, _one_layer(16, 64)),
    ]
    for name, title, task, model in rows:
        yield Sweep(name, title, task, model, _FAIR, 100, 100)


def size_name(n_layers: int, d_model: int, d_head: int, d_mlp: int | None) -> str:
    """The name of the sweep over seeds of one size of the grid."""
    return f"size-{n_layers}-{d_model}-{d_head}-{d_mlp or 0}"


SIZES = tuple(
    (n_layers, d_model, d_head, d_mlp)
    for n_layers in (1, 2)
    for d_model, d_head, d_mlp in (
        *((d_model, 2, d_mlp) for d_model in (2, 3, 4, 6) for d_mlp in (None, 4, 16)),
        (4, 1, 4),
        (4, 4, 4),
    )
)
"""The grid of sizes: layers, d_model, d_head, d_mlp; every width with every MLP, and three heads at d_model 4."""


def _sizes() -> Iterator[Sweep]:
    """Four digits in models of every size of the grid, shuffled, by the better recipe."""
    for n_layers, d_model, d_head, d_mlp in SIZES:
        model = ModelSpec(n_layers=n_layers, d_model=d_model, n_heads=1, d_head=d_head, d_mlp=d_mlp)
        yield Sweep(size_name(n_layers, d_model, d_head, d_mlp), "size", _REVERSE, model, _FAIR, 50, 50)


SWEEPS = {row.name: row for row in (*_seeds(), *_open(), *_controls(), *_parts(), *_sizes())}


def sweep(name: str) -> Sweep:
    """The sweep of that name; raises ``ValueError`` that lists the known names."""
    if name not in SWEEPS:
        raise ValueError(f"unknown sweep {name!r}; known are {', '.join(SWEEPS)}")
    return SWEEPS[name]
