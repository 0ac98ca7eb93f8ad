"""Sweeps: many seeds of one training, in blocks that are loaded from the store, or trained and stored."""

import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from tqdm.auto import tqdm
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.models.build import Dtype
from tinycircuits.results import door
from tinycircuits.results.differences import tensors_that_differ
from tinycircuits.results.door import Entry, Made, Work
from tinycircuits.results.provenance import provenance
from tinycircuits.results.rows import Row
from tinycircuits.results.store import Json, Stored
from tinycircuits.results.tables.sweeps import SWEEPS, Sweep, sweep
from tinycircuits.results.text import of
from tinycircuits.tasks import SampledSplit
from tinycircuits.training.data import Data
from tinycircuits.training.lanes.layout import layout, model_of, with_weights
from tinycircuits.training.lanes.scores import score, wrong_answers
from tinycircuits.training.lanes.training import CURVE_INPUTS, LaneCheckpoint, LaneHistory, train_lanes

Tensors = dict[str, Tensor]
Backend = Literal["local", "dask"]


@dataclass(frozen=True)
class SweepResult:
    """All stored models of a sweep, one row for each seed; counts are teacher-forced, losses nats.

    ``weights`` are flat, in the order of ``lanes.layout``. Training set and holdout together are all inputs, or where
    they are too many two samples of them (``SampledSplit``).
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
        """Which models make no mistake on any input, or on any of the samples."""
        return (self.train_wrong_sequences + self.holdout_wrong_sequences) == 0

    @property
    def n_digits(self) -> int:
        """Answers that each model gives over all inputs, or over the samples."""
        split, task = self.sweep.train.split, self.sweep.task
        n = split.n_train + split.n_holdout if isinstance(split, SampledSplit) else task.n_sequences
        return n * task.n_answers

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
        split = self.sweep.train.split.indices(self.sweep.task.n_sequences)
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
        for index, seed in enumerate(seeds):
            if index == 0:
                model = self.model(seed)
            yield self.put(model, seed)

    def put(self, model: TransformerBridge, seed: int) -> TransformerBridge:
        """The same model, a model of this sweep, its weights overwritten with those of one seed."""
        return with_weights(model, layout(self.sweep.model, self.sweep.task), self._weights_of(seed))

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
    """Stored models; never trains. Without ``seeds``, those of the table.

    Raises as ``door.load`` does, and ``ValueError`` for an unknown name.
    """
    chosen = sweep(name)
    wanted = seeds if seeds is not None else range(chosen.n_seeds)
    blocks = []
    for each in chosen.blocks(wanted):
        tensors = door.load(entry(chosen, each)).tensors
        rows = torch.tensor([seed - each[0] for seed in each if seed in wanted])
        blocks.append({key: t if key == "history.step" else t[rows] for key, t in tensors.items()})
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

    ``local`` trains here, one block after another; ``dask`` hands blocks to the workers of the cluster at ``scheduler``
    and stores each as it comes back: the same bits on the same kind of processor. Raises as
    ``door.get`` does, and ``ValueError`` for an unknown name and an unusable backend.
    """
    chosen = sweep(name)
    seeds = seeds if seeds is not None else range(chosen.n_seeds)
    entries = [entry(chosen, block) for block in chosen.blocks(seeds)]
    if backend == "dask":
        _on_cluster(chosen, [each for each in entries if not each.held], scheduler, device, progress)
    else:
        for each in entries:
            door.get(each, device=device, progress=progress)
    return load_sweep(name, seeds)


def rows() -> list[Row]:
    """The rows of the table of sweeps."""
    return [row_of(each) for each in SWEEPS.values()]


def row_of(chosen: Sweep) -> Row:
    """A sweep as a row of what is stored."""

    def entries(seeds: Iterable[int]) -> list[Entry]:
        asked = sorted(seeds)
        return [entry(chosen, block) for block in chosen.blocks(range(asked[0], asked[-1] + 1))] if asked else []

    return Row("sweep", chosen.name, chosen.name, chosen.title, range(chosen.n_seeds), entries)


def entry(chosen: Sweep, block: range) -> Entry:
    """A block as an entry."""
    return Entry(
        folder=chosen.name,
        spec=chosen.spec(block),
        name=chosen.name,
        seeds=block,
        command=f"tinycircuits sweep {chosen.name} --seeds {door.span_of(block)}",
        make=partial(_make, chosen, block),
        check=partial(_check, chosen),
        says=lambda stored: f"{of(stored.metrics['seeds_without_a_mistake'], len(block))} without a mistake",
    )


def train_block(
    chosen: Sweep, block: range, device: str = "cpu", *, bar: str | None = None, work: Work | None = None
) -> Made:
    """Train one block and evaluate it on all inputs, in float64; ``work`` keeps its checkpoints. No disk without it."""
    resume = _checkpoint(work.latest()) if work else None
    rounds = chosen.train.batches.n_rounds
    with tqdm(
        total=rounds,
        initial=resume.rounds if resume else 0,
        desc=bar,
        unit=chosen.train.batches.round_name,
        disable=None if bar else True,
    ) as shown:

        def after(checkpoint: LaneCheckpoint) -> None:
            shown.set_postfix_str(f"{checkpoint.history.n_solved} of {len(block)} without a mistake")
            shown.update()
            if work:
                history = {f"history.{f.name}": getattr(checkpoint.history, f.name) for f in fields(LaneHistory)}
                work.keep(checkpoint.rounds, {}, {**checkpoint.tensors, **history})

        weights, history = train_lanes(
            chosen.task, chosen.model, chosen.train, seeds=block, device=device, resume=resume, on_round=after
        )
    tensors = {"weights": weights, **measure(chosen, weights)}
    tensors |= {f"history.{field.name}": _compact(getattr(history, field.name)) for field in fields(history)}
    wrong = tensors["train_wrong_sequences"] + tensors["holdout_wrong_sequences"]
    return Made({"seeds": len(block), "seeds_without_a_mistake": int((wrong == 0).sum())}, tensors)


def measure(chosen: Sweep, weights: Float[Tensor, "lane parameter"]) -> Tensors:
    """Errors and losses of a stack of models on training set and holdout, as they are stored."""
    data, tensors = Data.of(chosen.task, chosen.train.split), {}
    for part, index in (("train", data.train), ("holdout", data.holdout)):
        errors = score(chosen.model, chosen.task, weights.double(), data.measured[index])
        tensors[f"{part}_wrong_digits"] = errors.wrong_digits.int()
        tensors[f"{part}_wrong_sequences"] = errors.wrong_sequences.int()
        tensors[f"{part}_loss"] = errors.loss
    return tensors


def summary(result: SweepResult) -> str:
    """What a sweep came to: seeds without a mistake, and the range of the others' wrong digits."""
    wrong = result.wrong_digits.double()
    return (
        f"{of(int(result.solved.sum()), len(result.seeds))} seeds make no mistake on any input looked at; "
        f"wrong digits of {result.n_digits:,}: median {wrong.median():.0f}, largest {wrong.max():.0f}"
    )


def _make(chosen: Sweep, block: range, work: Work) -> Made:
    return train_block(chosen, block, work.device, bar=work.bar, work=work)


def _check(chosen: Sweep, stored: Stored, whole: bool) -> list[str]:
    return tensors_that_differ(measure(chosen, stored.tensors["weights"]), stored.tensors)


def _checkpoint(stored: Stored | None) -> LaneCheckpoint | None:
    if stored is None:
        return None
    tensors = dict(stored.tensors)
    history = LaneHistory(*(tensors.pop(f"history.{field.name}") for field in fields(LaneHistory)))
    return LaneCheckpoint(stored.metrics["round"], tensors, history)


def _elsewhere(chosen: Sweep, block: range, device: str) -> tuple[Made, Json]:
    started = time.monotonic()
    made = train_block(chosen, block, device)
    return made, provenance(device, time.monotonic() - started)


def _on_cluster(chosen: Sweep, missing: list[Entry], scheduler: str | None, device: str, progress: bool) -> None:
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
    bar = tqdm(total=len(missing), desc=chosen.name, unit="block", disable=None if progress else True)
    with client, bar:
        jobs: dict[Future[Any], Entry] = {
            client.submit(_elsewhere, chosen, each.seeds, device, pure=False): each for each in missing
        }
        for done in as_completed(jobs):
            door.put(jobs[done], *done.result())
            bar.update()


def _compact(values: Tensor) -> Tensor:
    return values.float() if values.is_floating_point() else values.int()
