"""What the source articles print: the figures that the book sets its own beside. Quoted, never computed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["holds", "holds for some seeds", "does not hold", "not testable as stated"]


@dataclass(frozen=True)
class Article:
    """One published toy study. ``cite`` is its key in the bibliography."""

    key: str
    title: str
    cite: str


ARTICLES = {
    "A": Article("A", "A Tiny Transformer Learns Modular Reversal", "article-a"),
    "B": Article("B", "From Zero to (Mechanistic) Interpretability", "article-b"),
    "C": Article(
        "C", 'Mechanistic Interpretability in a Tiny Transformer: A "Reverse + Increment" Toy Task', "article-c"
    ),
    "D": Article("D", "Reverse Engineering Modular Addition mod 113", "article-d"),
    "E": Article("E", "Case Study 2: Mechanistic Analysis of a Transformer", "article-e"),
}

WORKED_EXAMPLE = (0, 1, 2, 3, 2, 0, 3, 1)
"""The input of the articles' worked example, eight digits."""

ABLATED_ACCURACY = {"none": 1.0, "L0 mlp": 0.1767, "L0 attn": 0.2919}
"""Article B, zeroed weights, share of right digits on its holdout."""

ABLATED_MLP_RANGE = (0.20, 0.25)
"""Article A, zeroed MLP output weights of either layer, share of right digits on its holdout."""

ATTENTION_PEAKS: dict[int, tuple[tuple[int, float], ...]] = {
    0: ((7, 0.953),),
    1: ((6, 0.935),),
    2: ((5, 0.633), (2, 0.221)),
    3: ((4, 0.904),),
    4: (),
    5: ((3, 0.084), (2, 0.065)),
    6: ((1, 0.904),),
    7: ((0, 0.897),),
}
"""Article B, one sample: for each y_i the (j, weight) of the x_j that stand out; y_4 has none above 0.0022."""

READ_OUT_SAMPLE = (3, 2, 2, 2, 1, 2, 0, 0)
"""Article B, digits of the sample whose read-out it prints."""

READ_OUT_ARG_MAX = {8: (1, 1), 11: (0, 2), 13: (0, 3), 15: (0, 0)}
"""Article B, input position: arg-max of the read-out before and after the MLP."""

ADDITION_EXAMPLES = ((5, 8), (90, 90), (50, 0))
"""Article D, the sums a + b whose attention it draws."""

PATCHING_RECOVERY = {"L0 attn": 0.7, "L1 mlp": 0.9}
"""Article E, clean output of one component put into the run with shuffled b: share of the loss that comes back."""

PROBE_ACCURACY = {"embed": 1 / 97, "L0 resid_post": 0.05, "L1 resid_post": 0.85}
"""Article E, linear probes for the sum at "=": held-out share of right answers."""

ACCURACY_AT_STEP = {0: (0.2712, 0.1518), 1000: (0.8675, 0.6696), 2000: (1.0, 1.0)}
"""Article C, step: share of right digits on the training set and on the holdout."""


def verdict(met: Sequence[bool]) -> Verdict:
    """What becomes of a statement that each of these seeds meets or does not.

    It holds if at least nine tenths meet it, holds for some seeds if at least a tenth do, and else does not hold: the
    book's rule, fixed before the results. Raises ``ValueError`` for no seeds.
    """
    if not met:
        raise ValueError("met must hold at least one seed, got none")
    tenths = 10 * sum(met) / len(met)
    return "holds" if tenths >= 9 else "holds for some seeds" if tenths >= 1 else "does not hold"
