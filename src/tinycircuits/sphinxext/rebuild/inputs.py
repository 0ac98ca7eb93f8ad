"""All that a chapter's numbers depend on, as one digest: its imports, the results it loads, and the locked versions."""

import ast
import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path

import grimp


@dataclass(frozen=True)
class Project:
    """Where a chapter's inputs live.

    ``results`` has one folder per study, and ``<study>.<kind>`` for what else is stored of it; ``loader`` is the module
    that opens them. ``readers`` are modules that open a certain folder whatever a chapter names, with that folder.
    """

    package: str
    results: Path
    lock: Path
    loader: str
    readers: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def graph(self) -> grimp.ImportGraph:
        """Which module of the package imports which."""
        return grimp.build_graph(self.package, cache_dir=None)

    @cached_property
    def folder(self) -> Path:
        """The folder of the package; raises ``ModuleNotFoundError`` if it is not installed."""
        spec = find_spec(self.package)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(f"package {self.package!r} is not installed")
        return Path(spec.origin).parent

    @cached_property
    def checksum(self) -> Callable[[Path], bytes]:
        """Returns the SHA-256 of a file, which is read once."""
        return cache(lambda path: hashlib.sha256(path.read_bytes()).digest())

    @cached_property
    def below(self) -> Callable[[Path], list[Path]]:
        """Returns the files below a folder in order, which is walked once."""
        return cache(lambda folder: sorted(path for path in folder.rglob("*") if path.is_file()))

    def closure(self, names: Iterable[str]) -> set[str]:
        """Every module of the package that importing ``names`` runs."""
        seen: set[str] = set()
        waiting = [name for name in names if name.split(".")[0] == self.package]
        while waiting:
            name = waiting.pop()
            if name in seen or name not in self.graph.modules:
                continue
            seen.add(name)
            waiting += [name.rpartition(".")[0], *self.graph.find_modules_directly_imported_by(name)]
        return seen

    def files(self, modules: Iterable[str]) -> Iterator[Path]:
        """Yield the source of each module and, for a package, the data files that lie in it."""
        for name in sorted(modules):
            base = self.folder.joinpath(*name.split(".")[1:])
            if not base.is_dir():
                yield base.with_suffix(".py")
                continue
            yield base / "__init__.py"
            yield from (path for path in self.below(base) if _is_data_of(path, base))


def _is_data_of(path: Path, package: Path) -> bool:
    inner = path.parent
    while inner != package:
        if (inner / "__init__.py").exists() or inner.name == "__pycache__":
            return False
        inner = inner.parent
    return path.suffix not in {".py", ".pyc"}


def imported(trees: Iterable[ast.Module]) -> set[str]:
    """The modules that code names in import statements; of ``from a import b`` both ``a`` and ``a.b``."""
    names: set[str] = set()
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def parsed(sources: Iterable[str]) -> list[ast.Module]:
    """The syntax trees of cells; a cell that is no Python is left for the kernel to refuse."""
    trees = []
    for source in sources:
        try:
            trees.append(ast.parse(source))
        except SyntaxError:
            continue
    return trees


def texts(trees: Iterable[ast.Module]) -> set[str]:
    """The texts that stand in the code."""
    found = (node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return {value for value in found if isinstance(value, str)}


def folders_of(names: set[str], known: Iterable[str]) -> set[str]:
    """Those ``known`` folders of results that are named, or belong to a study that is: ``<study>.<kind>``."""
    return {folder for folder in known if not names.isdisjoint({folder, folder.split(".")[0]})}


def digest(project: Project, cells: Iterable[str], named: Iterable[str] = ()) -> str:
    """16 hexadecimal digits over everything that a chapter with these code ``cells`` depends on besides them.

    ``named`` adds studies to those that the code names. A chapter that reaches the loader of results without naming any
    study depends on all of them.
    """
    trees = parsed(cells)
    modules = project.closure(imported(trees))
    known = [path.name for path in sorted(project.results.glob("*")) if path.is_dir()]
    studies = folders_of(texts(trees) | set(named), known)
    if not studies and project.loader in modules:
        studies = set(known)
    studies |= {folder for module, folder in project.readers.items() if module in modules}
    results = [path for study in sorted(studies) for path in project.below(project.results / study)]
    total = hashlib.sha256(f"python {sys.version_info.major}.{sys.version_info.minor}".encode())
    for root, path in [
        *((project.folder, p) for p in project.files(modules)),
        *((project.results, p) for p in results),
    ]:
        total.update(path.relative_to(root).as_posix().encode() + b"\0" + project.checksum(path))
    total.update(project.lock.read_bytes() if project.lock.exists() else b"")
    return total.hexdigest()[:16]
