"""How a claim is judged: what its rule sees in each model, how many must meet it, and what the controls say."""

from dataclasses import dataclass, field

import torch
from jaxtyping import Bool
from torch import Tensor

from tinycircuits.articles import Verdict, verdict
from tinycircuits.claims.statements import Claim

Values = dict[str, Tensor]


@dataclass(frozen=True)
class Observed:
    """What a rule sees in some models: which of them meet it, and the numbers behind that, one row a model.

    The first of ``values`` is the one that the rule is about. A statement about data has one row.
    """

    met: Bool[Tensor, " seed"]
    values: Values


@dataclass(frozen=True)
class Spread:
    """Median, and the range that nine tenths of the models lie in."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Tensor) -> "Spread":
        """The spread of one number over models; NaN for none."""
        known = values.double()[~values.double().isnan()]
        if not len(known):
            return cls(*[float("nan")] * 3)
        return cls(*known.quantile(torch.tensor([0.5, 0.05, 0.95], dtype=torch.float64)).tolist())


@dataclass(frozen=True)
class Control:
    """The same rule on models that cannot do what is claimed, or on data that should not show it."""

    name: str
    met: int
    n: int
    values: dict[str, Spread]
    verdict: Verdict


@dataclass(frozen=True)
class Elsewhere:
    """The same rule on models that the article did not train: ``met`` of the ``judged`` ones, of ``n_seeds``."""

    name: str
    verdict: Verdict
    met: int
    judged: int
    n_seeds: int
    values: dict[str, Spread]


@dataclass(frozen=True)
class Finding:
    """A claim, judged: ``met`` of the ``judged`` models that count, of ``n_seeds`` that were measured."""

    claim: Claim
    verdict: Verdict
    met: int
    judged: int
    n_seeds: int
    interval: tuple[float, float]
    """95 % interval (Clopper and Pearson) of the share of models that meet the rule."""
    values: dict[str, Spread]
    """Over the models that are judged."""
    published: dict[str, float] | None
    published_met: bool | None
    controls: tuple[Control, ...]
    second: Elsewhere | None
    """Where the ledger keeps a second column for the article: its task, in models that start otherwise."""
    rows: Observed = field(repr=False)
    """Every model that is judged."""

    @property
    def says_nothing(self) -> bool:
        """Whether the statement holds, at least for some seeds, and holds just as much for a control."""
        order = ("not testable as stated", "does not hold", "holds for some seeds", "holds")
        if self.verdict not in order[2:]:
            return False
        return any(c.n and order.index(c.verdict) >= order.index(self.verdict) for c in self.controls)

    @property
    def observed(self) -> tuple[str, Spread]:
        """The number that the rule is about, with its name."""
        return next(iter(self.values.items()))


def judge(how: str, met: list[bool]) -> Verdict:
    """The verdict on a rule that each of these models meets or does not.

    ``seeds``, ``every seed``, ``published``: the book's rule, ``articles.verdict``. ``majority``: holds from half on,
    else the book's rule. ``any``: holds if one model meets it. ``all``: holds if every model does. ``readings``: the
    models are those of several ways to read what was said, and all must agree; where they do not, and without a model,
    nothing can be said.
    Raises ``ValueError`` for another ``how``.
    """
    if not met:
        return "not testable as stated"
    match how:
        case "seeds" | "every seed" | "published":
            return verdict(met)
        case "majority":
            return "holds" if 2 * sum(met) >= len(met) else verdict(met)
        case "any":
            return "holds" if any(met) else "does not hold"
        case "all":
            return "holds" if all(met) else "does not hold"
        case "readings":
            return "holds" if all(met) else "not testable as stated" if any(met) else "does not hold"
    raise ValueError(f"how must be one of seeds, every seed, published, majority, any, all, readings, got {how!r}")
