"""How many answers are wrong when one part, one head or one neuron is removed: one row of counts for each removal."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.ablation import AblationKind, ablation_table
from tinycircuits.interp.activations import Component, activations, attention_heads, batches, check_layer, components
from tinycircuits.interp.forward import logits_after
from tinycircuits.tasks import Task

Replacement = Literal["zero", "mean"]
_OF_COMPONENTS: tuple[AblationKind, ...] = ("zero_weights", "zero", "mean")
_OF_OTHERS: tuple[Replacement, ...] = ("zero", "mean")


@dataclass(frozen=True)
class Removal:
    """Wrong answers over all inputs, teacher-forced, without one part.

    ``removed`` is the label of a component or head, or a neuron ``L0N3``; ``kind`` as in ``ablation``.

    Shows / does not show: that this model needs the part, not what it is needed for; see ``ablation`` for the control.
    """

    removed: str
    kind: AblationKind
    wrong: Int[Tensor, " answer"]


def removals(model: TransformerBridge, sequences: Int[Tensor, "batch n_ctx"], task: Task) -> tuple[Removal, ...]:
    """The counts without each component (three kinds), each head and each neuron (two kinds each)."""
    return (*_of_parts(model, sequences, task), *_of_neurons(model, sequences, task))


def neuron_wrong(
    model: TransformerBridge, sequences: Int[Tensor, "batch n_ctx"], task: Task, *, layer: int, kind: Replacement
) -> Int[Tensor, "neuron answer"]:
    """For each neuron of one MLP the wrong answers when its activation is replaced, at all positions.

    By zero, or at each position by its mean over ``sequences``. Only what ``W_out`` makes of it changes, so that the
    residual stream after the MLP moves by (replacement - activation) W_out[neuron].

    Raises ``ValueError`` for an unknown layer and a model without MLPs.
    """
    check_layer(model, layer, mlp=True)
    post, after = f"blocks.{layer}.mlp.hook_post", f"blocks.{layer}.hook_resid_post"
    kept = activations(model, task.inputs(sequences), [post, after])
    mean: Float[Tensor, "1 pos neuron"] = kept[post].mean(0, keepdim=True)
    replacement = mean if kind == "mean" else torch.zeros_like(mean)
    wrong = torch.zeros(model.cfg.d_mlp, task.n_answers, dtype=torch.int64)
    for at in batches(torch.arange(len(sequences))):
        answers = task.answers(sequences[at])
        moved = replacement - kept[post][at]
        for neuron, direction in enumerate(model.W_out[layer].detach()):
            resid = kept[after][at] + moved[..., neuron, None] * direction
            logits = logits_after(model, resid, Component(layer, "mlp"), rows=task.predicting_rows)
            wrong[neuron] += (logits.argmax(-1) != answers).sum(0)
    return wrong


def _of_parts(model: TransformerBridge, sequences: Int[Tensor, "batch n_ctx"], task: Task) -> Iterator[Removal]:
    for kinds, only in ((_OF_COMPONENTS, components(model)), (_OF_OTHERS, attention_heads(model))):
        table = ablation_table(model, sequences, task, kinds=kinds, only=only, seed=0, draws=0)
        for each in table.ablations:
            yield Removal(each.component.label, each.kind, each.wrong.sum(0))


def _of_neurons(model: TransformerBridge, sequences: Int[Tensor, "batch n_ctx"], task: Task) -> Iterator[Removal]:
    for layer in range(0 if model.cfg.attn_only else model.cfg.n_layers):
        found = {kind: neuron_wrong(model, sequences, task, layer=layer, kind=kind) for kind in _OF_OTHERS}
        for neuron in range(model.cfg.d_mlp):
            for kind in _OF_OTHERS:
                yield Removal(f"L{layer}N{neuron}", kind, found[kind][neuron])
