"""The environment that ``make`` runs is the checkout's own: made, copied, moved, half made, linked."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
INTERPRETER = f"""#!{sys.executable}
import os, pathlib, subprocess, sys
if sys.argv[1:] != ["-m", "venv", ".venv"]:
    os.execv(sys.executable, ["python", *sys.argv[1:]])
subprocess.run([sys.executable, "-m", "venv", "--without-pip", ".venv"], check=True)
if "BROKEN" in os.environ:
    sys.exit("ensurepip is not available")
pip = pathlib.Path(".venv/bin/pip")
pip.write_text('#!/bin/sh\\n"exec" "' + str(pip.parent.resolve()) + '/python" "$0" "$@"\\n' + {{pip!r}})
pip.chmod(0o755)
"""
PIP = """
import pathlib, sys, sysconfig
if "--editable" in sys.argv:
    pathlib.Path(sysconfig.get_path("purelib"), "own.pth").write_text(str(pathlib.Path("src").resolve()))
"""
"""Stand-ins: an interpreter whose environments are made at once, and the pip in them, which installs a path."""


class Checkout:
    """A folder with what ``make`` needs for an environment."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.python = folder, folder.parent / "python"

    def make(self, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run make for the environment."""
        env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MAKEFLAGS")}
        command = ["make", "--no-print-directory", f"PYTHON='{self.python}'", ".venv/.installed"]
        return subprocess.run(
            command, cwd=self.folder, env=env | environment, capture_output=True, text=True, check=False
        )

    def package(self) -> Path:
        """The folder whose package the environment imports."""
        command = [self.folder / ".venv/bin/python", "-c", "import tinycircuits as t; print(t.__file__)"]
        done = subprocess.run(command, cwd="/", env={}, capture_output=True, text=True, check=True)
        return Path(done.stdout.strip()).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A checkout with its environment, in a folder with an odd name."""
    folder = tmp_path / "a book's folder" / "original"
    for name in ("Makefile", ".ci/environment", "requirements.lock", "pyproject.toml", "src/tinycircuits/__init__.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    made = Checkout(folder)
    made.python = tmp_path / "python"
    made.python.write_text(INTERPRETER.format(pip=PIP))
    made.python.chmod(0o755)
    done = made.make()
    assert done.returncode == 0, done.stderr
    assert made.package() == folder
    return made


def another(checkout: Checkout, name: str = "copy") -> Checkout:
    found = Checkout(checkout.folder.with_name(name))
    found.python = checkout.python
    return found


def test_a_sound_environment_is_left_alone(checkout: Checkout) -> None:
    done = checkout.make()
    assert (done.returncode, done.stderr) == (0, "")
    assert "up to date" in done.stdout


@pytest.mark.parametrize("way", [lambda old, new: shutil.copytree(old, new, symlinks=True), os.rename])
def test_a_copied_or_moved_checkout_gets_an_environment_of_its_own(checkout: Checkout, way) -> None:
    copy = another(checkout)
    way(checkout.folder, copy.folder)
    done = copy.make()
    assert "made in another folder and would run the package there; it is made anew" in done.stdout
    assert done.returncode == 0, done.stderr
    assert copy.package() == copy.folder
    assert not checkout.folder.exists() or checkout.package() == checkout.folder


def test_an_environment_with_another_package_or_without_its_python_is_made_anew(checkout: Checkout) -> None:
    (path,) = (checkout.folder / ".venv").rglob("own.pth")
    path.write_text("/nowhere")
    assert "its package is not that of this folder; it is made anew" in checkout.make().stdout
    assert checkout.package() == checkout.folder
    (checkout.folder / ".venv/bin/python").unlink()
    assert "its Python does not run or is older than 3.11; it is made anew" in checkout.make().stdout
    assert checkout.package() == checkout.folder


def test_what_make_did_not_finish_is_named_and_not_removed(checkout: Checkout) -> None:
    (checkout.folder / ".venv/.installed").unlink()
    (checkout.folder / ".venv/bin/pip").unlink()
    done = checkout.make()
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == (
        ".venv: it has no pip: another tool made it, or it was not finished; remove it and run make again: rm -r .venv"
    )
    assert (checkout.folder / ".venv/pyvenv.cfg").exists()


def test_an_interpreter_that_cannot_make_environments_leaves_no_half_one(checkout: Checkout) -> None:
    shutil.rmtree(checkout.folder / ".venv")
    done = checkout.make(BROKEN="1")
    assert done.returncode == 2
    assert "cannot make environments; on Debian and Ubuntu: sudo apt-get install python3-venv" in done.stderr
    assert not (checkout.folder / ".venv").exists()
    assert checkout.make().returncode == 0


def test_an_old_python_is_refused_before_anything_is_made(checkout: Checkout) -> None:
    shutil.rmtree(checkout.folder / ".venv")
    checkout.python.write_text('#!/bin/sh\n[ "$1" != --version ] || exec echo Python 3.9.2\nexit 1\n')
    said = checkout.make().stderr.splitlines()[0]
    assert said.startswith(".venv: Python 3.11 or newer is needed, ")
    assert said.endswith(" is Python 3.9.2; try make PYTHON=python3.11")
    assert not (checkout.folder / ".venv").exists()


def test_nothing_is_installed_through_a_link(checkout: Checkout) -> None:
    copy = another(checkout)
    shutil.copytree(checkout.folder, copy.folder, ignore=shutil.ignore_patterns(".venv"))
    (copy.folder / ".venv").symlink_to(checkout.folder / ".venv")
    assert copy.make(PYTHONPATH=str(copy.folder / "src")).returncode == 0
    done = copy.make()
    assert done.returncode == 2
    assert done.stderr.startswith(".venv: its package is not that of this folder; it is a link, so mend what it")
    assert checkout.package() == checkout.folder


def test_a_path_to_another_package_does_not_reach_what_make_runs(checkout: Checkout) -> None:
    other = another(checkout, "other")
    shutil.copytree(checkout.folder / "src", other.folder / "src")
    assert checkout.make(PYTHONPATH=str(other.folder / "src")).returncode == 0
    assert checkout.package() == checkout.folder
