"""Models whose truth is known: a circuit set by hand, with a pattern planted in it that is known to mislead."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from typing import Literal, TypeVar, get_args

import torch
from jaxtyping import Float
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.models.build import ModelSpec, build, named_parameters
from tinycircuits.tasks import ReverseIncrement

Pattern = Literal["plain", "half pair", "full pair", "cancelling pair", "bright idle", "suppressor"]
Site = Literal["heads", "heads before neurons", "neurons"]
Role = Literal["works", "counters", "idle"]
Drawn = TypeVar("Drawn")
PATTERNS: tuple[Pattern, ...] = get_args(Pattern)
SITES: tuple[Site, ...] = get_args(Site)
ROLES: tuple[Role, ...] = get_args(Role)
TASK = ReverseIncrement(n_digits=3)
"""Small enough for every subset of the parts on every input."""
N_UNITS: dict[Site, tuple[int, int]] = {"heads": (6, 0), "heads before neurons": (4, 6), "neurons": (3, 7)}
"""Heads and neurons of the models of a site."""
_TRACE = 0.01
"""What an idle part writes on an answer's logit at most: too little to decide one, whatever else is gone."""
_FALLBACK = 0.3
"""The logit of BOS, which is said where no digit is."""
_OPPOSED = 1.5
"""What either of a cancelling pair writes; the circuit itself writes 1."""
_SUPPRESSED = 0.5
_DEAF = 0.3
"""Below this a neuron of a cancelling pair does not fire: what other digits leak through attention is less."""
_DEFAULT_BIAS = (0.0, 0.2, 0.4, 0.6)
"""Of the answers that are vetoed unless a digit was seen; the first is never vetoed."""
NOMINAL: dict[Pattern, tuple[float, ...]] = {
    "plain": (1.0,),
    "half pair": (0.5, 0.5),
    "full pair": (1.0, 1.0),
    "cancelling pair": (1.0, _OPPOSED, -_OPPOSED),
    "bright idle": (1.0, 0.0),
    "suppressor": (0.5, 0.5, -_SUPPRESSED),
}
"""About what the parts of a pattern write for an answer: for the right one, or either of a cancelling pair another."""


@dataclass(frozen=True)
class Planted:
    """A model with the role of each of its units, ``L0H0 .. L0N0 ..``, by construction.

    ``works``: part of a smallest set of units that makes no mistake. ``counters``: of none, but there are sets in which
    its removal changes answers (a suppressor, either of a cancelling pair). ``idle``: its removal, alone or with any
    others, changes no answer.
    """

    pattern: Pattern
    site: Site
    seed: int
    model: TransformerBridge
    roles: dict[str, Role]
    together: tuple[str, ...]
    """The units of the pattern: the pair, or the one."""


@dataclass(frozen=True)
class _Head:
    """A head that reads for each answer one position, or BOS (column 0), and writes a vector for each digit there."""

    role: Role
    columns: tuple[int, ...]
    strength: float
    """Score of the column above all others."""
    writes: Float[Tensor, "digit d_model"]
    planted: bool = False


@dataclass(frozen=True)
class _Neuron:
    """A neuron: relu(reads . state + bias), written along ``writes``."""

    role: Role
    reads: Float[Tensor, " d_model"]
    writes: Float[Tensor, " d_model"]
    bias: float = 0.0
    planted: bool = False


def planted(pattern: Pattern, site: Site, *, seed: int) -> Planted:
    """One model of ``TASK``: one layer without LayerNorm, float64, in a basis drawn from ``seed``.

    As in ``by_hand.hand_built`` heads copy the source digit and either they or neurons raise it. ``seed`` also draws
    strengths, the order of the units, and what idle ones read. No coordinate of the stream means anything by itself.
    """
    plan = _Plan(seed)
    heads, neurons = plan.heads(pattern, site), plan.neurons(pattern, site)
    n_heads, n_neurons = N_UNITS[site]
    heads += [plan.idle_head() for _ in range(n_heads - len(heads))]
    neurons += [plan.idle_neuron() for _ in range(n_neurons - len(neurons))]
    heads, neurons = plan.shuffled(heads), plan.shuffled(neurons)
    spec = ModelSpec(
        n_layers=1, d_model=plan.width, n_heads=n_heads, d_head=TASK.n_ctx, d_mlp=n_neurons or None, layer_norm=False
    )
    model = build(spec, TASK, seed=0, dtype="float64")
    _write(model, plan, heads, neurons, vetoes=_vetoes(pattern, site))
    rotate(model, plan.basis())
    named: dict[str, _Head | _Neuron] = {
        **{f"L0H{i}": head for i, head in enumerate(heads)},
        **{f"L0N{i}": neuron for i, neuron in enumerate(neurons)},
    }
    return Planted(
        pattern=pattern,
        site=site,
        seed=seed,
        model=model,
        roles={label: unit.role for label, unit in named.items()},
        together=tuple(label for label, unit in named.items() if unit.planted),
    )


def all_planted(seeds: Iterable[int]) -> Iterable[Planted]:
    """Every pattern at every site, in as many bases as there are seeds."""
    return (planted(pattern, site, seed=seed) for pattern, site, seed in product(PATTERNS, SITES, seeds))


@torch.no_grad()
def rotate(model: TransformerBridge, basis: Float[Tensor, "d_model d_model"]) -> None:
    """Turn the residual stream of a one-layer model without LayerNorm by an orthogonal matrix: r becomes r @ basis.

    What writes into the stream and what reads from it turn alike, so that no logit changes but by rounding.
    """
    for name, weight in named_parameters(model).items():
        if name.endswith(("attn.o.weight", "fc_out.weight")):
            weight.copy_(basis.T @ weight)
        elif name.endswith(("attn.o.bias", "fc_out.bias")) or not name.endswith("bias"):
            weight.copy_(weight @ basis)


def _vetoes(pattern: Pattern, site: Site) -> bool:
    """Whether neurons veto each answer whose digit they do not see, so that a second copy of the digit adds nothing."""
    return (pattern, site) == ("full pair", "heads before neurons")


class _Plan:
    """The slots of the stream, a generator, and units in terms of them."""

    def __init__(self, seed: int):
        n, v = TASK.n_ctx, TASK.d_vocab
        self.token, self.position, self.copied, self.answer, self.unread = 0, v, v + n, 2 * v + n, 3 * v + n
        self.width = 4 * v + n
        self.generator = torch.Generator().manual_seed(seed)
        self.digits = range(TASK.modulus)
        self.sources = TASK.source_columns

    def uniform(self, low: float, high: float) -> float:
        """A number between the two."""
        return low + (high - low) * float(torch.rand((), generator=self.generator, dtype=torch.float64))

    def shuffled(self, units: list[Drawn]) -> list[Drawn]:
        """The units in a random order."""
        return [units[i] for i in torch.randperm(len(units), generator=self.generator)]

    def basis(self) -> Float[Tensor, "d_model d_model"]:
        """A random orthogonal matrix."""
        drawn = torch.randn(self.width, self.width, generator=self.generator, dtype=torch.float64)
        q, r = torch.linalg.qr(drawn)
        turned: Tensor = q * r.diagonal().sign()
        return turned

    def unit(self, *at: tuple[int, float]) -> Float[Tensor, " d_model"]:
        """The vector with these entries."""
        vector = torch.zeros(self.width, dtype=torch.float64)
        for place, value in at:
            vector[place] += value
        return vector

    def idle(self) -> Float[Tensor, " d_model"]:
        """A vector that nothing reads, but for a trace on the answers."""
        drawn = torch.rand(self.width, generator=self.generator, dtype=torch.float64) * 2 - 1
        vector = self.unit()
        vector[self.unread :] = drawn[self.unread :]
        vector[self.answer : self.unread] = _TRACE * drawn[self.answer : self.unread]
        return vector

    def copying(self, site: Site, *offsets: tuple[int, float]) -> Float[Tensor, "digit d_model"]:
        """For each digit read, weights on the right answer (offset 0) and its neighbours, or on the digit's copy."""
        slot, raised = (self.answer, TASK.increment) if site == "heads" else (self.copied, 0)
        rows = [[(slot + (t + raised + o) % TASK.modulus, w) for o, w in offsets] for t in self.digits]
        return torch.stack([self.unit(*row) for row in rows])

    def heads(self, pattern: Pattern, site: Site) -> list[_Head]:
        """The heads that do something; where two share the work, the last answer has a head of its own."""
        everywhere, nowhere = self.sources, 0
        first = everywhere if site == "heads before neurons" else (*everywhere[:-1], nowhere)
        last = (*[nowhere] * (TASK.n_answers - 1), everywhere[-1])
        strength = self.uniform(4, 5)

        def head(role: Role, columns: tuple[int, ...], *offsets: tuple[int, float], planted: bool = True) -> _Head:
            return _Head(role, columns, strength, self.copying(site, *offsets), planted)

        found = [] if site == "heads before neurons" else [head("works", last, (0, 1.0), planted=False)]
        if site == "neurons" or pattern in ("plain", "cancelling pair", "bright idle"):
            found.append(head("works", first, (0, 1.0), planted=False))
        if site == "neurons":
            return found
        if pattern in ("half pair", "suppressor"):
            share = self.uniform(0.42, 0.58)
            pair = pattern == "half pair"
            found += [head("works", first, (0, each), planted=pair) for each in (share, 1 - share)]
        if pattern == "full pair":
            found += [head("works", first, (0, self.uniform(1, 1.15))) for _ in range(2)]
        if pattern == "suppressor":
            found.append(head("counters", first, (0, -_SUPPRESSED)))
        if pattern == "cancelling pair":
            found += [head("counters", first, (1, way * _OPPOSED), (2, -way * _OPPOSED)) for way in (1, -1)]
        if pattern == "bright idle":
            writes = torch.stack([self.unit((self.unread + t, 1.0)) for t in self.digits])
            found.append(_Head("idle", everywhere, 7.0, writes, planted=True))
        return found

    def neurons(self, pattern: Pattern, site: Site) -> list[_Neuron]:
        """The neurons that do something; a pattern of neurons is planted at digit 0."""
        if site == "heads":
            return []
        if _vetoes(pattern, site):
            return [
                _Neuron("works", self.unit((self.copied + t, -1.0)), self.unit((self.answer + t + 1, -2.0)), 0.8)
                for t in self.digits[:-1]
            ]

        def raising(digit: int, weight: float, role: Role = "works", *, planted: bool = False) -> _Neuron:
            right = (digit + TASK.increment) % TASK.modulus
            writes = self.unit((self.answer + right, weight))
            return _Neuron(role, self.unit((self.copied + digit, 1.0)), writes, planted=planted)

        found = [raising(digit, 1.0) for digit in self.digits[1:]]
        if site != "neurons" or pattern in ("plain", "cancelling pair", "bright idle"):
            found.append(raising(0, 1.0))
        if site != "neurons":
            return found
        if pattern in ("half pair", "suppressor"):
            share = self.uniform(0.42, 0.58)
            found += [raising(0, each, planted=pattern == "half pair") for each in (share, 1 - share)]
        if pattern == "full pair":
            found += [raising(0, self.uniform(1, 1.15), planted=True) for _ in range(2)]
        if pattern == "suppressor":
            found.append(raising(0, -_SUPPRESSED, "counters", planted=True))
        if pattern == "cancelling pair":
            reads = self.unit((self.copied, 1.0), (self.copied + 1, 1.0))  # digits 0 and 1: the answers 1 and 2
            size = _OPPOSED / (1 - _DEAF)
            sides = [((self.answer, way * size), (self.answer + 3, -way * size)) for way in (1, -1)]
            found += [_Neuron("counters", reads, self.unit(*each), -_DEAF, planted=True) for each in sides]
        if pattern == "bright idle":
            reads = self.unit(*((self.copied + t, (t + 1) / TASK.modulus) for t in self.digits))
            found.append(_Neuron("idle", reads, self.unit((self.unread, 1.0)), planted=True))
        return found

    def idle_head(self) -> _Head:
        """A head that looks at some other position and writes where nobody reads."""
        columns = []
        for row, source in zip(TASK.predicting_rows, self.sources, strict=True):
            others = [column for column in range(1, row + 1) if column != source]
            columns.append(others[int(torch.randint(len(others), (), generator=self.generator))])
        writes = torch.stack([self.idle() for _ in self.digits])
        return _Head("idle", tuple(columns), self.uniform(4, 5), writes)

    def idle_neuron(self) -> _Neuron:
        """A neuron that fires on the token at its own place and writes where nobody reads."""
        drawn = torch.rand(TASK.d_vocab, generator=self.generator, dtype=torch.float64).tolist()
        return _Neuron("idle", self.unit(*((self.token + t, w) for t, w in enumerate(drawn))), self.idle())


@torch.no_grad()
def _write(model: TransformerBridge, plan: _Plan, heads: list[_Head], neurons: list[_Neuron], *, vetoes: bool) -> None:
    """Set every weight."""
    weights = named_parameters(model)
    for weight in weights.values():
        weight.zero_()
    d_head, vocabulary, positions = TASK.n_ctx, torch.arange(TASK.d_vocab), torch.arange(TASK.n_ctx)
    weights["tok_embed.weight"][vocabulary, plan.token + vocabulary] = 1
    weights["pos.weight"][positions, plan.position + positions] = 1
    weights["head.weight"][vocabulary, plan.answer + vocabulary] = 1
    query, key, value, output = (weights[f"layers.0.attn.{part}.weight"] for part in "qkvo")
    for h, head in enumerate(heads):
        at = h * d_head
        wanted = dict(zip(TASK.predicting_rows, head.columns, strict=True))
        for row in positions.tolist():
            query[at + wanted.get(row, 0), plan.position + row] = head.strength * d_head**0.5
        key[at + positions, plan.position + positions] = 1
        for digit in plan.digits:  # BOS has no value: to look there is to write nothing
            value[at + digit, plan.token + digit] = 1
            output[:, at + digit] = head.writes[digit]
    bias = weights["layers.0.attn.o.bias"]
    bias[plan.answer + TASK.bos] = -2 * _FALLBACK if vetoes else _FALLBACK
    if vetoes:
        bias[plan.answer + torch.arange(TASK.modulus)] = torch.tensor(_DEFAULT_BIAS, dtype=torch.float64)
    for k, neuron in enumerate(neurons):
        weights["layers.0.mlp.fc_in.weight"][k] = neuron.reads
        weights["layers.0.mlp.fc_in.bias"][k] = neuron.bias
        weights["layers.0.mlp.fc_out.weight"][:, k] = neuron.writes
