"""What a page gets judges as the checks do, and says no answer to whoever reads it."""

import base64
import hashlib
import json
from functools import cache
from typing import Any

import pytest

from tests.exercises.solved import ALL, answer
from tinycircuits.claims.ledger import of_articles
from tinycircuits.exercises import keys
from tinycircuits.exercises.keys import answers, forms, options, scripts
from tinycircuits.exercises.sealing import FILE, covered, hashed, plain, salt_of
from tinycircuits.exercises.table import exercises, judged


@cache
def key(name: str) -> dict[str, Any]:
    return keys.key(name)


def uncovered(salt: str, text: str, words: str) -> str:
    """The words again: bytes that are covered twice are uncovered."""
    hidden = base64.b64decode(words)
    stream = base64.b64decode(covered(salt, text, "\0" * len(hidden)))
    return bytes(a ^ b for a, b in zip(hidden, stream, strict=True)).decode()


@pytest.mark.parametrize("name", forms())
def test_every_possible_answer_is_told_what_its_check_says(name: str) -> None:
    found, salt = key(name), salt_of(name)
    assert found["salt"] == salt
    right, shown = 0, 0
    for each in answers(name):
        outcome, text = judged(name, each), plain(each)
        words = found["told"].get(hashed(salt, text))
        if words is None:
            assert not outcome.passed
            assert found["short"]
            continue
        assert uncovered(salt, text, words) == f"{'+' if outcome.passed else '-'}{outcome.said}"
        right, shown = right + outcome.passed, shown + 1
    assert right
    assert shown == len(found["told"])


def test_planted_solutions_are_judged_as_by_their_checks() -> None:
    tried = 0
    for name, solution in ALL:
        given = answer(name, solution)
        if name not in forms() or not isinstance(given, str | int | float | list | tuple | set):
            continue
        salt, text = salt_of(name), plain(given)
        words = key(name)["told"].get(hashed(salt, text))
        assert (words is not None and uncovered(salt, text, words)[0] == "+") == solution.startswith("right_"), solution
        tried += 1
    assert tried > 30


def test_every_answer_that_can_be_given_is_judged() -> None:
    assert [*answers("how-many")] == [*range(1_001)]
    assert len({plain(each) for each in answers("enough")}) == 2 ** len(options("enough")) - 1
    assert len({*answers("another-slide")}) == 4**4
    assert {*answers("quiet-row")} == {*exercises()["quiet-row"].choices}
    assert [*answers("met-by-noise")] == [found.claim.id for found in of_articles()]


@pytest.mark.parametrize("words", ["", "right", "\N{LATIN SMALL LETTER E WITH ACUTE}" * 50])
def test_hash_and_cover_are_those_that_a_page_computes(words: str) -> None:
    assert hashed("salt", "y_0") == hashlib.sha256(b"salt|y_0").hexdigest()[:16]
    assert salt_of("reverse") == hashlib.sha256(b"tinycircuits reverse").hexdigest()[:16]
    data = words.encode()
    stream = b"".join(hashlib.sha256(f"salt|y_0|{i}".encode()).digest() for i in range(len(data) // 32 + 1))
    assert base64.b64decode(covered("salt", "y_0", words)) == bytes(data[i] ^ stream[i] for i in range(len(data)))


def test_the_order_of_names_does_not_matter() -> None:
    assert plain(["L1 attn", "L0N2"]) == plain({"L0N2", "L1 attn"}) == "L0N2,L1 attn"
    assert plain("L1 attn") == "L1 attn"
    assert plain(217) == "217"


def test_the_scripts_show_no_answer_and_are_the_same_each_time() -> None:
    found = scripts()
    assert found == scripts()
    assert {*found} == {FILE, *(f"key-{name}.js" for name in forms())}
    table = json.loads(found[FILE].removeprefix("tinyAnswers(").removesuffix(")\n"))
    assert [*table["exercises"]] == [*exercises()]
    assert table["claims"] == [*forms()]
    lower = {name: each["lower"] for name, each in table["exercises"].items()}
    assert lower == {name: each.lower_is_better for name, each in exercises().items()}
    for name in forms():
        each = json.loads(found[f"key-{name}.js"].removeprefix(f'tinyKey("{name}",').removesuffix(")\n"))
        assert each == json.loads(json.dumps(key(name)))
        shown = forms()[name] in ("choice", "names")
        assert each["options"] == ([*options(name)] if shown else []), "what is typed is not shown"
        assert all(len(text) == 16 and int(text, 16) >= 0 for text in each["told"])
    for each in exercises().values():
        assert each.idea not in "".join(found.values())
