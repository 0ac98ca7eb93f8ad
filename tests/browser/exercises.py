"""Answers to exercises as a page takes them, made of the solutions that the package's checks are tested with."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page

from tests.exercises.solved import ALL, answer, functions
from tinycircuits.exercises.keys import forms, options, scripts
from tinycircuits.exercises.subjects import ONE_LAYER, arrays_of
from tinycircuits.exercises.table import exercise, exercises
from tinycircuits.results.live import live_model
from tinycircuits.sphinxext.pages import live

TYPED = ("hands", "no-blind-spot", "rounding-decides", "two-digits", "by-hand")
STATES = ("spare-biases", "smallest-break", "sparsest")
FEW = 2
"""Planted wrong states that are counted in the page; each count takes a while."""


def text_of(name: str, solution: str) -> str | None:
    """A solution as a reader gives it in the page; nothing for one that no field takes."""
    given = answer(name, solution)
    if name in TYPED:
        return json.dumps(given, default=lambda each: np.asarray(each).tolist())
    if name in STATES:
        return state(name, given)
    form = forms()[name]
    if form == "names":
        return ",".join(given) if not isinstance(given, str) and {*given} <= {*options(name)} else None
    if form == "choice":
        return given if given in options(name) else None
    return str(given)


def state(name: str, given: Any) -> str | None:
    """The address of the live model with these weights."""
    before = arrays_of(ONE_LAYER)
    try:
        if name == "spare-biases":
            return "m=B&t=" + "_".join(f"{each}~0" for each in dict.fromkeys(given) if each in before)
        after = {**before, **given(before)} if callable(given) else {k: before[k] + given[k] for k in given}
        moved = [
            f"{key}~{at}~{float(after[key].flat[at])!r}"
            for key in after
            for at in np.flatnonzero((np.asarray(after[key]) != before[key]).ravel())
        ]
    except (KeyError, ValueError):
        return None
    return "m=B&t=" + "_".join(moved) if all("inf" not in each and "nan" not in each for each in moved) else None


EVEN = [1] * 16
SAME = np.eye(4).tolist()
MIX = [[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 2]]
UNMIX = [[1, -1, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0.5]]
BACKWARDS = [*range(15, -1, -1)]
REWRITTEN = {"order": BACKWARDS, "louder": [2] * 16, "softer": [0.5] * 16, "mix": MIX, "unmix": UNMIX}
BOS_IS_BRIGHT = [[2, -9, -9, 1, 0, 0], [2, -9, 1, -9, -9, 0], [2, 1, -9, -9, -9, -9]]
RULES: dict[str, dict[str, tuple[Any, bool]]] = {
    "elsewhere": {
        "BOS is bright": (BOS_IS_BRIGHT, True),
        "two sources share": ([[3, 0, 0, 2.5, 9, 9], [3, 0, 2.5, 0, 0, 9], [3, 2.5, 0, 0, 0, 0]], True),
        "the source is bright": ([[0, -9, -9, 1, 0, 0], *BOS_IS_BRIGHT[1:]], False),
        "even": ([[0] * 6] * 3, False),
        "another digit is bright": ([BOS_IS_BRIGHT[0], [-9, -9, 1, 2, -9, -9], BOS_IS_BRIGHT[2]], False),
        "as bright as BOS": ([[1, -9, -9, 1, 0, 0], *BOS_IS_BRIGHT[1:]], False),
        "a row is missing": (BOS_IS_BRIGHT[:2], False),
        "an answer that shows the digit": ([*BOS_IS_BRIGHT[:2], [2, 1, -9, -9, -9, 1.5]], False),
    },
    "other-weights": {
        "all of it": (REWRITTEN, True),
        "scaled": (
            {**REWRITTEN, "order": [*range(16)], "mix": (3 * np.eye(4)).tolist(), "unmix": (np.eye(4) / 3).tolist()},
            True,
        ),
        "nothing": ({"order": [*range(16)], "louder": EVEN, "softer": EVEN, "mix": SAME, "unmix": SAME}, False),
        "a neuron twice": ({**REWRITTEN, "order": [0, *range(15)]}, False),
        "below zero": ({**REWRITTEN, "louder": [-2] * 16, "softer": [-0.5] * 16}, False),
        "not undone": ({**REWRITTEN, "unmix": MIX}, False),
        "no rule": ([1, 2], False),
    },
}
"""What a page takes in place of a function of given weights: a form of its own, by exercise and what it is."""


@cache
def cases() -> list[tuple[str, str, str, bool]]:
    """Exercise, solution, what is given in the page, and whether it is right."""
    found = []
    for name, rules in RULES.items():
        found += [(name, said, json.dumps(rule), right) for said, (rule, right) in rules.items()]
    for name, solution in ALL:
        if name in (*TYPED, *STATES, *forms()):
            planted = [each for each in functions(name) if each.startswith("wrong_")]
            if name in STATES and solution in planted[FEW:]:
                continue
            text = text_of(name, solution)
            if text:
                found.append((name, solution, text, solution.startswith("right_")))
    return found


@cache
def library(*entries: str) -> str:
    """The modules of the exercises' script as an expression whose value has all that they export."""
    names = [name for entry in entries for file in live.modules(entry) for name in exported(file)]
    text = live.script(entries[0])
    assert text.endswith("})();\n")
    return f"{text.removesuffix('})();' + chr(10))}return {{ {', '.join(names)} }};\n}})()"


def exported(file: str) -> list[str]:
    """What a module exports."""
    return live._EXPORTED.findall((live.SCRIPT / file).read_text())


PAGE = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Exercises</title>
<link rel="stylesheet" href="_static/exercises.css"></head><body><main><h1>Exercises</h1>
<div class="tc-progress"><table><tbody>{rows}</tbody></table></div>
{boxes}
<section><h2>Guesses</h2>
<p id="above">What stands above.</p>
{asked}
<p id="below">What waits. <a id="inside">A place.</a></p><figure id="drawn">A drawing.</figure>
<section id="next"><h3>Next</h3><p>It never waits.</p></section></section>
</main><script defer src="_static/exercises.js"></script></body></html>"""


def small_site(folder: Path) -> Path:
    """A page with every exercise, as the book has them, and pages with one question each; the folder."""
    static, data, models = folder / "_static", folder / "data", folder / "figures" / "workbench"
    for each in (static, data, models):
        each.mkdir(parents=True)
    (static / "exercises.js").write_text(live.script("exercises.js"))
    (static / "live.js").write_text(live.bundle())
    style = Path(live.__file__).parent / "static" / "exercises.css"
    (static / "exercises.css").write_text(style.read_text())
    for name, text in scripts().items():
        (data / name).write_text(text)
    (models / "model-B.js").write_text(f"tinyModel({json.dumps(live_model(ONE_LAYER))})")
    boxes = "".join(
        f'<div class="tc-exercise" id="exercise-{name}"><p>{each.title}</p><p>What is asked.</p><p>command</p></div>'
        for name, each in exercises().items()
    )
    rows = "".join(f'<tr><td><a href="all.html#exercise-{name}">{name}</a></td><td></td></tr>' for name in exercises())
    (folder / "all.html").write_text(PAGE.format(rows=rows, boxes=boxes, asked=""))
    return folder


def ask(folder: Path, file: str, box: str) -> Path:
    """A page with one question of its own."""
    (folder / file).write_text(PAGE.format(rows="", boxes="", asked=box))
    return folder / file


def give(page: Page, name: str, text: str) -> tuple[str, bool]:
    """Answer an exercise in its box: what is said, and whether it is right."""
    box = page.locator(f"#exercise-{name}")
    form = forms().get(name)
    if form == "choice":
        box.locator(f'input[value="{text}"]').check()
    elif form == "names":
        for each in options(name):
            box.locator(f'input[value="{each}"]').set_checked(each in text.split(","))
    else:
        box.locator(".tcx-typed").fill(text)
    box.get_by_role("button", name="Check").click()
    said = box.locator(".tcx-said")
    page.wait_for_function(
        "(name) => document.querySelector(`#exercise-${name} .tcx-said`).matches('.tcx-right, .tcx-wrong')"
        " && !document.querySelector(`#exercise-${name} [type=submit]`).disabled",
        arg=name,
    )
    return said.inner_text(), "tcx-right" in str(said.get_attribute("class"))


def fresh(browser: Browser, file: Path, **options: Any) -> Page:
    """A page of a reader who is new, and which keeps what went wrong."""
    page = browser.new_context(offline=True, **options).new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.errors = errors  # type: ignore[attr-defined]
    page.goto(file.as_uri())
    page.wait_for_selector("html[data-exercises=ready]", state="attached")
    return page


def kinds() -> set[str]:
    """The exercises that are claims or designs."""
    return {name for name in exercises() if exercise(name).kind != "code"}
