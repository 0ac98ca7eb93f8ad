"""What runs in CI: every test, and a failure anywhere is a failure of the whole."""

import importlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests import tools

ROOT = Path(__file__).resolve().parents[1]
RUN = (ROOT / ".ci/run").read_text(encoding="utf-8")
READS = re.compile(r"\bBUILD / |\bpytest\.mark\.(?:latex|browser)\b")
"""What stands in a module whose tests need the built book, a browser or TeX."""
PROGRAMS = ("chromium", "firefox-esr", "latexmk", "xelatex")
MAKE = """#!/bin/sh
echo "$@" >> made
case "$*" in "$FAILS") exit 1 ;; esac
"""


def test_every_test_runs() -> None:
    assert re.findall(r"^.*\bmake .*\btest\b.*$", RUN, re.M) == ['make -o lint test MARKS=""']
    assert not re.search(r"\bTESTS=|PYTEST_ADDOPTS|pytest", RUN), "all folders, as in make test"


def test_what_reads_the_book_waits_for_it(request: pytest.FixtureRequest) -> None:
    readers = [path for path in sorted((ROOT / "tests").rglob("test_*.py")) if READS.search(path.read_text("utf-8"))]
    assert len(readers) > 10
    for path in readers:
        module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        assert tools.read_the_book(path, vars(module)), path
    assert not tools.read_the_book(Path(__file__), globals() | {"built": len})
    assert request.node.get_closest_marker("book") is None


class Checkout:
    """The script in a folder of its own, where every program is there and ``make`` only notes what it should make."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / ".ci").mkdir()
        shutil.copy2(ROOT / ".ci/run", folder / ".ci/run")
        (folder / "bin").mkdir()
        for name, text in ({"make": MAKE} | dict.fromkeys(PROGRAMS, "#!/bin/sh\n")).items():
            (folder / "bin" / name).write_text(text)
            (folder / "bin" / name).chmod(0o755)

    def run(self, fails: str) -> tuple[int, list[str]]:
        """Whether it ended well, and what was made, where one thing fails."""
        env = os.environ | {"PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}", "FAILS": fails}
        done = subprocess.run([self.folder / ".ci/run"], env=env, capture_output=True, check=False, timeout=60)
        return done.returncode, (self.folder / "made").read_text().splitlines()


@pytest.mark.parametrize("fails", ["lint", "book", "pdf", "-o lint test MARKS="])
def test_a_failure_of_any_part_is_a_failure(tmp_path: Path, fails: str) -> None:
    status, made = Checkout(tmp_path).run(fails)
    assert status != 0
    assert fails in made


def test_all_that_is_made_is_made_in_its_order(tmp_path: Path) -> None:
    status, made = Checkout(tmp_path).run("nothing")
    assert status == 0
    assert made.count("lint") == 1
    made.remove("lint")
    assert made == [
        "-q .venv/.installed",
        ".venv/.installed PIP_ARGS=--no-compile ",
        "book",
        "pdf",
        "-o lint test MARKS=",
    ]


def test_a_test_that_never_ends_fails_under_its_name(tmp_path: Path) -> None:
    (options,) = re.findall(r"/pytest (-n .*) -m ", (ROOT / "Makefile").read_text("utf-8"))
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["pytest"]["ini_options"]
    assert 300 < settings["faulthandler_timeout"] < 1_200
    exits = settings["faulthandler_exit_on_timeout"]
    (tmp_path / "pytest.ini").write_text(
        f"[pytest]\nfaulthandler_timeout = 2\nfaulthandler_exit_on_timeout = {exits}\n"
    )
    (tmp_path / "test_it.py").write_text(
        "import time\n\n\ndef test_others():\n    pass\n\n\ndef test_endless():\n    time.sleep(600)\n"
    )
    command = [sys.executable, "-m", "pytest", *options.split(), "-p", "no:cacheprovider", "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1
    assert "FAILED test_it.py::test_endless" in done.stdout
    assert "1 failed, 1 passed" in done.stdout
    assert "line 9 in test_endless" in done.stderr, "what it was doing"
