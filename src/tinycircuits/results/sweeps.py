"""Sweeps: many seeds of one training, in blocks that are loaded from the store, or trained and stored."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from tqdm.auto import tqdm
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.models.build import Dtype
from tinycircuits.results.runs import checkpoints, provenance, results
from tinycircuits.results.store import Store
from tinycircuits.results.tables.sweeps import Sweep, sweep
from tinycircuits.training.device import resolve_device
from tinycircuits.training.lanes import (
    CURVE_INPUTS,
    LaneCheckpoint,
    LaneHistory,
    layout,
    model_of,
    score,
    train_lanes,
    with_weights,
    wrong_answers,
)

Tensors = dict[str, Tensor]
Backend = Literal["local", "dask"]

SECONDS_BETWEEN_CHECKPOINTS = 20.0


@dataclass(frozen=True)
class SweepResult:
    """All stored models of a sweep, one row for each seed; counts are teacher-forced, losses nats.

    ``weights`` are flat, in the order of ``lanes.layout``. Training set and holdout together are all inputs.
    """

    sweep: Sweep
    seeds: Int[Tensor, " lane"]
    weights: Float[Tensor, "lane parameter"]
    train_wrong_digits: Int[Tensor, "lane answer"]
    holdout_wrong_digits: Int[Tensor, "lane answer"]
    train_wrong_sequences: Int[Tensor, " lane"]
    holdout_wrong_sequences: Int[Tensor, " lane"]
    train_loss: Float[Tensor, " lane"]
    holdout_loss: Float[Tensor, " lane"]
    history: LaneHistory

    @property
    def solved(self) -> Bool[Tensor, " lane"]:
        """Which models make no mistake on any input."""
        return (self.train_wrong_sequences + self.holdout_wrong_sequences) == 0

    @property
    def n_digits(self) -> int:
        """Answers that each model gives over all inputs."""
        return len(self.sweep.task.sequences()) * self.sweep.task.n_answers

    @property
    def wrong_digits(self) -> Int[Tensor, " lane"]:
        """Wrong answers over all inputs, for each model."""
        return self.train_wrong_digits.sum(1) + self.holdout_wrong_digits.sum(1)

    @property
    def accuracy(self) -> Float[Tensor, " lane"]:
        """Share of right answers over all inputs, for each model."""
        return 1 - self.wrong_digits.double() / self.n_digits

    @property
    def faultless(self) -> Bool[Tensor, "lane point"]:
        """At which points of ``history`` a model makes no mistake on the sequences that are looked at there."""
        return (self.history.train_wrong_digits + self.history.holdout_wrong_digits) == 0

    def course(self, part: Literal["train", "holdout"]) -> Float[Tensor, "lane point"]:
        """Share of right answers on the training set or the holdout at the points of ``history``."""
        split = self.sweep.train.split.indices(len(self.sweep.task.sequences()))
        looked_at = min(CURVE_INPUTS, len(split.train if part == "train" else split.holdout))
        wrong = self.history.train_wrong_digits if part == "train" else self.history.holdout_wrong_digits
        return 1 - wrong.double() / (looked_at * self.sweep.task.n_answers)

    def of_seeds(self, rows: Int[Tensor, " row"]) -> "SweepResult":
        """The same of some seeds only, by the index of their rows."""
        lanes = {f.name: getattr(self, f.name)[rows] for f in fields(self) if f.name not in ("sweep", "history")}
        courses = {f.name: getattr(self.history, f.name)[rows] for f in fields(LaneHistory)[1:]}
        return replace(self, **lanes, history=replace(self.history, **courses))

    def model(self, seed: int, dtype: Dtype = "float64") -> TransformerBridge:
        """The TransformerLens model of one seed; raises ``ValueError`` for a seed that is not there."""
        return model_of(self.sweep.model, self.sweep.task, self._weights_of(seed), dtype=dtype)

    def models(self, seeds: Sequence[int]) -> Iterator[TransformerBridge]:
        """Yield the models of these seeds in turn, as ``model`` makes them, in a tenth of the time.

        It is one object with other weights at each step, so look at each model before asking for the next.
        Raises ``ValueError`` for a seed that is not there.
        """
        where = layout(self.sweep.model, self.sweep.task)
        for index, seed in enumerate(seeds):
            if index == 0:
                model = self.model(seed)
            yield with_weights(model, where, self._weights_of(seed))

    def wrong(self, chosen: Bool[Tensor, " lane"]) -> Bool[Tensor, "some batch answer"]:
        """Which answers over all inputs are wrong, in the order of ``task.sequences()``, for the chosen models."""
        task = self.sweep.task
        return wrong_answers(self.sweep.model, task, self.weights[chosen].double(), task.sequences())

    def _weights_of(self, seed: int) -> Float[Tensor, " parameter"]:
        at = (self.seeds == seed).nonzero()
        if not len(at):
            raise ValueError(f"seed {seed} is not among the {len(self.seeds)} stored ones")
        return self.weights[int(at[0])]


def load_sweep(name: str, seeds: range | None = None) -> SweepResult:
    """Return stored models and never train; without ``seeds``, those of the table.

    Raises ``MissingResult`` and ``CorruptResult`` with the command that mends it, ``ValueError`` for an unknown name.
    """
    chosen = sweep(name)
    wanted = seeds if seeds is not None else range(chosen.n_seeds)
    blocks = []
    for block in chosen.blocks(wanted):
        stored = results().load(name, chosen.spec(block).described(), remedy=chosen.command(block))
        rows = torch.tensor([seed - block[0] for seed in block if seed in wanted])
        blocks.append({key: t if key == "history.step" else t[rows] for key, t in stored.tensors.items()})
    joined = {key: torch.cat([block[key] for block in blocks]) for key in blocks[0] if key != "history.step"}
    history = {field.name: joined.pop(f"history.{field.name}") for field in fields(LaneHistory)[1:]}
    step = blocks[0]["history.step"]
    return SweepResult(chosen, torch.tensor(list(wanted)), **joined, history=LaneHistory(step, **history))


def run_sweep(
    name: str,
    seeds: range | None = None,
    *,
    device: str = "cpu",
    backend: Backend = "local",
    scheduler: str | None = None,
    progress: bool = False,
) -> SweepResult:
    """Train and store the blocks that are not stored yet, and return all of them.

    ``local`` trains here, one block after another, and goes on from checkpoints after a kill; ``dask`` hands blocks to
    the workers of the cluster at ``scheduler`` and stores each as it comes back: the same bits on the same kind of
    processor and number of threads. Raises as ``load_sweep`` does, and
    ``ValueError`` for an unusable device or backend.
    """
    chosen = sweep(name)
    seeds = seeds if seeds is not None else range(chosen.n_seeds)
    missing = [b for b in chosen.blocks(seeds) if not results().holds(name, chosen.spec(b).described())]
    if backend == "dask":
        _on_cluster(chosen, missing, scheduler, device, progress)
    elif missing:
        resolve_device(device)
        _here(chosen, missing, device, progress)
    return load_sweep(name, seeds)


def stored_blocks(chosen: Sweep) -> list[range]:
    """The blocks of the table's seeds that are stored."""
    blocks = chosen.blocks(range(chosen.n_seeds))
    return [block for block in blocks if results().holds(chosen.name, chosen.spec(block).described())]


def train_block(
    chosen: Sweep,
    block: range,
    device: str = "cpu",
    *,
    resume: LaneCheckpoint | None = None,
    on_round: Callable[[LaneCheckpoint], None] | None = None,
) -> tuple[Tensors, dict[str, Any]]:
    """Train one block and evaluate it on all inputs, in float64; return its tensors and how it was made. No disk."""
    started = time.monotonic()
    weights, history = train_lanes(
        chosen.task, chosen.model, chosen.train, seeds=block, device=device, resume=resume, on_round=on_round
    )
    tensors = {"weights": weights, **measure(chosen, weights)}
    tensors |= {f"history.{field.name}": _compact(getattr(history, field.name)) for field in fields(history)}
    return tensors, provenance(device, time.monotonic() - started)


def measure(chosen: Sweep, weights: Float[Tensor, "lane parameter"]) -> Tensors:
    """Errors and losses of a stack of models on training set and holdout, as they are stored."""
    sequences = chosen.task.sequences()
    split = chosen.train.split.indices(len(sequences))
    tensors = {}
    for part, index in (("train", split.train), ("holdout", split.holdout)):
        errors = score(chosen.model, chosen.task, weights.double(), sequences[index])
        tensors[f"{part}_wrong_digits"] = errors.wrong_digits.int()
        tensors[f"{part}_wrong_sequences"] = errors.wrong_sequences.int()
        tensors[f"{part}_loss"] = errors.loss
    return tensors


def _here(chosen: Sweep, blocks: list[range], device: str, progress: bool) -> None:
    with _bar(chosen, blocks, progress) as bar:
        for block in blocks:
            with checkpoints().locked(chosen.name, chosen.spec(block).described()):
                if not results().holds(chosen.name, chosen.spec(block).described()):
                    _train_and_store(chosen, block, device, bar)


def _train_and_store(chosen: Sweep, block: range, device: str, bar: "tqdm[Any]") -> None:
    kept, before = _Checkpoints(chosen, block), bar.n
    resume = kept.latest()
    bar.update(resume.rounds if resume else 0)

    def after(checkpoint: LaneCheckpoint) -> None:
        kept.keep(checkpoint)
        bar.set_postfix_str(f"{checkpoint.history.n_solved} of {len(block)} without a mistake")
        bar.update(before + checkpoint.rounds - bar.n)

    _store(chosen, block, *train_block(chosen, block, device, resume=resume, on_round=after))
    kept.remove()


def _on_cluster(chosen: Sweep, blocks: list[range], scheduler: str | None, device: str, progress: bool) -> None:
    if scheduler is None:
        raise ValueError("backend dask: give the address of a scheduler with --scheduler")
    try:
        from distributed import Client, as_completed
    except ImportError:
        raise ValueError("backend dask: not installed; pip install 'tinycircuits[dask]'") from None
    try:
        client = Client(scheduler, timeout="10s")
    except OSError:
        raise ValueError(f"scheduler: nothing answers at {scheduler}") from None
    with client, _bar(chosen, blocks, progress) as bar:
        jobs: dict[Future[Any], range] = {
            client.submit(train_block, chosen, block, device, pure=False): block for block in blocks
        }
        for done in as_completed(jobs):
            _store(chosen, jobs[done], *done.result())
            bar.update(chosen.train.batches.n_rounds)


@contextmanager
def _bar(chosen: Sweep, blocks: list[range], progress: bool) -> Iterator["tqdm[Any]"]:
    rounds = len(blocks) * chosen.train.batches.n_rounds
    unit = chosen.train.batches.round_name
    with tqdm(total=rounds, desc=chosen.name, unit=unit, disable=None if progress else True) as bar:
        yield bar


def _store(chosen: Sweep, block: range, tensors: Tensors, made: dict[str, Any]) -> None:
    wrong = tensors["train_wrong_sequences"] + tensors["holdout_wrong_sequences"]
    metrics = {"seeds": len(block), "seeds_without_a_mistake": int((wrong == 0).sum())}
    results().save(chosen.name, chosen.spec(block).described(), metrics, tensors, made)


def _compact(values: Tensor) -> Tensor:
    return values.float() if values.is_floating_point() else values.int()


class _Checkpoints:
    """The checkpoint of one block, written over every so often."""

    def __init__(self, chosen: Sweep, block: range) -> None:
        self.name, self.spec = chosen.name, chosen.spec(block).described()
        self.remedy = f"rm -r {checkpoints().root / self.name} && {chosen.command(block)}"
        self.n_rounds = chosen.train.batches.n_rounds
        self.written: int | None = None
        self.due = time.monotonic() + SECONDS_BETWEEN_CHECKPOINTS

    def latest(self) -> LaneCheckpoint | None:
        """The last checkpoint of an unfinished block, if there is one."""
        rounds = range(self.n_rounds, 0, -1)
        self.written = next((r for r in rounds if checkpoints().holds(self.name, self._at(r))), None)
        if self.written is None:
            return None
        tensors = checkpoints().load(self.name, self._at(self.written), remedy=self.remedy).tensors
        history = LaneHistory(*(tensors.pop(f"history.{field.name}") for field in fields(LaneHistory)))
        return LaneCheckpoint(self.written, tensors, history)

    def keep(self, checkpoint: LaneCheckpoint) -> None:
        """Write the checkpoint if the last one is old enough, and then remove that one."""
        if time.monotonic() < self.due:
            return
        history = {f"history.{f.name}": getattr(checkpoint.history, f.name) for f in fields(LaneHistory)}
        store: Store = checkpoints()
        store.save(self.name, self._at(checkpoint.rounds), {}, {**checkpoint.tensors, **history}, {})
        self.remove()
        self.written, self.due = checkpoint.rounds, time.monotonic() + SECONDS_BETWEEN_CHECKPOINTS

    def remove(self) -> None:
        """Delete the checkpoint that was written last."""
        if self.written is not None:
            checkpoints().remove(self.name, self._at(self.written))
            self.written = None

    def _at(self, done: int) -> dict[str, Any]:
        return {"type": "Checkpoint", "run": self.spec, "round": done}
