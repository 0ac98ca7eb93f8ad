"""An answer in a file is executed by a process of its own, with a limit of time, and of memory where there is one.

The child is ``python -m tinycircuits.exercises.running NAME FILE SECONDS DESCRIPTOR``. It writes what came of the check
to the descriptor; what it does not write did not happen: a file that ends the process early has no outcome.
"""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tinycircuits.exercises.asking import TimeUp, brief
from tinycircuits.exercises.kinds import Exercise, Outcome, Wrong
from tinycircuits.exercises.table import check_of, exercise, judged

SECONDS = 60.0
"""For an answer with its check, once everything is loaded."""
LOADING = 90.0
"""Seconds more after which a process that does not end by itself is killed."""
MEMORY = 8 << 30
"""Bytes of address space."""
LONGEST = 200_000
"""Bytes of a file that is read."""


def attempt(name: str, file: Path, *, seconds: float = SECONDS, loading: float = LOADING) -> Outcome:
    """The outcome of the answer in a file; raises ``ValueError`` for an unknown exercise and an unreadable file."""
    exercise(name)
    source(file)
    read, write = os.pipe()
    command = [sys.executable, "-m", "tinycircuits.exercises.running", name, str(file), str(seconds), str(write)]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    environment = os.environ | {"TINYCIRCUITS_FROZEN": "1"}
    child = subprocess.Popen(command, pass_fds=[write], start_new_session=True, env=environment, **quiet)  # type: ignore[call-overload]
    os.close(write)
    written: list[bytes] = []
    reader = threading.Thread(target=lambda: written.append(_first_line(read)), daemon=True)
    reader.start()
    reader.join(seconds + loading)
    late = reader.is_alive()
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)  # the child, and whatever an answer has started
    child.wait()
    if not late:
        reader.join()
    if late:
        return Outcome(name, False, _too_long(seconds))
    try:
        return Outcome(**json.loads(written[0]))
    except (IndexError, ValueError, TypeError):
        return Outcome(name, False, "your file ended the process before the check was over; it must not")


def source(file: Path) -> str:
    """The text of an answer; raises ``ValueError`` for a file that cannot be read, or is no text of Python."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ValueError(f"{file} cannot be read ({error.strerror})") from None
    if len(content) > LONGEST:
        raise ValueError(f"{file} must be at most {LONGEST:,} bytes, got {len(content):,}")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise ValueError(f"{file} must be a text in UTF-8") from None


def answered(chosen: Exercise, text: str) -> Any:
    """What an answer's text defines under the name that the exercise asks for; raises ``Wrong``."""
    there: dict[str, Any] = {"__name__": "answer"}
    try:
        code = compile(text, "your file", "exec")
    except (SyntaxError, ValueError) as error:
        raise Wrong(f"your file is no Python: {brief(str(error))}") from None
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(code, there)
    except (KeyboardInterrupt, TimeUp):
        raise
    except BaseException as error:
        raise Wrong(f"your file raises {type(error).__name__}: {brief(str(error))}") from None
    if chosen.asks not in there:
        raise Wrong(f"your file does not define {chosen.asks}")
    return there[chosen.asks]


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise ``TimeUp`` in what runs inside after that time; in the main thread of a system that has such a clock."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_: object) -> None:
        raise TimeUp

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)  # again every second: an answer may have caught the first
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def within(name: str, seconds: float, given: Any = None, text: str | None = None) -> Outcome:
    """The outcome of checking ``given``, or what ``text`` defines, in this process, with a limit where there is one."""
    try:
        with at_most(seconds):
            return judged(name, given if text is None else answered(exercise(name), text))
    except Wrong as wrong:
        return Outcome(name, False, str(wrong))
    except TimeUp:
        return Outcome(name, False, _too_long(seconds))


def _too_long(seconds: float) -> str:
    return f"your answer takes more than {seconds:g} s; no exercise needs that long"


def _first_line(descriptor: int) -> bytes:
    """What is written up to the end of a line, or until nobody can write any more."""
    with os.fdopen(descriptor, "rb") as file:
        return file.readline()


def _limit(seconds: float) -> None:
    try:
        import resource
    except ImportError:  # not on Windows
        return
    for kind, most in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CPU, int(2 * (seconds + LOADING)))):
        with contextlib.suppress(ValueError, OSError):  # not everywhere can each be set
            resource.setrlimit(kind, (most, most))


def main(name: str, file: str, seconds: str, descriptor: str) -> None:
    """Check one file and write what came of it."""
    limit = float(seconds)
    _limit(limit)
    check_of(name)  # load the checks before the clock runs
    text = source(Path(file))
    sys.path.insert(0, str(Path(file).resolve().parent))
    outcome = within(name, limit, text=text)
    os.write(int(descriptor), json.dumps(asdict(outcome)).encode() + b"\n")
    os._exit(0)  # whatever threads an answer has left


if __name__ == "__main__":
    main(*sys.argv[1:])
