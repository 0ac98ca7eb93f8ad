"""The residual stream in every branch: the passes behind the lattice of circuits.

What two sets of units share is computed once. A component branches only where one of its units is replaced, and the
last one is never run for each set, because what its units write adds up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.activations import Component, Head, activations, components
from tinycircuits.interp.forward import attn_z, mlp_post, written_by_heads, written_by_neurons
from tinycircuits.models import subsets
from tinycircuits.tasks import Task

Replacement = Literal["zero", "mean", "resample"]
STATES = 1 << 18
"""States of all branches that are computed at once."""


@dataclass(frozen=True, order=True)
class Neuron:
    """One neuron of an MLP. What it writes is its activation times ``W_out[neuron]``; ``b_out`` belongs to none."""

    layer: int
    neuron: int

    @property
    def label(self) -> str:
        """``L0N0``, ``L0N1``, ..."""
        return f"L{self.layer}N{self.neuron}"

    @property
    def hook(self) -> str:
        """TransformerLens' name of the layer's activations ``[batch pos neuron]``, of which it is one column."""
        return f"blocks.{self.layer}.mlp.hook_post"

    @property
    def component(self) -> Component:
        """The MLP that it is a part of."""
        return Component(self.layer, "mlp")


Unit = Component | Head | Neuron


class Replaced:
    """What stands in for each unit, from the whole clean model."""

    def __init__(
        self, model: TransformerBridge, tokens: Int[Tensor, "batch pos"], units: Sequence[Unit], kind: Replacement
    ) -> None:
        self.model, self.kind = model, kind
        names = [] if kind == "zero" else sorted({unit.hook for unit in units})
        found = activations(model, tokens, names) if names else {}
        self.values = {name: each.mean(0, keepdim=True) if kind == "mean" else each for name, each in found.items()}

    def at(
        self, unit: Unit, inputs: Int[Tensor, " some"], rows: slice | list[int]
    ) -> Float[Tensor, "#some #row d_model"]:
        """What is written instead of the unit's own output, on these inputs (for a resample), at these positions."""
        if self.kind == "zero":
            return torch.zeros(1, 1, self.model.cfg.d_model, dtype=self.model.W_E.dtype)
        values = self.values[unit.hook]
        return _written(self.model, unit, (values[inputs] if self.kind == "resample" else values)[:, rows])


class Branches:
    """The residual stream of some inputs in every branch: bit j of a branch is set where unit j is kept."""

    def __init__(
        self,
        model: TransformerBridge,
        task: Task,
        sequences: Int[Tensor, "batch n_ctx"],
        units: Sequence[Unit],
        values: Replaced,
        sources: Int[Tensor, " batch"],
    ) -> None:
        self.model, self.units, self.values, self.sources = model, units, values, sources
        self.answers, self.rows = task.answers(sequences), list(task.predicting_rows)
        tokens = task.inputs(sequences)
        embedded: Tensor = model.W_E[tokens] + model.W_pos[: tokens.shape[1]]
        self.states = embedded[None].detach()  # [branch batch pos d_model]

    def wrong(self) -> Int[Tensor, " subset"]:
        """The wrong answers of every set of units."""
        *before, last = components(self.model)
        for part in before:
            base, deltas = self._parts(part)
            for delta in deltas:
                base = torch.cat([base, base + delta.repeat(len(base) // len(delta), 1, 1, 1)])
            self.states = base
        base, deltas = self._parts(last)
        flat = torch.stack(deltas) if deltas else base.new_zeros(0, *base.shape)
        return _summed(ReadOut(self.model), base.flatten(1, 2), flat.flatten(2, 3), self.answers.flatten())

    def _parts(self, part: Component) -> tuple[Tensor, list[Tensor]]:
        """The stream after ``part`` with all its units replaced, and what each of them adds when it is kept."""
        stream = self.states.flatten(0, 1)
        last = part == Component(self.model.cfg.n_layers - 1, "attn")
        all_rows = self.rows if last else list(range(stream.shape[1]))
        at = self.rows if part.layer == self.model.cfg.n_layers - 1 else slice(None)
        here = stream[:, self.rows] if last else stream
        if part.kind == "attn":
            kept = attn_z(self.model, part.layer, here, stream, all_rows)
            out = written_by_heads(self.model, part.layer, kept)
        else:
            kept = mlp_post(self.model, part.layer, here)
            out = written_by_neurons(self.model, part.layer, kept)
        base, deltas, shape = here + out, [], (*self.states.shape[:2], -1, self.model.cfg.d_model)
        for unit in (each for each in self.units if each.component == part):
            own = out if unit == part else _written(self.model, unit, kept)
            replaced = self.values.at(unit, self.sources, at)
            delta = (own.reshape(shape) - replaced).flatten(0, 1)
            base = base - delta
            deltas.append(delta.reshape(shape))
        return base.reshape(shape), deltas


def _written(model: TransformerBridge, unit: Unit, values: Tensor) -> Float[Tensor, "some row d_model"]:
    """What a unit writes, from the values at its hook."""
    match unit:
        case Component():
            return values
        case Head(layer=layer, head=head):
            written: Tensor = values[:, :, head] @ model.W_O[layer, head].detach()
        case Neuron(layer=layer, neuron=neuron):
            written = values[..., neuron, None] * model.W_out[layer, neuron].detach()
    return written


class ReadOut:
    """Whether a state says another token than the right one, without the division by the final LayerNorm's scale.

    A logit is c W / s + beta, with the centred state c and s = sqrt(mean c**2 + eps). Token v beats the right t where
    c (W_v - W_t) + s (beta_v - beta_t) > 0, and where it is 0 if v < t, as arg-max takes the first. The products are
    linear in the state, so that what several units write adds up.
    """

    def __init__(self, model: TransformerBridge) -> None:
        norm = model.ln_final.original_component
        U, b = model.W_U.detach(), model.b_U.detach()
        d_model, n_tokens = U.shape
        self.eps = norm.eps if isinstance(norm, nn.LayerNorm) else None
        self.n_others, self.d_model = n_tokens - 1, d_model
        if isinstance(norm, nn.LayerNorm):
            b = norm.bias.detach() @ U + b
            U = norm.weight.detach()[:, None] * U
            self.centred = torch.linalg.qr(torch.eye(d_model, dtype=U.dtype) - 1 / d_model)[0][:, :-1].T
            U = U - U.mean(0)
        else:
            self.centred = U.new_zeros(0, d_model)
        tokens = torch.arange(n_tokens)
        others = torch.stack([tokens[tokens != t] for t in tokens])  # [token other]
        self.ahead = U.T[others] - U.T[:, None]
        """W_v - W_t ``[token other d_model]``."""
        self.beta = (b[others] - b[:, None])[..., None]
        self.bound = (others < tokens[:, None]).to(U.dtype)[..., None] * -torch.finfo(U.dtype).smallest_normal

    def forms(self, states: Float[Tensor, "some d_model"], token: int) -> Float[Tensor, "form some"]:
        """c (W_v - W_t) for each other token, and below it c in a basis of its own where there is a LayerNorm."""
        return torch.cat([self.ahead[token], self.centred]) @ states.T

    def wrong(self, forms: Float[Tensor, "subset form some"], token: int) -> Bool[Tensor, "subset some"]:
        """Whether some other token is ahead."""
        ahead, c = forms[:, : self.n_others], forms[:, self.n_others :]
        scale = 1.0 if self.eps is None else (c.square().sum(1, keepdim=True) / self.d_model + self.eps).sqrt_()
        beaten: Tensor = ahead + scale * self.beta[token] > self.bound[token]
        return beaten.any(1)


def _summed(
    read: ReadOut,
    base: Float[Tensor, "branch state d_model"],
    deltas: Float[Tensor, "unit branch state d_model"],
    truth: Int[Tensor, " state"],
) -> Int[Tensor, " subset"]:
    """Wrong answers of each branch and each set of the last component's units, the units being the higher bits.

    A unit that adds nothing to a state, such as a neuron that is off, doubles nothing there: states are taken together
    by their right answer and by the units that add something to them.
    """
    n, (n_branches, n_states) = len(deltas), base.shape[:2]
    masks, found = torch.arange(1 << n), torch.zeros(1 << n, n_branches, dtype=torch.int64)
    acting = ((deltas != 0).any(-1).long() << torch.arange(n)[:, None, None]).sum(0)
    code = (acting + (truth << n)).flatten()
    order = code.argsort(stable=True)  # within a group by branch
    codes, starts = np.unique(code[order].numpy(), return_index=True)
    flat, moved = base.flatten(0, 1), deltas.flatten(1, 2)
    for group, states in zip(codes.tolist(), order.tensor_split(torch.from_numpy(starts[1:])), strict=True):
        token, units = group >> n, subsets.members(group & ((1 << n) - 1), n)
        wrong = torch.empty(1 << len(units), len(states), dtype=torch.bool)
        step = max(64, STATES >> 4 + len(units))
        for start in range(0, len(states), step):
            some = states[start : start + step]
            forms = read.forms(flat[some], token)[None]
            for unit in units:
                forms = torch.cat([forms, forms + read.forms(moved[unit, some], token)])
            wrong[:, start : start + step] = read.wrong(forms, token)
        branch, first = np.unique((states // n_states).numpy(), return_index=True)
        local = torch.from_numpy(np.add.reduceat(wrong.numpy(), first, axis=1, dtype=np.int64))
        index = sum(((masks >> unit & 1) << i for i, unit in enumerate(units)), torch.zeros_like(masks))
        found[:, torch.from_numpy(branch)] += local[index]
    return found.flatten()
