"""Do two models do the same thing inside? Fingerprints that no change of basis alters, and families of models."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.ablation import ablation_table
from tinycircuits.interp.activations import components
from tinycircuits.interp.attention import attention_pattern, summarize_attention
from tinycircuits.interp.interchange import interchange
from tinycircuits.tasks import ReverseIncrement


@dataclass(frozen=True)
class Fingerprint:
    """What one model does at each answer, in shares of 0 .. 1; parts in the order of ``components``.

    None of the numbers changes when the residual stream or a head is written in another basis, when neurons are
    permuted, or when digits are relabelled round the clock. Two models that differ here are not the same up to such a
    symmetry; the converse need not hold.
    """

    parts: tuple[str, ...]
    reads: Float[Tensor, "layer answer digit"]
    """Mean attention from the row that predicts ``y_i`` to ``x_j``, the mean over the heads of the layer."""
    kept: Float[Tensor, "part answer"]
    """Share of right answers with the part's output replaced by its mean over all inputs."""
    kept_control: Float[Tensor, " part"]
    """The same, all answers together, after a random push of the same size."""
    carries: Float[Tensor, "part answer"]
    """Share of answers that become another input's when the part's output at that row does, where the two differ."""
    carries_control: Float[Tensor, "part answer"]
    """The same after a random push of the same size."""

    @property
    def vector(self) -> Float[Tensor, " feature"]:
        """Attention, ablation and interchange without the controls, as one vector."""
        return torch.cat([self.reads.flatten(), self.kept.flatten(), self.carries.flatten()])

    @property
    def source_weight(self) -> Float[Tensor, "layer answer"]:
        """Mean attention on the digit that each answer depends on, ``x_{n-1-i}``."""
        return self.reads.flip(-1).diagonal(dim1=1, dim2=2)


def fingerprint(
    model: TransformerBridge, sequences: Int[Tensor, "batch n_ctx"], task: ReverseIncrement, *, seed: int
) -> Fingerprint:
    """The fingerprint of a model over ``sequences``; ``seed`` draws the pairs and the random pushes.

    Raises ``ValueError`` for fewer than two sequences.
    """
    parts = components(model)
    ablations = ablation_table(model, sequences, task, kinds=["mean"], seed=seed, draws=1).ablations
    swapped = [interchange(model, sequences, task, part, seed=seed) for part in parts]
    return Fingerprint(
        parts=tuple(part.label for part in parts),
        reads=_reads(model, sequences, task),
        kept=torch.stack([each.accuracy_by_answer() for each in ablations]),
        kept_control=torch.tensor([each.control_accuracy() for each in ablations], dtype=torch.float64),
        carries=torch.stack([each.accuracy_distinct for each in swapped]),
        carries_control=torch.stack([each.control_as_source_distinct.double() / each.distinct for each in swapped]),
    )


def _reads(
    model: TransformerBridge, sequences: Int[Tensor, "batch n_ctx"], task: ReverseIncrement
) -> Float[Tensor, "layer answer digit"]:
    tokens, heads = task.inputs(sequences), range(model.cfg.n_heads)
    layers = [
        torch.stack([attention_pattern(model, tokens, layer=layer, head=head) for head in heads]).mean(0)
        for layer in range(model.cfg.n_layers)
    ]
    return torch.stack([summarize_attention(pattern, task).mean_block for pattern in layers])


def reading_layers(weight: Float[Tensor, "layer answer"], *, at_least: float = 0.5) -> tuple[str, ...]:
    """For each answer the layers whose weight on its digit reaches ``at_least``: ``0``, ``1``, ``0+1`` or ``-``."""
    reached = (weight >= at_least).T.tolist()
    return tuple("+".join(str(layer) for layer, reads in enumerate(row) if reads) or "-" for row in reached)


def carriers(carries: Float[Tensor, "model layer answer"], *, at_least: float = 0.5) -> list[str]:
    """For each model what carries its answers, where a layer carries an answer when its share reaches ``at_least``.

    ``layer 0``, ``layer 1``, ... if one layer alone carries all of them, ``several layers`` if more than one does;
    ``divided`` if no layer carries all, but each answer has one that does; ``none`` if some answer has none.
    """
    found = []
    for reached in carries >= at_least:  # [layer answer]
        whole = reached.all(1).nonzero()[:, 0].tolist()
        if whole:
            found.append(f"layer {whole[0]}" if len(whole) == 1 else "several layers")
        else:
            found.append("divided" if reached.any(0).all() else "none")
    return found


def pairwise_distance(vectors: Float[Tensor, "model feature"]) -> Float[Tensor, "model model"]:
    """Root mean square difference of every two models' features, in the unit of the features.

    Raises ``ValueError`` for fewer than two models.
    """
    if len(vectors) < 2:
        raise ValueError(f"vectors must hold at least two models, got {len(vectors)}")
    difference = vectors[:, None] - vectors
    return difference.square().mean(-1).sqrt()


def families(vectors: Float[Tensor, "model feature"], *, apart: float) -> Int[Tensor, " model"]:
    """The family of each model, 0 the largest: average linkage, cut where two families lie ``apart`` on average.

    Source: average linkage (UPGMA), Sokal and Michener 1958, as in ``scipy.cluster.hierarchy``.

    Raises ``ValueError`` for fewer than two models or a negative distance.
    """
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    if apart < 0:
        raise ValueError(f"apart must be 0 or larger, got {apart}")
    condensed = squareform(pairwise_distance(vectors).numpy(), checks=False)
    found = torch.from_numpy(fcluster(linkage(condensed, "average"), apart, "distance")).long()
    names, index, sizes = torch.unique(found, return_inverse=True, return_counts=True)
    rank = torch.empty(len(names), dtype=torch.int64)
    rank[sizes.argsort(descending=True, stable=True)] = torch.arange(len(names))
    return rank[index]


def shuffled_features(vectors: Float[Tensor, "model feature"], *, seed: int) -> Float[Tensor, "model feature"]:
    """The control: every feature dealt out anew among the models, so that only the features' own spread is left."""
    generator = torch.Generator().manual_seed(seed)
    return torch.stack([column[torch.randperm(len(column), generator=generator)] for column in vectors.T], dim=1)


def nearest(distance: Float[Tensor, "model model"]) -> Float[Tensor, " model"]:
    """The distance of each model to the one that is nearest to it."""
    return (distance + torch.diag(torch.full((len(distance),), torch.inf))).min(1).values


def middle_of(vectors: Float[Tensor, "model feature"], members: Sequence[int]) -> int:
    """The index of the member that lies nearest to all other members on average."""
    chosen = torch.tensor(list(members))
    return int(chosen[pairwise_distance(vectors[chosen]).mean(1).argmin()])
