"""What the model answers when one latent of a dictionary is taken out of its output, or put in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.activations import Component
from tinycircuits.interp.interchange import CleanRows
from tinycircuits.interp.pairs import unit_directions
from tinycircuits.models.dictionary import SparseAutoencoder
from tinycircuits.tasks import Task


@dataclass(frozen=True)
class LatentEffects:
    """What happens to the answers when one latent at a time is taken out of a component's output, or put in.

    One entry a latent. The control moves the output as far in a random direction; for ``added`` there is a second one,
    the direction in which the component's mean output for the residue lies.

    Shows / does not show: ``ablated`` beyond its control says that the model uses what the latent carries on the inputs
    where it is active. ``added`` asks whether the latent by itself is enough to make the model say its residue.
    """

    latents: Int[Tensor, " latent"]
    residue: Int[Tensor, " latent"]
    active: Int[Tensor, " latent"]
    """Inputs on which the latent is above zero."""
    ablated: Float[Tensor, " latent"]
    """Mean rise of the loss (nats) on these inputs without it."""
    ablated_control: Float[Tensor, " latent"]
    tried: Int[Tensor, " latent"]
    """Inputs with another answer than the residue to which the latent's direction was added."""
    added: Int[Tensor, " latent"]
    """Of these, answered with the residue."""
    added_control: Int[Tensor, " latent"]
    added_mean: Int[Tensor, " latent"]
    """The same for the mean output of the residue's inputs, minus the mean of all, scaled to the same length."""

    def said(self, moved: Int[Tensor, " latent"]) -> float:
        """Share of all tried inputs, 0 .. 1, that one of the three counts holds."""
        return int(moved.sum()) / int(self.tried.sum())

    def row(self) -> dict[str, float]:
        """Mean rise of the loss (nats) without a latent, share of inputs that say it with one, with controls."""
        return {
            "latents": len(self.latents),
            "loss without": float(self.ablated.mean()),
            "loss, random push": float(self.ablated_control.mean()),
            "put in": self.said(self.added),
            "put in, random push": self.said(self.added_control),
            "put in, mean output": self.said(self.added_mean),
        }


@torch.no_grad()
def latent_effects(
    model: TransformerBridge,
    sequences: Int[Tensor, "batch n_ctx"],
    task: Task,
    component: Component,
    dictionary: SparseAutoencoder,
    *,
    latents: Sequence[int],
    residue: Mapping[int, int],
    tries: int = 100,
    dose: float = 1.0,
    seed: int,
) -> LatentEffects:
    """Each of ``latents`` taken out of the component's output at the answer's row, and put into it where it is silent.

    Taking out subtracts z W_dec on all inputs where z > 0. Putting in adds the latent's direction to ``tries`` inputs,
    drawn from ``seed``, whose answer is not its ``residue``; its length is ``dose`` times that by which the component's
    outputs lie from their mean, in the mean over all inputs.

    Raises ``ValueError`` for an unknown component, a latent that the dictionary does not have or that is dead, a task
    with more than one answer.
    """
    if task.n_answers != 1:
        raise ValueError(f"task must have one answer, got {task.n_answers}")
    site = _Site(model, sequences, task, component, dictionary, seed)
    width = len(dictionary.b_enc)
    rows = []
    for latent in latents:
        if not 0 <= latent < width:
            raise ValueError(f"latents must lie in 0..{width - 1}, got {latent}")
        if not bool((site.latents[:, latent] > 0).any()):
            raise ValueError(f"latents must be live, but {latent} is zero on all inputs")
        rows.append((latent, residue[latent], *site.without(latent), *site.plus(latent, residue[latent], tries, dose)))
    columns = [torch.tensor(column) for column in zip(*rows, strict=True)]
    return LatentEffects(*columns)


class _Site:
    """A component's output at the answer's row on every input, its latents, and the answers that follow from it."""

    def __init__(
        self,
        model: TransformerBridge,
        sequences: Int[Tensor, "batch n_ctx"],
        task: Task,
        component: Component,
        dictionary: SparseAutoencoder,
        seed: int,
    ):
        self.rows, self.dictionary = CleanRows(model, sequences, task, component), dictionary
        self.output, self.answers = self.rows.output[:, 0], self.rows.right[:, 0]
        self.latents = dictionary.encode(self.output)
        self.loss = self._logits(torch.arange(len(sequences)), torch.zeros_like(self.output))[1]
        self.seed = seed

    def _generator(self, latent: int, kind: int) -> torch.Generator:
        """One for each kind of change to each latent: an input more on which a latent is active moves no other draw."""
        return torch.Generator().manual_seed((self.seed * len(self.dictionary.b_enc) + latent) * 2 + kind)

    def without(self, latent: int) -> tuple[int, float, float]:
        """Inputs where it is active; mean rise of the loss without it and after a random push."""
        at = (self.latents[:, latent] > 0).nonzero().flatten()
        move = -self.latents[at, latent, None] * self.dictionary.W_dec[latent]
        losses = [self._logits(at, each)[1] for each in (move, _push(move, self._generator(latent, 0)))]
        return len(at), *(float((loss - self.loss[at]).mean()) for loss in losses)  # type: ignore[return-value]

    def plus(self, latent: int, residue: int, tries: int, dose: float) -> tuple[int, int, int, int]:
        """Inputs tried, and on how many the residue is answered: with the latent, a random push, the mean output."""
        others, generator = (self.answers != residue).nonzero().flatten(), self._generator(latent, 1)
        at = others[torch.randperm(len(others), generator=generator)[:tries]]
        centre = self.output.mean(0)
        length = dose * (self.output - centre).norm(dim=1).mean()
        lie = self.output[self.answers == residue].mean(0) - centre
        move, mean = (
            (length * direction / direction.norm()).expand(len(at), -1)
            for direction in (self.dictionary.W_dec[latent], lie)
        )
        said = [self._logits(at, each)[0].argmax(-1) for each in (move, _push(move, generator), mean)]
        return len(at), *(int((each == residue).sum()) for each in said)  # type: ignore[return-value]

    def _logits(
        self, at: Int[Tensor, " some"], move: Float[Tensor, "some d_model"]
    ) -> tuple[Float[Tensor, "some d_vocab"], Float[Tensor, " some"]]:
        """The logits and losses of these inputs when the component's output at the answer's row is moved."""
        logits = self.rows.logits(at, move[:, None])[:, 0].double()
        return logits, cross_entropy(logits, self.answers[at], reduction="none")


def _push(move: Float[Tensor, "some d_model"], generator: torch.Generator) -> Float[Tensor, "some d_model"]:
    drawn = unit_directions(tuple(move.shape), generator=generator, dtype=move.dtype)
    distance: Tensor = move.norm(dim=1, keepdim=True)
    return distance * drawn
