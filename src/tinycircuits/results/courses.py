"""Courses: what one training looked like after each round. Loaded from the store, or trained again and stored.

The stored run or sweep keeps its key and stays the one model that is shown: a course must end in exactly its weights.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor
from tqdm.auto import tqdm
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.fourier import clock_shares, frequency_shares, pair_logits
from tinycircuits.interp.heads import head_rows, summarize_heads
from tinycircuits.models.build import ModelSpec, build, named_parameters, without_hooks
from tinycircuits.models.errors import teacher_forced
from tinycircuits.models.weights import Course, flat_weights, put_weights
from tinycircuits.results import door, runs
from tinycircuits.results.differences import tensors_that_differ
from tinycircuits.results.door import Entry, Made, Work
from tinycircuits.results.errors import StoreError
from tinycircuits.results.rows import Row
from tinycircuits.results.store import Stored
from tinycircuits.results.sweeps import load_sweep
from tinycircuits.results.tables.courses import COURSES, CourseRow, Kept, course_row
from tinycircuits.results.text import of
from tinycircuits.tasks import ModularAddition, Task
from tinycircuits.training.device import one_thread
from tinycircuits.training.lanes.layout import initial_weights, layout, with_weights
from tinycircuits.training.lanes.training import LaneCheckpoint, train_lanes
from tinycircuits.training.loop import Checkpoint, train

Looks = dict[str, Tensor]
WAVE_TOLERANCE = 1e-3
"""Difference of a share computed again in single precision that another machine may make."""


@dataclass(frozen=True)
class WaveCourse:
    """A model of modular addition after each round of its training; shares are 0 .. 1, counts over all pairs."""

    rounds: tuple[int, ...]
    wrong: Int[Tensor, "round answer"]
    of_embedding: Float[Tensor, "round frequency"]
    """``fourier.frequency_shares`` of the numbers' embeddings, for k = 1 .. p // 2."""
    of_logits: Float[Tensor, "round frequency"]
    """``fourier.clock_shares`` of the logits."""
    attention: Float[Tensor, "round layer head key_pos"]
    """Mean over all pairs of what each head reads at the row of the answer."""


def load_course(source: str, seed: int | None = None) -> Course:
    """The weights after each round, of a study or sweep on digits; without ``seed`` the first that is kept.

    Float32 holds them: the last round is that of the stored run rounded, its counts are those of the rounded weights.
    Never trains. Raises as ``door.load`` does, and ``ValueError`` for a source of which no weights are kept.
    """
    stored = _loaded(source, seed, "weights")
    tensors = stored.tensors
    return Course(_rounds(stored), tensors["wrong"].long(), tensors["weights"])


def load_waves(source: str, seed: int | None = None) -> WaveCourse:
    """What was looked at after each round, of a study of modular addition; raises as ``load_course`` does."""
    stored = _loaded(source, seed, "waves")
    tensors = {name: tensor for name, tensor in stored.tensors.items() if name != "wrong"}
    return WaveCourse(_rounds(stored), stored.tensors["wrong"].long(), **tensors)


def rows() -> list[Row]:
    """The rows of the table of courses."""
    return [row_of(each) for each in COURSES.values()]


def row_of(chosen: CourseRow) -> Row:
    """A course as a row of what is stored."""

    def entries(seeds: Iterable[int]) -> list[Entry]:
        return [entry(chosen, seed) for seed in seeds]

    kept = chosen.spec(chosen.seeds[0]).kept
    return Row("course", chosen.name, chosen.name, f"{kept} after each round", chosen.seeds, entries)


def entry(chosen: CourseRow, seed: int) -> Entry:
    """The course of one seed as an entry; raises ``ValueError`` for a seed out of range."""
    seeds = range(seed, seed + 1)
    return Entry(
        folder=chosen.name,
        spec=chosen.spec(seed),
        name=chosen.name,
        seeds=seeds,
        command=door.retraining(chosen.name, seeds),
        make=partial(_make, chosen, seed),
        check=partial(_check, chosen, seed),
        says=_said,
        sampled="; three rounds evaluated again" if chosen.spec(seed).kept == "weights" else "",
    )


def wrong_after(spec: ModelSpec, task: Task, weights: Float[Tensor, "round weight"]) -> Int[Tensor, "round answer"]:
    """Wrong answers over all inputs of the models with these weights, computed in float64."""
    model, sequences = build(spec, task, seed=0, dtype="float64"), task.sequences()
    module, counts = without_hooks(model, spec, task), []
    for row in weights:
        put_weights(model, row.double())
        counts.append(teacher_forced(module, task, sequences).wrong.sum(0))
    return torch.stack(counts)


def waves(model: TransformerBridge, task: ModularAddition) -> Looks:
    """What is kept of a round of modular addition, as in ``WaveCourse``."""
    logits, sequences = pair_logits(model, task), task.sequences()
    (row,) = task.predicting_rows
    wrong = logits.argmax(-1).flatten() != task.answers(sequences)[:, 0]
    return {
        "wrong": wrong.sum()[None].int(),
        "of_embedding": frequency_shares(model.W_E[: task.modulus].detach()).float(),
        "of_logits": clock_shares(logits[..., : task.modulus]).float(),
        "attention": summarize_heads(head_rows(model, task.inputs(sequences), row=row)).mean.float(),
    }


@one_thread()
def _make(chosen: CourseRow, seed: int, work: Work) -> Made:
    spec = chosen.spec(seed).of
    looks: list[Looks] = []

    def look(model: TransformerBridge) -> None:
        looks.append(
            waves(model, spec.task)
            if isinstance(spec.task, ModularAddition)
            else {"weights": flat_weights(model).float()}
        )

    ended = _in_lanes(chosen, seed, work, look) if chosen.in_lanes else _alone(chosen, seed, work, look)
    stored = _stored_model(chosen, seed)
    if not torch.equal(flat_weights(ended), flat_weights(stored)):
        raise StoreError(
            f"{work.entry.label}: trained again here it ends in other weights than the stored model, whose last bits "
            "hang on the processor that trained it (its provenance.json names it); nothing was stored"
        )
    tensors = {name: torch.stack([each[name] for each in looks]).contiguous() for name in looks[0]}
    if "wrong" not in tensors:
        tensors["wrong"] = wrong_after(spec.model, spec.task, tensors["weights"]).int()
    return Made(_counted(tensors["wrong"]), tensors)


def _alone(chosen: CourseRow, seed: int, work: Work, look: Callable[[TransformerBridge], None]) -> TransformerBridge:
    spec = chosen.spec(seed).of
    model = build(spec.model, spec.task, seed=seed, dtype=spec.train.dtype)
    named = named_parameters(model)
    look(model)

    @torch.no_grad()
    def after(checkpoint: Checkpoint) -> None:
        for name, parameter in named.items():
            parameter.copy_(checkpoint.tensors[f"parameter/{name}"])
        look(model)

    ended, _ = train(
        spec.task, spec.model, spec.train, seed=seed, device=work.device, on_round=after, progress=work.bar
    )
    return ended


def _in_lanes(chosen: CourseRow, seed: int, work: Work, look: Callable[[TransformerBridge], None]) -> TransformerBridge:
    """One lane of the sweep by itself: compiled it takes the same steps as among others, in a fraction of the time.

    Not compiled the products of many lanes may be summed otherwise than those of one; then the end tells.
    """
    spec = chosen.spec(seed).of
    model = build(spec.model, spec.task, seed=seed, dtype=spec.train.dtype)
    where, batches = layout(spec.model, spec.task), spec.train.batches
    look(with_weights(model, where, initial_weights(spec.model, spec.task, [seed], spec.train.dtype)[0]))
    disable = None if work.bar else True
    with tqdm(total=batches.n_rounds, desc=work.bar, unit=batches.round_name, disable=disable) as bar:

        def after(checkpoint: LaneCheckpoint) -> None:
            look(with_weights(model, where, checkpoint.tensors["weights"][0]))
            bar.update()

        ended, _ = train_lanes(spec.task, spec.model, spec.train, seeds=[seed], device=work.device, on_round=after)
    return with_weights(model, where, ended[0])


def _stored_model(chosen: CourseRow, seed: int) -> TransformerBridge:
    """The model that the course ends in; raises as ``runs.load`` and ``load_sweep`` do."""
    if chosen.in_lanes:
        return load_sweep(chosen.source, range(seed, seed + 1)).model(seed, dtype="float32")
    return runs.load(chosen.source, seed).model


def _check(chosen: CourseRow, seed: int, stored: Stored, whole: bool) -> list[str]:
    """The last round against the stored model, and the counts of all rounds, or of three, evaluated again."""
    spec, tensors, model = chosen.spec(seed).of, stored.tensors, _stored_model(chosen, seed)
    found = [] if stored.metrics == _counted(tensors["wrong"]) else ["wrong_digits"]
    if isinstance(spec.task, ModularAddition):
        last = {name: tensor[-1] for name, tensor in tensors.items()}
        now = waves(model, spec.task)
        differ = tensors_that_differ(now, last, tolerance=WAVE_TOLERANCE)
        return found + [f"{name} of the last round" for name in differ]
    if not torch.equal(tensors["weights"][-1], flat_weights(model).float()):
        found.append("weights of the last round")
    n = len(tensors["weights"])
    at = list(range(n)) if whole else sorted({0, n // 2, n - 1})
    again = wrong_after(spec.model, spec.task, tensors["weights"][at])
    return found + ([] if torch.equal(again.int(), tensors["wrong"][at]) else ["wrong"])


def _counted(wrong: Int[Tensor, "round answer"]) -> dict[str, list[int]]:
    """Wrong answers after each round."""
    return {"wrong_digits": wrong.sum(1).tolist()}


def _said(stored: Stored) -> str:
    wrong = stored.metrics["wrong_digits"]
    faultless = sum(count == 0 for count in wrong)
    return f"{len(wrong) - 1} rounds, without a mistake after {of(faultless, len(wrong))}"


def _rounds(stored: Stored) -> tuple[int, ...]:
    return tuple(range(len(stored.metrics["wrong_digits"])))


def _loaded(source: str, seed: int | None, kept: Kept) -> Stored:
    chosen = course_row(source)
    seed = chosen.seeds[0] if seed is None else seed
    if chosen.spec(seed).kept != kept:
        raise ValueError(f"of {source} {chosen.spec(seed).kept} are kept, not {kept}")
    return door.load(entry(chosen, seed))
