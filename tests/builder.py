"""Builds of a book in copies of a process that has imported all that a build imports, which takes most of its time.

Run as ``python -m tests.builder`` it is that process: it reads one JSON line for each build from its input, runs
``jupyter-book``, or the print command, in a copy of itself and answers with the exit status.
"""

import atexit
import importlib
import json
import os
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TIMEOUT = 120
"""Seconds that a build may take; one that takes longer ends with the status -14."""


class Builder:
    """The other side: starts the process and asks it for builds."""

    def __init__(self) -> None:
        # One thread: a copy of a process with threads has none of them.
        env = os.environ | {"OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "tests.builder"]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def build(self, arguments: list[str], cwd: Path, env: dict[str, str], log: Path) -> int:
        """Run ``jupyter-book`` with ``arguments`` in ``cwd``, what it says going to ``log``; return its exit status."""
        return self._ask("build", arguments, cwd, env, log)

    def typeset(self, arguments: list[str], cwd: Path, env: dict[str, str], log: Path) -> int:
        """Run the print command in the same way."""
        return self._ask("typeset", arguments, cwd, env, log)

    def _ask(self, what: str, arguments: list[str], cwd: Path, env: dict[str, str], log: Path) -> int:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([what, arguments, str(cwd), env, str(log)]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the builder ended early; its message stands above"
        return int(answer)

    def close(self) -> None:
        """End the process and wait for it."""
        self._process.communicate()


@cache
def builder() -> Builder:
    """Return the builder of this process, which ends with it."""
    started = Builder()
    atexit.register(started.close)
    return started


def _preload() -> None:
    """Import the command, Sphinx with all that it loads, and the extensions of the book."""
    import jupyter_book.cli.main
    import jupyter_book.sphinx  # noqa: F401  # the command imports it when it builds
    import yaml
    from jupyter_book.config import get_default_sphinx_config
    from sphinx.application import builtin_extensions

    import tinycircuits.sphinxext.command
    import tinycircuits.sphinxext.press.typeset  # noqa: F401

    extensions = yaml.safe_load((ROOT / "book/_config.yml").read_text())["sphinx"]["extra_extensions"]
    more = ("sphinxcontrib.bibtex", "sphinx_jupyterbook_latex", "sphinx_multitoc_numbering")
    for name in (*builtin_extensions, *get_default_sphinx_config()["extensions"], *extensions, *more):
        importlib.import_module(name)


def _become(what: str, arguments: list[str], cwd: str, env: dict[str, str], log: str) -> None:
    signal.alarm(TIMEOUT)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream, replacement in enumerate((os.open(os.devnull, os.O_RDONLY), output, output)):
        os.dup2(replacement, stream)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.path[0:1] = ["", *env.get("PYTHONPATH", "").split(os.pathsep)]  # as if the command began here
    if what == "typeset":
        from tinycircuits.sphinxext.press import typeset

        subprocess.run = _run  # the print command starts the builder in a process of its own
        sys.exit(typeset.main(arguments))
    from jupyter_book.cli.main import main

    main(arguments)


_started = subprocess.run


def _run(command: list[str], **options: Any) -> subprocess.CompletedProcess[Any]:
    """Start a program; the builder's command in a copy of this process."""
    run = [sys.executable, "-m", "tinycircuits.sphinxext.command"]
    if command[:3] != run:
        return _started(command, **options)
    pid = os.fork()
    if pid == 0:
        from tinycircuits.sphinxext.command import main

        os.environ.update(options["env"])
        sys.exit(main(command[3:]))
    return subprocess.CompletedProcess(command, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def _serve() -> None:
    answers = os.dup(1)
    os.dup2(2, 1)  # what an import prints is no answer
    _preload()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _become(*json.loads(line))
        os.write(answers, f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n".encode())


if __name__ == "__main__":
    _serve()
