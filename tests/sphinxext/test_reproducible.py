"""Two builds of the same sources in different folders give the same bytes."""

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from tests.tools import BUILD, built
from tinycircuits.sphinxext.press import typeset

ROOT = Path(__file__).resolve().parents[2]
PDF = "latex/from-zero-to-mechanistic-interpretability.pdf"
STATUS = "status.html"
"""The page that shows when and on what the chapters ran."""

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("reproducible")]


def git(*arguments: str, cwd: Path = ROOT) -> str:
    return subprocess.run(["git", *arguments], cwd=cwd, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def epoch() -> dict[str, str]:
    """The date of the build: the one that is set, or the last commit's, as in the Makefile."""
    return {"SOURCE_DATE_EPOCH": os.environ.get("SOURCE_DATE_EPOCH") or git("log", "-1", "--format=%ct").strip()}


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory, epoch: dict[str, str]) -> Path:
    """The build folder of a copy of the sources, built from nothing in a folder with another and longer name."""
    copy = tmp_path_factory.mktemp("a folder of another length") / "the-book"
    git("clone", "--quiet", "--no-hardlinks", str(ROOT), str(copy))
    changed = git("diff", "--name-only", "--diff-filter=d", "HEAD").splitlines()
    for name in [*changed, *git("ls-files", "--others", "--exclude-standard").splitlines()]:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes((ROOT / name).read_bytes())
    for name in git("diff", "--name-only", "--diff-filter=D", "HEAD").splitlines():
        (copy / name).unlink()
    env = os.environ | epoch | {"PYTHONPATH": str(copy / "src"), "TINYCIRCUITS_FROZEN": "1"}
    code = "import sys; from jupyter_book.cli.main import main; sys.exit(main())"
    build = [sys.executable, "-c", code, "build", "book", "-W", "-n", "--keep-going"]
    subprocess.run(build, cwd=copy, env=env, check=True, stdout=subprocess.DEVNULL)
    if not typeset.absent_tools():
        press = [sys.executable, "-m", "tinycircuits.sphinxext.press.typeset", "book", "-W", "-n", "--keep-going"]
        subprocess.run(press, cwd=copy, env=env, check=True, stdout=subprocess.DEVNULL)
    return copy / "book/_build"


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_site_is_the_same_byte_for_byte(elsewhere: Path) -> None:
    here, there = files(built("html/intro.html", "make book").parent), files(elsewhere / "html")
    assert set(here) == set(there)
    assert sorted(name for name in here if here[name] != there[name] and name != STATUS) == []


@pytest.mark.latex
def test_the_pdf_is_the_same_byte_for_byte(elsewhere: Path) -> None:
    here, there = (sha256(path.read_bytes()).hexdigest() for path in (built(PDF, "make pdf"), elsewhere / PDF))
    assert here == there, "of the bytes themselves pytest would look for the first that differs, for minutes"


def test_no_file_of_the_site_names_a_folder_of_this_machine(elsewhere: Path) -> None:
    named = [name for name, content in files(BUILD / "html").items() if str(ROOT).encode() in content]
    assert named == []
