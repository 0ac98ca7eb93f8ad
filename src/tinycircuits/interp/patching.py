"""Activation patching: put a part's output from one run into another, and see how far the answer comes along."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.activations import Component, Part, activations, batches, check_part, components
from tinycircuits.interp.forward import logits_after
from tinycircuits.interp.pairs import unit_directions
from tinycircuits.tasks import Task

Direction = Literal["denoise", "noise"]
Metric = Literal["logit difference", "loss"]
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)
METRICS: tuple[Metric, ...] = get_args(Metric)
Outputs = dict[Component, Float[Tensor, "batch pos d_model"]]
BATCH = 1024
"""Inputs patched at a time: their states stay in the processor's cache."""


@dataclass(frozen=True)
class Interval:
    """A number with the ends of its bootstrap interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """``0.98 (0.97, 0.99)``."""
        return f"{self.value:.2f} ({self.low:.2f}, {self.high:.2f})"


@dataclass(frozen=True)
class Patching:
    """What the last answer's metric is in the clean run, in the corrupted run and in each patched run, per input.

    ``loss`` is the cross-entropy of the clean answer in nats; ``logit difference`` is its logit minus that of the
    corrupted run's right answer. Both are means over the answers of a sequence, in float64.

    Shows / does not show: ``denoise`` asks whether a part's clean output *suffices* to bring the answer back, ``noise``
    whether it is *needed*. A large number says that the difference between the two inputs passes through the part, not
    that the part computes anything: a wire passes everything on.
    """

    direction: Direction
    labels: tuple[str, ...]
    """One for each patched run."""
    clean: Mapping[Metric, Float[Tensor, " batch"]]
    corrupted: Mapping[Metric, Float[Tensor, " batch"]]
    patched: Mapping[Metric, Float[Tensor, "run batch"]]
    control: Mapping[Metric, Float[Tensor, "draw run batch"]]
    """The base run pushed by as much as the patch changes it, at each input and position, in a random direction."""

    def recovery(self, label: str, metric: Metric = "logit difference") -> float:
        """How far the patch moves the mean metric, as a fraction of the way between the two runs.

        ``denoise``: (patched - corrupted) / (clean - corrupted); 1 is the clean run, 0 the corrupted one.
        ``noise``: (patched - clean) / (corrupted - clean); 1 is the corrupted run, 0 the clean one.
        Nothing keeps it inside 0 .. 1.

        Raises ``ValueError`` for an unknown label or metric, or two runs of equal mean metric.
        """
        return self._moved(self.patched[_metric(metric)][self._run(label)], metric)

    def recoveries(self, metric: Metric = "logit difference") -> Float[Tensor, " run"]:
        """``recovery`` of every run, in the order of ``labels``; raises as that does."""
        return torch.tensor([self.recovery(label, metric) for label in self.labels], dtype=torch.float64)

    def control_recovery(self, label: str, metric: Metric = "logit difference") -> float:
        """``recovery`` of the random push, mean over the draws; raises as ``recovery``, and where none was drawn."""
        drawn = self.control[_metric(metric)]
        if not len(drawn):
            raise ValueError("draws must be at least 1 for a control, got 0")
        return self._moved(drawn[:, self._run(label)].mean(0), metric)

    def intervals(
        self, metric: Metric = "logit difference", *, seed: int, resamples: int = 1000, confidence: float = 0.95
    ) -> dict[str, Interval]:
        """``recovery`` of every run with its percentile bootstrap interval over inputs.

        Inputs are drawn with replacement, clean, corrupted and patched run together; all runs share the draws.

        Raises ``ValueError`` for an unknown metric, fewer than one resample, a confidence outside 0 .. 1.
        """
        if resamples < 1 or not 0 < confidence < 1:
            raise ValueError(
                f"resamples must be 1 or more and confidence between 0 and 1, got {resamples} and {confidence}"
            )
        base, goal = self._ends(_metric(metric))
        columns = torch.cat([base[None], goal[None], self.patched[metric]]).numpy()
        drawn = np.random.default_rng(seed)
        n = columns.shape[1]
        draws = np.empty((resamples, len(columns)))
        for index in range(resamples):
            weight = np.bincount(drawn.integers(n, size=n), minlength=n)
            draws[index] = columns @ weight
        moved = (draws[:, 2:] - draws[:, :1]) / (draws[:, 1:2] - draws[:, :1])
        tail = (1 - confidence) / 2
        low, high = np.quantile(moved, [tail, 1 - tail], axis=0)
        return {
            label: Interval(self.recovery(label, metric), float(low[i]), float(high[i]))
            for i, label in enumerate(self.labels)
        }

    def rows(self, metric: Metric = "loss", *, seed: int = 0) -> pd.DataFrame:
        """One row for each patched run, its label in column ``part``.

        ``recovery`` with the ends ``low`` and ``high`` of its 95 % bootstrap interval, drawn from ``seed``, and that of
        the ``random push`` of equal norm. Raises as ``intervals`` and ``control_recovery`` do.
        """
        return pd.DataFrame(
            [
                {
                    "part": part,
                    "recovery": interval.value,
                    "low": interval.low,
                    "high": interval.high,
                    "random push": self.control_recovery(part, metric),
                }
                for part, interval in self.intervals(metric, seed=seed).items()
            ]
        )

    def _run(self, label: str) -> int:
        if label not in self.labels:
            raise ValueError(f"label must be one of {', '.join(self.labels)}, got {label!r}")
        return self.labels.index(label)

    def _ends(self, metric: Metric) -> tuple[Tensor, Tensor]:
        """The metric where the patch starts from and where it might lead."""
        ends = self.corrupted[metric], self.clean[metric]
        return ends if self.direction == "denoise" else (ends[1], ends[0])

    def _moved(self, patched: Float[Tensor, " batch"], metric: Metric) -> float:
        base, goal = (float(end.mean()) for end in self._ends(metric))
        if base == goal:
            raise ValueError(f"clean and corrupted run have the same mean {metric} ({base}): nothing can be recovered")
        return (float(patched.mean()) - base) / (goal - base)


@torch.no_grad()
def activation_patching(
    model: TransformerBridge,
    task: Task,
    clean: Int[Tensor, "batch n_ctx"],
    corrupted: Int[Tensor, "batch n_ctx"],
    *,
    groups: Mapping[str, Sequence[Part]] | Sequence[Part],
    direction: Direction,
    positions: Sequence[int] | None = None,
    draws: int = 0,
    seed: int = 0,
) -> Patching:
    """The metrics when the outputs of one group of parts are taken from the other run, for each group in turn.

    ``denoise`` runs the corrupted inputs with the clean outputs, ``noise`` the clean inputs with the corrupted ones.
    ``groups`` names sets of components and heads that are patched together; a plain sequence patches each alone, under
    its own label. Heads of a group must belong to the first layer that it patches: the other heads of a later layer
    would have to answer to the change. ``positions`` restricts the patch to these positions of the input. ``draws``
    random pushes of equal norm, drawn from ``seed``, are the control.

    Source: Heimersheim and Nanda 2024, arXiv 2404.15255; equal to ``transformer_lens.patching`` in the tests.

    Raises ``ValueError`` for an unknown direction, part or position, unequal numbers of inputs, a negative number of
    draws.
    """
    named = groups if isinstance(groups, Mapping) else {part.label: (part,) for part in groups}
    _check(model, task, clean, corrupted, named, direction, positions, draws)
    generator = torch.Generator().manual_seed(seed)
    found: dict[str, list[Tensor]] = {"clean": [], "corrupted": [], "patched": [], "control": []}
    for one, other in zip(batches(clean, BATCH), batches(corrupted, BATCH), strict=True):
        pair = (("clean", one), ("corrupted", other))
        runs = {name: _Run(model, task.inputs(tokens), named) for name, tokens in pair}
        score = _Score(task, one, other)
        base, source = (runs["corrupted"], runs["clean"])[:: 1 if direction == "denoise" else -1]
        for name, run in runs.items():
            found[name].append(score(run.logits(task.predicting_rows)))
        patched, pushed = [], []
        for parts in named.values():
            outputs = base.patched(source, parts, positions)
            patched.append(score(base.logits(task.predicting_rows, outputs, positions)))
            for _ in range(draws):
                push = base.pushed(outputs, generator)
                pushed.append(score(base.logits(task.predicting_rows, push, positions)))
        found["patched"].append(torch.stack(patched, dim=1))
        n = len(one)
        control = torch.stack(pushed, dim=1) if draws else torch.empty(len(METRICS), 0, n, dtype=torch.float64)
        found["control"].append(control.reshape(len(METRICS), len(named), draws, n).transpose(1, 2))
    joined = {name: dict(zip(METRICS, torch.cat(parts, dim=-1), strict=True)) for name, parts in found.items()}
    return Patching(direction, tuple(named), **joined)


class _Score:
    """Both metrics of logits, for the right answers of a clean and a corrupted input."""

    def __init__(self, task: Task, clean: Int[Tensor, "batch n_ctx"], corrupted: Int[Tensor, "batch n_ctx"]):
        self.right, self.other = task.answers(clean), task.answers(corrupted)

    def __call__(self, logits: Float[Tensor, "batch answer d_vocab"]) -> Float[Tensor, "metric batch"]:
        logits = logits.double()
        right, other = (logits.gather(-1, answers[..., None])[..., 0] for answers in (self.right, self.other))
        loss = cross_entropy(logits.mT, self.right, reduction="none")
        return torch.stack([(right - other).mean(1), loss.mean(1)])


class _Run:
    """One run's states: what each component read and wrote, and the heads' ``z`` where a head is patched."""

    def __init__(
        self, model: TransformerBridge, tokens: Int[Tensor, "batch pos"], groups: Mapping[str, Sequence[Part]]
    ):
        self.model, self.order = model, components(model)
        layers = {part.layer for parts in groups.values() for part in parts if not isinstance(part, Component)}
        z = [f"blocks.{layer}.attn.hook_z" for layer in sorted(layers)]
        self.kept = activations(model, tokens, ["blocks.0.hook_resid_pre", *(c.hook for c in self.order), *z])

    def patched(self, source: "_Run", parts: Sequence[Part], positions: Sequence[int] | None) -> Outputs:
        """What the components write when these parts' outputs are the source's at ``positions``, or everywhere."""
        outputs: Outputs = {}
        for part in parts:
            written = outputs.get(part.component, self.kept[part.component.hook])
            if isinstance(part, Component):
                new = source.kept[part.hook]
            else:
                z = source.kept[part.hook][:, :, part.head] - self.kept[part.hook][:, :, part.head]
                new = written + z @ self.model.W_O[part.layer, part.head]
            outputs[part.component] = new if positions is None else torch.where(_column(positions, new), new, written)
        return outputs

    def pushed(self, outputs: Outputs, generator: torch.Generator) -> Outputs:
        """Outputs that lie as far from this run's, at each input and position, in random directions."""
        pushed = {}
        for component, new in outputs.items():
            own = self.kept[component.hook]
            distance = (new - own).norm(dim=-1, keepdim=True)
            drawn = unit_directions(tuple(own.shape), generator=generator, dtype=own.dtype)
            pushed[component] = own + distance * drawn
        return pushed

    def logits(
        self, rows: Sequence[int], outputs: Outputs | None = None, positions: Sequence[int] | None = None
    ) -> Float[Tensor, "batch answer d_vocab"]:
        """The logits at ``rows`` when these components write ``outputs`` at ``positions`` and all else follows."""
        outputs = outputs or {}
        resid = self.kept["blocks.0.hook_resid_pre"]
        first = next((component for component in self.order if component in outputs), self.order[-1])
        for component in self.order[: self.order.index(first)]:
            resid = resid + self.kept[component.hook]
        resid = resid + outputs.get(first, self.kept[first.hook])
        return logits_after(self.model, resid, first, rows=rows, held=outputs, held_at=positions)


def _column(positions: Sequence[int], like: Float[Tensor, "batch pos d_model"]) -> Bool[Tensor, "pos 1"]:
    return torch.isin(torch.arange(like.shape[1]), torch.tensor(list(positions)))[:, None]


def _metric(metric: Metric) -> Metric:
    if metric not in METRICS:
        raise ValueError(f"metric must be one of {', '.join(METRICS)}, got {metric!r}")
    return metric


def _check(
    model: TransformerBridge,
    task: Task,
    clean: Int[Tensor, "batch n_ctx"],
    corrupted: Int[Tensor, "other n_ctx"],
    groups: Mapping[str, Sequence[Part]],
    direction: Direction,
    positions: Sequence[int] | None,
    draws: int,
) -> None:
    if direction not in DIRECTIONS:
        raise ValueError(f"direction must be one of {', '.join(DIRECTIONS)}, got {direction!r}")
    if len(clean) != len(corrupted):
        raise ValueError(f"clean and corrupted must be equally many, got {len(clean)} and {len(corrupted)}")
    for part in (part for parts in groups.values() for part in parts):
        check_part(model, part)
    for name, parts in groups.items():
        touched = sorted({part.component for part in parts})
        if any(not isinstance(part, Component) and part.component != touched[0] for part in parts):
            raise ValueError(f"groups may hold heads of the first patched layer only, but {name!r} has others")
    last = task.n_ctx - 2
    for position in positions or ():
        if not 0 <= position <= last:
            raise ValueError(f"positions must lie in 0..{last}, got {position}")
    if draws < 0:
        raise ValueError(f"draws must be 0 or more, got {draws}")
