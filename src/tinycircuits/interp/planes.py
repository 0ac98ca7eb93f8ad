"""States in a plane, for the eye: the plane that the unembedding reads, straight lines in it, and what ablations do."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from sklearn.linear_model import LogisticRegression
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.ablation import said
from tinycircuits.interp.activations import Component, activations, check_part, stage_named
from tinycircuits.interp.forward import final_norm
from tinycircuits.interp.pairs import unit_directions
from tinycircuits.tasks import DigitTask, Task


@dataclass(frozen=True)
class ReadoutPlane:
    """The rows that predict the answers, in the plane in which the unembedding tells the digits apart.

    Shows / does not show: what the read-out sees of a state. What lies across the plane is invisible to it, and may
    all the same be used by a later part.
    """

    share: float
    """Of the variance of the digits' columns of ``W_U``, the part inside the plane, 0 .. 1."""
    tokens: Float[Tensor, "digit 2"]
    """Where the logit of each digit grows."""
    points: Float[Tensor, "batch answer 2"]
    answers: Int[Tensor, "batch answer"]
    """The right ones."""


@dataclass(frozen=True)
class FlatProbe:
    """A linear read-out of classes from points in a plane: argmax of ``weights x + bias``."""

    points: Float[Tensor, "batch 2"]
    labels: Int[Tensor, " batch"]
    weights: Float[Tensor, "class 2"]
    bias: Float[Tensor, " class"]

    @property
    def correct(self) -> int:
        """Points, of those that it was fitted on, whose class it names."""
        return int(((self.points @ self.weights.T + self.bias).argmax(1) == self.labels).sum())


@dataclass(frozen=True)
class Replacements:
    """One component's output on one input at one position, and what each ablation puts in its place, in a plane.

    The plane is that of the two principal components of the outputs there over all inputs; it passes through zero.
    """

    share: float
    """Of the variance of the outputs, the part inside the plane, 0 .. 1."""
    before: Float[Tensor, "2"]
    """The stream that the component reads."""
    output: Float[Tensor, "2"]
    replaced: dict[str, Float[Tensor, "2"]]
    """By what ``ablation.said`` calls each way, and ``random push``: the output pushed in a random direction, as far as
    ``resample`` moves it."""
    moved: dict[str, float]
    """Length of the change of each, in the whole space."""


@torch.no_grad()
def readout_plane(
    model: TransformerBridge, sequences: Int[Tensor, "batch n_ctx"], task: DigitTask, *, stage: str
) -> ReadoutPlane:
    """The states of one stage after the final LayerNorm, in the plane of the digits' columns of ``W_U``.

    U = W_U[:, digits] minus its mean over digits; point = LN(resid) V, with V the two largest left singular vectors.

    Source: ours.

    Raises ``ValueError`` for an unknown stage.
    """
    hook = stage_named(model, stage).hook
    resid = activations(model, task.inputs(sequences), [hook], rows=task.predicting_rows)[hook]
    read = model.W_U[:, : task.modulus]
    directions, sizes, _ = torch.linalg.svd(read - read.mean(1, keepdim=True), full_matrices=False)
    plane = directions[:, :2]
    return ReadoutPlane(
        share=float(sizes[:2].square().sum() / sizes.square().sum()),
        tokens=(read - read.mean(1, keepdim=True)).T @ plane,
        points=final_norm(model, resid) @ plane,
        answers=task.answers(sequences),
    )


def flat_probe(
    points: Float[Tensor, "batch 2"], labels: Int[Tensor, " batch"], *, seed: int | None = None
) -> FlatProbe:
    """Multinomial logistic regression on points in a plane; with a ``seed`` on shuffled labels, the control.

    Raises ``ValueError`` unless the labels are ``0, 1, ...``, each of them there, and at least three of them.
    """
    counts = labels.bincount()
    if len(counts) < 3 or not counts.all():
        raise ValueError(f"labels must be 0, 1, 2, ... without a gap, got this many of each: {counts.tolist()}")
    if seed is not None:
        labels = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))]
    fitted = LogisticRegression(C=100.0, max_iter=2000).fit(points.numpy(), labels.numpy())
    weights, bias = torch.from_numpy(fitted.coef_), torch.from_numpy(fitted.intercept_)
    return FlatProbe(points.double(), labels, weights.double(), bias.double())


@torch.no_grad()
def replacements(
    model: TransformerBridge,
    sequences: Int[Tensor, "batch n_ctx"],
    task: Task,
    component: Component,
    *,
    row: int,
    pair: Sequence[int],
    seed: int,
) -> Replacements:
    """What each ablation puts in the place of one output: input ``pair[0]`` at position ``row``.

    ``pair[1]`` is the input from which ``resample`` takes its output; the push is drawn from ``seed``.

    Raises ``ValueError`` for an unknown component, or a ``pair`` that is not two inputs.
    """
    check_part(model, component)
    if len(pair) != 2:
        raise ValueError(f"pair must be two inputs, got {len(pair)}")
    kept = activations(model, task.inputs(sequences), [component.input_hook, component.hook], rows=[row])
    outputs, here = kept[component.hook][:, 0], kept[component.hook][pair[0], 0]
    bias = model.b_O[component.layer] if component.kind == "attn" else model.b_out[component.layer]
    new = {said("zero_weights"): bias, said("zero"): torch.zeros_like(here), "mean": outputs.mean(0)}
    new["resample"] = outputs[pair[1]]
    direction = unit_directions(tuple(here.shape), generator=torch.Generator().manual_seed(seed), dtype=here.dtype)
    new["random push"] = here + (new["resample"] - here).norm() * direction
    _, sizes, axes = torch.linalg.svd(outputs - outputs.mean(0), full_matrices=False)
    plane = axes[:2].T
    return Replacements(
        share=float(sizes[:2].square().sum() / sizes.square().sum()),
        before=kept[component.input_hook][pair[0], 0] @ plane,
        output=here @ plane,
        replaced={kind: each @ plane for kind, each in new.items()},
        moved={kind: float((each - here).norm()) for kind, each in new.items()},
    )
