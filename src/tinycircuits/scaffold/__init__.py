"""A new task: one command writes a task, its row in the table of studies, a chapter and a test that run at once."""

import shutil
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import yaml

from tinycircuits.results.checkout import REPOSITORY
from tinycircuits.scaffold import edits
from tinycircuits.scaffold.names import checked


def new_task(name: str, root: Path = REPOSITORY) -> list[Path]:
    """Write the files of a new task into the checkout at ``root``; return them, those that were there before last.

    Raises ``ValueError`` for a name that is no good or taken, outside a checkout, and where a file cannot be read or
    written. Nothing is written then.
    """
    _require_checkout(root)
    words = _words(checked(name, root))
    written = _fresh(words, root) | _changed(words, root, edits.with_export, edits.with_study, edits.with_chapter)
    _write(written)
    return list(written)


def undo(name: str, root: Path = REPOSITORY) -> list[Path]:
    """Take out what ``new_task`` has written, and return the same paths.

    Raises ``ValueError`` if a part of it is not there or has been changed since; nothing is taken out then.
    """
    _require_checkout(root)
    if name not in own_tasks(root):
        raise ValueError(f"no task {name!r} of your own; there are {', '.join(own_tasks(root)) or 'none'}")
    words = _words(name)
    fresh = _fresh(words, root)
    for path, text in fresh.items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            state = "has been changed since" if path.is_file() else "is not there"
            raise ValueError(f"{path.relative_to(root)} {state}: take out by hand what new-task {name} wrote")
    changed = _changed(words, root, edits.without_export, edits.without_study, edits.without_chapter)
    _write(changed)
    for path in fresh:
        path.unlink()
    return [*fresh, *changed]


def own_tasks(root: Path = REPOSITORY) -> list[str]:
    """The names of the reader's own tasks: the chapters that ``_toc.yml`` lists in the part for them."""
    parts = yaml.safe_load((root / "book" / "_toc.yml").read_text(encoding="utf-8"))["parts"]
    return [chapter["file"] for part in parts if part["caption"] == edits.PART for chapter in part["chapters"]]


def _require_checkout(root: Path) -> None:
    if not (root / "book" / "_toc.yml").is_file():
        raise ValueError(f"new-task writes into a checkout of the book's repository, and {root} is none")


def _fresh(words: dict[str, str], root: Path) -> dict[Path, str]:
    """The new files and what they hold."""
    return {
        root / "src" / "tinycircuits" / "tasks" / f"{words['module']}.py": _filled("task", words),
        root / "book" / f"{words['name']}.md": _filled("chapter", words),
        root / "tests" / "tasks" / f"test_{words['module']}.py": _filled("test", words),
    }


def _changed(
    words: dict[str, str],
    root: Path,
    export: Callable[[str, str, str], str],
    study: Callable[[str, str, str], str],
    chapter: Callable[[str, str], str],
) -> dict[Path, str]:
    """The files that are there, as these functions change them; raises ``ValueError`` that names what they cannot."""
    package, row = root / "src" / "tinycircuits", _filled("study", words)
    changes: dict[Path, Callable[[str], str]] = {
        package / "tasks" / "__init__.py": lambda text: export(text, words["module"], words["class"]),
        package / "results" / "tables" / "studies.py": lambda text: study(text, words["class"], row),
        root / "book" / "_toc.yml": lambda text: chapter(text, words["name"]),
    }
    texts = {}
    for path, change in changes.items():
        try:
            texts[path] = change(path.read_text(encoding="utf-8"))
        except (OSError, SyntaxError, StopIteration, ValueError) as error:
            why = str(error) or "its table is not where it was"
            raise ValueError(f"{path.relative_to(root)} cannot be changed, nothing was: {why}") from error
    return texts


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


def _write(texts: dict[Path, str]) -> None:
    """Write all files or none; raises ``ValueError`` for one that cannot be written."""
    before = {path: path.read_bytes() for path in texts if path.exists()}
    drafts = {path: path.with_name(f".{path.name}.draft") for path in texts}
    try:
        for path, draft in drafts.items():
            draft.write_text(texts[path], encoding="utf-8")
            if path in before:
                shutil.copymode(path, draft)
        for path, draft in drafts.items():
            draft.replace(path)
    except BaseException as error:
        for path in (path for path in (*drafts.values(), *texts) if path not in before and path.exists()):
            path.unlink()
        for path, old in before.items():
            if path.read_bytes() != old:
                path.write_bytes(old)
        if isinstance(error, OSError):
            raise ValueError(f"{error.filename}: {error.strerror}; nothing was changed") from error
        raise
