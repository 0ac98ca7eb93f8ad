"""Clock or pizza: two published numbers that should tell them apart, and the torus of phases on which both lie."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cosine_similarity
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.tasks import ModularAddition

BATCH = 2048


@dataclass(frozen=True)
class Symmetricity:
    """Gradient symmetricity: the mean cosine of d logit_c / d E_a and d logit_c / d E_b over triples (a, b, c).

    Shows / does not show: whether the model treats its two numbers alike to first order, at the inputs that there are;
    not what it computes. Source: Zhong et al. 2023, arXiv 2306.17844, over a hundred random triples.
    """

    mean: float
    half_width: float
    """Of the 95 % interval over random triples; 0 where all were taken."""
    n_triples: int


def gradient_cosines(
    model: TransformerBridge, task: ModularAddition, triples: Int[Tensor, "triple 3"]
) -> Float[Tensor, " triple"]:
    """For each (a, b, c) the cosine of the gradients of logit c at ``=`` by the embeddings at the places of a and b.

    The gradient is by the row of ``W_E`` as it enters at that place, before the position is added. Where one of the two
    is zero the cosine counts as 0.
    """
    return torch.cat([_cosines(model, task, batch[:, :2], batch[:, 2:]) for batch in triples.split(BATCH)])[:, 0]


def gradient_symmetricity(
    model: TransformerBridge, task: ModularAddition, *, n_triples: int | None, seed: int
) -> Symmetricity:
    """Over all p^3 triples, or over ``n_triples`` drawn from ``seed`` with replacement.

    Raises ``ValueError`` for fewer than two triples.
    """
    if n_triples is None:
        numbers = torch.arange(task.modulus)
        pairs = torch.cartesian_prod(numbers, numbers)
        every = [_cosines(model, task, batch, numbers.expand(len(batch), -1)) for batch in pairs.split(BATCH)]
        return Symmetricity(float(torch.cat(every).double().mean()), 0.0, task.modulus**3)
    if n_triples < 2:
        raise ValueError(f"n_triples must be 2 or more, got {n_triples}")
    drawn = torch.randint(task.modulus, (n_triples, 3), generator=torch.Generator().manual_seed(seed))
    cosines = gradient_cosines(model, task, drawn).double()
    return Symmetricity(float(cosines.mean()), 1.96 * float(cosines.std()) / n_triples**0.5, n_triples)


def distance_irrelevance(values: Float[Tensor, "a b"]) -> float:
    """Mean over a - b of the standard deviation over a + b, divided by that over all pairs: 0 .. 1.

    0 where the values follow a - b alone, near 1 where a - b says nothing of them. Standard deviations divide by the
    number of values.

    Shows / does not show: whether the values hang on a - b. Their size is divided out, so that of values that hardly
    vary at all it tells what the last trace of variation follows. Source: Zhong et al. 2023, of the logits that
    ``right_logits`` or ``largest_wrong_logits`` give.

    Raises ``ValueError`` for values that are no square, or that are the same for every pair.
    """
    p = len(values)
    if values.shape != (p, p):
        raise ValueError(f"values must be a square (a, b), got {tuple(values.shape)}")
    flat = values.double()
    if bool((flat == flat[0, 0]).all()):
        raise ValueError("values must differ between pairs, got the same for all")
    x = torch.arange(p)
    by_distance = flat[(x[:, None] + x) % p, x]  # [a - b, b]: each row runs through every a + b, p being odd or not
    return float(by_distance.std(1, correction=0).mean() / flat.std(correction=0))


def right_logits(logits: Float[Tensor, "a b c"], answers: Int[Tensor, "a b"]) -> Float[Tensor, "a b"]:
    """The logit of each pair's right answer: what the article's text takes."""
    return logits.gather(-1, answers[..., None])[..., 0]


def largest_wrong_logits(logits: Float[Tensor, "a b c"], answers: Int[Tensor, "a b"]) -> Float[Tensor, "a b"]:
    """The largest logit of any other answer: what the article's training script takes."""
    return logits.scatter(-1, answers[..., None], -torch.inf).amax(-1)


@dataclass(frozen=True)
class PhaseDifferences:
    """How near phi_a - phi_b of some neurons is to 0.

    ``mean_cosine`` of the difference is 1 for a pizza and 0 where differences are spread evenly, as in a clock.
    Shows / does not show: how the neurons that follow one wave combine the two numbers, not how much each matters.
    """

    n: int
    mean_cosine: float
    floor: float
    """Half of the interval that holds 95 % of such means where each neuron has the phase of b of a random other one."""


def phase_differences(
    of_a: Float[Tensor, " neuron"], of_b: Float[Tensor, " neuron"], *, seed: int, draws: int = 1_000
) -> PhaseDifferences:
    """The mean cosine of the differences, with its floor; the sign of a frequency plays no part in it.

    Without neurons mean and floor are NaN.
    """
    if not len(of_a):
        return PhaseDifferences(0, float("nan"), float("nan"))
    generator = torch.Generator().manual_seed(seed)
    others = torch.stack([of_b[torch.randperm(len(of_b), generator=generator)] for _ in range(draws)])
    by_chance = (of_a - others).double().cos().mean(1)
    low, high = by_chance.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return PhaseDifferences(len(of_a), float((of_a - of_b).double().cos().mean()), (high - low) / 2)


def _cosines(
    model: TransformerBridge, task: ModularAddition, pairs: Int[Tensor, "batch 2"], answers: Int[Tensor, "batch some"]
) -> Float[Tensor, "batch some"]:
    return torch.stack(
        [cosine_similarity(of_a, of_b, dim=1) for of_a, of_b in _gradients(model, task, pairs, answers)], dim=1
    )


def _gradients(
    model: TransformerBridge, task: ModularAddition, pairs: Int[Tensor, "batch 2"], answers: Int[Tensor, "batch some"]
) -> Iterator[tuple[Tensor, Tensor]]:
    """For each column of ``answers`` the gradients by both embeddings ``[batch d_model]``, of one forward pass."""
    tokens, (row,) = task.inputs(task.sequences_of(pairs)), task.predicting_rows
    at_a, at_b = task.operand_columns
    with torch.enable_grad():
        embedded = model.W_E[tokens].detach().requires_grad_()
        logits = model.run_with_hooks(tokens, fwd_hooks=[("hook_embed", lambda _, hook: embedded)])[:, row]
        for column in answers.unbind(1):
            said = logits.gather(1, column[:, None]).sum()
            (gradient,) = torch.autograd.grad(said, embedded, retain_graph=True)
            yield gradient[:, at_a], gradient[:, at_b]
