"""What one answer's state carries: put another input's output there, and see whose answer comes out."""

from dataclasses import dataclass

import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.activations import Component, activations, batches, check_part
from tinycircuits.interp.forward import components_after, row_logits_after
from tinycircuits.interp.frames import answers
from tinycircuits.interp.pairs import derangement, unit_directions
from tinycircuits.tasks import Task


@dataclass(frozen=True)
class Interchange:
    """Whose answer comes out at ``y_i`` when a component's output at that one row is another input's.

    All fields but the first two are counts of (base, source) pairs per answer. The control moves the base's output by
    the same distance in a random direction.

    Shows / does not show: that the output at this row carries the answer's digit and that the rest of the model uses
    it. The algorithm's variable may be there and the test fail, if the base's own state speaks for the base as well.
    """

    component: Component
    n_pairs: int
    as_source: Int[Tensor, " answer"]
    """The answer is the source's, as the algorithm says."""
    as_base: Int[Tensor, " answer"]
    """The answer is still the base's."""
    coincide: Int[Tensor, " answer"]
    """Base and source have the same answer: these count as both."""
    as_source_distinct: Int[Tensor, " answer"]
    """The answer is the source's, among pairs with different answers."""
    control_as_source: Int[Tensor, " answer"]
    control_as_source_distinct: Int[Tensor, " answer"]

    @property
    def distinct(self) -> Int[Tensor, " answer"]:
        """Pairs with different answers."""
        return self.n_pairs - self.coincide

    @property
    def accuracy(self) -> Float[Tensor, " answer"]:
        """Interchange intervention accuracy: share of all pairs whose answer is the source's, 0 .. 1."""
        return self.as_source.double() / self.n_pairs

    @property
    def accuracy_distinct(self) -> Float[Tensor, " answer"]:
        """The same among pairs with different answers, where doing nothing scores 0."""
        return self.as_source_distinct.double() / self.distinct

    @property
    def control_accuracy(self) -> Float[Tensor, " answer"]:
        """``accuracy`` of the control."""
        return self.control_as_source.double() / self.n_pairs

    @property
    def chance(self) -> Float[Tensor, " answer"]:
        """Share of pairs with the same answer: what an intervention without effect scores on a perfect model."""
        return self.coincide.double() / self.n_pairs

    def rows(self) -> pd.DataFrame:
        """One row for each ``answer``: the share of pairs that ``follows the source``, also after a ``random push``."""
        names = answers(len(self.as_source))
        return pd.DataFrame(
            {"answer": names, "follows the source": self.accuracy, "random push": self.control_accuracy}
        )


@torch.no_grad()
def interchange(
    model: TransformerBridge,
    sequences: Int[Tensor, "batch n_ctx"],
    task: Task,
    component: Component,
    *,
    seed: int,
    pairings: int = 1,
) -> Interchange:
    """Interchange interventions on one component's output at each predicting row in turn.

    For every base input, a source input (a derangement drawn from ``seed``; ``pairings`` of them, at most one less
    than there are sequences, which then are all pairs) and every row ``r``: run the base with the component's output
    at ``r`` taken from the source, and read the answer at ``r``. The answer prefix stays the base's.

    Source: Geiger et al. 2021, "Causal Abstractions of Neural Networks" (interchange intervention accuracy).

    Raises ``ValueError`` for an unknown component, fewer than two sequences, or a number of pairings out of range.
    """
    n = len(sequences)
    if n < 2:
        raise ValueError(f"sequences must hold at least two sequences, got {n}")
    if not 1 <= pairings < n:
        raise ValueError(f"pairings must lie in 1..{n - 1}, got {pairings}")
    states = CleanRows(model, sequences, task, component)
    generator = torch.Generator().manual_seed(seed)
    counts = torch.zeros(6, task.n_answers, dtype=torch.int64)
    for shift in range(1, pairings + 1):
        partners = derangement(n, seed=seed, shift=shift)
        for at in batches(torch.arange(n)):
            move = states.output[partners[at]] - states.output[at]
            drawn = unit_directions(tuple(move.shape), generator=generator, dtype=move.dtype)
            said = states.answers(at, move)
            control = states.answers(at, move.norm(dim=-1, keepdim=True) * drawn)
            counts += _counts(said, control, states.right[at], states.right[partners[at]])
    return Interchange(component, n * pairings, *counts)


class CleanRows:
    """The clean run: what the component writes at the predicting rows, and what the rest of the model sees."""

    def __init__(
        self,
        model: TransformerBridge,
        sequences: Int[Tensor, "batch n_ctx"],
        task: Task,
        component: Component,
    ):
        check_part(model, component)
        self.model, self.component, self.rows = model, component, list(task.predicting_rows)
        later = [part for part in components_after(model, component) if part.kind == "attn"]
        hooks = [component.input_hook, component.hook, *(part.input_hook for part in later)]
        kept = activations(model, task.inputs(sequences), hooks)
        self.output = kept[component.hook][:, self.rows]
        self.after = kept[component.input_hook][:, self.rows] + self.output
        self.clean = {part: kept[part.input_hook] for part in later}
        self.right = task.answers(sequences)

    def logits(
        self, at: Int[Tensor, " chosen"], move: Float[Tensor, "chosen answer d_model"]
    ) -> Float[Tensor, "chosen answer d_vocab"]:
        """The logits at each row when the component's output there alone is moved."""
        clean = {part: resid[at] for part, resid in self.clean.items()}
        return row_logits_after(self.model, self.after[at] + move, self.component, clean, rows=self.rows)

    def answers(
        self, at: Int[Tensor, " chosen"], move: Float[Tensor, "chosen answer d_model"]
    ) -> Int[Tensor, "chosen answer"]:
        """What the model says there."""
        return self.logits(at, move).argmax(-1)


def _counts(
    said: Int[Tensor, "pair answer"],
    control: Int[Tensor, "pair answer"],
    base: Int[Tensor, "pair answer"],
    source: Int[Tensor, "pair answer"],
) -> Int[Tensor, "6 answer"]:
    """The counts of ``Interchange``, in the order of its fields."""
    distinct = base != source
    cases = [
        said == source,
        said == base,
        ~distinct,
        (said == source) & distinct,
        control == source,
        (control == source) & distinct,
    ]
    return torch.stack([case.sum(0) for case in cases])
