"""``make solutions``: the solutions of all exercises as one page, for instructors; made from what the tests try."""

import ast
import sys
from html import escape
from pathlib import Path

from markdown_it import MarkdownIt

from tinycircuits.exercises.kinds import Exercise
from tinycircuits.exercises.table import exercises

ROOT = Path(__file__).resolve().parents[1]
SOLUTIONS = ROOT / "tests/exercises/solutions"
HEAD = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Solutions of the exercises</title>
<style>body { max-width: 46rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.5 sans-serif }
pre { background: #f6f6f9; padding: .7rem; overflow-x: auto } @media print { pre { white-space: pre-wrap } }</style>
<h1>Solutions of the exercises</h1>
<p>For instructors. Every solution is one that the checks were tried on; there are others.</p>
"""


def right_ones(text: str) -> str:
    """The source of a module of solutions without the wrong ones, and without what only they need."""
    tree = ast.parse(text)
    kept = [node for node in tree.body if not getattr(node, "name", "").startswith("wrong_")]
    while True:
        used = {each.id for node in kept for each in ast.walk(node) if isinstance(each, ast.Name)}
        fewer = [node for node in kept if not getattr(node, "name", "").startswith("_") or node.name in used]
        if len(fewer) == len(kept):
            break
        kept = fewer
    lines = text.splitlines()
    parts = []
    for node in kept:
        first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])
        gap = "\n\n" if isinstance(node, ast.FunctionDef) and parts else ""
        parts.append(gap + "\n".join(lines[first - 1 : node.end_lineno]))
    return "\n".join(parts)


def page() -> str:
    """The whole document."""
    return HEAD + "".join(map(_one, exercises().values()))


def _one(each: Exercise) -> str:
    words = MarkdownIt().render
    source = right_ones((SOLUTIONS / f"{each.name.replace('-', '_')}.py").read_text(encoding="utf-8"))
    about = f"{each.name}, chapter {each.chapter}, {each.kind}, {each.minutes} minutes"
    head = f"<h2>{escape(each.title)}</h2><p>{about}</p>"
    return f"{head}{words(each.statement)}{words(f'**Idea.** {each.idea}')}<pre>{escape(source)}</pre>\n"


def main(file: str) -> None:
    """Write the page."""
    path = Path(file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(), encoding="utf-8")
    print(f"open {path.resolve()}")


if __name__ == "__main__":
    main(*sys.argv[1:])
