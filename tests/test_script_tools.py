"""Types and style of the live model's script are checked, and the check finds what is wrong."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.tools import missing

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = Path("src/tinycircuits/sphinxext/pages/script")
TOOLS = Path("tools/script")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder with the script and what checks it."""
    if shutil.which("npm") is None:
        missing("npm is not installed")
    installed = ROOT / TOOLS / "node_modules"
    if not (installed / ".lock").exists():
        missing("the tools of the live model's script are not installed: make lint")
    shutil.copytree(ROOT / SCRIPT, tmp_path / SCRIPT)
    shutil.copytree(ROOT / TOOLS, tmp_path / TOOLS, ignore=shutil.ignore_patterns("node_modules"))
    (tmp_path / TOOLS / "node_modules").symlink_to(installed)
    return tmp_path


def checked(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    required = {name: value for name, value in os.environ.items() if name != "TINYCIRCUITS_REQUIRE_TOOLS"}
    command = ["/bin/sh", folder / TOOLS / "check"]
    return subprocess.run(command, env=required | environment, capture_output=True, text=True, check=False)


def test_the_script_is_clean(copy: Path) -> None:
    done = checked(copy)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('export const more = length("eight");', "not assignable to parameter of type 'Data'"),
        ("export const more = (a) => a;", "implicitly has an 'any' type"),
        ("export const more = 1 == Number('1');", "noDoubleEquals"),
        ("export  const more = 1;", "Formatter would have printed"),
    ],
)
def test_a_mistake_is_found(copy: Path, line: str, found: str) -> None:
    with (copy / SCRIPT / "model.js").open("a") as module:
        module.write(f"{line}\n")
    done = checked(copy)
    assert done.returncode != 0
    assert found in done.stdout + done.stderr


@pytest.mark.parametrize(("required", "code"), [("", 0), ("1", 1)])
def test_without_npm_one_line_says_so(tmp_path: Path, required: str, code: int) -> None:
    shutil.copytree(ROOT / TOOLS, tmp_path / TOOLS, ignore=shutil.ignore_patterns("node_modules"))
    for program in ("dirname", "cmp"):
        (tmp_path / program).symlink_to(str(shutil.which(program)))
    done = checked(tmp_path, PATH=str(tmp_path), TINYCIRCUITS_REQUIRE_TOOLS=required)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr == "npm is not installed: the live model's script is not checked\n"
