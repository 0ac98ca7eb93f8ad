"""The training loop of ``tinycircuits.training.loop`` for a whole stack of models at once. No disk.

Lane by lane it takes the same steps: initialisation and batches of a seed are those of the one-model path, and so are
loss, clipping, learning rate and AdamW, which acts on every number alone. Only the order of summation differs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tinycircuits.models.build import ModelSpec
from tinycircuits.tasks import Task
from tinycircuits.training.data import Data
from tinycircuits.training.device import one_thread, resolve_device
from tinycircuits.training.lanes.gradient import Gradient
from tinycircuits.training.lanes.layout import initial_weights
from tinycircuits.training.lanes.scores import score
from tinycircuits.training.loop import MOMENTS
from tinycircuits.training.recipe import TrainSpec, generator_of

CURVE_POINTS = 41
CURVE_INPUTS = 2_048
"""A curve has at most so many points, each measured on at most so many training and as many held-out sequences."""


@dataclass(frozen=True)
class LaneHistory:
    """The thinned course of training: ``step`` of each point, and for each lane its losses and wrong digits.

    Losses are nats. They and the counts are over at most ``CURVE_INPUTS`` training and as many held-out sequences.
    """

    step: Int[Tensor, " point"]
    train_loss: Float[Tensor, "lane point"]
    holdout_loss: Float[Tensor, "lane point"]
    train_wrong_digits: Int[Tensor, "lane point"]
    holdout_wrong_digits: Int[Tensor, "lane point"]

    @property
    def n_solved(self) -> int:
        """Lanes without a mistake at the last point."""
        return int((self.train_wrong_digits[:, -1] + self.holdout_wrong_digits[:, -1] == 0).sum())


@dataclass(frozen=True)
class LaneCheckpoint:
    """All that the stack needs to go on after ``rounds`` rounds: weights, optimizer moments, history."""

    rounds: int
    tensors: dict[str, Tensor]
    history: LaneHistory


@one_thread()
def train_lanes(
    task: Task,
    model_spec: ModelSpec,
    spec: TrainSpec,
    *,
    seeds: Sequence[int],
    device: str = "cpu",
    compiled: bool = True,
    resume: LaneCheckpoint | None = None,
    on_round: Callable[[LaneCheckpoint], None] | None = None,
) -> tuple[Float[Tensor, "lane parameter"], LaneHistory]:
    """The trained weights, one row for each seed, on the CPU, and their history.

    ``compiled`` asks for ``torch.compile``; without a C++ compiler the loop runs uncompiled and says so in one line.
    ``on_round`` receives a checkpoint after each round; ``resume`` goes on from one, to the same end.
    It keeps to one thread: two meet at a barrier many times in a step of a few milliseconds, and where another process
    holds one of their cores, each barrier waits for its turn. A second core is for a second block, side by side.
    For some shapes, compiled or not may change the last bit, which long training amplifies.
    Raises ``ValueError`` for an unusable device and when there are no seeds.
    """
    if not seeds:
        raise ValueError("seeds: at least one expected")
    loop = _Lanes(task, model_spec, spec, seeds, resolve_device(device), compiled)
    if resume is not None:
        loop.restore(resume)
    points = _curve_rounds(spec.batches.n_rounds)
    if not loop.points:
        loop.measure()
    while loop.rounds < spec.batches.n_rounds:
        loop.play_round()
        if loop.rounds in points:
            loop.measure()
        if on_round is not None:
            on_round(loop.checkpoint())
    return loop.weights.detach().cpu().clone(), loop.thinned()


def _curve_rounds(n_rounds: int) -> set[int]:
    return set(torch.linspace(0, n_rounds, min(CURVE_POINTS, n_rounds + 1)).round().int().tolist())


class _Lanes:
    """One training in progress: the stack of weights, its optimizer and its data, all on one device."""

    def __init__(
        self,
        task: Task,
        model_spec: ModelSpec,
        spec: TrainSpec,
        seeds: Sequence[int],
        device: torch.device,
        compiled: bool,
    ) -> None:
        self.task, self.model_spec, self.spec, self.seeds = task, model_spec, spec, list(seeds)
        weights = initial_weights(model_spec, task, self.seeds, spec.dtype).to(device)
        self.weights = torch.nn.Parameter(weights)
        self.data = Data.of(task, spec.split)
        self.samples = [self.data.measured[_thinned(part)].to(device) for part in (self.data.train, self.data.holdout)]
        self.columns = self.data.measured[self.data.train].T.to(device, weights.dtype).contiguous()  # [n_ctx train]
        self.n_steps = spec.batches.n_steps(self.data.n_train)
        self.gradient = Gradient(task, model_spec, dtype=weights.dtype, device=device, compiled=compiled)
        self.optimizer = torch.optim.AdamW(
            [self.weights], lr=spec.lr, betas=spec.betas, weight_decay=spec.weight_decay, fused=True
        )
        self.rounds = 0
        self.points: list[tuple[Tensor, ...]] = []

    def play_round(self) -> None:
        """Take the steps of the next round, in every lane."""
        first = self.rounds * self.n_steps // self.spec.batches.n_rounds
        generators = [generator_of(seed, self.rounds) for seed in self.seeds]
        for step, batch in enumerate(self.spec.batches.draw(self.data.n_train, generators), start=first):
            self._step(step, batch)
        self.rounds += 1

    def _step(self, step: int, batch: Int[Tensor, "lane batch"]) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.spec.lr_at(step, self.n_steps)
        self.weights.grad = self.gradient(self.weights, *self._padded(batch))
        if self.spec.clip_norm is not None:
            norm = self.weights.grad.norm(dim=1, keepdim=True)
            self.weights.grad *= (self.spec.clip_norm / (norm + 1e-6)).clamp(max=1)
        self.optimizer.step()

    def _padded(self, batch: Int[Tensor, "lane batch"]) -> tuple[Tensor, Tensor]:
        """The sequences ``[lane n_ctx batch]`` and their weights in the mean; a short batch is filled up at weight 0.

        So every step has one shape, and the loss is compiled once.
        """
        missing = self.spec.batches.batch_size - batch.shape[1]
        weight = torch.full((batch.shape[1],), 1 / batch.shape[1], dtype=self.columns.dtype)
        weight = torch.nn.functional.pad(weight, (0, missing)).to(self.columns.device)
        index = torch.nn.functional.pad(batch, (0, missing)).contiguous().to(self.columns.device)
        if self.data.listed:
            return self.columns[:, index].transpose(0, 1), weight
        return self.data.batch(index).mT.to(self.columns).contiguous(), weight

    def measure(self) -> None:
        """Add a point to the history."""
        step = self.rounds * self.n_steps // self.spec.batches.n_rounds
        weights = self.weights.detach()
        train, holdout = (score(self.model_spec, self.task, weights, sample) for sample in self.samples)
        self.points.append(
            (torch.tensor(step), train.loss, holdout.loss, train.wrong_digits.sum(1), holdout.wrong_digits.sum(1))
        )

    def thinned(self) -> LaneHistory:
        """The history as tensors."""
        step, *columns = (torch.stack(column, dim=-1) for column in zip(*self.points, strict=True))
        return LaneHistory(step, *columns)

    def checkpoint(self) -> LaneCheckpoint:
        """A copy of the present state, on the CPU."""
        state = self.optimizer.state[self.weights]
        tensors = {moment: state[moment].cpu().clone() for moment in MOMENTS}
        return LaneCheckpoint(self.rounds, {"weights": self.weights.detach().cpu().clone(), **tensors}, self.thinned())

    def restore(self, checkpoint: LaneCheckpoint) -> None:
        """Go back to ``checkpoint``."""
        with torch.no_grad():
            self.weights.copy_(checkpoint.tensors["weights"])
        moments = {moment: checkpoint.tensors[moment].to(self.weights.device) for moment in MOMENTS}
        self.optimizer.state[self.weights] = moments
        self.rounds = checkpoint.rounds
        columns = (getattr(checkpoint.history, field.name) for field in fields(LaneHistory))
        self.points = list(zip(*(column.unbind(-1) for column in columns), strict=True))


def _thinned(index: Int[Tensor, " sequences"]) -> Int[Tensor, " some"]:
    """At most ``CURVE_INPUTS`` entries at equal distances."""
    if len(index) <= CURVE_INPUTS:
        return index
    return index[torch.linspace(0, len(index) - 1, CURVE_INPUTS).long()]
