"""Training: a validated recipe, and one loop that follows it. No disk."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from tqdm.auto import tqdm
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.evaluation import teacher_forced
from tinycircuits.models import Dtype, ModelSpec, build, without_hooks
from tinycircuits.specs import Spec
from tinycircuits.tasks import Split, Task

Positive = Annotated[int, Field(ge=1)]
MOMENTS = ("step", "exp_avg", "exp_avg_sq")


class EpochBatches(Spec):
    """Each round is one epoch: a fresh permutation of the training set, cut into batches (the last may be small)."""

    epochs: Positive
    batch_size: Positive

    @property
    def round_name(self) -> str:
        """What a progress bar calls a round."""
        return "epoch"

    @property
    def n_rounds(self) -> int:
        """One round for each epoch."""
        return self.epochs

    def n_steps(self, n_train: int) -> int:
        """Optimizer steps in the whole training."""
        return self.epochs * math.ceil(n_train / self.batch_size)

    def draw(self, n_train: int, generators: Sequence[torch.Generator]) -> tuple[Int[Tensor, "lane batch"], ...]:
        """The batches of one round, as indices into the training set, one row for each generator."""
        orders = torch.stack([torch.randperm(n_train, generator=generator) for generator in generators])
        return torch.split(orders, self.batch_size, dim=1)


class IndependentBatches(Spec):
    """Each step draws its batch anew, without replacement inside the batch; a round is ``round_steps`` steps."""

    steps: Positive
    batch_size: Positive
    round_steps: Positive

    @property
    def round_name(self) -> str:
        """What a progress bar calls a round."""
        return f"{self.round_steps} steps"

    @property
    def n_rounds(self) -> int:
        """Rounds of ``round_steps`` steps each."""
        return self.steps // self.round_steps

    def n_steps(self, n_train: int) -> int:
        """Optimizer steps in the whole training, for every ``n_train``."""
        return self.n_rounds * self.round_steps

    def draw(self, n_train: int, generators: Sequence[torch.Generator]) -> tuple[Int[Tensor, "lane batch"], ...]:
        """The batches of one round, as indices into the training set, one row for each generator."""
        numbers = torch.empty(len(generators), self.round_steps, n_train)
        for generator, lane in zip(generators, numbers, strict=True):
            torch.rand(lane.shape, generator=generator, out=lane)
        return _start_of_argsort(numbers, self.batch_size).transpose(0, 1).contiguous().unbind()


def _start_of_argsort(numbers: Float[Tensor, "lane row n"], count: int) -> Int[Tensor, "lane row count"]:
    """The first ``count`` entries of ``numbers.argsort(dim=2)``, several times sooner.

    Where the smallest numbers differ there is one such order, and a selection finds it. Where two are equal (one row
    of some thousands) their order is a habit of ``argsort``, which is therefore asked.
    """
    if count >= numbers.shape[2]:
        return numbers.argsort(dim=2)
    values, order = numbers.topk(count + 1, dim=2, largest=False)
    tied = (values.diff(dim=2) == 0).any(dim=2)
    order[tied] = numbers[tied].argsort(dim=1)[:, : count + 1]
    return order[:, :, :count]


class TrainSpec(Spec):
    """A training recipe: AdamW on the mean cross-entropy of the answer tokens.

    The learning rate rises linearly to ``lr`` over ``warmup_steps``, then stays or falls along a cosine to zero.
    ``recipe`` is raised by hand whenever a change of this module changes the outcome of a run.
    """

    split: Split
    batches: EpochBatches | IndependentBatches
    lr: float = Field(gt=0)
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = Field(default=0.01, ge=0)
    warmup_steps: int = Field(default=0, ge=0)
    decay: Literal["constant", "cosine"] = "constant"
    clip_norm: float | None = Field(default=None, gt=0)
    dtype: Dtype = "float64"
    recipe: int = 1

    def lr_at(self, step: int, n_steps: int) -> float:
        """Learning rate of the step with index ``step`` of ``n_steps``."""
        if step < self.warmup_steps:
            return self.lr * (step + 1) / self.warmup_steps
        if self.decay == "constant":
            return self.lr
        done = (step - self.warmup_steps) / max(1, n_steps - self.warmup_steps)
        return self.lr * (1 + math.cos(math.pi * done)) / 2


@dataclass(frozen=True)
class Round:
    """Teacher-forced loss (nats) and errors after ``step`` optimizer steps."""

    step: int
    train_loss: float
    holdout_loss: float
    train_wrong_digits: int
    holdout_wrong_digits: int
    train_wrong_sequences: int
    holdout_wrong_sequences: int


@dataclass(frozen=True)
class Checkpoint:
    """All that training needs to go on: parameters, optimizer moments, history."""

    tensors: dict[str, Tensor]
    history: tuple[Round, ...]


def resolve_device(device: str) -> torch.device:
    """The torch device for ``cpu``, ``cuda`` or ``auto``; raises ``ValueError`` for one that is unusable here."""
    if device not in ("cpu", "cuda", "auto"):
        raise ValueError(f"device must be cpu, cuda or auto, got {device!r}")
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device cuda is not usable here: torch sees no CUDA device; use cpu or auto")
    return torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch's CPU kernels on one thread.

    Tiny products gain nothing from a second one, and the number of threads changes the order of summation: a
    difference in the last bit that a few hundred steps of training amplify into another model.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def train(
    task: Task,
    model_spec: ModelSpec,
    spec: TrainSpec,
    *,
    seed: int,
    device: str = "cpu",
    resume: Checkpoint | None = None,
    on_round: Callable[[Checkpoint], None] | None = None,
    progress: str | None = None,
    watched: bool = True,
) -> tuple[TransformerBridge, tuple[Round, ...]]:
    """Return the trained model, on the CPU, and its history, one entry before training and one after each round.

    A run that is not ``watched`` is measured before and after training only, in two thirds of the time, and ends with
    the same weights.

    ``seed`` draws the initial weights and the batches; round ``r`` depends on ``(seed, r)`` alone, so on one
    processor a run resumed from a ``Checkpoint`` equals an unbroken one. ``on_round`` receives the checkpoint after
    each round. ``progress`` names the bar, which is drawn on a terminal only. Raises ``ValueError`` for an
    unusable device, and for a run that is to be kept or resumed unwatched.
    """
    if not watched and (resume is not None or on_round is not None):
        raise ValueError("watched must be true where checkpoints are kept: they hold the history of every round")
    where = resolve_device(device)
    model = build(model_spec, task, seed=seed, dtype=spec.dtype)
    model.to(where, print_details=False)
    loop = _Loop(task, spec, without_hooks(model, model_spec, task), task.sequences().to(where))
    if resume is not None:
        loop.restore(resume)
    history = list(resume.history) if resume is not None else [loop.measure(0)]
    n_rounds = spec.batches.n_rounds
    with tqdm(
        total=n_rounds,
        initial=len(history) - 1,
        desc=progress,
        unit=spec.batches.round_name,
        disable=None if progress else True,
    ) as bar:
        for index in range(len(history) - 1, n_rounds):
            step = loop.play_round(index, generator_of(seed, index))
            bar.update()
            if not watched and index < n_rounds - 1:
                continue
            history.append(loop.measure(step))
            if on_round is not None:
                on_round(loop.checkpoint(history))
            wrong = history[-1].train_wrong_digits + history[-1].holdout_wrong_digits
            bar.set_postfix_str(f"loss {history[-1].train_loss:.1e}, {wrong:,} wrong digits")
    model.to("cpu", print_details=False)
    return model.eval(), tuple(history)


class _Loop:
    """One training in progress: the bare module, its optimizer and its data, all on one device."""

    def __init__(self, task: Task, spec: TrainSpec, module: nn.Module, sequences: Tensor) -> None:
        split = spec.split.indices(len(sequences))
        self.task, self.spec, self.module, self.sequences = task, spec, module, sequences
        self.train, self.holdout = split.train.to(sequences.device), split.holdout.to(sequences.device)
        self.n_steps = spec.batches.n_steps(len(self.train))
        self.optimizer = torch.optim.AdamW(
            module.parameters(), lr=spec.lr, betas=spec.betas, weight_decay=spec.weight_decay, fused=True
        )

    @one_thread()
    def play_round(self, index: int, generator: torch.Generator) -> int:
        """Take the steps of round ``index`` and return the number of steps taken so far."""
        first = index * self.n_steps // self.spec.batches.n_rounds
        batches = self.spec.batches.draw(len(self.train), [generator])
        for step, batch in enumerate(batches, start=first):
            self._step(step, self.sequences[self.train[batch[0].to(self.train.device)]])
        return first + len(batches)

    def _step(self, step: int, sequences: Tensor) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.spec.lr_at(step, self.n_steps)
        logits = self.module(self.task.inputs(sequences))[:, self.task.predicting_rows]
        loss = cross_entropy(logits.mT, self.task.answers(sequences))
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if self.spec.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.module.parameters(), self.spec.clip_norm)
        self.optimizer.step()

    def measure(self, step: int) -> Round:
        """The losses and errors on the training set and the holdout as they stand."""
        scores = teacher_forced(self.module, self.task, self.sequences)
        train, holdout = scores.errors(self.train), scores.errors(self.holdout)
        return Round(
            step=step,
            train_loss=scores.mean_loss(self.train),
            holdout_loss=scores.mean_loss(self.holdout),
            train_wrong_digits=train.wrong_digits,
            holdout_wrong_digits=holdout.wrong_digits,
            train_wrong_sequences=train.wrong_sequences,
            holdout_wrong_sequences=holdout.wrong_sequences,
        )

    def checkpoint(self, history: list[Round]) -> Checkpoint:
        """A copy of the present state, on the CPU."""
        tensors = {}
        for name, parameter in self._trained():
            tensors[f"parameter/{name}"] = parameter.detach().cpu().clone()
            for moment in MOMENTS:
                tensors[f"{moment}/{name}"] = self.optimizer.state[parameter][moment].cpu().clone()
        return Checkpoint(tensors, tuple(history))

    def _trained(self) -> list[tuple[str, nn.Parameter]]:
        return [(name, p) for name, p in self.module.named_parameters() if p.requires_grad]

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go back to ``checkpoint``."""
        with torch.no_grad():
            for name, parameter in self._trained():
                parameter.copy_(checkpoint.tensors[f"parameter/{name}"])
                self.optimizer.state[parameter] = {
                    moment: checkpoint.tensors[f"{moment}/{name}"].to(parameter.device) for moment in MOMENTS
                }


def generator_of(seed: int, index: int) -> torch.Generator:
    """The source of the batches of round ``index`` of the run with this seed."""
    state = np.random.SeedSequence((seed, index)).generate_state(1)
    return torch.Generator().manual_seed(int(state[0]))
