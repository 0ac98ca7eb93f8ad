"""Analyses as they are stored: ``stored`` loads what a function of ``interp`` found in a model, or computes it once."""

import importlib
import inspect
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeVar, cast

from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.models.build import build
from tinycircuits.results import door
from tinycircuits.results.codec import decoded, encoded, plain
from tinycircuits.results.differences import differences, tensors_that_differ
from tinycircuits.results.door import Entry, Made, Work
from tinycircuits.results.provenance import made_here
from tinycircuits.results.rows import Row
from tinycircuits.results.runs import Run, load, trained_anew
from tinycircuits.results.store import Stored
from tinycircuits.results.sweeps import load_sweep
from tinycircuits.results.tables.analyses import ANALYSES, Analysis, Argument, analysis
from tinycircuits.results.tables.studies import RunSpec, Study
from tinycircuits.results.tables.sweeps import Sweep
from tinycircuits.tasks import Task

Found = TypeVar("Found")
INTERP, PROOF = "tinycircuits.interp.", "tinycircuits.proof."
ANALYSIS_TOLERANCE = 2e-3
"""Difference of a number computed again that another machine may make: it rounds otherwise in single precision."""


def stored(
    function: Callable[..., Found], of: Run, *, trained: bool = True, shuffled: bool = False, **arguments: Any
) -> Found:
    """What ``function(model, ..., **arguments)`` found in the model of a run, or in the same before its training.

    With ``shuffled`` it is a model of the same study that was trained on the answers of other inputs.

    The function's parameters ``model``, ``sequences``, ``task``, ``split`` and ``spec`` are those of the run. An
    argument may be a function of the model, such as ``attention_heads``, or a part of it. Raises as ``door.get`` does,
    and ``ValueError`` for what stands in no row of ``tables.analyses``: that is computed by calling the function.
    """
    asked = {name: _said(value) for name, value in arguments.items()}
    found = door.get(entry(_row(_path(function), of, trained, shuffled, asked)))
    return cast(Found, decoded(found.metrics["result"], found.tensors))


def stored_fields(
    path: str, of: Run, *, trained: bool = True, shuffled: bool = False, **arguments: Argument
) -> dict[str, Any]:
    """What is ``stored`` of the analysis ``path``, such as ``adding.adding``, as ``codec.plain`` has it.

    For what must not hang on the code of the analysis. Never computes. Raises as ``door.load`` does, and ``ValueError``
    as ``stored``.
    """
    found = door.load(entry(_row(path, of, trained, shuffled, arguments)))
    return cast(dict[str, Any], plain(found.metrics["result"], found.tensors))


def rows() -> list[Row]:
    """The rows of the table of analyses."""
    return [row_of(each) for each in ANALYSES.values()]


def row_of(chosen: Analysis) -> Row:
    """An analysis as a row of what is stored; it has no seeds."""

    def entries(seeds: Iterable[int]) -> list[Entry]:
        return [] if list(seeds) else [entry(chosen)]

    return Row("analysis", chosen.name, chosen.folder, chosen.analysis, (), entries)


def entry(chosen: Analysis) -> Entry:
    """An analysis as an entry."""
    return Entry(
        folder=chosen.folder,
        spec=chosen.spec,
        name=chosen.name,
        seeds=range(0),
        command=door.retraining(chosen.name, range(0)),
        make=partial(_make, chosen),
        check=partial(_check, chosen),
        says=lambda stored: f"{len(stored.tensors)} tensors",
        sampled="; sums only" if _anew(chosen) else "",
    )


def computed(chosen: Analysis) -> Any:
    """What the analysis finds now; raises as ``runs.load`` does for the run."""
    model, task, of = _looked_at(chosen)
    sequences = task.sequences()
    module, _, name = chosen.analysis.rpartition(".")
    function = getattr(importlib.import_module(_module(module)), name)
    known = {
        "model": model,
        "sequences": sequences,
        "task": task,
        "split": of.train.split.indices(len(sequences)),
        "spec": of.model,
    }
    given = {name: value for name, value in known.items() if name in inspect.signature(function).parameters}
    return function(**given, **{name: _meant(value, model) for name, value in chosen.arguments})


def _looked_at(chosen: Analysis) -> tuple[TransformerBridge, Task, Study | Sweep | RunSpec]:
    """The model of an analysis, its task, and the row of the table that it is from."""
    if anew := _anew(chosen):
        return trained_anew(anew)[0], anew.task, anew
    if chosen.shuffled and chosen.sweep is not None:
        swept = load_sweep(chosen.sweep, range(1))
        return swept.model(0), swept.sweep.task, swept.sweep
    run = load(chosen.study, chosen.seed)
    model = run.model if chosen.trained else build(run.study.model, run.study.task, seed=0, dtype="float64")
    return model, run.study.task, run.study


def _make(chosen: Analysis, work: Work) -> Made:
    said, tensors = encoded(computed(chosen))
    return Made({"result": said}, tensors)


def _anew(chosen: Analysis) -> RunSpec | None:
    """The run of a model that is not kept: it is trained for the analysis."""
    return chosen.of if chosen.shuffled and isinstance(chosen.of, RunSpec) else None


def _check(chosen: Analysis, before: Stored, whole: bool) -> list[str]:
    if _anew(chosen) and not (whole and made_here(before.provenance)):
        return []
    said, tensors = encoded(computed(chosen))
    found = differences({"result": said}, before.metrics, tolerance=ANALYSIS_TOLERANCE)
    return found + tensors_that_differ(tensors, before.tensors, tolerance=ANALYSIS_TOLERANCE)


def _row(path: str, of: Run, trained: bool, shuffled: bool, asked: dict[str, Any]) -> Analysis:
    model = None if of.seed == of.study.published_seed else of.seed
    row = analysis(of.study.name, path, trained=trained, model=model, shuffled=shuffled, **asked)
    if row.name not in ANALYSES:
        raise ValueError(f"{row.name} is no row of the table of analyses; call {path.rpartition('.')[2]} itself")
    return ANALYSES[row.name]


def _path(function: Callable[..., Any]) -> str:
    """``ablation.ablation_table`` of ``interp``, ``proof.two_layers.how_far`` of ``proof``."""
    if not function.__module__.startswith((INTERP, PROOF)):
        raise ValueError(
            f"function must be one of tinycircuits.interp or .proof, got {function.__module__}.{function.__name__}"
        )
    return f"{function.__module__.removeprefix(INTERP).removeprefix('tinycircuits.')}.{function.__name__}"


def _module(path: str) -> str:
    """The module of ``_path``, without its function."""
    return f"tinycircuits.{path}" if f"tinycircuits.{path}".startswith(PROOF) else INTERP + path


def _said(value: Any) -> Any:
    """An argument as the table has it: a function of the model by its path, a part of the model by its label."""
    if callable(value):
        return f"of model: {_path(value)}"
    return f"part: {value.label}" if hasattr(value, "label") else value


def _meant(value: Any, model: TransformerBridge) -> Any:
    if not isinstance(value, str):
        return value
    if value.startswith("of model: "):
        module, _, name = value.removeprefix("of model: ").rpartition(".")
        return getattr(importlib.import_module(INTERP + module), name)(model)
    if value.startswith("part: "):
        parts = importlib.import_module(INTERP + "activations")
        return parts.part_named(model, value.removeprefix("part: "))
    return value
