"""What a new task changes in files that are there, and how it is taken out again."""

import ast
from collections.abc import Callable

PART = "Your own tasks"
_APPENDIX = "  - caption: Appendix\n"
_HEAD = f"  - caption: {PART}\n    numbered: true\n    chapters:\n"
_WIDTH = 120


def with_export(source: str, module: str, name: str) -> str:
    """``tasks/__init__.py`` with one more task, its imports and its ``__all__`` in order."""
    tree = ast.parse(source)
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    exported = next(node for node in tree.body if isinstance(node, ast.Assign))
    lines = [ast.unparse(node) for node in imports] + [f"from tinycircuits.tasks.{module} import {name}"]
    names = sorted([*ast.literal_eval(exported.value), name])
    listed = "__all__ = [\n" + "".join(f'    "{each}",\n' for each in names) + "]"
    return _replaced(source, (imports[0], imports[-1], "\n".join(sorted(lines))), (exported, exported, listed))


def without_export(source: str, module: str, name: str) -> str:
    """``tasks/__init__.py`` without a task."""
    gone = (f"from tinycircuits.tasks.{module} import {name}", f'    "{name}",')
    return "".join(line for line in source.splitlines(keepends=True) if line.rstrip() not in gone)


def with_study(source: str, name: str, row: str) -> str:
    """``studies.py`` with one more import and ``row`` at the end of its table."""
    table = next(
        n for n in ast.parse(source).body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "_STUDIES"
    )
    body = "".join(source.splitlines(keepends=True)[table.lineno - 1 : table.end_lineno])
    added = _replaced(source, (table, table, f"{body.rstrip().removesuffix(')')}{row})"))
    return _with_imports(added, lambda names: [*names, name])


def without_study(source: str, name: str, row: str) -> str:
    """``studies.py`` without an import and a ``row``; raises ``ValueError`` when the row has changed."""
    if row not in source:
        raise ValueError("the row is not the one that was written")
    return _with_imports(source.replace(row, ""), lambda names: [each for each in names if each != name])


def with_chapter(contents: str, name: str) -> str:
    """``_toc.yml`` with one more chapter in the part for the reader's own tasks, before the appendix."""
    before, mark, after = contents.partition(_APPENDIX)
    if not mark:
        raise ValueError(f"_toc.yml has no line {_APPENDIX.strip()!r}, before which the chapter would go")
    head = "" if f"- caption: {PART}\n" in before else _HEAD
    return f"{before}{head}      - file: {name}\n{mark}{after}"


def without_chapter(contents: str, name: str) -> str:
    """``_toc.yml`` without a chapter, and without the part for the reader's own tasks if it was its only one."""
    return contents.replace(f"      - file: {name}\n", "").replace(f"{_HEAD}{_APPENDIX}", _APPENDIX)


def _with_imports(source: str, change: Callable[[list[str]], list[str]]) -> str:
    imported = next(
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.ImportFrom) and node.module == "tinycircuits.tasks"
    )
    names = sorted(change([alias.name for alias in imported.names]))
    line = f"from tinycircuits.tasks import {', '.join(names)}"
    if len(line) > _WIDTH:
        line = "from tinycircuits.tasks import (\n" + "".join(f"    {name},\n" for name in names) + ")"
    return _replaced(source, (imported, imported, line))


def _replaced(source: str, *changes: tuple[ast.stmt, ast.stmt, str]) -> str:
    """``source`` with new text from the first line of one statement to the last line of another."""
    lines = source.splitlines()
    for first, last, text in sorted(changes, key=lambda change: change[0].lineno, reverse=True):
        lines[first.lineno - 1 : last.end_lineno] = text.splitlines()
    return "\n".join(lines) + "\n"
