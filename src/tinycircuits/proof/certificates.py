"""Certificates of a whole model: counts for each machine, a file that ``recheck`` reads, and what is told of it."""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from safetensors.numpy import load, save
from tqdm.auto import tqdm
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.factored import made_from
from tinycircuits.proof.certificate import sealed
from tinycircuits.proof.everywhere import CLEARLY, Answers, Shape, certify
from tinycircuits.proof.machines import ASSUMED, MACHINES, VERDICTS, Machine
from tinycircuits.proof.recheck import Refused, recheck
from tinycircuits.proof.subject import bytes_of
from tinycircuits.tasks import DigitTask, ModularAddition, Task

STEPS = 4
"""Cells of the grid to a power of ten."""
MARGINS, ERRORS = (-4, 3), (-14, 3)
"""Powers of ten that the grid spans; what lies outside is in the cell at the edge."""
GRID: dict[str, Any] = {"margins": MARGINS, "errors": ERRORS, "steps": STEPS}
"""How the grid is cut, for who draws it."""
EXIT_CODES = {"certified": 0, "refuted": 1, "undecided": 3}


@dataclass(frozen=True, eq=False)
class Certified:
    """What is certain of a model's answers to all inputs, on each machine."""

    machines: tuple[Machine, ...]
    counts: Int[ndarray, "machine verdict"]
    """Answers by ``VERDICTS``."""
    spare: Float[ndarray, " machine"]
    """Of the answers certified right the least that the margin exceeds the error by; infinite where there are none."""
    margin: Float[ndarray, " machine"]
    """The smallest margin in float64."""
    error: Float[ndarray, " machine"]
    """The largest error bound; infinite where one has none."""
    grid: Int[ndarray, "machine error margin"]
    """Answers by the size of both, ``STEPS`` cells to a power of ten."""
    norms: dict[str, Float[ndarray, "form head"]]
    """The bound of each matrix by the numbers that it holds and its name: ``float64.blocks.0.attn.q``."""

    @property
    def n_answers(self) -> int:
        """Answers to all inputs."""
        return int(self.counts[0].sum())


def certified(
    model: TransformerBridge,
    task: Task,
    machines: Sequence[Machine],
    on_done: Callable[[int], object] = lambda n: None,
) -> Certified:
    """The certificate of a model; raises ``ValueError`` as ``certify`` does."""
    sequences = task.sequences()
    tokens, right = task.inputs(sequences).numpy(), task.answers(sequences).numpy()
    weights, found = load(bytes_of(model)), {}
    norms: dict[str, ndarray] = {}
    for group, bounds, answers in certify(
        weights, shape_of(model), tokens, right, task.predicting_rows, machines, on_done
    ):
        for at, one in enumerate(group):
            found[one.name] = _summary(answers, at)
            norms |= {f"{one.weights}.{name}": each.copy() for name, each in bounds.items()}
    rows = [found[one.name] for one in machines]
    counts, spare, margin, error, grid = (np.stack(each) for each in zip(*rows, strict=True))
    return Certified(tuple(machines), counts, spare, margin, error, grid, norms)


def shape_of(model: TransformerBridge) -> Shape:
    """What the weights do not say of a model."""
    return Shape(model.cfg.n_heads, model.cfg.act_fn)


def _summary(answers: Answers, at: int) -> tuple[ndarray, ...]:
    """Of one machine: counts, spare, smallest margin, largest error, grid."""
    right, wrong, open_ = (getattr(answers, name)[at] for name in VERDICTS)
    margin, error = answers.margin[at], answers.error[at]
    counts = np.array([right.sum(), wrong.sum(), open_.sum()])
    spare = np.where(right, margin - CLEARLY * np.where(right, error, 0), np.inf).min()
    grid = np.zeros([(top - bottom) * STEPS for bottom, top in (ERRORS, MARGINS)], dtype=np.int64)
    np.add.at(grid, (_cell(error, ERRORS), _cell(margin, MARGINS)), 1)
    return counts, np.asarray(spare), np.asarray(margin.min()), np.asarray(error.max()), grid


def _cell(x: ndarray, span: tuple[int, int]) -> ndarray:
    bottom, top = span
    inside = np.clip(np.nan_to_num(x, nan=np.inf), 10.0**bottom, 10.0**top)
    found: ndarray = np.minimum(np.floor((np.log10(inside) - bottom) * STEPS), (top - bottom) * STEPS - 1).astype(int)
    return found


def certificate_file(found: Certified, shape: Shape, task: Task, weights: bytes) -> bytes:
    """The safetensors file of a certificate, which holds the file ``weights`` whole, and a seal of all else.

    Raises ``ValueError`` for a task that the checker does not know.
    """
    arrays = {
        "weights": np.frombuffer(weights, dtype=np.uint8),
        "heads": np.array([shape.n_heads]),
        "gelu": np.array([shape.act == "gelu"], dtype=np.uint8),
        "roundoff": np.array([one.roundoff for one in found.machines]),
        "counts": found.counts,
        "spare": found.spare,
        **{f"norms.{name}": each for name, each in found.norms.items()},
        **_asked(task),
    }
    kept = {name: np.ascontiguousarray(each) for name, each in arrays.items()}
    data: bytes = save({**kept, "seal": np.frombuffer(bytes.fromhex(sealed(kept)), dtype=np.uint8)})
    return data


def _asked(task: Task) -> dict[str, ndarray]:
    """What a model must say, for the checker."""
    if isinstance(task, ModularAddition):
        return {"modulus": np.array([task.modulus, int(task.plus_sign)])}
    if isinstance(task, DigitTask):
        source, answer = made_from(task)
        return {"source": np.array(source), "answer": answer.numpy()}
    raise ValueError(f"task must be one of digits or of addition, got {type(task).__name__}")


@dataclass(frozen=True, eq=False)
class Said:
    """What came of a certification. ``file`` are the bytes of the certificate, empty where the checker refuses it."""

    found: Certified
    word: str
    lines: tuple[str, ...]
    file: bytes

    @property
    def exit_code(self) -> int:
        """0 only where every answer is certified right on every machine asked for."""
        return EXIT_CODES[self.word]


def said(model: TransformerBridge, task: Task, names: Sequence[str], *, bar: str | None = None) -> Said:
    """The certificate of a model on the named machines, confirmed by the checker, in lines.

    Raises ``ValueError`` for weights that are not finite, and for a task of another kind.
    """
    machines, weights = [MACHINES[name] for name in names], bytes_of(model)
    n_inputs, started = len(task.sequences()), time.perf_counter()
    with tqdm(total=n_inputs * len(machines), desc=bar, unit="input", disable=None if bar else True) as shown:
        found = certified(model, task, machines, shown.update)
    file, took = certificate_file(found, shape_of(model), task, weights), time.perf_counter() - started
    lines = [
        f"weights {sum(each.size for each in load(weights).values()):,}, sha256 {hashlib.sha256(weights).hexdigest()}",
        f"certified {found.n_answers:,} answers on {len(machines)} machines in {took:.1f} s",
        *(f"{one.name:8} {_counts(found, at)}" for at, one in enumerate(machines)),
    ]
    word = _word(found)
    try:
        started = time.perf_counter()
        lines.append(f"{recheck(file)}; in {time.perf_counter() - started:.1f} s")
    except Refused as refused:
        file, word = b"", "undecided"
        lines.append(f"the checker does not confirm it: {refused}")
    return Said(found, word, (*lines, f"assumed: {ASSUMED}", _last(found, word)), file)


def _word(found: Certified) -> str:
    right, wrong, _ = found.counts.T
    if wrong.any():
        return "refuted"
    return "certified" if (right == found.n_answers).all() else "undecided"


def _counts(found: Certified, at: int) -> str:
    counts = ", ".join(f"{n:,} {verdict}" for n, verdict in zip(found.counts[at], VERDICTS, strict=True))
    return f"{counts}; smallest margin {found.margin[at]:.4g}, largest error {found.error[at]:.2g}"


def _last(found: Certified, word: str) -> str:
    right = " and ".join(
        f"{n:,} on {one.name}" for n, one in zip(found.counts[:, 0].tolist(), found.machines, strict=True)
    )
    return f"{word}: of {found.n_answers:,} answers right for certain {right}"
