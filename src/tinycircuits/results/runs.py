"""Runs: one trained model each. ``run`` loads the stored one, or trains and stores it."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.models.build import build, parameter_count
from tinycircuits.models.errors import Errors, count, free_running, teacher_forced
from tinycircuits.results import door
from tinycircuits.results.differences import differences
from tinycircuits.results.door import Entry, Made, Work
from tinycircuits.results.rows import Row, seeds_stored
from tinycircuits.results.store import Stored, key
from tinycircuits.results.tables.studies import STUDIES, RunSpec, Study, study
from tinycircuits.results.text import of
from tinycircuits.training.loop import Checkpoint, Round, train

Columns = dict[str, list[int] | list[float]]


@dataclass(frozen=True)
class Run:
    """A trained model with its stored metrics. ``model`` is on the CPU, in evaluation mode, in the recipe's dtype."""

    study: Study
    seed: int
    key: str
    model: TransformerBridge
    metrics: dict[str, Any]
    provenance: dict[str, Any]

    @property
    def history(self) -> Columns:
        """Columns ``step``, ``train_loss``, ``holdout_loss`` (nats) and four error counts, one entry a round."""
        columns: Columns = self.metrics["history"]
        return columns

    def errors(self, mode: str = "teacher_forced", on: str = "all") -> Errors:
        """The stored counts; ``mode`` is teacher_forced or free_running, ``on`` is all, train or holdout."""
        return Errors(**self.metrics[mode][on])

    def wrong_shares(self, on: str) -> list[float]:
        """Share of wrong digits, 0 .. 1, at each round of the training; ``on`` is train or holdout."""
        return [wrong / self.errors(on=on).n_digits for wrong in self.history[f"{on}_wrong_digits"]]


def run(name: str, seed: int | None = None, *, device: str = "cpu", progress: bool = False) -> Run:
    """The run of a study, from the store or by training it; without ``seed``, the published one.

    Raises as ``door.get`` does, and ``ValueError`` for an unknown study or a seed out of range.
    """
    chosen, seed = _named(name, seed)
    return _run(chosen, seed, door.get(entry(chosen, seed), device=device, progress=progress))


def load(name: str, seed: int | None = None) -> Run:
    """A stored run; never trains. Without ``seed``, the published one. Raises as ``door.load`` and ``run`` do."""
    chosen, seed = _named(name, seed)
    return _run(chosen, seed, door.load(entry(chosen, seed)))


def smaller_seeds(name: str) -> list[Run]:
    """The stored runs of the seeds that were passed over for the published one; none where the article prints its seed.

    Raises ``MissingResult`` when one is not stored.
    """
    chosen = study(name)
    return [load(name, seed) for seed in range(chosen.published_seed if chosen.printed_seed is None else 0)]


def every_seed(name: str) -> list[Run]:
    """The stored runs of all seeds that the study keeps; raises ``MissingResult`` when one is not stored."""
    return [load(name, seed) for seed in study(name).seeds]


def stored_seeds(name: str) -> list[int]:
    """Seeds of the study whose results are stored under its present recipe, in order."""
    return seeds_stored(row_of(study(name)))


def trained_anew(of: RunSpec, bar: str | None = None) -> tuple[TransformerBridge, Round]:
    """The model of a run that is not kept, and how its training ended; only on one processor it comes out the same."""
    model, history = train(of.task, of.model, of.train, seed=of.seed, progress=bar, watched=False)
    return model, history[-1]


def rows() -> list[Row]:
    """The rows of the table of studies."""
    return [row_of(each) for each in STUDIES.values()]


def row_of(chosen: Study) -> Row:
    """A study as a row of what is stored."""

    def entries(seeds: Iterable[int]) -> list[Entry]:
        return [entry(chosen, seed) for seed in seeds]

    return Row("study", chosen.name, chosen.name, chosen.title, chosen.seeds, entries)


def entry(chosen: Study, seed: int) -> Entry:
    """The run of one seed as an entry; raises ``ValueError`` for a seed out of range."""
    return Entry(
        folder=chosen.name,
        spec=chosen.spec(seed),
        name=chosen.name,
        seeds=range(seed, seed + 1),
        command=f"tinycircuits train {chosen.name} --seed {seed}",
        make=partial(_make, chosen, seed),
        check=partial(_check, chosen, seed),
        says=lambda stored: summary(_run(chosen, seed, stored)),
    )


def summary(one: Run) -> str:
    """What a run came to: its errors in both modes, on the holdout, its seconds and its key."""
    forced, free, held = one.errors(), one.errors("free_running"), one.errors(on="holdout")
    return (
        f"{of(forced.wrong_digits, forced.n_digits)} digits wrong, "
        f"{of(forced.wrong_sequences, forced.n_sequences)} sequences; on the holdout "
        f"{of(held.wrong_digits, held.n_digits)} digits; free-running "
        f"{of(free.wrong_digits, free.n_digits)} digits; {one.provenance['seconds']:.0f} s; key {one.key}"
    )


def measure(chosen: Study, model: TransformerBridge) -> dict[str, Any]:
    """Errors and losses of a model on all inputs, the training set and the holdout, in both modes.

    A float32 model is measured as the float64 model with the same weights, whose losses every processor agrees on.
    """
    sequences = chosen.task.sequences()
    double = build(chosen.model, chosen.task, seed=0, dtype="float64")
    double.load_state_dict(model.state_dict())
    split = chosen.train.split.indices(len(sequences))
    scores = teacher_forced(double, chosen.task, sequences)
    wrong = free_running(double, chosen.task, sequences)
    parts = {"all": torch.arange(len(sequences)), "train": split.train, "holdout": split.holdout}
    return {
        "teacher_forced": {name: asdict(scores.errors(index)) for name, index in parts.items()},
        "free_running": {name: asdict(count(wrong[index])) for name, index in parts.items()},
        "loss": {name: scores.mean_loss(index) for name, index in parts.items()},
        "n_parameters": parameter_count(double),
    }


def _named(name: str, seed: int | None) -> tuple[Study, int]:
    chosen = study(name)
    return chosen, chosen.published_seed if seed is None else seed


def _run(chosen: Study, seed: int, stored: Stored) -> Run:
    model = build(chosen.model, chosen.task, seed=seed, dtype=chosen.train.dtype)
    model.load_state_dict(stored.tensors)
    return Run(chosen, seed, key(stored.spec), model, stored.metrics, stored.provenance)


def _check(chosen: Study, seed: int, stored: Stored, whole: bool) -> list[str]:
    return differences(measure(chosen, _run(chosen, seed, stored).model), stored.metrics)


def _make(chosen: Study, seed: int, work: Work) -> Made:
    def keep(checkpoint: Checkpoint) -> None:
        work.keep(len(checkpoint.history) - 1, {"history": columns(checkpoint.history)}, checkpoint.tensors)

    model, history = train(
        chosen.task,
        chosen.model,
        chosen.train,
        seed=seed,
        device=work.device,
        resume=_checkpoint(work.latest()),
        on_round=keep,
        progress=work.bar,
    )
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    return Made({**measure(chosen, model), "history": columns(history)}, tensors)


def _checkpoint(stored: Stored | None) -> Checkpoint | None:
    return None if stored is None else Checkpoint(stored.tensors, rounds_of(stored.metrics["history"]))


def rounds_of(history: Columns) -> tuple[Round, ...]:
    """The rounds of a history that was kept as ``columns``."""
    rows = zip(*history.values(), strict=True)
    return tuple(Round(**dict(zip(history, row, strict=True))) for row in rows)


def columns(history: tuple[Round, ...]) -> Columns:
    """A history column by column, as it is stored."""
    rows = [asdict(entry) for entry in history]
    return {name: [row[name] for row in rows] for name in rows[0]}
