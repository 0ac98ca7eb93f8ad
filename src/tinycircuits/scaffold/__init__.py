"""A new task: one command writes a task, its row in the table of studies, a chapter and a test that run at once."""

import ast
import keyword
import re
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

import yaml

from tinycircuits.results.checkout import REPOSITORY

PART = "Your own tasks"
_BACK_MATTER = "  - caption: Back matter\n"
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_WIDTH = 120


def new_task(name: str, root: Path = REPOSITORY) -> list[Path]:
    """Write the files of a new task into the checkout at ``root``; return them, those that were there before last.

    Raises ``ValueError`` for a name that is not lower-case words joined by hyphens or that is taken, and outside a
    checkout. Nothing is written then.
    """
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise ValueError(f"a task's name is lower-case words joined by hyphens (shifted-copy), got {name!r}")
    if not (root / "book" / "_toc.yml").is_file():
        raise ValueError(f"new-task writes into a checkout of the book's repository, and {root} is none")
    words = _words(name)
    package, module = root / "src" / "tinycircuits", words["module"]
    fresh = {
        package / "tasks" / f"{module}.py": "task",
        root / "book" / f"{name}.md": "chapter",
        root / "tests" / "tasks" / f"test_{module}.py": "test",
    }
    if taken := [path for path in fresh if path.exists()]:
        there = ", ".join(str(path.relative_to(root)) for path in taken)
        raise ValueError(f"the name {name} is taken: {there} is there")
    exports, studies = package / "tasks" / "__init__.py", package / "results" / "tables" / "studies.py"
    contents = root / "book" / "_toc.yml"
    written = {path: _filled(template, words) for path, template in fresh.items()}
    written[exports] = with_export(exports.read_text(), module, words["class"])
    written[studies] = with_study(studies.read_text(), words["class"], _filled("study", words))
    written[contents] = with_chapter(contents.read_text(), name)
    for path, text in written.items():
        path.write_text(text, encoding="utf-8")
    return list(written)


def with_export(source: str, module: str, name: str) -> str:
    """Return ``tasks/__init__.py`` with one more task, its imports and its ``__all__`` in order."""
    tree = ast.parse(source)
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    exported = next(node for node in tree.body if isinstance(node, ast.Assign))
    lines = [ast.unparse(node) for node in imports] + [f"from tinycircuits.tasks.{module} import {name}"]
    names = sorted([*ast.literal_eval(exported.value), name])
    listed = "__all__ = [\n" + "".join(f'    "{each}",\n' for each in names) + "]"
    return _replaced(source, (imports[0], imports[-1], "\n".join(sorted(lines))), (exported, exported, listed))


def with_study(source: str, name: str, row: str) -> str:
    """Return ``studies.py`` with one more import and ``row`` at the end of its table."""
    tree = ast.parse(source)
    tasks = next(n for n in tree.body if isinstance(n, ast.ImportFrom) and n.module == "tinycircuits.tasks")
    table = next(n for n in tree.body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "_STUDIES")
    imported = _import("tinycircuits.tasks", sorted([*(alias.name for alias in tasks.names), name]))
    body = "".join(source.splitlines(keepends=True)[table.lineno - 1 : table.end_lineno])
    return _replaced(source, (tasks, tasks, imported), (table, table, f"{body.rstrip().removesuffix(')')}{row})"))


def with_chapter(contents: str, name: str) -> str:
    """Return ``_toc.yml`` with one more chapter in the part for the reader's own tasks, before the back matter."""
    before, mark, after = contents.partition(_BACK_MATTER)
    if not mark:
        raise ValueError(f"_toc.yml has no line {_BACK_MATTER.strip()!r}, before which the chapter would go")
    head = "" if f"- caption: {PART}\n" in before else f"  - caption: {PART}\n    numbered: true\n    chapters:\n"
    return f"{before}{head}      - file: {name}\n{mark}{after}"


def own_tasks(root: Path = REPOSITORY) -> list[str]:
    """The names of the reader's own tasks: the chapters that ``_toc.yml`` lists in the part for them."""
    parts = yaml.safe_load((root / "book" / "_toc.yml").read_text(encoding="utf-8"))["parts"]
    return [chapter["file"] for part in parts if part["caption"] == PART for chapter in part["chapters"]]


def _words(name: str) -> dict[str, str]:
    words = name.replace("-", " ")
    return {
        "name": name,
        "module": name.replace("-", "_"),
        "class": "".join(word.capitalize() for word in name.split("-")),
        "words": words,
        "title": words.capitalize(),
    }


def _filled(template: str, words: dict[str, str]) -> str:
    text = files(__package__).joinpath("templates", f"{template}.txt").read_text(encoding="utf-8")
    for key, value in words.items():
        text = text.replace(f"{{{{{key}}}}}", value)
    return text


def _import(module: str, names: Iterable[str]) -> str:
    line = f"from {module} import {', '.join(names)}"
    return line if len(line) <= _WIDTH else f"from {module} import (\n" + "".join(f"    {n},\n" for n in names) + ")"


def _replaced(source: str, *changes: tuple[ast.stmt, ast.stmt, str]) -> str:
    """Return ``source`` with new text from the first line of one statement to the last line of another."""
    lines = source.splitlines()
    for first, last, text in sorted(changes, key=lambda change: change[0].lineno, reverse=True):
        lines[first.lineno - 1 : last.end_lineno] = text.splitlines()
    return "\n".join(lines) + "\n"
