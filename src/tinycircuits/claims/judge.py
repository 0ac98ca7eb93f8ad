"""How a claim is judged: what its rule sees in each model, how many must meet it, and what the controls say."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from tinycircuits.claims.statements import Claim, Verdict
from tinycircuits.models.errors import share_interval

Values = dict[str, Tensor]


@dataclass(frozen=True)
class Observed:
    """What a rule sees in some models: which of them meet it, and the numbers behind that, one row a model.

    The first of ``values`` is the one that the rule is about. A statement about data has one row.
    """

    met: Bool[Tensor, " seed"]
    values: Values


@dataclass(frozen=True)
class Measure:
    """How a claim is measured: what its rule sees in a view, and the views of models, controls and published model.

    ``counted`` says which models of the view are judged; without it all are. ``of`` is the row of ``profiles.SOURCES``
    whose trained models it looks at, where it is one; ``elsewhere`` gives the view of the models of another row.
    """

    see: Callable[[Any], Observed]
    models: Callable[[], Any]
    controls: Mapping[Any, Callable[[], Any]]
    published: Callable[[], Any] | None = None
    counted: Callable[[Any], Bool[Tensor, " seed"]] | None = None
    of: str | None = None
    elsewhere: Callable[[str], Any] | None = None


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
class Judgement:
    """What a claim's rule says of some models or data: ``met`` of the ``judged`` ones that count, of ``n_seeds``.

    A control's models cannot do what is claimed, or its data should not show it.
    """

    name: str
    verdict: Verdict
    met: int
    judged: int
    n_seeds: int
    values: dict[str, Spread]
    """Over the models that are judged."""


@dataclass(frozen=True)
class Finding(Judgement):
    """What a claim's rule says of its own models, with all that stands beside it in the ledger."""

    claim: Claim
    interval: tuple[float, float]
    """95 % interval (Clopper and Pearson) of the share of models that meet the rule."""
    published: dict[str, float] | None
    published_met: bool | None
    controls: tuple[Judgement, ...]
    """Every model counts there, none of them solves the task."""
    second: Judgement | None
    """Where the ledger keeps a second column for the article: its task, in models that start otherwise."""
    rows: Observed = field(repr=False)
    """Every model that is judged."""

    @property
    def says_nothing(self) -> bool:
        """Whether the statement holds, at least for some seeds, and holds just as much for a control."""
        order = ("not testable as stated", "does not hold", "holds for some seeds", "holds")
        if self.verdict not in order[2:]:
            return False
        return any(c.judged and order.index(c.verdict) >= order.index(self.verdict) for c in self.controls)

    @property
    def observed(self) -> tuple[str, Spread]:
        """The number that the rule is about, with its name."""
        return next(iter(self.values.items()))


def verdict(met: Sequence[bool]) -> Verdict:
    """What becomes of a statement that each of these seeds meets or does not.

    It holds if at least nine tenths meet it, holds for some seeds if at least a tenth do, and else does not hold: the
    book's rule, fixed before the results. Raises ``ValueError`` for no seeds.
    """
    if not met:
        raise ValueError("met must hold at least one seed, got none")
    tenths = 10 * sum(met) / len(met)
    return "holds" if tenths >= 9 else "holds for some seeds" if tenths >= 1 else "does not hold"


def judge(how: str, met: list[bool]) -> Verdict:
    """The verdict on a rule that each of these models meets or does not.

    ``seeds``, ``every seed``, ``published``: the book's rule, ``verdict``. ``majority``: holds from half on,
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


def judged(stated: Claim, measure: Measure, second: Judgement | None = None) -> Finding:
    """What its measure says of a claim; nothing is trained.

    ``MissingResult`` and ``CorruptResult`` name what mends them.
    """
    seen, n_seeds = _counted(measure, measure.models())
    own = _judgement(stated.id, stated, seen, n_seeds)
    shown = measure.see(measure.published()) if measure.published else None
    every = replace(measure, counted=None)
    return Finding(
        **vars(own),
        claim=stated,
        interval=share_interval(own.met, own.judged) if own.judged else (0.0, 1.0),
        published={key: float(value[0]) for key, value in shown.values.items()} if shown else None,
        published_met=bool(shown.met[0]) if shown else None,
        controls=tuple(judged_in(stated, every, view(), name) for name, view in measure.controls.items()),
        second=second,
        rows=seen,
    )


def judged_in(stated: Claim, measure: Measure, view: Any, label: str) -> Judgement:
    """What a claim's rule says of the models in a view, which are called ``label``."""
    return _judgement(label, stated, *_counted(measure, view))


def judged_elsewhere(stated: Claim, measure: Measure, source: str) -> Judgement:
    """What a claim's rule says of the trained models of another row of ``profiles.SOURCES``.

    Raises ``ValueError`` for a claim that no other models can stand in for, and as ``profile`` and ``trials`` do.
    """
    if measure.elsewhere is None:
        raise ValueError(f"claim {stated.id} is not about the trained models of one recipe")
    return judged_in(stated, measure, measure.elsewhere(source), source)


def _counted(measure: Measure, view: Any) -> tuple[Observed, int]:
    """What the rule sees in the models that count, and how many there are with the others."""
    seen = measure.see(view)
    if measure.counted is None:
        return seen, len(seen.met)
    counted = measure.counted(view)
    values = {key: value[counted] for key, value in seen.values.items()}
    return Observed(seen.met[counted], values), len(seen.met)


def _judgement(label: str, stated: Claim, seen: Observed, n_seeds: int) -> Judgement:
    met, values = seen.met.tolist(), {name: Spread.of(value) for name, value in seen.values.items()}
    return Judgement(label, judge(stated.judged, met), sum(met), len(met), n_seeds, values)
