"""A file is checked in a process of its own: it cannot hang, pass by ending early, or run on."""

import os
import time
from pathlib import Path

import pytest

from tests.exercises.solved import SOLUTIONS
from tinycircuits.exercises import running
from tinycircuits.exercises.asking import TimeUp
from tinycircuits.exercises.table import exercises

RIGHT = "def solve(digits, modulus):\n    return [(d + 1) % modulus for d in digits[::-1]]\n"
REFUSED = {
    "empty": ("", "does not define solve"),
    "no Python": ("def solve(", "is no Python"),
    "raises at once": ("1 / 0\n", "ZeroDivisionError"),
    "ends itself": (f"{RIGHT}raise SystemExit(0)\n", "SystemExit"),
    "another name": (RIGHT.replace("solve", "solved"), "does not define solve"),
}


def attempt(tmp_path: Path, text: str, **limits: float) -> running.Outcome:
    file = tmp_path / "mine.py"
    file.write_text(text)
    return running.attempt("reverse", file, **limits)


@pytest.mark.parametrize(("text", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_wrong_with_a_file_is_said(text: str, said: str) -> None:
    outcome = running.within("reverse", 5, text=text)
    assert not outcome.passed
    assert said in outcome.said


def test_every_stub_is_refused_as_a_file() -> None:
    for name, each in exercises().items():
        assert not running.within(name, 20, text=each.stub).passed, name


@pytest.mark.slow
def test_a_right_file_passes_in_a_process_of_its_own(tmp_path: Path) -> None:
    assert attempt(tmp_path, f"print('x' * 100_000)\n{RIGHT}").passed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("while True:\n    pass\n", "takes more than"),
        (
            "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass\n",
            "takes more",
        ),
        (f"{RIGHT}import os\nos._exit(0)\n", "ended the process"),
        ("fill = [bytes(1 << 30) for _ in range(64)]\n", "MemoryError"),
    ],
    ids=["endless", "endless, and catches all", "ends at once", "fills the memory"],
)
def test_no_file_holds_a_check_up_or_passes_by_ending_it(tmp_path: Path, text: str, said: str) -> None:
    began = time.monotonic()
    outcome = attempt(tmp_path, text, seconds=3, loading=10 if said.startswith("takes") else 40)
    assert not outcome.passed
    assert said in outcome.said
    assert time.monotonic() - began < 60


@pytest.mark.slow
def test_what_an_answer_leaves_running_is_ended_with_it(tmp_path: Path) -> None:
    kept = tmp_path / "pid"
    leave = (
        "import subprocess, sys\nchild = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(kept)!r}, 'w').write(str(child.pid))\n"
    )
    assert attempt(tmp_path, RIGHT + leave).passed
    for _ in range(50):
        state = Path(f"/proc/{kept.read_text()}/stat")
        if not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return
        time.sleep(0.1)
    os.kill(int(kept.read_text()), 9)
    raise AssertionError("it still runs")


def test_the_clock_rings_in_code_that_never_returns() -> None:
    def endless() -> None:
        with running.at_most(0.2):
            while True:
                pass

    with pytest.raises(TimeUp):
        endless()


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a" * (running.LONGEST + 1), None])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "mine.py"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ValueError, match=r"mine\.py"):
        running.attempt("reverse", file)


def test_an_unknown_exercise_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="known are reverse"):
        running.attempt("nothing", tmp_path / "mine.py")


def test_no_solution_is_where_a_reader_could_find_it() -> None:
    import tinycircuits

    package = Path(tinycircuits.__file__).parent
    assert not [path for path in package.rglob("*") if "solution" in path.name]
    assert len(list(SOLUTIONS.glob("[a-z]*.py"))) == len(exercises())
