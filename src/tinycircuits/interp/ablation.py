"""What breaks when a part is removed: four kinds of ablation, each beside a random change of the same size."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import pandas as pd
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.activations import Component, Part, activations, batches, check_part, components
from tinycircuits.interp.forward import logits_after
from tinycircuits.interp.frames import answers, frame
from tinycircuits.interp.pairs import derangement, unit_directions
from tinycircuits.models.errors import Errors, count
from tinycircuits.tasks import Task

AblationKind = Literal["zero_weights", "zero", "mean", "resample"]
KINDS: tuple[AblationKind, ...] = get_args(AblationKind)
REMOVALS = tuple(kind for kind in KINDS if kind != "zero_weights")
"""The kinds that take out a head as well as a component."""


@dataclass(frozen=True)
class Ablation:
    """Which answers are wrong with one component or head ablated, and with a random change of the same size instead.

    Answers are teacher-forced arg-maxes over the whole vocabulary, one row for each input.

    Shows / does not show: that *this* trained model needs what was removed, not that the task does. Only an effect
    beyond the control's says that the content mattered, not the size of the disturbance.
    """

    component: Part
    kind: AblationKind
    wrong: Bool[Tensor, "batch answer"]
    control_wrong: Bool[Tensor, "draw batch answer"]
    """At each input and position a random direction with the norm of the ablation's change was added instead."""

    def errors(self, index: Int[Tensor, " some"] | None = None) -> Errors:
        """The counts over all inputs, or over those at ``index``."""
        return _errors(self.wrong, index)

    def control_errors(self, index: Int[Tensor, " some"] | None = None) -> tuple[Errors, ...]:
        """The counts of each draw of the control."""
        return tuple(_errors(drawn, index) for drawn in self.control_wrong)

    def control_accuracy(self, index: Int[Tensor, " some"] | None = None) -> float:
        """Share of right digits after a random push of the ablation's size, mean over the draws, in 0..1.

        Raises ``ValueError`` when the ablation was made with ``draws=0``.
        """
        errors = self.control_errors(index)
        if not errors:
            raise ValueError("draws must be at least 1 for a control, got 0")
        return sum(each.accuracy for each in errors) / len(errors)

    def accuracy_by_answer(self, index: Int[Tensor, " some"] | None = None) -> Float[Tensor, " answer"]:
        """Share of inputs whose ``y_i`` is right, 0 .. 1."""
        return 1 - (self.wrong if index is None else self.wrong[index]).double().mean(0)


@dataclass(frozen=True)
class AblationTable:
    """Every component, or chosen components and heads, under every kind of ablation, beside the clean model."""

    clean_wrong: Bool[Tensor, "batch answer"]
    ablations: tuple[Ablation, ...]

    def clean_errors(self, index: Int[Tensor, " some"] | None = None) -> Errors:
        """The counts of the untouched model."""
        return _errors(self.clean_wrong, index)

    def get(self, component: Part, kind: AblationKind) -> Ablation:
        """One entry; raises ``ValueError`` when the table has none."""
        for ablation in self.ablations:
            if (ablation.component, ablation.kind) == (component, kind):
                return ablation
        known = ", ".join(f"{a.component.label} {a.kind}" for a in self.ablations)
        raise ValueError(f"component and kind must be one of {known}, got {component.label} {kind}")

    def rows(
        self, parts: Mapping[str, Int[Tensor, " some"] | None] | None = None, *, control: str = "random push"
    ) -> pd.DataFrame:
        """One row for each ablation: the part ``removed``, the ``kind``, and the share of right digits, 0 .. 1.

        ``share right`` is over all inputs; the column ``control`` is what a random push leaves of them, mean over its
        draws, where there are any. Further columns have the names of ``parts`` and are over these inputs alone.
        """
        return pd.DataFrame([_row(each, parts or {}, control) for each in self.ablations])

    def by_answer(self) -> dict[str, pd.DataFrame]:
        """For each part the share of right digits of each answer, 0 .. 1, under each kind of ablation."""
        found: dict[str, pd.DataFrame] = {}
        for label in dict.fromkeys(each.component.label for each in self.ablations):
            its = [each for each in self.ablations if each.component.label == label]
            shares = torch.stack([each.accuracy_by_answer() for each in its])
            kinds = [said(each.kind) for each in its]
            found[label] = frame(shares, ("ablation", kinds), ("answer", answers(shares.shape[1])))
        return found


def said(kind: AblationKind) -> str:
    """What a kind of ablation is called: with zeroed weights the bias stays, with a zeroed output it goes as well."""
    words = {"zero_weights": "zero, bias stays", "zero": "zero, bias too"}
    return words.get(kind, kind)


@torch.no_grad()
def ablation_table(
    model: TransformerBridge,
    sequences: Int[Tensor, "batch n_ctx"],
    task: Task,
    *,
    kinds: Sequence[AblationKind] = KINDS,
    only: Sequence[Part] | None = None,
    seed: int,
    draws: int = 2,
) -> AblationTable:
    """Every component (or ``only`` these components and heads) under every kind of ablation, with ``draws`` controls.

    The part's output at all positions is replaced by

    - ``zero_weights``: its output bias (``W_O`` or ``W_out`` set to zero, as the articles do); a head has none of its
      own, so that this is ``zero``;
    - ``zero``: zero;
    - ``mean``: at each position its mean over ``sequences``;
    - ``resample``: its whole output on another of ``sequences``, a derangement drawn from ``seed``.

    The control adds |replacement - output| times a random unit vector, drawn anew for each input, position and draw;
    over 65,536 inputs two draws differ by about 0.001 in accuracy, over 256 inputs more draws are worth having. The
    other control is the same table for an untrained model of the same shape.

    Source: names as in TransformerLens; why each needs its control, Heimersheim and Nanda 2024, arXiv 2404.15255.

    Raises ``ValueError`` for an unknown component, head or kind, a negative number of draws, fewer than two sequences.
    """
    _check(kinds, draws, len(sequences))
    chosen = components(model) if only is None else tuple(only)
    for part in chosen:
        check_part(model, part)
    kept = _Outputs(model, task.inputs(sequences), chosen, partners=derangement(len(sequences), seed=seed))
    generator = torch.Generator().manual_seed(seed)
    clean: list[Bool[Tensor, "part answer"]] = []
    ablated: dict[tuple[Part, AblationKind], list[Bool[Tensor, "run part answer"]]] = {}
    for at in batches(torch.arange(len(sequences))):
        shape = (draws, len(at), *kept.embed.shape[1:])
        directions = unit_directions(shape, generator=generator, dtype=kept.embed.dtype)
        wrong = partial(_wrong, model, task, task.answers(sequences[at]))
        for component, before, output in kept.at(at):
            for part in kept.parts[component]:
                own = output if part == component else kept.written(part, at)
                for kind in kinds:
                    change = kept.replacement(part, kind, at) - own
                    distance = change.norm(dim=-1, keepdim=True)
                    changes = [change, *(distance * drawn for drawn in directions)]
                    runs = torch.stack([wrong(component, before + output + each) for each in changes])
                    ablated.setdefault((part, kind), []).append(runs)
        clean.append(wrong(component, before + output))  # the last component's, so the whole clean pass
    joined = {key: torch.cat(parts, dim=1) for key, parts in ablated.items()}
    return AblationTable(
        clean_wrong=torch.cat(clean),
        ablations=tuple(
            Ablation(part, kind, joined[part, kind][0], joined[part, kind][1:]) for part in chosen for kind in kinds
        ),
    )


def _wrong(
    model: TransformerBridge,
    task: Task,
    answers: Int[Tensor, "batch answer"],
    component: Component,
    resid: Float[Tensor, "batch pos d_model"],
) -> Bool[Tensor, "batch answer"]:
    """Which answers are wrong when the residual stream just after ``component`` is ``resid``."""
    return logits_after(model, resid, component, rows=task.predicting_rows).argmax(-1) != answers


class _Outputs:
    """The clean output of every component at every input and position, and what may replace it or one of its heads."""

    def __init__(
        self,
        model: TransformerBridge,
        tokens: Int[Tensor, "batch pos"],
        chosen: Sequence[Part],
        *,
        partners: Int[Tensor, " batch"],
    ):
        self.parts: dict[Component, list[Part]] = {component: [] for component in components(model)}
        for part in chosen:
            self.parts[part.component].append(part)
        embed = "blocks.0.hook_resid_pre"
        names = {embed, *(component.hook for component in self.parts), *(part.hook for part in chosen)}
        self.kept = activations(model, tokens, sorted(names))
        self.model, self.partners = model, partners
        self.embed: Float[Tensor, "batch pos d_model"] = self.kept[embed]
        self.means = {name: kept.mean(0, keepdim=True) for name, kept in self.kept.items()}

    def at(self, indices: Int[Tensor, " chosen"]) -> Iterator[tuple[Component, Tensor, Tensor]]:
        """Each component with the residual stream that it reads and what it adds, at these inputs."""
        resid = self.embed[indices]
        for component in self.parts:
            output = self.written(component, indices)
            yield component, resid, output
            resid = resid + output

    def written(self, part: Part, indices: Int[Tensor, " chosen"]) -> Float[Tensor, "chosen pos d_model"]:
        """What the component or head writes at these inputs."""
        return self._output(part, self.kept[part.hook][indices])

    def replacement(
        self, part: Part, kind: AblationKind, indices: Int[Tensor, " chosen"]
    ) -> Float[Tensor, "#chosen #pos d_model"]:
        """What stands in for the part's output at these inputs."""
        if kind == "resample":
            return self.written(part, self.partners[indices])
        if kind == "mean":
            return self._output(part, self.means[part.hook])
        if kind == "zero_weights" and isinstance(part, Component):
            biases: Tensor = self.model.b_O if part.kind == "attn" else self.model.b_out
            return biases[part.layer][None, None]
        return torch.zeros_like(self.embed[:1, :1])

    def _output(self, part: Part, kept: Tensor) -> Float[Tensor, "some pos d_model"]:
        """What the part writes, from the values at its hook: a component's output, or all heads' ``z``."""
        if isinstance(part, Component):
            return kept
        written: Tensor = kept[:, :, part.head] @ self.model.W_O[part.layer, part.head]
        return written


def _row(each: Ablation, parts: Mapping[str, Int[Tensor, " some"] | None], control: str) -> dict[str, str | float]:
    return {
        "removed": each.component.label,
        "kind": said(each.kind),
        "share right": each.errors().accuracy,
        **({control: each.control_accuracy()} if len(each.control_wrong) else {}),
        **{name: each.errors(index).accuracy for name, index in parts.items()},
    }


def _errors(wrong: Bool[Tensor, "batch answer"], index: Int[Tensor, " some"] | None) -> Errors:
    return count((wrong if index is None else wrong[index]).long())


def _check(kinds: Sequence[AblationKind], draws: int, n_sequences: int) -> None:
    for kind in kinds:
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
    if draws < 0:
        raise ValueError(f"draws must be 0 or more, got {draws}")
    if n_sequences < 2:
        raise ValueError(f"sequences must hold at least two sequences, got {n_sequences}")
