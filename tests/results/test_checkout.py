"""Which commit and date the code has: those of its own checkout, or none, with the reason."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tinycircuits.results import checkout
from tinycircuits.results.checkout import Source, set_date, source

WHEN = {"GIT_COMMITTER_DATE": "1777593600 +0200", "GIT_AUTHOR_DATE": "1700000000 +0000"}


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(folder), *arguments]
    return subprocess.run(command, env=os.environ | WHEN, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(autouse=True)
def _own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet")
    (folder / "file").write_text("text\n")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message=one")
    return folder


def twelve(folder: Path) -> str:
    return git(folder, "rev-parse", "HEAD")[:12]


def test_a_checkout_has_twelve_digits_and_the_date_of_its_commit(repository: Path) -> None:
    assert source(repository) == Source(twelve(repository), 1777593600)
    (repository / "file").write_text("changed\n")
    assert source(repository).commit == f"{twelve(repository)}-dirty"


@pytest.mark.parametrize(
    "arguments",
    [
        ("tag", "--annotate", "v1.0", "--message=tagged"),
        ("tag", "v1.0"),
        ("config", "core.abbrev", "7"),
        ("config", "log.showSignature", "true"),
        ("config", "log.date", "relative"),
        ("checkout", "--quiet", "--detach"),
    ],
)
def test_neither_tags_nor_settings_change_it(repository: Path, arguments: tuple[str, ...]) -> None:
    git(repository, *arguments)
    assert source(repository) == Source(twelve(repository), 1777593600)


def test_a_work_tree_beside_the_repository_is_a_checkout(repository: Path) -> None:
    git(repository, "worktree", "add", "--quiet", "--detach", str(repository.parent / "beside"))
    assert source(repository.parent / "beside").commit == twelve(repository)


def test_a_repository_that_a_hook_or_a_user_points_to_has_no_say(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = shutil.copytree(repository, tmp_path / "other")
    git(other, "commit", "--quiet", "--allow-empty", "--message=two")
    monkeypatch.setenv("GIT_DIR", str(repository / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(repository / ".git/index"))
    monkeypatch.setenv("GIT_WORK_TREE", str(repository))
    found = source(other)
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"):
        monkeypatch.delenv(name)
    assert found.commit == twelve(other) != twelve(repository)


def unpacked(repository: Path) -> Path:
    """A copy without .git, inside the repository of somebody else."""
    folder = repository / "vendor" / "book"
    folder.mkdir(parents=True)
    return folder


def owned_by_another(repository: Path) -> Path:
    if os.getuid():
        pytest.skip("only root gives a folder away")
    for path in (repository, repository / ".git"):
        os.chown(path, 12345, 12345)
    return repository


def without_a_commit(repository: Path) -> Path:
    shutil.rmtree(repository / ".git")
    git(repository, "init", "--quiet")
    return repository


def without_git(repository: Path) -> Path:
    os.environ["PATH"] = str(repository)
    return repository


def in_no_repository(repository: Path) -> Path:
    return repository.parent


def with_a_torn_link(repository: Path) -> Path:
    shutil.rmtree(repository / ".git")
    (repository / ".git").write_text("gitdir: /nowhere\n")
    return repository


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (unpacked, "inside another one$"),
        (owned_by_another, r"of another user; allow it with: git config --global --add safe\.directory '\S+'$"),
        (without_a_commit, "git says: "),
        (without_git, "git is not installed$"),
        (in_no_repository, "no checkout of a git repository$"),
        (with_a_torn_link, "no checkout of a git repository$"),
    ],
)
def test_without_a_commit_there_is_a_reason_and_no_foreign_date(made, said, repository, monkeypatch) -> None:
    monkeypatch.setenv("PATH", os.environ["PATH"])
    folder = made(repository)
    known = source(folder)
    assert (known.commit, known.epoch) == ("", None)
    monkeypatch.setattr(checkout, "source", lambda: known)
    told = set_date()
    assert told.startswith("what is built names no commit and carries the date of today: ")
    assert re.search(said, told)
    assert "\n" not in told
    assert "SOURCE_DATE_EPOCH" not in os.environ


def test_the_date_of_the_commit_is_set_unless_there_is_one(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkout, "source", lambda: source(repository))
    for given, date in ((None, "1777593600"), ("", "1777593600"), ("12", "12")):
        if given is not None:
            monkeypatch.setenv("SOURCE_DATE_EPOCH", given)
        assert set_date() == ""
        assert os.environ["SOURCE_DATE_EPOCH"] == date


@pytest.mark.parametrize("given", ["yesterday", "-1", "1.5", "2026-05-01", "١٢"])
def test_a_date_that_is_none_is_refused(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", given)
    with pytest.raises(ValueError, match=f"SOURCE_DATE_EPOCH: seconds since 1970 expected, got '{given}'"):
        set_date()
