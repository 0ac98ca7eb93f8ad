"""What becomes of the articles' verdicts where a choice that they leave open is made otherwise."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import torch
from jaxtyping import Bool
from scipy.stats import fisher_exact
from torch import Tensor

from tinycircuits.articles import ARTICLES
from tinycircuits.claims.judge import Judgement, Observed, judged_elsewhere, judged_in, verdict
from tinycircuits.claims.rules import OF_MODELS
from tinycircuits.claims.rules_part_1 import once
from tinycircuits.claims.statements import claim, claims
from tinycircuits.results.profiles import profile
from tinycircuits.results.tables.alternatives import ALTERNATIVES, Alternative

UNLIKELY = 0.01
"""Below this probability two shares of models are said to differ by more than seeds do."""


@dataclass(frozen=True)
class Compared:
    """One statement, or whether the task is learned, judged by two sets of models."""

    claim: str
    usual: Judgement
    other: Judgement

    @property
    def judged(self) -> bool:
        """Whether both sets have models that count."""
        return self.usual.judged > 0 and self.other.judged > 0

    @property
    def moves(self) -> bool:
        """Whether the verdict is another one."""
        return self.judged and self.usual.verdict != self.other.verdict

    @property
    def chance(self) -> float:
        """The probability of shares at least so unlike, were both sets drawn alike: Fisher's exact test, two-sided."""
        table = [[each.met, each.judged - each.met] for each in (self.usual, self.other)]
        return float(fisher_exact(table).pvalue)

    @property
    def unlike(self) -> bool:
        """Whether the shares differ by more than seeds do."""
        return self.chance < UNLIKELY


def statements(article: str) -> list[str]:
    """The statements of an article that can be put to models trained by another recipe."""
    return [one.id for one in claims().values() if one.source == article and OF_MODELS[one.id].of == article]


def alternatives(article: str) -> list[Alternative]:
    """The choices that an article leaves open, made otherwise."""
    return [each for each in ALTERNATIVES.values() if each.study.article == article and each.left_open]


@cache
def compared(name: str) -> tuple[Compared, ...]:
    """Every statement of an article beside one of its alternatives; raises as ``profile`` and ``load_sweep`` do."""
    article = ALTERNATIVES[name].study.article
    return tuple(
        Compared(each, in_the_book(each), judged_elsewhere(claim(each), OF_MODELS[each], name))
        for each in statements(article)
    )


@cache
def in_the_book(name: str) -> Judgement:
    """A statement by the models of the study."""
    return judged_in(claim(name), OF_MODELS[name], OF_MODELS[name].models(), "in the book")


def learned(name: str) -> Compared:
    """How many models of an article, and of one of its alternatives, make no mistake on any input."""
    usual, other = (profile(source, "trained").solved for source in (ALTERNATIVES[name].study.article, name))
    return _learned(usual, other)


def _learned(*solved: Bool[Tensor, "..."]) -> Compared:
    sides = (Judgement("", verdict(each.tolist()), int(each.sum()), len(each), len(each), {}) for each in solved)
    return Compared("learned", *sides)


@cache
def resampled(article: str) -> tuple[Compared, ...]:
    """Groups of the study's seeds, as large as each alternative's, beside its other seeds: nothing else differs."""
    named = {name: OF_MODELS[name] for name in statements(article) if claim(name).judged != "published"}
    return tuple(
        Compared(name, *(judged_in(claim(name), measure, view.of_seeds(rows), "") for rows in parts))
        for name, measure in named.items()
        for view in [measure.models()]
        for parts in _parts(article, len(view.seeds))
    )


def learned_by_groups(article: str) -> tuple[Compared, ...]:
    """The same groups: how many of their models make no mistake on any input."""
    solved = profile(article, "trained").solved
    return tuple(_learned(*(solved[rows] for rows in parts)) for parts in _parts(article, len(solved)))


def _parts(article: str, n_seeds: int) -> Iterator[tuple[Tensor, Tensor]]:
    """The rows of all seeds outside a group, and of the group, for each group of each size of an alternative.

    A group holds at most half of the seeds.
    """
    rows = torch.arange(n_seeds)
    for size in sorted({min(len(each.seeds), n_seeds // 2) for each in alternatives(article)}):
        for first in range(0, n_seeds - size + 1, size):
            inside = (rows >= first) & (rows < first + size)
            yield rows[~inside], rows[inside]


@dataclass(frozen=True)
class Tried:
    """Statements, and whether the task is learned, each judged by two sets of models."""

    statements: tuple[Compared, ...]
    learning: tuple[Compared, ...]

    @property
    def judged(self) -> list[Compared]:
        """The statements for which both sets have models that count."""
        return [pair for pair in self.statements if pair.judged]

    @property
    def moved(self) -> list[Compared]:
        """Those whose verdict is another one."""
        return [pair for pair in self.judged if pair.moves]


def otherwise(article: str) -> Tried:
    """Every alternative of an article beside its study."""
    names = [each.name for each in alternatives(article)]
    return Tried(tuple(pair for name in names for pair in compared(name)), tuple(map(learned, names)))


def other_seeds(article: str) -> Tried:
    """Groups of an article's seeds beside its other seeds."""
    return Tried(resampled(article), learned_by_groups(article))


def of_all(tried: Callable[[str], Tried]) -> Tried:
    """The same of all articles together."""
    found = [tried(article) for article in ARTICLES]
    return Tried(sum((each.statements for each in found), ()), sum((each.learning for each in found), ()))


def they_decide_what_is_learned_and_some_verdict(of: Tried) -> Observed:
    """Some choice changes the share of models that learn the task by more than seeds do, and some moves a verdict so;
    and of the verdicts for which there are models to judge by at least two thirds stay."""
    judged = [pair for pair in of.statements if pair.judged]
    stay = sum(not pair.moves for pair in judged) / len(judged)
    learning = sum(pair.unlike for pair in of.learning)
    turned = sum(pair.moves and pair.unlike for pair in judged)
    met = learning > 0 and turned > 0 and stay >= 2 / 3
    values = {
        "other shares of models that learn the task": learning,
        "verdicts that move by more than seeds do": turned,
        "share of verdicts that stay": stay,
    }
    return once(met, values)
