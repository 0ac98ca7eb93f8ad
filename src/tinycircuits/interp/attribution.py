"""Which part of the model speaks for which token: the logits as an exact sum over the parts."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.activations import activations, batches, components, tokens_in
from tinycircuits.interp.frames import answers, frame
from tinycircuits.tasks import Task


@dataclass(frozen=True)
class LogitContributions:
    """The logits of each input and row, split into the parts that wrote them; the sum over ``part`` is the logits.

    ``bias`` is what no part writes: the final LayerNorm's bias through ``W_U``, and ``b_U``. The output biases of
    attention and MLP belong to their parts.
    """

    labels: tuple[str, ...]
    values: Float[Tensor, "part batch row d_vocab"]


@dataclass(frozen=True)
class LogitAttribution:
    """The mean contribution of each part to the logits at the predicting rows, over ``n_inputs`` inputs.

    Shows / does not show: what each part writes for the unembedding to read directly. What a part does by feeding
    later parts is counted there, and each input's LayerNorm scale is taken as it was.
    """

    labels: tuple[str, ...]
    n_inputs: int
    tokens: tuple[int, ...]
    """The answer tokens, in the order of the axis ``true``."""
    by_token: Float[Tensor, "part true d_vocab"]
    """Mean contribution to each token's logit over all (input, row) whose right answer is ``true``."""
    margin: Float[Tensor, "part answer"]
    """Mean over inputs of the contribution to the right token's logit minus the mean of all other tokens'."""

    def margins(self) -> pd.DataFrame:
        """``margin`` of every part that writes, with names; the biases of the read-out are left out."""
        return frame(self.margin, ("part", self.labels), ("answer", answers(self.margin.shape[1]))).drop(index="bias")

    def speaks(self, part: str) -> pd.DataFrame:
        """What one part says about each answer token, by the right one, less the token's mean over the right ones.

        Raises ``ValueError`` for an unknown part.
        """
        if part not in self.labels:
            raise ValueError(f"part must be one of {', '.join(self.labels)}, got {part!r}")
        direct = self.by_token[self.labels.index(part)][:, list(self.tokens)]
        return frame(direct - direct.mean(0), ("right answer", self.tokens), ("token spoken for", self.tokens))


@torch.no_grad()
def logit_contributions(
    model: TransformerBridge, tokens: Int[Tensor, "batch pos"], *, rows: Sequence[int]
) -> LogitContributions:
    """The direct contribution of each part to the logits at ``rows``, with the final LayerNorm's scale frozen.

    contribution(part) = ((part - mean(part)) / scale * w) @ W_U, where ``scale`` is the standard deviation that the
    final LayerNorm measured on the whole residual stream and ``w`` its weight; without LayerNorm part @ W_U.

    Source: Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits" (logits as a sum over paths);
    TransformerLens ``ActivationCache.logit_attrs`` is the same for one token at a time.

    Raises ``ValueError`` for no rows.
    """
    if len(rows) == 0:
        raise ValueError("rows must name at least one position, got none")
    parts = {"embed": "hook_embed", "pos_embed": "hook_pos_embed"}
    parts |= {component.label: component.hook for component in components(model)}
    last = f"blocks.{model.cfg.n_layers - 1}.hook_resid_post"
    kept = activations(model, tokens, [*parts.values(), last], rows=rows)
    written = torch.stack([kept[hook] for hook in parts.values()])
    direct, bias = direct_logits(model, written, kept[last])
    return LogitContributions(labels=(*parts, "bias"), values=torch.cat([direct, bias.expand_as(direct[:1])]))


def logit_attribution(model: TransformerBridge, sequences: Int[Tensor, "batch n_ctx"], task: Task) -> LogitAttribution:
    """What each part contributes to the answers' logits on average; see ``logit_contributions``.

    Raises ``ValueError`` for no sequences.
    """
    if len(sequences) == 0:
        raise ValueError("sequences must hold at least one sequence, got 0")
    tokens = tokens_in(task.answers(sequences))
    sums: list[Tensor] = []
    margins: list[Tensor] = []
    cases = torch.zeros(len(tokens), dtype=torch.int64)
    labels: tuple[str, ...] = ()
    for batch in batches(sequences):
        found = logit_contributions(model, task.inputs(batch), rows=task.predicting_rows)
        answers = task.answers(batch)
        is_true = answers[..., None] == tokens
        labels = found.labels
        cases += is_true.sum((0, 1))
        weight = is_true.to(found.values.dtype)
        sums.append(torch.einsum("bat,pbav->ptv", weight, found.values))
        right = found.values.gather(-1, answers.expand(len(found.values), -1, -1)[..., None])[..., 0]
        others = (found.values.sum(-1) - right) / (task.d_vocab - 1)
        margins.append((right - others).sum(1))
    return LogitAttribution(
        labels=labels,
        n_inputs=len(sequences),
        tokens=tuple(tokens.tolist()),
        by_token=torch.stack(sums).sum(0) / cases[:, None],
        margin=torch.stack(margins).sum(0) / len(sequences),
    )


def direct_logits(
    model: TransformerBridge,
    parts: Float[Tensor, "part *rest d_model"],
    final: Float[Tensor, "*rest d_model"],
) -> tuple[Float[Tensor, "part *rest d_vocab"], Float[Tensor, " d_vocab"]]:
    """Parts and biases through the unembedding and the final LayerNorm, its scale frozen at that of ``final``."""
    if model.cfg.normalization_type is None:
        return parts @ model.W_U, model.b_U
    norm = model.ln_final.original_component
    scale = (final.var(-1, keepdim=True, unbiased=False) + norm.eps).sqrt()
    centred = parts - parts.mean(-1, keepdim=True)
    return centred / scale * norm.weight @ model.W_U, norm.bias @ model.W_U + model.b_U
