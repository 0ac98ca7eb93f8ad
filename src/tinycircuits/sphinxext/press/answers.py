"""A reader's own answers to the exercises, for her hand-in: ``EXERCISES=done.json``."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from docutils import nodes
from fontTools.ttLib import TTFont

from tinycircuits.exercises.done import Entry, read
from tinycircuits.exercises.table import exercise, exercises
from tinycircuits.sphinxext.press.edition import PREFIX

TITLE = "Answers to the exercises"
_MONO = Path(__file__).parent / "print/TinyMono-Regular.ttf"


def answers(environment: Mapping[str, str]) -> dict[str, Entry]:
    """What the file that ``EXERCISES`` names holds, by exercise; nothing where it names none.

    Raises ``ValueError`` for a file that is not there, is damaged, or holds nothing.
    """
    named = environment.get(f"{PREFIX}EXERCISES", "").strip()
    if not named:
        return {}
    try:
        found = read(Path(named))
    except ValueError as error:
        raise ValueError(f"EXERCISES: {error}") from None
    if not found:
        raise ValueError(f"EXERCISES: {named} is not there, or nothing is done in it; `tinycircuits check` writes it")
    return found


def chapter_of(found: Mapping[str, Entry]) -> nodes.section:
    """The answers as a chapter: how many are right, each with its score, its tries and its text."""
    solved = sum(each.passed for each in found.values())
    said = nodes.paragraph("", f"{solved} of {len(exercises())} exercises are solved. The command ")
    said += [nodes.literal("", "tinycircuits exercises --again"), nodes.Text(" checks every answer in the file anew.")]
    chapter = nodes.section("", nodes.title("", TITLE), said, ids=["answers-to-the-exercises"])
    for name, each in found.items():
        chapter += _one(name, each)
    return chapter


def _one(name: str, entry: Entry) -> list[nodes.Node]:
    chosen = exercise(name)
    state = "solved" if entry.passed else "not solved"
    score = "" if entry.score is None else f", {chosen.score} {entry.score:.6g}"
    tries = f"{entry.tries} tries" if entry.tries != 1 else "1 try"
    head = nodes.paragraph("", "", nodes.strong("", chosen.title))
    head += nodes.Text(f" ({chosen.kind}, {chosen.minutes} minutes): {state}{score}, {tries}, {printable(entry.day)}.")
    parts: list[nodes.Node] = [head]
    if not entry.passed:
        parts.append(nodes.paragraph("", printable(entry.said)))
    text = printable(entry.answer.rstrip()) or "(empty)"
    return [*parts, nodes.literal_block(text, text, language="python")]


def printable(text: str) -> str:
    """``text`` with every character that the typeface for code lacks written as Python escapes it."""
    return "".join(
        char if char == "\n" or ord(char) in _glyphs() else char.encode("unicode_escape").decode()
        for char in text.expandtabs(4).replace("\r\n", "\n")
    )


@cache
def _glyphs() -> frozenset[int]:
    return frozenset(TTFont(_MONO).getBestCmap())
