"""What is imported is declared and the other way round; without extras the package and its command line are whole."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "src"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
MODULES = sorted((SOURCES / "tinycircuits").rglob("*.py"))
BOOK = [path for path in MODULES if "sphinxext" in path.parts]
CORE = [path for path in MODULES if "sphinxext" not in path.parts]
STARTED = {"jupyter-book"}
"""What the builder runs without an import statement."""


def names(requirements: Iterable[str]) -> set[str]:
    return {canonicalize_name(Requirement(line).name) for line in requirements}


_brought = cache(packages_distributions)
EXTRAS = {extra: names(lines) for extra, lines in PROJECT["optional-dependencies"].items()}
DECLARED = names(PROJECT["dependencies"])


def imports(node: ast.AST, *, late: bool) -> Iterator[str]:
    """Yield what is imported, as it is written; what functions import only if ``late``."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and child.module:
            yield child.module
        elif late or not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from imports(child, late=late)


def distributions(files: Iterable[Path], *, late: bool) -> list[set[str]]:
    """Return for each package of others that the files import the distributions that bring it: mostly one."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in files]
    packages = {name.split(".")[0] for tree in trees for name in imports(tree, late=late)}
    known = _brought()
    foreign = sorted(packages - set(sys.stdlib_module_names) - {"tinycircuits"})
    return [{canonicalize_name(name) for name in known[package]} for package in foreign]


@pytest.mark.parametrize(
    ("files", "late", "declared"),
    [
        (CORE, False, DECLARED),
        (CORE, True, DECLARED | EXTRAS["book"] | EXTRAS["dask"]),
        (BOOK, True, DECLARED | EXTRAS["book"]),
    ],
    ids=["the package on import", "the package in functions", "the builder of the book"],
)
def test_what_is_imported_is_declared(files: list[Path], late: bool, declared: set[str]) -> None:
    assert [found for found in distributions(files, late=late) if found.isdisjoint(declared)] == []


def test_what_is_declared_is_imported() -> None:
    assert set().union(*distributions(CORE, late=True)) >= DECLARED
    assert set().union(*distributions(BOOK, late=True)) >= EXTRAS["book"] - STARTED
    assert set().union(*distributions(CORE, late=True)) >= EXTRAS["dask"]


def needed(requirements: Iterable[str]) -> set[str]:
    """Return the distributions that installing ``requirements`` brings here."""
    found: set[tuple[str, str]] = set()
    waiting = [Requirement(line) for line in requirements]
    while waiting:
        requirement = waiting.pop()
        for extra in ("", *requirement.extras):
            if (requirement.name, extra) not in found:
                found.add((requirement.name, extra))
                more = map(Requirement, distribution(requirement.name).requires or [])
                waiting += [each for each in more if each.marker is None or each.marker.evaluate({"extra": extra})]
    return {name for name, _ in found}


@pytest.mark.slow
def test_without_extras_every_module_but_the_builders_can_be_imported(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path], check=True)
    site = next((tmp_path / "lib").glob("python*/site-packages"))
    for name in needed(PROJECT["dependencies"]):
        installed = distribution(name)
        for top in {file.parts[0] for file in installed.files or [] if file.parts[0] != ".."} - {"__pycache__"}:
            if not (site / top).exists():
                (site / top).symlink_to(str(installed.locate_file(top)))
    (site / "tinycircuits.pth").write_text(str(SOURCES))
    modules = [".".join(path.relative_to(SOURCES).with_suffix("").parts).removesuffix(".__init__") for path in CORE]
    code = f"import sys\nfor name in {modules}: __import__(name)\nprint('sphinx' in sys.modules)"
    python = [tmp_path / "bin" / "python", "-E"]
    done = subprocess.run([*python, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "False\n"), done.stderr
