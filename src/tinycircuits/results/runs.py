"""Runs: ``run`` is the one way to get a trained model. It loads the stored one, or trains and stores it."""

import os
import platform
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.models.build import build, parameter_count
from tinycircuits.models.errors import Errors, count, free_running, teacher_forced
from tinycircuits.results.checkout import REPOSITORY, git_commit
from tinycircuits.results.store import CorruptResult, Store, key
from tinycircuits.results.tables.studies import Study, study
from tinycircuits.training.device import resolve_device
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


def results() -> Store:
    """The store of finished results: ``$TINYCIRCUITS_RESULTS``, or ``results/`` of the repository."""
    return Store(Path(os.environ.get("TINYCIRCUITS_RESULTS") or REPOSITORY / "results"))


def checkpoints() -> Store:
    """The store of unfinished runs: ``$TINYCIRCUITS_CHECKPOINTS``, or ``checkpoints/`` of the repository."""
    return Store(Path(os.environ.get("TINYCIRCUITS_CHECKPOINTS") or REPOSITORY / "checkpoints"))


def run(name: str, seed: int | None = None, *, device: str = "cpu", progress: bool = False) -> Run:
    """Return the run of a study, from the store or by training it; without ``seed``, the published one.

    With ``TINYCIRCUITS_FROZEN=1`` nothing is trained. Raises ``MissingResult`` then, ``CorruptResult`` for a
    damaged result (which is never retrained silently), ``StoreError`` when it cannot be written and ``ValueError``
    for an unknown study, a negative seed or an unusable device.
    """
    chosen = study(name)
    seed = chosen.published_seed if seed is None else seed
    spec = chosen.spec(seed).described()
    if not results().holds(name, spec) and os.environ.get("TINYCIRCUITS_FROZEN") != "1":
        resolve_device(device)
        with checkpoints().locked(name, spec):
            if not results().holds(name, spec):
                _train_and_store(chosen, seed, device=device, progress=progress)
    return load(name, seed)


def retrain(name: str, seed: int, *, device: str = "cpu", progress: bool = False) -> Run:
    """Train a run anew and put it in the place of the stored one, which stays until the new one is whole.

    Raises ``StoreError`` when it cannot be written and ``ValueError`` for an unknown study, a negative seed or an
    unusable device.
    """
    chosen = study(name)
    spec = chosen.spec(seed).described()
    resolve_device(device)
    with checkpoints().locked(name, spec):
        _train_and_store(chosen, seed, device=device, progress=progress)
    return load(name, seed)


def load(name: str, seed: int | None = None) -> Run:
    """Return a stored run and never train; without ``seed``, the published one. Raises as ``run`` does."""
    chosen = study(name)
    seed = chosen.published_seed if seed is None else seed
    stored = results().load(name, chosen.spec(seed).described(), remedy=chosen.command(seed))
    model = build(chosen.model, chosen.task, seed=seed, dtype=chosen.train.dtype)
    model.load_state_dict(stored.tensors)
    return Run(chosen, seed, key(stored.spec), model, stored.metrics, stored.provenance)


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
    """Seeds of the study whose results are stored under its present recipe, in order; damaged ones are left out."""
    chosen, seeds = study(name), []
    for folder in results().folders(name):
        try:
            seed = int(results().read(folder, remedy=f"tinycircuits train {name}").spec["seed"])
        except (CorruptResult, KeyError, TypeError, ValueError):
            continue
        if results().folder(name, chosen.spec(seed).described()) == folder:
            seeds.append(seed)
    return sorted(seeds)


def measure(chosen: Study, model: TransformerBridge) -> dict[str, Any]:
    """Errors and losses of a model on all inputs, the training set and the holdout, in both modes.

    A float32 model is measured as the float64 model with the same weights, whose losses every processor agrees on.
    """
    sequences = chosen.task.sequences()
    model = _in_float64(chosen, model)
    split = chosen.train.split.indices(len(sequences))
    scores = teacher_forced(model, chosen.task, sequences)
    wrong = free_running(model, chosen.task, sequences)
    parts = {"all": torch.arange(len(sequences)), "train": split.train, "holdout": split.holdout}
    return {
        "teacher_forced": {name: asdict(scores.errors(index)) for name, index in parts.items()},
        "free_running": {name: asdict(count(wrong[index])) for name, index in parts.items()},
        "loss": {name: scores.mean_loss(index) for name, index in parts.items()},
        "n_parameters": parameter_count(model),
    }


def _in_float64(chosen: Study, model: TransformerBridge) -> TransformerBridge:
    double = build(chosen.model, chosen.task, seed=0, dtype="float64")
    double.load_state_dict(model.state_dict())
    return double


def checkpoint_round(name: str, seed: int) -> int | None:
    """The last round after which an unfinished run was saved, or ``None``."""
    chosen = study(name)
    spec = chosen.spec(seed).described()
    rounds = range(chosen.train.batches.n_rounds, 0, -1)
    return next((r for r in rounds if checkpoints().holds(name, _at_round(spec, r))), None)


def _train_and_store(chosen: Study, seed: int, *, device: str, progress: bool) -> None:
    started = time.monotonic()
    spec = chosen.spec(seed).described()
    unfinished = checkpoints()

    def keep(checkpoint: Checkpoint) -> None:
        done = len(checkpoint.history) - 1
        metrics = {"history": _columns(checkpoint.history)}
        unfinished.save(chosen.name, _at_round(spec, done), metrics, checkpoint.tensors, {})
        unfinished.remove(chosen.name, _at_round(spec, done - 1))

    model, history = train(
        chosen.task,
        chosen.model,
        chosen.train,
        seed=seed,
        device=device,
        resume=_latest_checkpoint(chosen, seed),
        on_round=keep,
        progress=f"{chosen.name} seed {seed}" if progress else None,
    )
    metrics = {**measure(chosen, model), "history": _columns(history)}
    seconds = time.monotonic() - started
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    results().save(chosen.name, spec, metrics, tensors, provenance(device, seconds))
    unfinished.remove(chosen.name, _at_round(spec, chosen.train.batches.n_rounds))


def _latest_checkpoint(chosen: Study, seed: int) -> Checkpoint | None:
    done = checkpoint_round(chosen.name, seed)
    if done is None:
        return None
    spec = _at_round(chosen.spec(seed).described(), done)
    folder = checkpoints().folder(chosen.name, spec)
    stored = checkpoints().load(chosen.name, spec, remedy=f"rm -r {folder} && {chosen.command(seed)}")
    columns = stored.metrics["history"]
    rows = zip(*columns.values(), strict=True)
    return Checkpoint(stored.tensors, tuple(Round(**dict(zip(columns, row, strict=True))) for row in rows))


def _at_round(spec: dict[str, Any], done: int) -> dict[str, Any]:
    return {"type": "Checkpoint", "run": spec, "round": done}


def _columns(history: tuple[Round, ...]) -> Columns:
    rows = [asdict(entry) for entry in history]
    return {name: [row[name] for row in rows] for name in rows[0]}


def provenance(device: str, seconds: float) -> dict[str, Any]:
    """When, where, with what and in how many seconds a result was made on ``device``."""
    where = resolve_device(device)
    return {
        "commit": git_commit(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": torch.cuda.get_device_name(where) if where.type == "cuda" else processor(),
        "seconds": round(seconds, 1),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformer_lens": version("transformer-lens"),
    }


def processor() -> str:
    """Name of this machine's processor, with the instruction set that torch uses on it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    name = names[0] if names else platform.processor() or platform.machine()
    return f"{name} ({torch.backends.cpu.get_cpu_capability()})"
