"""The ledger as text and as JSON, for the terminal and for machines."""

import json
import math
import textwrap
from collections import defaultdict
from typing import Any

from tinycircuits.claims.judge import Finding, Judgement, Spread
from tinycircuits.claims.ledger import finding, findings, of_articles
from tinycircuits.claims.statements import Mistake
from tinycircuits.results.text import aligned

WIDTH = 100


def table() -> str:
    """Every claim in one line: verdict, seeds that meet the rule, the control, and the statement."""
    rows = [("id", "verdict", "models that meet it", "controls", "statement")]
    for found in findings():
        says = textwrap.shorten(found.claim.says.replace("`", ""), 60, placeholder=" ...")
        rows.append((found.claim.id, found.verdict, seeds(found), controls(found), says))
    return f"{aligned(rows)}\n\n{counts()}"


def counts() -> str:
    """How many of the articles' statements, and of our own, have which verdict."""
    lines = []
    for name, chosen in (("articles", of_articles()), ("book", findings("book"))):
        numbers = tally(chosen)
        lines.append(
            f"{name}: {len(chosen)} statements, " + ", ".join(f"{n} {verdict}" for verdict, n in numbers.items())
        )
    return "\n".join(lines)


def tally(chosen: list[Finding]) -> dict[str, int]:
    """How many of these findings have which verdict, every verdict named."""
    verdicts = ("holds", "holds for some seeds", "does not hold", "not testable as stated")
    return {verdict: sum(found.verdict == verdict for found in chosen) for verdict in verdicts}


def by_kind(chosen: list[Finding]) -> dict[Mistake | None, list[Finding]]:
    """These findings by the kind of mistake that the ledger names, in order; a kind that is not there is empty."""
    kinds: dict[Mistake | None, list[Finding]] = defaultdict(list)
    for found in chosen:
        kinds[found.claim.kind].append(found)
    return kinds


def seeds(found: Judgement) -> str:
    """``12 of 97``: models that meet the rule, of those that are judged."""
    return f"{found.met:,} of {found.judged:,}"


def controls(found: Finding) -> str:
    """``untrained 0 of 5, shuffled answers 0 of 5``."""
    return ", ".join(f"{control.name} {seeds(control)}" for control in found.controls)


def second(found: Finding) -> str | None:
    """``E, another start: 0 of 4, does not hold``; ``None`` where the ledger has no second column."""
    other = found.second
    return f"{other.name}: {seeds(other)}, {other.verdict}" if other else None


def entry(name: str) -> str:
    """One claim with its evidence, line by line; raises ``ValueError`` that lists the known ids."""
    found = finding(name)
    said = found.claim
    low, high = found.interval
    lines = [
        f"{said.id} ({'article ' + said.source if said.source != 'book' else 'this book'}, chapter {said.chapter})"
    ]
    lines += _wrapped("says", said.says)
    lines += _wrapped("quoted", said.quoted) + _wrapped("rule", said.rule) + _wrapped("changed", said.changed)
    lines += _wrapped("verdict", found.verdict + (", and so it does for a control" if found.says_nothing else ""))
    left_out = f"; {found.n_seeds:,} were measured" if found.n_seeds != found.judged else ""
    lines += _wrapped("models", f"{seeds(found)} meet the rule, 95 % interval {low:.3f} to {high:.3f}{left_out}")
    if found.published_met is not None:
        lines += _wrapped("published", "meets the rule" if found.published_met else "does not meet the rule")
    lines += _wrapped("controls", controls(found)) + _wrapped("second", second(found)) + _wrapped("why", said.why)
    return "\n".join([*lines, "", _numbers(found)])


def evidence(found: Finding) -> str:
    """What came out, in one sentence or two, for prose."""
    name, spread = found.observed
    low, high = found.interval
    parts = [f"{seeds(found)} meet the rule" if found.judged > 1 else f"the rule is {'' if found.met else 'not '}met"]
    if found.judged > 1:
        parts.append(f" (95 % interval of the share: {low:.2f} to {high:.2f})")
    if found.judged < found.n_seeds:
        parts.append(
            f"; {found.n_seeds - found.judged:,} more were trained and make mistakes, so that they do not count"
        )
    middle = f"median {short(spread.median)}, " if found.judged > 1 else f"{short(spread.median)} "
    parts.append(f"; {name}: {middle}")
    parts.append(f"nine tenths between {short(spread.low)} and {short(spread.high)}" if found.judged > 1 else "")
    shown = f", published model {short(found.published[name])}" if found.published and found.judged > 1 else ""
    held = "; ".join(f"{each.name} {short(each.values[name].median)}" for each in found.controls)
    return "".join(parts).rstrip() + f"{shown}. Control: {held}; the rule is met by {controls(found)}."


def as_json(name: str | None = None) -> str:
    """One finding, or all of them in a list, as JSON with every number by its name."""
    found = _plain(finding(name)) if name is not None else [_plain(each) for each in findings()]
    return json.dumps(found, indent=1, ensure_ascii=False)


def _wrapped(label: str, text: str | None) -> list[str]:
    if text is None:
        return []
    first, *rest = textwrap.wrap(text, WIDTH - 10)
    return [f"{label:10}{first}", *(" " * 10 + line for line in rest)]


def _numbers(found: Finding) -> str:
    head = ["median", "5 to 95 %", *(["published"] if found.published else []), *(c.name for c in found.controls)]
    rows = [("number", *head)]
    for name, spread in found.values.items():
        shown = [short(found.published[name])] if found.published else []
        held = [short(control.values[name].median) for control in found.controls]
        rows.append((name, short(spread.median), f"{short(spread.low)} to {short(spread.high)}", *shown, *held))
    return aligned(rows)


def short(value: float) -> str:
    """Three digits, or all of a longer whole part; what is smaller than a ten-thousandth is named so."""
    if math.isnan(value):
        return "-"
    if 0 < abs(value) < 1e-4:
        return "below 0.0001" if value > 0 else "above -0.0001"
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:.3g}"


def _plain(found: Finding) -> dict[str, Any]:
    def spreads(values: dict[str, Spread]) -> dict[str, Any]:
        return {
            name: {part: None if math.isnan(x) else x for part, x in vars(spread).items()}
            for name, spread in values.items()
        }

    other = found.second
    return {
        **found.claim.model_dump(exclude={"verdict"}),
        "verdict": found.verdict,
        "says_nothing": found.says_nothing,
        "models": {"met": found.met, "judged": found.judged, "measured": found.n_seeds, "interval": found.interval},
        "values": spreads(found.values),
        "published": found.published and {"met": found.published_met, "values": found.published},
        "controls": {c.name: {"met": c.met, "models": c.judged, "values": spreads(c.values)} for c in found.controls},
        "second": other
        and {
            "name": other.name,
            "verdict": other.verdict,
            "models": {"met": other.met, "judged": other.judged, "measured": other.n_seeds},
            "values": spreads(other.values),
        },
    }
