"""How much each head and neuron matters, by the methods of the field: one score for each unit, and which are named.

Every score is computed on all given inputs. The measure of the whole model is the margin of an answer: the right logit
minus the largest other one. An answer is wrong where the margin is not above zero: a tie is wrong.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.activations import Head, activations
from tinycircuits.interp.attention import attention_pattern
from tinycircuits.interp.branches import Neuron, Replacement
from tinycircuits.interp.lattice import REPLACEMENTS, Lattice, lattice
from tinycircuits.interp.pairs import derangement
from tinycircuits.tasks import ReverseIncrement, Task

SHARE_OF_LARGEST = 0.1
"""A unit is named by its gradient where its score is at least this share of the largest."""
TAU = 0.1
"""A unit is pruned where that costs less than this share of the whole model's mean margin."""
LOOKS = 0.5
"""A head is said to read the source of an answer where so much of its weight lies there, averaged over inputs."""
PROBE_LEVEL = 0.01
"""A digit is said to be read where chance alone would read as many held-out rows right with less than this."""
IG_STEPS = 16
EPSILON = 1e-6
"""What is not above this is no margin and no effect: rounding in another basis makes as much of nothing."""


def units(model: TransformerBridge) -> tuple[Head | Neuron, ...]:
    """Every head and every neuron in order of computation: the heads of layer 0, its neurons, then layer 1."""
    n_neurons = 0 if model.cfg.attn_only else int(model.cfg.d_mlp)
    found: list[Head | Neuron] = []
    for layer in range(model.cfg.n_layers):
        found += [Head(layer, head) for head in range(model.cfg.n_heads)]
        found += [Neuron(layer, neuron) for neuron in range(n_neurons)]
    return tuple(found)


@dataclass(frozen=True)
class Scores:
    """One number for each unit, in the order of ``units``, NaN where the method says nothing; and what it names.

    Shows / does not show: what the method says of each unit. What that is worth, ``calibration`` tells where the truth
    is known.
    """

    method: str
    score: Float[Tensor, " unit"]
    named: Bool[Tensor, " unit"]
    """The units that the method's usual rule calls part of the computation."""


class Runs:
    """A model on all inputs, with what its units say replaced or not."""

    def __init__(self, model: TransformerBridge, sequences: Int[Tensor, "batch n_ctx"], task: Task):
        self.model, self.task, self.units = model, task, units(model)
        self.tokens, self.right = task.inputs(sequences), task.answers(sequences)
        self.rows = list(task.predicting_rows)
        self.hooks = list(dict.fromkeys(unit.hook for unit in self.units))
        self.kept = activations(model, self.tokens, self.hooks)
        with torch.no_grad():
            self.clean: Float[Tensor, "batch answer"] = self.margins({})

    def of(self, unit: Head | Neuron) -> Float[Tensor, "batch pos *d_head"]:
        """What the unit says in the clean run: a head's ``z``, a neuron's activation."""
        return self.kept[unit.hook][:, :, _index(unit)]

    def margins(self, instead: Mapping[Head | Neuron, Tensor]) -> Float[Tensor, "batch answer"]:
        """Right logit minus the largest other one, with these units saying something else at all positions."""
        with torch.no_grad():
            return self._margins([(hook, partial(_replaced, at=hook, instead=instead)) for hook in self.hooks])

    def gradients(
        self, embed: Float[Tensor, "batch pos d_model"] | None = None
    ) -> dict[str, Float[Tensor, "batch pos unit *d_head"]]:
        """By hook the gradient of the summed margins, each answer's mean, at the clean inputs or other embeddings."""
        seen: dict[str, Tensor] = {}

        def keep(value: Tensor, hook: Any, at: str) -> Tensor:
            seen[at] = value
            return value

        def swap(value: Tensor, hook: Any) -> Tensor:
            return value if embed is None else embed

        with torch.enable_grad():
            margins = self._margins([("hook_embed", swap), *((hook, partial(keep, at=hook)) for hook in self.hooks)])
            found = torch.autograd.grad(margins.mean(1).sum(), [seen[hook] for hook in self.hooks])
        return dict(zip(self.hooks, found, strict=True))

    def _margins(self, hooks: list[tuple[str, Callable[..., Tensor]]]) -> Float[Tensor, "batch answer"]:
        logits: Tensor = self.model.run_with_hooks(self.tokens, fwd_hooks=hooks)
        return margins_of(logits[:, self.rows], self.right)


def margins_of(
    logits: Float[Tensor, "*rest answer d_vocab"], right: Int[Tensor, "*rest answer"]
) -> Float[Tensor, "*rest answer"]:
    """The right logit minus the largest of all others."""
    others = logits.scatter(-1, right[..., None], -torch.inf)
    return logits.gather(-1, right[..., None])[..., 0] - others.amax(-1)


def _index(unit: Head | Neuron) -> int:
    return unit.head if isinstance(unit, Head) else unit.neuron


def _replaced(value: Tensor, hook: Any, *, at: str, instead: Mapping[Head | Neuron, Tensor]) -> Tensor:
    its = {unit: new for unit, new in instead.items() if unit.hook == at}
    if not its:
        return value
    value = value.clone()
    for unit, new in its.items():
        value[:, :, _index(unit)] = new
    return value


def ablation_scores(runs: Runs, kind: Replacement, *, seed: int) -> Scores:
    """Mean margin lost when one unit's value is replaced: m - m(unit := replacement).

    ``zero``, at each position its ``mean`` over the inputs, or its value on a partner (``resample``, a derangement
    drawn from ``seed``). Named: one answer or more becomes wrong. Source: as ``ablation.ablation_table``.
    """
    partners = derangement(len(runs.tokens), seed=seed)
    before = wrong(runs.clean)
    lost, breaks = [], []
    for unit in runs.units:
        own = runs.of(unit)
        new = {"zero": torch.zeros_like(own), "mean": own.mean(0).expand_as(own), "resample": own[partners]}[kind]
        without = runs.margins({unit: new})
        lost.append((runs.clean - without).mean())
        breaks.append(wrong(without) > before)
    return Scores(f"{kind} ablation", torch.stack(lost), torch.tensor(breaks))


def attribution_scores(runs: Runs, *, seed: int) -> Scores:
    """(a_clean - a_corrupt) . dm/da at the clean run, summed over positions, mean over inputs.

    The corrupted input is the partner. A first-order guess at what resampling the unit costs. Named: at least
    ``SHARE_OF_LARGEST`` of the largest score. Source: attribution patching, Nanda 2023; Syed et al. 2023, arXiv
    2310.10348.
    """
    partners = derangement(len(runs.tokens), seed=seed)
    return _by_gradient("attribution patching", runs, partners, runs.gradients())


def integrated_scores(runs: Runs, *, seed: int, steps: int = IG_STEPS) -> Scores:
    """The same with the gradient averaged on the way from the partner's token embeddings to the input's own.

    The path is cut at the middles of ``steps`` equal parts; attention follows it. Named as there. Source: Hanna et al.
    2024, arXiv 2403.17806 (integrated gradients over inputs); Sundararajan et al. 2017, arXiv 1703.01365.
    """
    partners = derangement(len(runs.tokens), seed=seed)
    embed = activations(runs.model, runs.tokens, ["hook_embed"])["hook_embed"]
    total: dict[str, Tensor] = {}
    for step in range(steps):
        share = (step + 0.5) / steps
        for hook, each in runs.gradients(embed[partners] + share * (embed - embed[partners])).items():
            total[hook] = total.get(hook, 0) + each / steps
    return _by_gradient("integrated gradients", runs, partners, total)


def pruning_scores(runs: Runs, *, seed: int, tau: float = TAU) -> Scores:
    """Mean margin that is lost when a unit goes after all that went before it; a unit goes where that is below a bound.

    The bound is ``tau`` of the whole model's mean margin. The units are tried from the last to the first; what goes is
    replaced by its value on the partner. Named: what stays. Source: ACDC, Conmy et al. 2023, arXiv 2304.14997, on units
    instead of edges and on the margin instead of the divergence of answers.
    """
    partners = derangement(len(runs.tokens), seed=seed)
    gone: dict[Head | Neuron, Tensor] = {}
    lost: dict[Head | Neuron, Tensor] = {}
    now, bound = runs.clean.mean(), tau * runs.clean.mean()
    for unit in reversed(runs.units):
        tried = {**gone, unit: runs.of(unit)[partners]}
        after = runs.margins(tried).mean()
        lost[unit] = now - after
        if lost[unit] < bound:
            gone, now = tried, after
    score = torch.stack([lost[unit] for unit in runs.units])
    return Scores("greedy pruning", score, torch.tensor([unit not in gone for unit in runs.units]))


def probe_scores(runs: Runs, *, seed: int) -> Scores:
    """Share of held-out rows at which a linear read-out of the unit's value alone says the right answer.

    Multinomial logistic regression, on one half of the inputs for the other half; rows of all answers together. Named:
    more are right than the most frequent answer would give, by an exact binomial test at ``PROBE_LEVEL``.
    """
    order = torch.randperm(len(runs.tokens), generator=torch.Generator().manual_seed(seed))
    fit, held = order[: len(order) // 2], order[len(order) // 2 :]
    scores, named = [], []
    labels, truth = runs.right[fit].flatten().numpy(), runs.right[held].flatten()
    common = float(truth.bincount().max()) / len(truth)
    for unit in runs.units:
        state = runs.of(unit)[:, runs.rows].reshape(len(runs.tokens), len(runs.rows), -1)
        read = LogisticRegression(C=100.0, max_iter=2000).fit(state[fit].flatten(0, 1).numpy(), labels)
        right = int((torch.from_numpy(read.predict(state[held].flatten(0, 1).numpy())) == truth).sum())
        scores.append(right / len(truth))
        named.append(bool(binomtest(right, len(truth), common, alternative="greater").pvalue < PROBE_LEVEL))
    return Scores("probe", torch.tensor(scores, dtype=torch.float64), torch.tensor(named))


def brightness_scores(runs: Runs, task: ReverseIncrement) -> Scores:
    """Of a head the largest weight on an answer's source digit, mean over inputs; NaN for a neuron.

    Named: at least ``LOOKS``. It is what a picture of attention shows, and the articles' way.
    """
    found = []
    for unit in runs.units:
        if isinstance(unit, Head):
            pattern = attention_pattern(runs.model, runs.tokens, layer=unit.layer, head=unit.head)
            found.append(pattern[:, runs.rows, list(task.source_columns)].mean(0).max())
        else:
            found.append(torch.tensor(torch.nan, dtype=torch.float64))
    score = torch.stack(found).double()
    return Scores("brightness", score, score >= LOOKS)


def shapley_scores(of: Lattice) -> Scores:
    """Wrong answers that each unit spares, averaged over all orders in which units are added (``Lattice.shapley``).

    Named: more than none. Exact: all subsets are counted.
    """
    return Scores("Shapley value", of.shapley, of.shapley > EPSILON)


def wrong(margins: Float[Tensor, "*rest answer"]) -> int:
    """How many answers have no margin above rounding."""
    return int((margins <= EPSILON).sum())


def _by_gradient(method: str, runs: Runs, partners: Int[Tensor, " batch"], gradients: Mapping[str, Tensor]) -> Scores:
    """Change from the partner's value times gradient, and which scores are near the largest."""
    found = []
    for unit in runs.units:
        own = runs.of(unit)
        slope = gradients[unit.hook][:, :, _index(unit)]
        found.append(((own - own[partners]) * slope).flatten(1).sum(1).mean())
    score = torch.stack(found)
    return Scores(method, score, score >= SHARE_OF_LARGEST * score.max())


def every_score(
    model: TransformerBridge, sequences: Int[Tensor, "batch n_ctx"], task: ReverseIncrement, *, seed: int
) -> Iterable[Scores]:
    """The scores of every method, in the order of ``METHODS``."""
    runs = Runs(model, sequences, task)
    for kind in REPLACEMENTS:
        yield ablation_scores(runs, kind, seed=seed)
    yield attribution_scores(runs, seed=seed)
    yield integrated_scores(runs, seed=seed)
    yield pruning_scores(runs, seed=seed)
    yield shapley_scores(lattice(model, sequences, task, kind="zero", units=runs.units))
    yield probe_scores(runs, seed=seed)
    yield brightness_scores(runs, task)
