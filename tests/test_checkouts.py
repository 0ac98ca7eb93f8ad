"""A checkout has the committed bytes, whatever a machine's Git is set to, and needs no links."""

import os
import subprocess
import zipfile
from pathlib import Path

import pytest

from tinycircuits.scaffold import new_task, own_tasks
from tinycircuits.sphinxext.press.selection import contents

ROOT = Path(__file__).resolve().parents[1]
FOREIGN = {
    "line endings of the machine": ("", "core.autocrlf=true", "core.eol=crlf"),
    "attributes for everything": (
        "* text eol=crlf ident\n*.md working-tree-encoding=UTF-16LE export-subst\n*.svg filter=spoil export-ignore",
        "core.eol=crlf",
        "filter.spoil.smudge=tr a-z A-Z",
    ),
}
"""What a reader's own attributes say about every repository, and the settings of their Git."""


def git(*command: str, home: Path | None = None) -> bytes:
    env = os.environ | ({"GIT_CONFIG_GLOBAL": str(home / "gitconfig")} if home else {})
    return subprocess.run(["git", *command], env=env, capture_output=True, check=True).stdout


@pytest.fixture
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A reader's settings of Git."""
    attributes, *settings = FOREIGN[request.param]
    (tmp_path / "attributes").write_text(f"{attributes}\n")
    for setting in (f"core.attributesFile={tmp_path / 'attributes'}", *settings):
        git("config", "--file", str(tmp_path / "gitconfig"), *setting.split("=", 1))
    return tmp_path


def committed() -> dict[str, str]:
    """The name of every committed file, and the sum of its bytes as Git counts it; links are left out."""
    lines = git("-C", str(ROOT), "ls-tree", "-r", "-z", "HEAD").decode().split("\0")[:-1]
    split = (line.split(maxsplit=3) for line in lines)
    return {name: digest for mode, _, digest, name in split if mode != "120000"}


def sums(folder: Path, names: list[str]) -> list[str]:
    command = ["git", "hash-object", "--no-filters", "--stdin-paths"]
    done = subprocess.run(command, cwd=folder, input="\n".join(names), capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize("home", FOREIGN, indirect=True)
@pytest.mark.parametrize("way", ["clone", "archive"])
def test_no_setting_of_git_changes_a_byte(home: Path, way: str) -> None:
    copy = home / "copy"
    if way == "clone":
        git("clone", "--quiet", "--shared", str(ROOT), str(copy), home=home)
        assert git("-C", str(copy), "status", "--porcelain", home=home) == b""
    else:
        copy.mkdir()
        git("-C", str(ROOT), "archive", "--output", str(home / "copy.tar"), "HEAD", home=home)
        subprocess.run(["tar", "-xf", str(home / "copy.tar"), "-C", str(copy)], check=True)
    files = committed()
    assert sums(copy, list(files)) == list(files.values())


def test_differences_of_results_are_shown_as_text() -> None:
    name = next(name for name in committed() if name.startswith("results/") and name.endswith("metrics.json"))
    checked = git("-C", str(ROOT), "check-attr", "diff", "text", "--", name).decode()
    assert checked.splitlines() == [f"{name}: diff: unspecified", f"{name}: text: unset"]


def test_nothing_that_is_used_is_a_link(tmp_path: Path) -> None:
    git("-C", str(ROOT), "archive", "--output", str(tmp_path / "copy.zip"), "HEAD", "--", ".", ":!results", ":!figures")
    zipfile.ZipFile(tmp_path / "copy.zip").extractall(tmp_path / "copy")  # a link becomes a file with its target's name
    assert not [path for path in (tmp_path / "copy").rglob("*") if path.is_symlink()]
    assert contents(tmp_path / "copy/book") == contents(ROOT / "book")
    new_task("made-up", tmp_path / "copy")
    assert own_tasks(tmp_path / "copy") == [*own_tasks(ROOT), "made-up"]
