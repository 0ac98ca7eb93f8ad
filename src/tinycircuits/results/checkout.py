"""The checkout that this code runs from: where it lies, which commit it is, and of which date."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]

EPOCH = "SOURCE_DATE_EPOCH"
"""The variable with the date of what is built, in seconds since 1970; Sphinx and TeX read it as well."""

_OF_ANOTHER = {"GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE"}
"""Variables that point git to a repository; in a hook they are those of the repository that is committed to."""


@dataclass(frozen=True)
class Source:
    """Which commit the code is: 12 digits, with ``-dirty`` when files differ from it, and its date, seconds since 1970.

    Where no commit is known it is empty; ``why`` says why and ``remedy`` what helps.
    """

    commit: str = ""
    epoch: int | None = None
    why: str = ""
    remedy: str = ""


def source(root: Path = REPOSITORY) -> Source:
    """What git knows of the code in ``root``; a repository that ``root`` merely lies in has no say."""
    try:
        if _git(root, "rev-parse", "--show-prefix"):
            return Source(why="the folder is no checkout, it lies inside another one")
        commit = _git(root, "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*")
        return Source(commit, int(_git(root, "-c", "log.showSignature=false", "log", "-1", "--format=%ct")))
    except OSError:
        return Source(why="git is not installed")
    except subprocess.CalledProcessError as error:
        return _refused(root, error.stderr)


def _refused(root: Path, said: str) -> Source:
    if "dubious ownership" in said:
        allow = f"git config --global --add safe.directory '{root}'"
        return Source(why="git reads no checkout of another user", remedy=f"allow it with: {allow}")
    if "not a git repository" in said:
        return Source(why="the folder is no checkout of a git repository")
    first = next(iter(said.strip().splitlines()), "")
    return Source(why=f"git says: {first.removeprefix('fatal: ')}")


def _git(root: Path, *arguments: str) -> str:
    env = {name: value for name, value in os.environ.items() if name not in _OF_ANOTHER} | {"LC_ALL": "C"}
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout.strip()


def git_commit() -> str:
    """The commit that this code is, as in ``Source``, or ``unknown``."""
    return source().commit or "unknown"


def set_date() -> str:
    """Give what is built the date of the commit, unless ``EPOCH`` has one; return what to say where there is none.

    Raises ``ValueError`` when ``EPOCH`` holds anything but seconds.
    """
    given = os.environ.get(EPOCH, "")
    if given and not (given.isascii() and given.isdigit()):
        raise ValueError(f"{EPOCH}: seconds since 1970 expected, got {given!r}")
    known = source()
    if known.commit:
        os.environ[EPOCH] = given or str(known.epoch)
        return ""
    if not given:
        os.environ.pop(EPOCH, None)
    date = "" if given else " and carries the date of today"
    return "; ".join(filter(None, [f"what is built names no commit{date}: {known.why}", known.remedy]))
