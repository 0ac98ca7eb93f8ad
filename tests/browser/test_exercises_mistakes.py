"""Mistakes planted in the script of the exercises, each of which the answers with a known verdict must notice."""

import hashlib
import json
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Error, Page

from tests.browser.exercises import REWRITTEN, RULES, STATES, cases, library
from tests.exercises.solutions import by_hand, two_digits
from tinycircuits.exercises.keys import forms, key

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("exercises")]

MISTAKES = tomllib.loads(Path(__file__).with_name("exercise_mistakes.toml").read_text())["mistake"]
JUDGE = {
    "hands": "hands",
    "no-blind-spot": "noBlindSpot",
    "rounding-decides": "roundingDecides",
    "two-digits": "twoDigits",
    "by-hand": "byHand",
    "elsewhere": "elsewhere",
}
BIASES = ["blocks.0.attn.b_K", "blocks.0.ln2.b", "ln_final.b"]


def state(changed: dict[str, list[float]], *, wrong: int = 0, holds: int = 0, zeros: int = 0) -> dict[str, Any]:
    """What the live model says of weights that were one and are now these."""
    moved = [{"name": n, "shape": [len(w)], "before": [1.0] * len(w), "after": w} for n, w in changed.items()]
    return {
        "holds": holds,
        "wrong": [wrong, 0],
        "inputs": 8,
        "changed": moved,
        "weights": 99,
        "zeros": zeros,
        "first": "",
    }


ZERO = {name: [0.0, 0.0] for name in BIASES}
STEP = {"W_E": [1.01, 1.01]}
OF_STATES = [
    ("spareBiases", state(ZERO), True),
    ("spareBiases", state(ZERO, wrong=1), False),
    ("spareBiases", state(ZERO, holds=1), False),
    ("spareBiases", state(ZERO | {"b_U": [0.0]}), False),
    ("spareBiases", state(dict(list(ZERO.items())[:2])), False),
    ("spareBiases", state(dict(list(ZERO.items())[:2]) | {"b_U": [0.0]}), False),
    ("spareBiases", state(ZERO | {"blocks.0.mlp.b_in": [0.0]}), False),
    ("spareBiases", state(ZERO | {BIASES[0]: [0.0, 0.5]}), False),
    ("spareBiases", state(dict(list(ZERO.items())[:2]) | {"blocks.0.attn.W_Q": [0.0]}), False),
    ("smallestBreak", state(STEP, wrong=1), True),
    ("smallestBreak", state(STEP), False),
    ("smallestBreak", state({}, wrong=1), False),
    ("smallestBreak", state({"W_E": [1.1]}, wrong=1), False),
    ("smallestBreak", state({"W_E": [1.015, 1.015]}, wrong=1), False),
    ("smallestBreak", state(STEP, wrong=1, holds=1), False),
    ("smallestBreak", state(STEP | {"b_U": [1.001]}, wrong=1), False),
    ("sparsest", state(ZERO, zeros=20), True),
    ("sparsest", state(ZERO, zeros=19), False),
    ("sparsest", state(ZERO, zeros=40, wrong=1), False),
    ("sparsest", state(ZERO, zeros=40, holds=2), False),
]


@cache
def typed() -> list[tuple[str, Any, bool]]:
    """Judge, what it is given, and whether it is right."""
    found = [(JUDGE[name], json.loads(text), right) for name, _, text, right in cases() if name in JUDGE]
    masked = by_hand.right_one_hot()
    masked["W_Q"] = masked["W_Q"].copy()
    masked["W_Q"][8:10, 5] = 2_000  # a later position than these rows: the mask hides it
    found.append(("byHand", {name: np.asarray(weight).tolist() for name, weight in masked.items()}, True))
    mlp = json.loads(json.dumps(two_digits.right_zigzag(), default=lambda each: each.tolist()))
    n = len(mlp["b_in"])
    wide = {
        "W_in": [[*row, *[0] * (9 - n)] for row in mlp["W_in"]],
        "b_in": [*mlp["b_in"], *[0] * (9 - n)],
        "W_out": [*mlp["W_out"], *[[0] * 4] * (9 - n)],
        "b_out": mlp["b_out"],
    }
    return [
        *found,
        ("twoDigits", wide, False),
        ("twoDigits", mlp | {"b_in": [*mlp["b_in"], 0]}, False),
        ("roundingDecides", [2**45, *[2**21] * 4, -(2**45)], False),
        ("roundingDecides", [2**24, 1.5, 1, 1, 1, -(2**24)], False),
        ("hands", [3, 19, 42, 43, 60], False),
        ("hands", [3, 19, 42, 43, 53.0001], False),
        ("hands", [3, 19, 42, 42, 53], False),
    ]


KEPT = """(K) => {
    const verdict = (passed, score) => ({ passed, said: "so", score });
    K.keep("open", verdict(true, 2), "two", false);
    K.keep("open", verdict(true, 1), "one", false);
    K.keep("low", verdict(true, 2), "two", true);
    K.keep("low", verdict(true, 1), "one", true);
    K.keep("low", verdict(false), "none", true);
    K.keep("new", verdict(false), "none", true);
    const entry = (score) => ({ passed: true, tries: 5, said: "", answer: "file", day: "", score });
    K.take(JSON.stringify({ format: 1, exercises: { low: entry(3), fresh: entry(null), odd: entry(1) } }),
        { low: { lower: true }, fresh: { lower: true } });
    const all = K.entries();
    return Object.keys(all).sort().map((name) => [name, all[name].answer, all[name].tries, all[name].passed]);
}"""
WANTED = [["fresh", "file", 5, True], ["low", "one", 3, True], ["new", "none", 1, False], ["open", "two", 2, True]]


ODD = {"order": [0, *range(15)]}
MATRICES = ("W_V", "W_O", "W_in", "W_out")


def written(*, far: float = 0.2, moved: float = 0.0, without: str = "") -> dict[str, Any]:
    """What the live model says of a rewriting: each matrix has moved by a share of its length, or one has not."""
    each = {name: [1.0 + far, 1.0] if name != without else [1.05, 1.0] for name in MATRICES}
    changed = [
        {"name": f"blocks.0.x.{name}", "shape": [1, 2], "before": [1.0, 1.0], "after": w} for name, w in each.items()
    ]
    return {"changed": changed, "moved": moved, "first": "0 0"}


OF_WRITING = [
    (written(), True),
    (written(far=0.1), False),
    (written(moved=2e-6), False),
    *((written(without=name), False) for name in MATRICES),
    ({"changed": [], "moved": 0, "first": ""}, False),
]


TRIED = """([judges, kept, texts, claims, keys, given, writings, rules]) => {
    const [J, K] = [eval(judges), eval(kept)];
    const said = ([name, form, text]) =>
        J.claim(keys[name], form === "names" ? J.inOrder(text.split(",").reverse()) : text);
    return [
        texts.map((text) => [...J.sha256(text)]),
        claims.map(said).map(({ passed, said }) => (said.includes("\\ufffd") ? said : passed)),
        given.map(([judge, answer]) => J[judge](answer).passed),
        writings.map(([found]) => J.otherWeights(found, rules[0][0]).passed),
        rules.map(([rule]) => typeof J.rewriting(rule) !== "string"),
        (%s)(K),
    ];
}"""
TEXTS = ["", "abc", "\N{LATIN SMALL LETTER E WITH ACUTE}" * 40, "x" * 55, "x" * 56, "x" * 200]


def differing(page: Page, judges: str, kept: str) -> list[str]:
    """What comes out otherwise than it must."""
    of_claims = [(name, forms()[name], text, right) for name, _, text, right in cases() if name in forms()]
    others = [*typed(), *OF_STATES]
    claims, given = [[*each[:3]] for each in of_claims], [[*each[:2]] for each in others]
    rules = [(rule, well) for rule, well in RULES["other-weights"].values() if well] + [(REWRITTEN | ODD, False)]
    arguments = [judges, kept, TEXTS, claims, {name: known(name) for name in forms()}, given, OF_WRITING, rules]
    try:
        hashes, told, passed, writings, readable, left = page.evaluate(TRIED % KEPT, arguments)
    except Error as error:
        return [str(error)]
    found = [
        text for text, each in zip(TEXTS, hashes, strict=True) if each != [*hashlib.sha256(text.encode()).digest()]
    ]
    found += [str(each) for each, right in zip(of_claims, told, strict=True) if right != each[3]]
    found += [str(each) for each, right in zip(others, passed, strict=True) if right != each[2]]
    for said, each in ((writings, OF_WRITING), (readable, rules)):
        found += [str(one) for one, right in zip(each, said, strict=True) if right != one[1]]
    return found + ([] if left == WANTED else [f"kept: {left}"])


@cache
def known(name: str) -> dict[str, Any]:
    return key(name)


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    used = browser.new_page()
    yield used
    used.close()


def test_every_answer_has_its_verdict(page: Page) -> None:
    assert {*STATES} == {"spare-biases", "smallest-break", "sparsest"}
    assert differing(page, library("judges.js"), library("kept.js")) == []


@pytest.mark.parametrize("mistake", MISTAKES, ids=[mistake["says"] for mistake in MISTAKES])
def test_the_answers_notice(page: Page, mistake: dict[str, str]) -> None:
    texts = [library("judges.js"), library("kept.js")]
    assert sum(text.count(mistake["old"]) for text in texts) == 1
    assert differing(page, *(text.replace(mistake["old"], mistake["new"]) for text in texts))
