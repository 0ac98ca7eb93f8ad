"""Branch and bound: boxes are bounded and split, until each is decided or a case is found that the model gets wrong."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from tinycircuits.proof.bounds import Bounds, bounds
from tinycircuits.proof.cases import Boxes, Rule, joined, roots
from tinycircuits.proof.tables import Tables

AT_ONCE = 512
"""Boxes that are bounded together."""
MOST = 2_000_000
"""Boxes that are bounded before a search gives up."""

Case = tuple[int, tuple[int, ...]]
"""A row of the answers and the digits of an input."""
Margins = Callable[[Int[ndarray, " batch"], Int[ndarray, "batch digit"]], Float[ndarray, "batch wrong"]]
"""By how much the right logit exceeds each other one, in single cases."""
Bounding = Callable[[Tables, Boxes, float], Bounds]
"""A way to bound boxes, such as those of ``ladder``."""


@dataclass(frozen=True, eq=False)
class Verdict:
    """What a search came to. A case is right when its margin is above ``mu``; a tie is wrong.

    ``right`` are boxes of which every case is right, with the ``hints`` that show it. ``wrong`` are boxes without a
    right case; in a search that does not count, the first wrong case that was met. ``open`` is what was not decided.
    """

    rule: Rule
    mu: float
    counted: bool
    right: Boxes
    hints: Float[ndarray, "box form"]
    wrong: Boxes
    open: Boxes
    n_bounded: int
    nearest: float
    """The smallest margin of all cases that were met."""

    @property
    def word(self) -> Literal["proved", "refuted", "undecided"]:
        """Refuted by one wrong case, proved when every case is right."""
        return "refuted" if len(self.wrong) else "undecided" if len(self.open) else "proved"

    @property
    def n_boxes(self) -> int:
        """Boxes that were decided."""
        return len(self.right) + len(self.wrong)

    @property
    def n_wrong(self) -> int:
        """Wrong cases: all of them, if it was counted and nothing is open."""
        return sum(self.wrong.sizes)

    def wrong_cases(self) -> Iterator[Case]:
        """The wrong cases, one by one."""
        return self.wrong.inputs()


def search(
    tables: Tables,
    *,
    mu: float = 0.0,
    count: bool = False,
    margins: Margins | None = None,
    most: int = MOST,
    bound: Bounding = bounds,
    on_decided: Callable[[int], object] = lambda cases: None,
) -> Verdict:
    """Decide whether every answer of a model is right by more than ``mu``; with ``count``, in which cases it is not.

    ``margins`` are the ordinary model's: a wrong case is only reported if they agree, and without, those of the tables.
    ``on_decided`` is told how many cases were decided. After ``most`` boxes the rest is left open. ``bound`` is how a
    box is bounded, by default as well as can be.
    """
    margins = margins or tables.margins
    decided = _Decided(tables.rule)
    waiting, bounded, nearest = [roots(tables.rule)], 0, np.inf
    while waiting and bounded < most and (count or not decided.wrong):
        boxes = waiting.pop()
        if len(boxes) > AT_ONCE:
            waiting.append(boxes[:-AT_ONCE])
            boxes = boxes[-AT_ONCE:]
        found = bound(tables, boxes, mu)
        bounded += len(boxes)
        met = _least_margin(tables.margins, boxes.row, found.at)
        nearest = min([nearest, *met[~np.isnan(met)].tolist()])
        on_decided(decided.add("right", boxes[found.right], found.hints[found.right]))
        left = ~found.right
        if count:
            left &= ~found.wrong
            on_decided(decided.add("wrong", boxes[~found.right & found.wrong]))
        elif (failed := _failing(margins, boxes.row[left], found.at[left], met[left], mu)) is not None:
            decided.add("wrong", _only_case(tables.rule, *failed))
        single = left & (boxes.allowed.sum((1, 2)) == tables.rule.n_digits)
        fails = np.zeros(len(boxes), dtype=bool)
        if count and single.any():
            fails[single] = ~(_least_margin(margins, boxes.row[single], found.at[single]) > mu)
            on_decided(decided.add("wrong", boxes[fails]))
        decided.add("open", boxes[single & ~fails])
        if (more := left & ~single).any():
            waiting.append(split(tables, boxes[more], found.center[more]))
    if count or not decided.wrong:
        decided.add("open", joined([*waiting, roots(tables.rule)[:0]]))
    return decided.verdict(mu, count, bounded, float(nearest))


def split(tables: Tables, boxes: Boxes, center: Float[ndarray, "box d"]) -> Boxes:
    """Two boxes of each, at the digit that moves the state most, seen from the middle of the box.

    Its two values that lie farthest apart go to different halves, every other value to the nearer one.
    """
    terms = tables.terms_of(boxes)
    moved = terms[..., :-1] - center[:, None, None] * terms[..., -1:]
    apart = ((moved[:, :, :, None] - moved[:, :, None]) ** 2).sum(-1)
    both = boxes.allowed[:, :, :, None] & boxes.allowed[:, :, None]
    several = boxes.allowed.sum(2) > 1
    each, m = np.arange(len(boxes)), tables.rule.modulus
    digit = np.where(several, np.nan_to_num(np.where(both, apart, 0)).max((2, 3)), -1).argmax(1)
    apart = np.where(both[each, digit] & ~np.eye(m, dtype=bool), np.nan_to_num(apart[each, digit]), -1)
    one, other = np.unravel_index(apart.reshape(len(boxes), -1).argmax(1), (m, m))
    first = apart[each, one] <= apart[each, other]
    first[each, one], first[each, other] = True, False
    halves = []
    for side in (first, ~first):
        allowed = boxes.allowed.copy()
        allowed[each, digit] &= side
        halves.append(Boxes(boxes.row, allowed))
    return joined(halves)


@dataclass(frozen=True)
class Margin:
    """The smallest margin of a model over all cases: met in ``case``, and proved to be nowhere below ``low``."""

    low: float
    high: float
    case: Case
    n_boxes: int
    """Boxes of the proof of ``low``."""


def smallest_margin(tables: Tables, *, tolerance: float = 0.01) -> Margin:
    """The smallest margin within a share of itself: descend from the worst cases met, prove, and again if refuted.

    Raises ``ValueError`` where the search gives up.
    """
    boxes = roots(tables.rule)
    row, digits = _descended(tables, boxes.row, bounds(tables, boxes).at)
    while True:
        found = _least_margin(tables.margins, row, digits)
        best = int(found.argmin())
        high = float(found[best])
        verdict = search(tables, mu=high - tolerance * abs(high))
        if verdict.word != "refuted":
            break
        (case,) = verdict.wrong_cases()
        row, digits = _descended(tables, np.array([case[0]]), np.array([case[1]]))
    if verdict.word == "undecided":
        raise ValueError(f"the smallest margin is at most {high:.6g}; no proof in {verdict.n_bounded:,} boxes")
    return Margin(verdict.mu, high, (int(row[best]), tuple(digits[best].tolist())), verdict.n_boxes)


class _Decided:
    """The boxes decided so far."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.parts: dict[str, list[Boxes]] = {"right": [], "wrong": [], "open": []}
        self.hints: list[ndarray] = []

    @property
    def wrong(self) -> bool:
        return bool(self.parts["wrong"])

    def add(self, word: str, boxes: Boxes, hints: ndarray | None = None) -> int:
        """Keep boxes; how many cases they hold."""
        if len(boxes):
            self.parts[word].append(boxes)
            if hints is not None:
                self.hints.append(hints)
        return sum(boxes.sizes)

    def verdict(self, mu: float, counted: bool, n_bounded: int, nearest: float) -> Verdict:
        none = roots(self.rule)[:0]
        right, wrong, open_ = (joined([none, *self.parts[word]]) for word in ("right", "wrong", "open"))
        hints = np.concatenate(self.hints) if self.hints else np.zeros((0, 0))
        return Verdict(self.rule, mu, counted, right, hints, wrong, open_, n_bounded, nearest)


@np.errstate(all="ignore")
def _least_margin(margins: Margins, row: ndarray, digits: ndarray) -> Float[ndarray, " batch"]:
    found: ndarray = margins(row, digits).min(1)
    return found


def _failing(margins: Margins, row: ndarray, at: ndarray, met: ndarray, mu: float) -> tuple[int, ndarray] | None:
    """The worst of single cases, if the ordinary model says that it is not right."""
    if not len(met) or (~(met > mu)).sum() == 0:
        return None
    worst = int(np.where(np.isnan(met), -np.inf, met).argmin())
    fails = not _least_margin(margins, row[[worst]], at[[worst]])[0] > mu
    return (int(row[worst]), at[worst]) if fails else None


def _only_case(rule: Rule, row: int, digits: ndarray) -> Boxes:
    return Boxes(np.array([row]), (np.arange(rule.modulus) == digits[:, None])[None])


def _descended(tables: Tables, row: ndarray, digits: ndarray) -> tuple[ndarray, ndarray]:
    """From each case to neighbours that differ in one digit and have a smaller margin, until there is none."""
    n, m = tables.rule.n_digits, tables.rule.modulus
    smallest = _least_margin(tables.margins, row, digits)
    while True:
        near = np.repeat(digits[:, None], n * m, axis=1)
        near[:, np.arange(n * m), np.repeat(np.arange(n), m)] = np.tile(np.arange(m), n)
        found = _least_margin(tables.margins, np.repeat(row, n * m), near.reshape(-1, n)).reshape(-1, n * m)
        best = found.argmin(1)
        better = found.min(1) < smallest
        if not better.any():
            return row, digits
        digits = np.where(better[:, None], near[np.arange(len(near)), best], digits)
        smallest = np.minimum(smallest, found.min(1))
