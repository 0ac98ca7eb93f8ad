"""The sweeps: one training from many seeds, in blocks."""

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import Field

from tinycircuits.models.build import ModelSpec
from tinycircuits.results.tables.alternatives import ALTERNATIVES
from tinycircuits.results.tables.studies import STUDIES
from tinycircuits.specs import Spec, checked_seed
from tinycircuits.tasks import (
    IncrementInPlace,
    OrderedSplit,
    ReverseAddNeighbour,
    ReverseIncrement,
    SampledSplit,
    ShuffledAnswers,
    ShuffledSplit,
    Task,
)
from tinycircuits.training.recipe import DrawnBatches, TrainSpec


class SweepSpec(Spec):
    """All that one stored block of a sweep depends on: models with seeds ``first_seed`` and the next ones.

    ``loop`` is raised by hand whenever a change of ``tinycircuits.training.lanes`` changes the outcome.
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
        checked_seed(seeds[-1])
        first, last = seeds[0] // self.lanes, seeds[-1] // self.lanes
        return [range(index * self.lanes, (index + 1) * self.lanes) for index in range(first, last + 1)]

    def spec(self, block: range) -> SweepSpec:
        """The full description of one block."""
        return SweepSpec(task=self.task, model=self.model, train=self.train, first_seed=block[0], lanes=len(block))


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


DRAWN = (
    (12, 4, 16, 3_000, 12),
    (16, 6, 16, 3_000, 12),
    (16, 8, 32, 3_000, 12),
    (16, 8, 32, 600, 24),
)
"""Studies whose inputs are too many to list: digits, d_model, d_mlp, steps, seeds. The last one stops early."""


def drawn_name(n_digits: int, d_model: int, steps: int) -> str:
    """The name of the sweep over seeds of one of ``DRAWN``."""
    return f"drawn-{n_digits}-{d_model}-{steps}"


def _drawn() -> Iterator[Sweep]:
    """Twelve and sixteen digits in one-layer models, each step on inputs drawn anew; B's recipe with a warm-up."""
    for n_digits, d_model, d_mlp, steps, n_seeds in DRAWN:
        recipe = TrainSpec(
            split=SampledSplit(n_train=2_048, n_holdout=2_048, seed=0),
            batches=DrawnBatches(steps=steps, batch_size=256, round_steps=100),
            lr=1e-2,
            warmup_steps=200,
            decay="cosine",
            clip_norm=1.0,
            dtype="float32",
        )
        name, title = drawn_name(n_digits, d_model, steps), f"{n_digits} digits, drawn anew"
        yield Sweep(name, title, ReverseIncrement(n_digits=n_digits), _one_layer(d_model, d_mlp), recipe, n_seeds, 12)


SWEEPS = {row.name: row for row in (*_seeds(), *_open(), *_controls(), *_parts(), *_sizes(), *_drawn())}


def sweep(name: str) -> Sweep:
    """The sweep of that name; raises ``ValueError`` that lists the known names."""
    if name not in SWEEPS:
        raise ValueError(f"unknown sweep {name!r}; known are {', '.join(SWEEPS)}")
    return SWEEPS[name]
