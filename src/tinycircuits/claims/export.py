"""The ledger for those who go on with it: one row a statement as CSV, the numbers of one in rows, its rule as code."""

import csv
import inspect
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tinycircuits
from tinycircuits.claims.judge import Finding, Judgement, Spread
from tinycircuits.claims.ledger import RULES
from tinycircuits.claims.report import controls, second, seeds, short
from tinycircuits.results.text import of

COLUMNS = {
    "id": "the statement's name; one of our own is named after its chapter",
    "source": "the article, A to E, or book",
    "chapter": "where this book looks at it",
    "statement": "what is said, in our words",
    "printed": "the number or picture that the article gives for it",
    "rule": "what a model must show",
    "judged": "which models count",
    "verdict": "what came out",
    "controls_say_the_same": "whether models that cannot do it meet the rule just as often",
    "met": "models that meet the rule",
    "models": "models that are judged",
    "measured": "models that were measured, with those that do not count",
    "share_low": "lower end of the 95 % interval of the share that meets the rule (Clopper and Pearson)",
    "share_high": "its upper end",
    "number": "the number that the rule is about",
    "median": "its median over the models that are judged",
    "low": "its quantile at five hundredths",
    "high": "its quantile at ninety-five hundredths",
    "published": "the same number of the model that the book shows",
    "published_meets": "whether that model meets the rule",
    "controls": "how many models of each control meet the rule",
    "second": "the same rule in models that start otherwise",
    "mistake": "the kind of mistake that makes it fall",
    "rule_code": "file and line of the rule",
    "page": "its place in the book",
}
"""The columns of the CSV file and what they hold."""


@dataclass(frozen=True)
class RuleCode:
    """Where the code of a rule stands, from the root of the repository, and its text."""

    file: str
    line: int
    text: str


def rule_code(name: str) -> RuleCode:
    """The function that looks at each model for one claim; raises ``KeyError`` for an unknown one."""
    see = inspect.unwrap(RULES[name].see)
    lines, line = inspect.getsourcelines(see)
    path = Path(inspect.getsourcefile(see) or "").relative_to(Path(tinycircuits.__file__).parents[1])
    return RuleCode(f"src/{path.as_posix()}", line, "".join(lines).rstrip())


def page(found: Finding) -> str:
    """The anchor of a statement on the page of the ledger."""
    return f"held.html#claim-{found.claim.id.lower()}"


def as_csv(chosen: Sequence[Finding]) -> str:
    """One row for each of these findings under the names of ``COLUMNS``, numbers with six significant digits."""
    text = io.StringIO()
    table = csv.DictWriter(text, list(COLUMNS), lineterminator="\n")
    table.writeheader()
    table.writerows({name: _cell(value) for name, value in _row(found).items()} for found in chosen)
    return text.getvalue()


def _row(found: Finding) -> dict[str, Any]:
    said, code, (name, spread) = found.claim, rule_code(found.claim.id), found.observed
    return {
        "id": said.id,
        "source": said.source,
        "chapter": said.chapter,
        "statement": said.says,
        "printed": said.quoted,
        "rule": said.rule,
        "judged": said.judged,
        "verdict": found.verdict,
        "controls_say_the_same": found.says_nothing,
        "met": found.met,
        "models": found.judged,
        "measured": found.n_seeds,
        "share_low": found.interval[0],
        "share_high": found.interval[1],
        "number": name,
        "median": spread.median,
        "low": spread.low,
        "high": spread.high,
        "published": found.published and found.published[name],
        "published_meets": found.published_met,
        "controls": controls(found),
        "second": second(found),
        "mistake": said.kind,
        "rule_code": f"{code.file}:{code.line}",
        "page": page(found),
    }


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ("" if math.isnan(value) else f"{value:.6g}") if isinstance(value, float) else value


def numbers(found: Finding) -> list[tuple[str, ...]]:
    """What came out, as rows under a head: how many models meet the rule, then every number that was looked at.

    Columns are the models that are judged, with the range of nine tenths where there are several, the published model,
    each control, and the models of the second column.
    """
    many = found.judged > 1
    shown = found.published if many else None
    others = [*found.controls, *([found.second] if found.second else [])]
    low, high = found.interval
    head = ["", *(["median", "nine tenths of the models"] if many else ["value"])]
    met = ["meet the rule", seeds(found), *([f"share {low:.2f} to {high:.2f} (95 %)"] if many else [])]
    if shown:
        head.append("published model")
        met.append("yes" if found.published_met else "no")
    rows = [(*head, *(each.name for each in others)), (*met, *(seeds(each) for each in others))]
    for name, spread in found.values.items():
        own = [short(spread.median), *([f"{short(spread.low)} to {short(spread.high)}"] if many else [])]
        rows.append((name, *own, *([short(shown[name])] if shown else []), *(_median(each, name) for each in others)))
    return rows


def _median(of: Judgement, name: str) -> str:
    return short(of.values.get(name, Spread(*[math.nan] * 3)).median)


def counted(found: Finding) -> str:
    """How many models are judged, of how many that were measured: ``45 of 100 models are judged``."""
    if found.judged == found.n_seeds:
        return f"{found.judged:,} models are judged" if found.judged > 1 else "one model or set of data is judged"
    return f"{of(found.judged, found.n_seeds)} models are judged, the others make mistakes"


def told(found: Finding) -> dict[str, Any]:
    """What the ledger tells of a statement beside its evidence, MyST: ``title``, ``paragraphs``, and ``closing`` ones.

    A statement of an article is its title and its rule a paragraph; of our own the rule is the title.
    """
    said, own = found.claim, found.claim.source == "book"
    printed = [f"*Printed:* {said.quoted}."] if said.quoted else []
    changed = f" Made clearer or stricter: {said.changed}." if said.changed else ""
    before = "Behind it" if found.verdict == "holds" else "Why it may have looked true"
    why = f"*{before}:* {said.why} " if said.why else ""
    return {
        "title": f"**{said.id}** {said.rule if own else said.says}",
        "paragraphs": (f"*Claim:* {said.says}",) if own else (*printed, f"*Rule:* {said.rule}.{changed}"),
        "closing": (f"{why}More: [](./{said.chapter}.md)",),
    }


def cited(found: Finding) -> str:
    """A statement with its verdict and the number behind it, in a line to cite."""
    said, (name, spread) = found.claim, found.observed
    whose = "Claim of the chapter" if said.source == "book" else f"Article {said.source}, statement"
    says = (said.rule if said.source == "book" else said.says).replace("`", "").rstrip(".")
    middle = "median " if found.judged > 1 else ""
    number = f"{seeds(found)} meet the rule; {name}: {middle}{short(spread.median)}"
    return f"{whose} {said.id}, “{says}”: {found.verdict} ({number})"
