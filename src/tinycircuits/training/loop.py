"""Training: one loop that follows a recipe. No disk."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from tqdm.auto import tqdm
from transformer_lens.model_bridge import TransformerBridge
from transformer_lens.model_bridge.sources.native import NativeModel

from tinycircuits.models.build import ModelSpec, build, without_hooks
from tinycircuits.models.errors import teacher_forced
from tinycircuits.tasks import Task
from tinycircuits.training.by_tables import answer_logits
from tinycircuits.training.data import Data
from tinycircuits.training.device import one_thread, resolve_device
from tinycircuits.training.recipe import TrainSpec, generator_of

MOMENTS = ("step", "exp_avg", "exp_avg_sq")


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
    """The trained model, on the CPU, and its history, one entry before training and one after each round.

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
    loop = _Loop(task, spec, without_hooks(model, model_spec, task), where)
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
    """One training in progress: the bare module and its optimizer on one device, and its data."""

    def __init__(self, task: Task, spec: TrainSpec, module: NativeModel, device: torch.device) -> None:
        self.task, self.spec, self.module, self.device = task, spec, module, device
        self.data = Data.of(task, spec.split)
        self.measured = self.data.measured.to(device)
        self.train, self.holdout = self.data.train.to(device), self.data.holdout.to(device)
        self.n_steps = spec.batches.n_steps(self.data.n_train)
        self.optimizer = torch.optim.AdamW(
            module.parameters(), lr=spec.lr, betas=spec.betas, weight_decay=spec.weight_decay, fused=True
        )

    @one_thread()
    def play_round(self, index: int, generator: torch.Generator) -> int:
        """Take the steps of round ``index`` and return the number of steps taken so far."""
        first = index * self.n_steps // self.spec.batches.n_rounds
        batches = self.spec.batches.draw(self.data.n_train, [generator])
        for step, batch in enumerate(batches, start=first):
            self._step(step, self.data.batch(batch[0]).to(self.device))
        return first + len(batches)

    def _step(self, step: int, sequences: Tensor) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.spec.lr_at(step, self.n_steps)
        if self.spec.forward == "tables":
            logits = answer_logits(self.module, self.task, sequences)
        else:
            logits = self.module(self.task.inputs(sequences))[:, self.task.predicting_rows]
        if self.spec.loss_dtype is not None:
            logits = logits.to(getattr(torch, self.spec.loss_dtype))
        loss = cross_entropy(logits.mT, self.task.answers(sequences))
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if self.spec.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.module.parameters(), self.spec.clip_norm)
        self.optimizer.step()

    def measure(self, step: int) -> Round:
        """The losses and errors on the training set and the holdout as they stand."""
        scores = teacher_forced(self.module, self.task, self.measured)
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
