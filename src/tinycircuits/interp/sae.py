"""Sparse dictionaries of a layer's output: what they keep, what their latents stand for, and what those latents do.

The dictionaries come from ``tinycircuits.results.fits``; this module only looks at them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.activations import Component, activations, check_component
from tinycircuits.interp.forward import logits_after
from tinycircuits.interp.pairs import unit_directions
from tinycircuits.models.dictionary import SparseAutoencoder
from tinycircuits.tasks import Task

_TIMES = (0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32)
"""How often a latent may fire when its best threshold is sought, in multiples of a number's share of the inputs."""


CLEAR_F1 = 0.8
"""From this F1 on the book says that a latent stands for one number; the rule is fixed before its results."""


@dataclass(frozen=True)
class Quality:
    """How sparse and how faithful a dictionary is on a set of states."""

    l0: float
    """Mean number of latents above zero."""
    fvu: float
    """Fraction of variance unexplained: sum |x - x_hat|^2 / sum |x - mean x|^2; 0 is perfect, 1 is the mean."""
    live: Bool[Tensor, " latent"]
    """Latents above zero on at least one state; the others are dead."""

    @property
    def dead(self) -> int:
        """Number of dead latents."""
        return int((~self.live).sum())


@dataclass(frozen=True)
class Meanings:
    """What each latent's activity says about one number ``0 .. modulus-1`` of the input.

    Shows / does not show: what can be told from the latent, not that the model reads it.
    """

    f1: Float[Tensor, " latent"]
    """F1, 0 .. 1, of "the latent is above zero" as a detector of "the number is r", for the best r."""
    best_f1: Float[Tensor, " latent"]
    """The same with the best of a grid of thresholds for each latent; never below ``f1``."""
    residue: Int[Tensor, " latent"]
    """The r of ``best_f1``."""
    bits: Float[Tensor, " latent"]
    """Mutual information of the number and the latent in five levels: zero, and the quarters of its active range."""
    explained: Float[Tensor, " latent"]
    """Share of the latent's variance that its mean by number explains, 0 .. 1; 0 for a latent that never varies."""
    spectrum: Float[Tensor, "frequency latent"]
    """How the variance of that mean is shared out among the frequencies 1 .. modulus // 2; sums to 1, or to 0."""

    @property
    def clear(self) -> float:
        """Share of latents whose ``f1`` is at least ``CLEAR_F1``, 0 .. 1."""
        return float((self.f1 >= CLEAR_F1).double().mean())

    @property
    def best_clear(self) -> float:
        """The same of ``best_f1``."""
        return float((self.best_f1 >= CLEAR_F1).double().mean())

    @property
    def n_covered(self) -> int:
        """How many numbers some latent stands for, by ``best_f1``."""
        return len(set(self.residue[self.best_f1 >= CLEAR_F1].tolist()))


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
    ablated_wrong: Int[Tensor, " latent"]
    """Of these inputs, answered wrongly without it."""
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


@torch.no_grad()
def quality(dictionary: SparseAutoencoder, states: Float[Tensor, "batch d_in"]) -> Quality:
    """How many latents the dictionary needs for these states, and what it loses of them."""
    latents = dictionary.encode(states)
    return Quality(
        l0=float((latents > 0).double().sum(1).mean()),
        fvu=unexplained(states, dictionary.decode(latents)),
        live=(latents > 0).any(0),
    )


def live_activity(dictionary: SparseAutoencoder, states: Float[Tensor, "batch d_in"]) -> Float[Tensor, "batch live"]:
    """The activity of the latents that are above zero on at least one state."""
    latents = dictionary.encode(states)
    return latents[:, (latents > 0).any(0)]


def some_live(dictionary: SparseAutoencoder, states: Float[Tensor, "batch d_in"], n: int, *, seed: int) -> list[int]:
    """``n`` latents that are above zero on at least one state, or all if there are fewer, drawn from ``seed``."""
    live = (dictionary.encode(states) > 0).any(0).nonzero().flatten()
    order = torch.randperm(len(live), generator=torch.Generator().manual_seed(seed))
    chosen: list[int] = live[order[:n]].tolist()
    return chosen


def unexplained(states: Float[Tensor, "batch d_in"], rebuilt: Float[Tensor, "batch d_in"]) -> float:
    """Fraction of the states' variance that ``rebuilt`` loses; raises ``ValueError`` when they never vary."""
    total = (states - states.mean(0)).double().square().sum()
    if total == 0:
        raise ValueError("states must vary for a fraction of their variance to be defined, all are the same")
    return float((states - rebuilt).double().square().sum() / total)


@torch.no_grad()
def meanings(activity: Float[Tensor, "batch latent"], numbers: Int[Tensor, " batch"], *, modulus: int) -> Meanings:
    """What latents, or any other non-negative activities, tell about one number of each input.

    Raises ``ValueError`` for a number outside ``0 .. modulus-1``, or a negative activity.
    """
    if bool((numbers < 0).any()) or bool((numbers >= modulus).any()):
        raise ValueError(f"numbers must lie in 0..{modulus - 1}, got {int(numbers.min())}..{int(numbers.max())}")
    if bool((activity < 0).any()):
        raise ValueError(f"activity must not be negative, got {float(activity.min()):.3g}")
    f1, best_f1, residue = one_number_f1(activity, numbers, modulus=modulus)
    explained, spectrum = _spectrum(activity.double(), numbers, modulus)
    return Meanings(f1, best_f1, residue, information(activity, numbers, modulus=modulus), explained, spectrum)


def both_signs(projections: Float[Tensor, "batch direction"]) -> Float[Tensor, "batch latent"]:
    """Directions as non-negative activities: the positive part of each, then the negative part of each."""
    return torch.relu(torch.cat([projections, -projections], dim=1))


@torch.no_grad()
def principal_directions(states: Float[Tensor, "batch d_in"]) -> Float[Tensor, "d_in direction"]:
    """Orthonormal directions of falling variance (PCA)."""
    directions: Tensor = torch.linalg.svd(states - states.mean(0), full_matrices=False).Vh.T
    return directions


@torch.no_grad()
def fourier_directions(
    states: Float[Tensor, "batch d_in"], numbers: Int[Tensor, " batch"], *, modulus: int, n_frequencies: int
) -> Float[Tensor, "d_in direction"]:
    """Orthonormal directions along which the mean state by number turns with its strongest frequencies.

    For frequency k the mean over inputs of (x - mean) cos(2 pi k n / modulus) and of the same with sin; the
    ``n_frequencies`` with the largest pairs are kept and orthonormalised in falling order.

    Raises ``ValueError`` for more frequencies than the modulus or the state has.
    """
    largest = min((modulus - 1) // 2, states.shape[1] // 2)
    if not 1 <= n_frequencies <= largest:
        raise ValueError(f"n_frequencies must lie in 1..{largest}, got {n_frequencies}")
    angle = 2 * torch.pi * torch.outer(torch.arange(1, (modulus - 1) // 2 + 1), numbers).to(states.dtype) / modulus
    centred = states - states.mean(0)
    pairs = torch.stack([angle.cos() @ centred, angle.sin() @ centred], dim=1)
    order = pairs.square().sum((1, 2)).argsort(descending=True)[:n_frequencies]
    directions: Tensor = torch.linalg.qr(pairs[order].flatten(0, 1).T).Q
    return directions


@torch.no_grad()
def random_dictionary(states: Float[Tensor, "batch d_in"], *, width: int, l0: float, seed: int) -> SparseAutoencoder:
    """An autoencoder with a random encoder, of which only the decoder is fitted: the control of a trained one.

    The encoder's columns are random unit vectors. Each bias lets its latent fire on the share ``l0 / width`` of the
    states, so that as many latents are active as in the dictionary that it is compared with. The decoder is the
    least-squares solution, with a penalty of a millionth of the mean square; its rows are then scaled to length 1 and
    the encoder the other way.

    Raises ``ValueError`` when ``l0`` does not lie between 0 and ``width``.
    """
    if not 0 < l0 < width:
        raise ValueError(f"l0 must lie between 0 and the width {width}, got {l0}")
    generator = torch.Generator().manual_seed(seed)
    mean = states.mean(0)
    W_enc = unit_directions((width, states.shape[1]), generator=generator, dtype=states.dtype).T
    b_enc = -_quantile((states - mean) @ W_enc, 1 - l0 / width)
    latents = torch.relu((states - mean) @ W_enc + b_enc)
    gram = (latents.T @ latents).double()
    gram += 1e-6 * gram.trace() / width * torch.eye(width, dtype=torch.float64)
    W_dec = torch.linalg.solve(gram, (latents.T @ (states - mean)).double()).to(states.dtype)
    length = W_dec.norm(dim=1).clamp_min(1e-12)
    return SparseAutoencoder(W_enc * length, b_enc * length, W_dec / length[:, None], mean)


def mean_max_cosine(one: Float[Tensor, "latent d_in"], other: Float[Tensor, "others d_in"]) -> float:
    """How well ``other`` holds the directions of ``one``: the mean over its rows of the largest cosine, -1 .. 1."""
    return float((normalize(one, dim=1) @ normalize(other, dim=1).T).max(1).values.mean())


def mean_pairwise_cosine(directions: Sequence[Float[Tensor, "latent d_in"]]) -> float:
    """``mean_max_cosine`` averaged over all ordered pairs; raises ``ValueError`` for fewer than two."""
    if len(directions) < 2:
        raise ValueError(f"directions must be of two dictionaries or more, got {len(directions)}")
    pairs = list(permutations(directions, 2))
    return sum(mean_max_cosine(one, other) for one, other in pairs) / len(pairs)


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
    check_component(model, component)
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
        self.model, self.component, self.dictionary = model, component, dictionary
        self.row = task.predicting_rows[0]
        kept = activations(model, task.inputs(sequences), [component.input_hook, component.hook])
        self.after = kept[component.input_hook] + kept[component.hook]
        self.output = kept[component.hook][:, self.row]
        self.latents = dictionary.encode(self.output)
        self.answers = task.answers(sequences)[:, 0]
        self.loss = self._logits(torch.arange(len(sequences)), torch.zeros_like(self.output))[1]
        self.generator = torch.Generator().manual_seed(seed)

    def without(self, latent: int) -> tuple[int, float, float, int]:
        """Inputs where it is active; mean rise of the loss without it and after a random push; wrong without it."""
        at = (self.latents[:, latent] > 0).nonzero().flatten()
        move = -self.latents[at, latent, None] * self.dictionary.W_dec[latent]
        (wrong, rise), (_, pushed_rise) = (self._harm(at, each) for each in (move, self._push(move)))
        return len(at), rise, pushed_rise, wrong

    def plus(self, latent: int, residue: int, tries: int, dose: float) -> tuple[int, int, int, int]:
        """Inputs tried, and on how many the residue is answered: with the latent, a random push, the mean output."""
        others = (self.answers != residue).nonzero().flatten()
        at = others[torch.randperm(len(others), generator=self.generator)[:tries]]
        centre = self.output.mean(0)
        length = dose * (self.output - centre).norm(dim=1).mean()
        lie = self.output[self.answers == residue].mean(0) - centre
        move, mean = (
            (length * direction / direction.norm()).expand(len(at), -1)
            for direction in (self.dictionary.W_dec[latent], lie)
        )
        said = [self._logits(at, each)[0].argmax(-1) for each in (move, self._push(move), mean)]
        return len(at), *(int((each == residue).sum()) for each in said)  # type: ignore[return-value]

    def _harm(self, at: Int[Tensor, " some"], move: Float[Tensor, "some d_model"]) -> tuple[int, float]:
        logits, loss = self._logits(at, move)
        return int((logits.argmax(-1) != self.answers[at]).sum()), float((loss - self.loss[at]).mean())

    def _push(self, move: Float[Tensor, "some d_model"]) -> Float[Tensor, "some d_model"]:
        drawn = unit_directions(tuple(move.shape), generator=self.generator, dtype=move.dtype)
        distance: Tensor = move.norm(dim=1, keepdim=True)
        return distance * drawn

    def _logits(
        self, at: Int[Tensor, " some"], move: Float[Tensor, "some d_model"]
    ) -> tuple[Float[Tensor, "some d_vocab"], Float[Tensor, " some"]]:
        """The logits and losses of these inputs when the component's output at the answer's row is moved."""
        resid = self.after[at].clone()
        resid[:, self.row] += move
        logits = logits_after(self.model, resid, self.component, rows=[self.row])[:, 0].double()
        return logits, cross_entropy(logits, self.answers[at], reduction="none")


def _rising(values: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch latent"]:
    """Each column in rising order; numpy takes a tenth of the time that torch takes for it."""
    return torch.from_numpy(np.sort(values.T.contiguous().numpy(), axis=1)).T


def _quantile(values: Float[Tensor, "batch latent"], share: float) -> Float[Tensor, " latent"]:
    """``torch.quantile`` of each column, which sorts as slowly as torch does."""
    ordered = _rising(values)
    place = torch.tensor(share, dtype=values.dtype) * (len(values) - 1)
    below = int(place)
    return torch.lerp(ordered[below], ordered[min(below + 1, len(values) - 1)], place - below)


def mean_by_number(
    values: Float[Tensor, "batch dimension"], numbers: Int[Tensor, " batch"], *, modulus: int
) -> Float[Tensor, "number dimension"]:
    """The mean of ``values`` over the inputs of each number 0 .. modulus-1; 0 for one that none has."""
    return _by_number(values, numbers, modulus) / numbers.bincount(minlength=modulus).clamp_min(1)[:, None]


def best_for_each(
    activity: Float[Tensor, "batch latent"], meanings: Meanings, numbers: Int[Tensor, " batch"], *, modulus: int
) -> Float[Tensor, "number of_number"]:
    """For each number r the latent that stands for it best, as its mean activity at every number, largest 1.

    Of the latents whose mean activity is largest at r that with the largest ``best_f1``; another one where none is.
    """
    means = mean_by_number(activity, numbers, modulus=modulus)
    peaks = means.argmax(0)
    best = [int(torch.where(peaks == r, meanings.best_f1, -1.0).argmax()) for r in range(modulus)]
    return (means[:, best] / means[:, best].amax(0).clamp_min(1e-9)).T


def _by_number(values: Tensor, numbers: Int[Tensor, " batch"], modulus: int) -> Tensor:
    """Sums over the inputs of each number."""
    return values.new_zeros(modulus, values.shape[1]).index_add_(0, numbers, values)


@torch.no_grad()
def one_number_f1(
    activity: Float[Tensor, "batch latent"], numbers: Int[Tensor, " batch"], *, modulus: int
) -> tuple[Float[Tensor, " latent"], Float[Tensor, " latent"], Int[Tensor, " latent"]]:
    """``f1``, ``best_f1`` and ``residue`` of ``Meanings``.

    F1 = 2 hits / (inputs where the latent fires + inputs of the number).
    """
    cases = numbers.bincount(minlength=modulus)[:, None]
    ordered = _rising(activity).flip(0)
    places = [round(times * len(activity) / modulus) for times in _TIMES]
    thresholds = [torch.zeros_like(activity[0]), *(ordered[place] for place in places if place < len(activity))]
    every, residues = [], []
    for threshold in thresholds:
        fires = (activity > threshold).to(activity.dtype)
        f1, residue = (2 * _by_number(fires, numbers, modulus) / (fires.sum(0) + cases)).max(0)
        every.append(f1)
        residues.append(residue)
    best = torch.stack(every).max(0)
    return every[0], best.values, torch.stack(residues).gather(0, best.indices[None])[0]


@torch.no_grad()
def information(
    activity: Float[Tensor, "batch latent"], numbers: Int[Tensor, " batch"], *, modulus: int
) -> Float[Tensor, " latent"]:
    """``bits`` of ``Meanings``: I(number; level), from the joint distribution over all inputs."""
    ordered, active = _rising(activity).flip(0), (activity > 0).sum(0)
    level = (activity > 0).long()
    for share in (0.25, 0.5, 0.75):
        place = (share * active).long()[None].clamp_max(len(activity) - 1)
        level += (activity > ordered.gather(0, place)).long() * (active > 0)
    joint = torch.stack(
        [_by_number((level == i).to(activity.dtype), numbers, modulus) for i in range(5)]
    ).double() / len(numbers)
    independent = joint.sum(0, keepdim=True) * joint.sum(1, keepdim=True)
    return torch.where(joint > 0, joint * (joint / independent).log2(), 0).sum((0, 1))


def _spectrum(
    activity: Float[Tensor, "batch latent"], numbers: Int[Tensor, " batch"], modulus: int
) -> tuple[Float[Tensor, " latent"], Float[Tensor, "frequency latent"]]:
    """What the mean by number explains of each latent's variance, and how that is shared out among frequencies."""
    cases = numbers.bincount(minlength=modulus).double()[:, None]
    mean = mean_by_number(activity, numbers, modulus=modulus)
    between = (cases * (mean - activity.mean(0)).square()).sum(0)
    total = (activity - activity.mean(0)).square().sum(0)
    power = torch.fft.rfft(mean, dim=0)[1:].abs().square()
    if modulus % 2 == 0:
        power[-1] /= 2  # the last frequency has no partner at -k
    varies = total > 1e-12 * activity.square().sum(0)
    share = torch.where(varies, power / power.sum(0), 0).nan_to_num(0)
    return torch.where(varies, between / total, 0), share
