"""What becomes of the articles' verdicts where a choice that they leave open is made otherwise."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import torch
from scipy.stats import fisher_exact

from tinycircuits.articles import ARTICLES
from tinycircuits.claims.judging import elsewhere, finding, judged_in
from tinycircuits.claims.measures import MEASURES, Measure, register
from tinycircuits.claims.statements import claim, claims
from tinycircuits.claims.verdicts import Elsewhere, Observed
from tinycircuits.studies import ALTERNATIVES, Alternative

UNLIKELY = 0.01
"""Below this probability two shares of models are said to differ by more than seeds do."""


@dataclass(frozen=True)
class Compared:
    """One statement, judged by two sets of models."""

    claim: str
    usual: Elsewhere
    other: Elsewhere

    @property
    def moves(self) -> bool:
        """Whether the verdict is another one."""
        return self.usual.verdict != self.other.verdict

    @property
    def chance(self) -> float:
        """The probability of shares at least so unlike, were both sets drawn alike: Fisher's exact test, two-sided."""
        table = [[each.met, each.judged - each.met] for each in (self.usual, self.other)]
        return float(fisher_exact(table).pvalue)

    @property
    def beyond_seeds(self) -> bool:
        """Whether the verdict is another one and seeds alone are unlikely to bring that about."""
        return self.moves and self.chance < UNLIKELY


def statements(article: str) -> list[str]:
    """The statements of an article that can be put to models trained by another recipe."""
    return [one.id for one in claims().values() if one.source == article and MEASURES[one.id].of == article]


def alternatives(article: str) -> list[Alternative]:
    """The choices that an article leaves open, made otherwise."""
    return [each for each in ALTERNATIVES.values() if each.study.article == article and each.left_open]


@cache
def compared(name: str) -> tuple[Compared, ...]:
    """Every statement of an article beside one of its alternatives; raises as ``profile`` and ``load_sweep`` do."""
    article = ALTERNATIVES[name].study.article
    return tuple(Compared(each, in_the_book(each), elsewhere(each, name)) for each in statements(article))


def in_the_book(name: str) -> Elsewhere:
    """A statement by the models of the study."""
    found = finding(name)
    return Elsewhere("in the book", found.verdict, found.met, found.judged, found.n_seeds, found.values)


@cache
def resampled(article: str) -> tuple[Compared, ...]:
    """Groups of the study's seeds, as large as each alternative's, beside its other seeds: nothing else differs."""
    sizes = sorted({len(each.seeds) for each in alternatives(article)})
    named = [name for name in statements(article) if claim(name).judged != "published"]
    return tuple(pair for name in named for size in sizes for pair in _groups(name, size))


def _groups(name: str, size: int) -> Iterator[Compared]:
    view = MEASURES[name].models()
    rows = torch.arange(len(view.seeds))
    for first in range(0, len(rows) - size + 1, size):
        inside = (rows >= first) & (rows < first + size)
        if not inside.all():
            rest, group = (judged_in(name, view.of_seeds(rows[which]), "") for which in (~inside, inside))
            yield Compared(name, rest, group)


Pairs = dict[str, tuple[Compared, ...]]
"""By article."""


def _by_alternatives() -> Pairs:
    return {key: tuple(pair for each in alternatives(key) for pair in compared(each.name)) for key in ARTICLES}


def _by_seeds() -> Pairs:
    return {key: resampled(key) for key in ARTICLES}


def what_is_left_open_moves_verdicts(of: Pairs) -> Observed:
    """In at least two articles some verdict is another one, by more than seeds do."""
    pairs = [pair for each in of.values() for pair in each]
    beyond = {article: sum(pair.beyond_seeds for pair in each) for article, each in of.items()}
    articles = sum(n > 0 for n in beyond.values())
    values = {
        "articles with a verdict that moves by more than seeds do": articles,
        "share of verdicts that move so": sum(beyond.values()) / len(pairs),
        "share that are another": sum(pair.moves for pair in pairs) / len(pairs),
    }
    return Observed(torch.tensor([articles >= 2]), {name: torch.tensor([float(n)]) for name, n in values.items()})


register(
    "choices",
    Measure(what_is_left_open_moves_verdicts, _by_alternatives, {"other seeds of the same recipe": _by_seeds}),
)
