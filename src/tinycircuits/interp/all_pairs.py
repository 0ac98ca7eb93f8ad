"""Interchange over every ordered pair of inputs: whose answer comes out, counted and not sampled.

In a one-layer model few things matter of the two inputs. At attention's output the base speaks through its query digit
alone, at the embedding the source does; the output of the MLP, or of one neuron, is added to a state of the base, and
``sums`` counts what is read from every such sum. A model of several layers is run on every pair.
"""

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import one_hot
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.activations import Component, activations, batches, check_part
from tinycircuits.interp.forward import row_logits_after
from tinycircuits.interp.frames import answers
from tinycircuits.interp.interchange import CleanRows
from tinycircuits.interp.sums import NEAR, Reading, read_plainly, reading, tally
from tinycircuits.tasks import ReverseIncrement

KEPT = 5
"""Exceptions of each answer that are kept: the first ones, by base and then by source."""
MOST_RUN = 4096
"""Inputs of which every pair is run, at most."""


@dataclass(frozen=True)
class AllPairs:
    """What ``y_i`` is when one site's value at the row that predicts it is another input's, for all (base, source).

    Base and source may be the same input: these pairs change nothing. An *exception* is a pair whose answer is not the
    source's, as the task has it.

    Shows / does not show: as ``Interchange``, without sampling. Which *name* the digit has there it cannot say: a
    variable that is x, and one that is any renaming of x, have the same counts.
    """

    site: str
    said: Int[Tensor, "answer base source token"]
    """Pairs by the right answer of the base, the right answer of the source, and what the model says."""
    follows: Int[Tensor, "answer digit"]
    """Pairs whose answer is ``x_digit`` of the source, raised: the score of an algorithm that has this digit there."""
    itself: Int[Tensor, " answer"]
    """Pairs with base = source whose answer is right: the model's own right answers."""
    near: Int[Tensor, " answer"]
    """Pairs whose two largest logits lie within 1e-9, which rounding might decide."""
    first: Int[Tensor, "answer kept 4"]
    """The first exceptions: base and source by their place in the list of inputs, said, wanted; -1 where there is none.
    """

    @property
    def n_inputs(self) -> int:
        """How many inputs there are."""
        return math.isqrt(self.n_pairs)

    @property
    def n_pairs(self) -> int:
        """Ordered pairs of inputs, base = source among them."""
        return int(self.said[0].sum())

    @property
    def as_source(self) -> Int[Tensor, " answer"]:
        """The answer is the source's."""
        return torch.einsum("abss->a", self._digits)

    @property
    def as_base(self) -> Int[Tensor, " answer"]:
        """The answer is the base's."""
        return torch.einsum("absb->a", self._digits)

    @property
    def coincide(self) -> Int[Tensor, " answer"]:
        """Base and source have the same right answer."""
        return torch.einsum("avvt->a", self.said)

    @property
    def distinct(self) -> Int[Tensor, " answer"]:
        """They have different ones."""
        return self.n_pairs - self.coincide

    @property
    def as_source_distinct(self) -> Int[Tensor, " answer"]:
        """The answer is the source's, among pairs with different answers."""
        return self.as_source - self._both

    @property
    def as_base_distinct(self) -> Int[Tensor, " answer"]:
        """The answer is the base's, among pairs with different answers."""
        return self.as_base - self._both

    @property
    def neither(self) -> Int[Tensor, " answer"]:
        """The answer is neither the source's nor the base's."""
        return self.n_pairs - self.as_source - self.as_base_distinct

    @property
    def exceptions(self) -> Int[Tensor, " answer"]:
        """The answer is not the source's, among all pairs."""
        return self.n_pairs - self.as_source

    @property
    def exceptions_of_two(self) -> Int[Tensor, " answer"]:
        """The same among pairs of two inputs, base = source left out: of ``n_inputs`` times ``n_inputs`` - 1."""
        return self.exceptions - (self.n_inputs - self.itself)

    @property
    def accuracy(self) -> Float[Tensor, " answer"]:
        """Interchange intervention accuracy: share of all pairs whose answer is the source's, 0 .. 1."""
        return self.as_source.double() / self.n_pairs

    @property
    def chance(self) -> Float[Tensor, " answer"]:
        """Share of pairs with the same answer: what an intervention without effect scores on a perfect model."""
        return self.coincide.double() / self.n_pairs

    def rows(self) -> pd.DataFrame:
        """One row for each ``answer``: the share that ``follows the source``, and the counts of all pairs."""
        return pd.DataFrame(
            {
                "answer": answers(len(self.said)),
                "follows the source": self.accuracy,
                "source's": self.as_source,
                "base's only": self.as_base_distinct,
                "neither": self.neither,
            }
        )

    def by_digit(self) -> pd.DataFrame:
        """Share of pairs whose answer is a digit of the source, raised: a row for each answer, a column a digit."""
        n = self.follows.shape[1]
        columns = pd.Index([f"x_{j}" for j in range(n)], name="digit of the source")
        index = pd.Index(answers(len(self.follows)), name="answer")
        return pd.DataFrame((self.follows.double() / self.n_pairs).numpy(), index=index, columns=columns)

    @property
    def _digits(self) -> Int[Tensor, "answer base source token"]:
        return self.said[..., : self.said.shape[1]]

    @property
    def _both(self) -> Int[Tensor, " answer"]:
        return torch.einsum("avvv->a", self._digits)


@runtime_checkable
class _Site(Protocol):
    """A place of the model, one row for each answer: what is said when its value is another input's."""

    def tally(self, i: int, groups: Int[Tensor, " base"]) -> tuple[Int[Tensor, "source group token"], int]:
        """For each source how many bases of a group give a token, and how many pairs are near."""

    def said(self, i: int, base: int, sources: Int[Tensor, " some"]) -> Int[Tensor, " some"]:
        """The answer of one base with each of these sources."""


@torch.no_grad()
def all_pairs(
    model: TransformerBridge, sequences: Int[Tensor, "batch n_ctx"], task: ReverseIncrement, component: Component
) -> AllPairs:
    """Interchange of one component's output at each predicting row in turn, over all ordered pairs of ``sequences``.

    In a one-layer model all inputs of the task must be there for its MLP; a deeper one is run on every pair.

    Source: Geiger et al. 2021 (interchange intervention accuracy); the exact sums are ours.

    Raises ``ValueError`` for an unknown component, and where pairs would have to be run of more than 4,096 inputs.
    """
    check_part(model, component)
    rows = CleanRows(model, sequences, task, component)
    site: _Site
    if model.cfg.n_layers == 1 and component.kind == "attn":
        site = _ByQuery(model, sequences, task, rows)
    elif model.cfg.n_layers == 1:
        site = _BySum(reading(model), rows.after - rows.output, rows.output, task.modulus)
    else:
        site = _ByRunning(rows)
    return _counted(component.label, site, rows, sequences, task)


@torch.no_grad()
def embedding_pairs(
    model: TransformerBridge, sequences: Int[Tensor, "batch n_ctx"], task: ReverseIncrement
) -> AllPairs:
    """The same for the embedding at the row of each answer, in a one-layer model: the row reads another query digit.

    Raises ``ValueError`` for more layers.
    """
    _check_layers(model)
    rows = CleanRows(model, sequences, task, Component(0, "attn"))
    return _counted("embed", _ByEmbedding(model, sequences, task), rows, sequences, task)


@torch.no_grad()
def neuron_pairs(
    model: TransformerBridge, sequences: Int[Tensor, "batch n_ctx"], task: ReverseIncrement
) -> tuple[AllPairs, ...]:
    """The same for the activation of each neuron of a one-layer model's MLP.

    Raises ``ValueError`` for more layers.
    """
    _check_layers(model)
    rows = CleanRows(model, sequences, task, Component(0, "mlp"))
    hook = "blocks.0.mlp.hook_post"
    act = activations(model, task.inputs(sequences), [hook], rows=list(task.predicting_rows))[hook]
    found = []
    for neuron, direction in enumerate(model.W_out[0].detach()):
        own = act[..., neuron, None] * direction
        site = _BySum(reading(model), rows.after - own, own, task.modulus)
        found.append(_counted(f"L0N{neuron}", site, rows, sequences, task))
    return tuple(found)


@torch.no_grad()
def logits_by_query(
    model: TransformerBridge, task: ReverseIncrement, rows: CleanRows
) -> Float[Tensor, "query batch answer token"]:
    """The logits of a one-layer model's rows when attention writes what it wrote on an input, and the query is given.

    The input's row r may then read any digit itself: together with the base's query digit this is all of the base.
    """
    embedded = (model.W_E[: task.modulus, None] + model.W_pos[rows.rows]).detach()
    parts = [
        [row_logits_after(model, each + output, rows.component, {}, rows=rows.rows) for output in batches(rows.output)]
        for each in embedded
    ]
    return torch.stack([torch.cat(each) for each in parts])


class _ByQuery:
    """Attention's output in a one-layer model: of the base only the token at the row is left."""

    def __init__(
        self,
        model: TransformerBridge,
        sequences: Int[Tensor, "batch n_ctx"],
        task: ReverseIncrement,
        rows: CleanRows,
    ):
        self.query, self.d_vocab = sequences[:, rows.rows], task.d_vocab
        top = logits_by_query(model, task, rows).topk(2)
        self.tokens = top.indices[..., 0]  # [query source answer]
        self.near = top.values[..., 0] - top.values[..., 1] <= NEAR

    def tally(self, i: int, groups: Int[Tensor, " base"]) -> tuple[Int[Tensor, "source group token"], int]:
        n_queries, n_groups = len(self.tokens), int(groups.max()) + 1
        weight = torch.zeros(n_queries, n_groups, dtype=torch.int64)
        weight.index_put_((self.query[:, i], groups), torch.ones_like(groups), accumulate=True)
        said = one_hot(self.tokens[..., i], self.d_vocab)
        near = int((self.near[..., i].sum(1) * weight.sum(1)).sum())
        return torch.einsum("qst,qg->sgt", said, weight), near

    def said(self, i: int, base: int, sources: Int[Tensor, " some"]) -> Int[Tensor, " some"]:
        return self.tokens[self.query[base, i], sources, i]


class _ByEmbedding:
    """The embedding of a one-layer model's row: of the source only the token at the row is there."""

    def __init__(self, model: TransformerBridge, sequences: Int[Tensor, "batch n_ctx"], task: ReverseIncrement):
        tokens, rows = task.inputs(sequences), list(task.predicting_rows)
        self.query, self.d_vocab = tokens[:, rows], task.d_vocab
        embedded = (model.W_E[: task.modulus, None] + model.W_pos[rows]).detach()
        said, near = [], []
        for part in batches(tokens):
            keys = (model.W_E[part] + model.W_pos[: part.shape[1]]).detach()
            changed = [embedded[q].expand(len(part), -1, -1) for q in range(task.modulus)]
            top = [
                row_logits_after(model, each, None, {Component(0, "attn"): keys}, rows=rows).topk(2) for each in changed
            ]
            said.append(torch.stack([each.indices[..., 0] for each in top]))
            near.append(torch.stack([each.values[..., 0] - each.values[..., 1] <= NEAR for each in top]))
        self.tokens, self.near = torch.cat(said, dim=1), torch.cat(near, dim=1)

    def tally(self, i: int, groups: Int[Tensor, " base"]) -> tuple[Int[Tensor, "source group token"], int]:
        n_queries, n_groups = len(self.tokens), int(groups.max()) + 1
        counts = torch.zeros(n_queries, n_groups, self.d_vocab, dtype=torch.int64)
        q = torch.arange(n_queries)[:, None]
        counts.index_put_((q, groups, self.tokens[..., i]), torch.ones_like(self.tokens[..., i]), accumulate=True)
        near = int(self.near[..., i].sum(1)[self.query[:, i]].sum())
        return counts[self.query[:, i]], near

    def said(self, i: int, base: int, sources: Int[Tensor, " some"]) -> Int[Tensor, " some"]:
        return self.tokens[self.query[sources, i], base, i]


class _BySum:
    """A value that is added to a state of the base, after which only the final read-out follows."""

    def __init__(
        self,
        read: Reading,
        fixed: Float[Tensor, "batch answer d_model"],
        moved: Float[Tensor, "batch answer d_model"],
        branch: int,
    ):
        self.read, self.fixed, self.moved, self.branch = read, fixed.double(), moved.double(), branch

    def tally(self, i: int, groups: Int[Tensor, " base"]) -> tuple[Int[Tensor, "source group token"], int]:
        found = tally(self.read, self.fixed[:, i], self.moved[:, i], groups, branch=self.branch)
        return found.said, found.near

    def said(self, i: int, base: int, sources: Int[Tensor, " some"]) -> Int[Tensor, " some"]:
        return read_plainly(self.read, self.fixed[base, i] + self.moved[sources, i])


class _ByRunning:
    """Any component of any model: the rest of the pass on every pair."""

    def __init__(self, rows: CleanRows):
        n = len(rows.output)
        if n > MOST_RUN:
            raise ValueError(f"sequences must be at most {MOST_RUN} where every pair is run, got {n}")
        every = torch.arange(n)
        parts = [rows.logits(every.new_full((n,), b), rows.output - rows.output[b]).topk(2) for b in range(n)]
        self.tokens = torch.stack([each.indices[..., 0] for each in parts])  # [base source answer]
        self.near = torch.stack([each.values[..., 0] - each.values[..., 1] <= NEAR for each in parts])
        self.d_vocab = rows.model.cfg.d_vocab

    def tally(self, i: int, groups: Int[Tensor, " base"]) -> tuple[Int[Tensor, "source group token"], int]:
        said, group = one_hot(self.tokens[..., i], self.d_vocab), one_hot(groups)
        return torch.einsum("bst,bg->sgt", said, group), int(self.near[..., i].sum())

    def said(self, i: int, base: int, sources: Int[Tensor, " some"]) -> Int[Tensor, " some"]:
        return self.tokens[base, sources, i]


def _counted(
    label: str, site: _Site, rows: CleanRows, sequences: Int[Tensor, "batch n_ctx"], task: ReverseIncrement
) -> AllPairs:
    """All counts of a site, answer by answer."""
    every = torch.arange(len(sequences))
    own = torch.cat([rows.answers(at, torch.zeros_like(rows.output[at])) for at in batches(every)])
    raised = (sequences[:, 1 : 1 + task.n_digits] + task.increment) % task.modulus
    said, follows, near, first = [], [], [], []
    for i, right in enumerate(rows.right.T):
        counts, tied = site.tally(i, right)
        by_source = torch.zeros(task.modulus, *counts.shape[1:], dtype=torch.int64).index_add(0, right, counts)
        said.append(by_source.transpose(0, 1))
        given = counts.sum(1)  # [source token]
        follows.append(given.gather(1, raised).sum(0))
        near.append(tied)
        first.append(_first(site, i, right, given))
    itself = (own == rows.right).sum(0)
    return AllPairs(label, torch.stack(said), torch.stack(follows), itself, torch.tensor(near), torch.stack(first))


def _first(
    site: _Site, i: int, right: Int[Tensor, " batch"], given: Int[Tensor, "source token"]
) -> Int[Tensor, "kept 4"]:
    """The first exceptions of an answer, by base and then by source."""
    found, kept = torch.full((KEPT, 4), -1, dtype=torch.int64), 0
    n = len(right)
    sources = (given.gather(1, right[:, None])[:, 0] < n).nonzero().flatten()
    missing = int((n - given.gather(1, right[:, None])[:, 0]).sum())
    for base in range(n):
        if kept == min(KEPT, missing):
            break
        said = site.said(i, base, sources)
        at = (said != right[sources]).nonzero().flatten()[: KEPT - kept]
        those = sources[at]
        found[kept : kept + len(at)] = torch.stack([torch.full_like(those, base), those, said[at], right[those]], dim=1)
        kept += len(at)
    return found


def _check_layers(model: TransformerBridge) -> None:
    if model.cfg.n_layers != 1:
        raise ValueError(f"model must have one layer, got {model.cfg.n_layers}")
