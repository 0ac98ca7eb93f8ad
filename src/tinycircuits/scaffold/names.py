"""What a new task may be called: nothing that exists already, and nothing that would break what is there."""

import builtins
import keyword
import re
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

LONGEST = 40
"""Letters of a name, with which every line that is written still fits."""
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_PAGES = ("genindex", "index", "py-modindex", "search", "reports", "jupyter-execute", "objects")
"""What a build writes beside the pages of the chapters."""
_DEVICES = ("aux", "con", "nul", "prn", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10)))
"""Names that no file can have on Windows."""
_BOUND = re.compile(r"^(?:class|import|from \S+ import) (\([^)]*\)|[^\n(:]*)", re.M)
"""The classes of a module and what it imports."""
_LABEL = r'^\({0}\)=|^\$\$ \({0}\)|^:(?:label|name): *{0}$|\bname="{0}(?:-loss|-attention|-ablation)?"'
"""Where a chapter names what is referred to, be it what the new chapter brings."""


def checked(name: str, root: Path) -> str:
    """``name`` if the checkout at ``root`` can have a task of this name; else raise ``ValueError``."""
    if not _NAME.fullmatch(name) or len(name) > LONGEST:
        shown = name if len(name) <= LONGEST else f"{name[:LONGEST]}..."
        what = f"lower-case words joined by hyphens (shifted-copy), at most {LONGEST} letters"
        raise ValueError(f"a task's name is {what}, got {shown!r}")
    if name.startswith("test"):
        raise ValueError(f"the name {name} would break the tests: pytest takes every class Test... for one of its own")
    for taken, what in _taken(name, root):
        if _key(taken) == _key(name):
            raise ValueError(f"the name {name} is taken: {what}")
    return name


def _key(name: str) -> str:
    """What ``shifted-copy``, ``shifted_copy`` and ``ShiftedCopy`` have in common."""
    return re.sub("[^a-z0-9]", "", name.lower())


def _taken(name: str, root: Path) -> Iterator[tuple[str, str]]:
    """Yield every name that there is and what bears it."""
    package = root / "src" / "tinycircuits"
    modules = sorted(package.rglob("*.py"))
    folders = [path.parent for path in modules if path.name == "__init__.py"]
    seen = [root / folder for folder in ("book", "figures", "results")]
    files = [*modules, *folders, *(path for folder in seen if folder.is_dir() for path in sorted(folder.iterdir()))]
    for path in [*files, *sorted((root / "tests").rglob("*.py"))]:
        yield path.name.split(".")[0].removeprefix("test_"), f"{path.relative_to(root)} is there"
    for word in (*keyword.kwlist, *keyword.softkwlist, *dir(builtins)):
        yield word, f"{word} is a word of Python"
    for word in (*_PAGES, *_DEVICES):
        yield word, f"{word} is a page of every book" if word in _PAGES else f"{word} is a device on Windows"
    module = name.replace("-", "_")
    if module in sys.stdlib_module_names or find_spec(module):
        yield module, f"{module} is a module of Python or of a library"
    for path in modules:
        for bound in _BOUND.findall(path.read_text(encoding="utf-8")):
            yield from ((word, f"{path.relative_to(root)} has {word}") for word in re.findall(r"\w+", bound))
    for path in sorted((root / "book").glob("*.md")):
        if re.search(_LABEL.format(name), path.read_text(encoding="utf-8"), re.M):
            yield name, f"{path.relative_to(root)} has a label of this name"
    yield from _stored()


def _stored() -> Iterator[tuple[str, str]]:
    from tinycircuits.results import catalogue

    for row in catalogue.rows():
        yield from ((each, f"the tables of results have {each}") for each in (row.name, row.folder.split(".")[0]))
