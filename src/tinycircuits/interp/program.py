"""What a model of digits does, told as a program: tables in place of attention, one matrix in place of an MLP.

For the answer y_i the program knows the source digit v and the token q that stands at the row, nothing else. It adds
to the token's embedding what attention brings for v, and passes the sum through the MLP with its neurons switched as
a table says. Six programs, each with longer tables than the one before; the shortest that never changes an answer is
the account of that answer.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import one_hot
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.activations import activations, components
from tinycircuits.interp.attribution import direct_logits
from tinycircuits.interp.factored import made_from
from tinycircuits.interp.forward import mlp_out, mlp_pre, project, written_by_neurons
from tinycircuits.tasks import DigitTask

Fetch = Literal["place", "digit", "digit and token"]
"""What the vector that attention brings to a row may depend on, besides the row."""
Switch = Literal["constant", "place", "digit", "state"]
"""What decides which neurons pass their input on; ``state`` is the model's own way, ``constant`` has no neurons."""


@dataclass(frozen=True)
class Rung:
    """One kind of program by its name: what its tables are taken over."""

    name: str
    fetch: Fetch
    switch: Switch


RUNGS = (
    Rung("own token", "place", "state"),
    Rung("fetch", "digit", "constant"),
    Rung("fetch, one matrix", "digit", "place"),
    Rung("fetch, a matrix for each digit", "digit", "digit"),
    Rung("fetch, own switches", "digit", "state"),
    Rung("fetch by digit and token", "digit and token", "state"),
)
"""From the shortest tables to the longest. The first fetches nothing: the digit must stand at the row already."""
UNTOLD = "other digits matter"
"""The name for an answer that no rung accounts for."""


@dataclass(frozen=True, eq=False)
class Cells:
    """A model's run on all inputs, summed up over those that agree on the source digit and on the token at the row."""

    count: Int[Tensor, "answer value token"]
    """How many inputs there are; at y_0 the token is the source digit, and most are 0."""
    said: Int[Tensor, "answer value token said"]
    """How often the model says each token there."""
    right: Int[Tensor, "answer value"]
    """What the task asks for where the source digit is ``value``."""
    embedded: Float[Tensor, "answer token d_model"]
    fetched: tuple[Float[Tensor, "answer value token d_model"], ...]
    """Mean output of the attention of each layer."""
    written: tuple[Float[Tensor, "answer value token d_model"], ...]
    """Mean output of the MLP of each layer; none for an attention-only model."""
    on: tuple[Float[Tensor, "answer value token neuron"], ...]
    """Share of the inputs for which each neuron is above zero."""

    @property
    def wrong(self) -> Int[Tensor, " answer"]:
        """Over all inputs the model's answers that are not the task's."""
        right = self.right[..., None, None].expand(*self.count.shape, 1)
        return (self.count - self.said.gather(-1, right)[..., 0]).sum((1, 2))

    def over(self, means: Float[Tensor, "answer value token x"], by: str) -> Float[Tensor, "answer #value #token x"]:
        """The mean of the cells over what ``by`` does not name, each by the number of its inputs."""
        axes = {"place": (1, 2), "digit": (2,), "digit and token": ()}[by]
        if not axes:
            return means
        weight = self.count[..., None].to(means.dtype)
        return (means * weight).sum(axes, keepdim=True) / weight.sum(axes, keepdim=True)


@dataclass(frozen=True, eq=False)
class Program:
    """The tables of one rung, layer by layer; axes of length one stand for what a table does not depend on."""

    rung: Rung
    model: TransformerBridge
    cells: Cells
    fetched: tuple[Float[Tensor, "answer #value #token d_model"], ...]
    """What stands in place of each attention's output."""
    written: tuple[Float[Tensor, "answer 1 1 d_model"], ...]
    """What stands in place of each MLP's output, where ``switch`` is ``constant``."""
    switched: tuple[Bool[Tensor, "answer #value 1 neuron"], ...]
    """Which neurons pass their input on, whatever its sign, where ``switch`` is ``place`` or ``digit``."""

    @torch.no_grad()
    def states(self) -> list[Float[Tensor, "answer value token d_model"]]:
        """The stream before the first part and after each, run from the tables alone."""
        size = self.cells.count.shape
        found = [self.cells.embedded[:, None].expand(*size, -1)]
        for layer, brought in enumerate(self.fetched):
            found.append(found[-1] + brought)
            if self.written:
                found.append(found[-1] + self.written[layer])
            elif self.switched:
                passed = mlp_pre(self.model, layer, found[-1]) * self.switched[layer]
                found.append(found[-1] + written_by_neurons(self.model, layer, passed))
            elif not self.model.cfg.attn_only:
                found.append(found[-1] + mlp_out(self.model, layer, found[-1]))
        return found

    def logits(self) -> Float[Tensor, "answer value token d_vocab"]:
        """What the program says for each source digit and token."""
        return project(self.model, self.states()[-1], layer_norm=True)

    @property
    def changed(self) -> Int[Tensor, " answer"]:
        """Over all inputs the answers that are not the model's when the program takes the place of all its parts."""
        said = self.logits().argmax(-1)
        same = self.cells.said.gather(-1, said[..., None])[..., 0]
        return (self.cells.count - same).sum((1, 2))

    @torch.no_grad()
    def steps(self) -> Float[Tensor, "stage answer value token 2"]:
        """The stream on its way as two margins, logit of 0 over that of 2 and logit of 1 over that of 3.

        As at the end, but with the scale of the final LayerNorm held at its value there, so that each part adds an
        arrow: the last stage has the program's own margins. Raises ``ValueError`` for another modulus than four.
        """
        if self.cells.count.shape[1] != 4:
            raise ValueError(f"task must have modulus 4, got {self.cells.count.shape[1]}")
        states = torch.stack(self.states())
        parts, bias = direct_logits(self.model, states, states[-1])
        logits = parts + bias
        return logits[..., :2] - logits[..., 2:4]

    @property
    def numbers(self) -> int:
        """Entries of the tables, embeddings and the model's own matrices not counted."""
        return sum(table.numel() for table in (*self.fetched, *self.written, *self.switched))


@dataclass(frozen=True)
class Ladder:
    """How many answers each rung's program changes, over all inputs; rungs in the order of ``RUNGS``.

    Shows / does not show: for which answers the tables of a rung are an account without a remainder. A table of means
    is one choice: that a rung fails does not show that no other table of its size would do.
    """

    n_inputs: int
    changed: Int[Tensor, "rung answer"]


@torch.no_grad()
def cells(model: TransformerBridge, task: DigitTask, *, neighbour: bool = False) -> Cells:
    """The means of a model's parts over the inputs that agree on source digit and token.

    With ``neighbour`` each answer's source digit is that of the next answer, the last one's that of the first: the
    tables of a wrong program, as a control.

    Raises ``ValueError`` for a task of which an answer is not made from one digit, and for an MLP without ReLU.
    """
    if not model.cfg.attn_only and model.cfg.act_fn != "relu":
        raise ValueError(f"model must have ReLU for its neurons to be switches, got {model.cfg.act_fn}")
    source, answer = made_from(task)
    if neighbour:
        source, answer = (*source[1:], source[0]), answer.roll(-1, 0)
    sequences, rows = task.sequences(), list(task.predicting_rows)
    inputs = task.inputs(sequences)
    parts = components(model)
    last = f"blocks.{model.cfg.n_layers - 1}.hook_resid_post"
    mlps = [part for part in parts if part.kind == "mlp"]
    names = [part.hook for part in parts] + [part.input_hook for part in mlps] + [last]
    kept = activations(model, inputs, names, rows=rows)
    value, token = sequences[:, 1:][:, list(source)], inputs[:, rows]
    m = task.modulus
    belongs = one_hot(value * m + token, m * m)  # [batch answer cell]
    count = belongs.sum(0)

    def by_cell(values: Tensor) -> Tensor:
        return rearrange(values, "answer (value token) ... -> answer value token ...", value=m)

    def mean(values: Tensor) -> Tensor:
        weight = belongs.to(values.dtype)
        summed = torch.einsum("bac,bax->acx", weight, values) / count.clamp_min(1)[..., None]
        return by_cell(summed)

    said = one_hot(project(model, kept[last], layer_norm=True).argmax(-1), task.d_vocab)
    states = (model.W_E[None, :m] + model.W_pos[rows][:, None]).detach()
    return Cells(
        count=by_cell(count),
        said=by_cell(torch.einsum("bac,bas->acs", belongs, said)),
        right=answer,
        embedded=states,
        fetched=tuple(mean(kept[part.hook]) for part in parts if part.kind == "attn"),
        written=tuple(mean(kept[part.hook]) for part in mlps),
        on=tuple(mean((mlp_pre(model, part.layer, kept[part.input_hook]) > 0).to(states.dtype)) for part in mlps),
    )


def program(model: TransformerBridge, found: Cells, rung: Rung) -> Program:
    """The program of a rung, its tables taken from the ``cells`` of the model.

    fetched = mean over the inputs that agree on what ``rung.fetch`` names; a neuron is switched on where it is above
    zero for more than half of the inputs that agree on what ``rung.switch`` names.
    """
    constant = rung.switch == "constant"
    tables = rung.switch in ("place", "digit")
    return Program(
        rung=rung,
        model=model,
        cells=found,
        fetched=tuple(found.over(each, rung.fetch) for each in found.fetched),
        written=tuple(found.over(each, "place") for each in found.written) if constant else (),
        switched=tuple(found.over(each, rung.switch) > 0.5 for each in found.on) if tables else (),
    )


@torch.no_grad()
def ladder(model: TransformerBridge, found: Cells) -> Ladder:
    """How many answers change over all inputs when the program of each rung takes the place of the model.

    ``found`` are the ``cells`` of the model.

    Source: ours; that every internal variable is replaced at once follows causal abstraction (Geiger et al. 2021).
    """
    return Ladder(int(found.count[0].sum()), torch.stack([program(model, found, rung).changed for rung in RUNGS]))
