"""Kernels: copies of a process and ordinary ones, those that fail, and none that is left over."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import forkserver
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import nbformat
import pytest

from tinycircuits.results import store
from tinycircuits.sphinxext.rebuild import forks, kernels
from tinycircuits.sphinxext.rebuild.kernels import STORE_ERRORS, Bounds, ChapterError
from tinycircuits.sphinxext.rebuild.surroundings import surroundings

ROOT = Path(__file__).resolve().parents[2]
T = TypeVar("T")

pytestmark = pytest.mark.skipif(not forks.available(), reason="a process is copied on Linux only")


@pytest.fixture(scope="module", autouse=True)
def _started(tmp_path_factory: pytest.TempPathFactory) -> None:
    start(tmp_path_factory.mktemp("home"))


def start(home: Path) -> None:
    forks.start(surroundings(home, home), ("tinycircuits.sphinxext.rebuild.kernel", "colorsys"))


def run(*sources: str, cwd: Path | str = ".", timeout: int = 60, forked: bool = True) -> list[str]:
    """Execute cells in a kernel of either kind and return what each printed."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    with TemporaryDirectory() as home:
        around = surroundings(Path(home), Path("/the/results"))
        bounds = Bounds(timeout, printed=1_000, shown=5_000)
        about = {"name": "chapter x.md", "cwd": str(cwd), "bounds": bounds, "environment": around, "forked": forked}
        with ThreadPoolExecutor(1) as thread:  # as the builder does: a browser's test may have left a loop in this one
            thread.submit(kernels.execute, notebook, **about).result()
    return ["".join(output.text for output in cell.outputs) for cell in notebook.cells]


def test_a_kernel_has_what_was_imported_one_thread_and_the_chapters_folder(tmp_path: Path) -> None:
    code = "import os, sys; print('colorsys' in sys.modules, os.environ['OMP_NUM_THREADS'], os.getcwd())"
    said = run(code, cwd=tmp_path)
    assert said == [f"True 1 {tmp_path}\n"]


def test_every_chapter_has_a_process_of_its_own_that_ends_with_it() -> None:
    pids = [int(run("value = 1\nimport os; print(os.getpid())")[0]) for _ in range(2)]
    assert len(set(pids)) == 2
    assert run("print('value' in globals())") == ["False\n"]
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_a_chapter_may_start_processes_and_wait_for_them() -> None:
    children = "multiprocessing.get_context('fork').Pool(1).map(abs, [-1]), subprocess.run(['true']).returncode"
    assert run(f"import multiprocessing, subprocess; print({children})") == ["[1] 0\n"]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "Kernel died"),
        ("1 / 0", "ZeroDivisionError"),
        ("import time; time.sleep(60)", "timed out: it takes longer than 3 seconds"),
        ("raise ValueError", "ValueError"),
        ("raise ValueError('one line\\nand another')", "ValueError: one line"),
        ("raise ValueError('x' * 10**6)", "ValueError: x{600}"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("x = = 1", "SyntaxError: invalid syntax"),
        ("print('x' * 10**7)", "it prints 10,000,001 characters or more, and a cell may have 1,000"),
        ("import sys; sys.stderr.write('x' * 2000)", "it prints 2,000 characters or more"),
        ("for _ in range(50): print('x' * 99, flush=True)", r"it prints 1,\d\d\d characters or more"),
        ("while True: print('x')", "it prints"),
        ("'x' * 2000", "it prints 2,002 characters or more"),
        ("from IPython.display import HTML, display; display(HTML('x' * 9000))", "it shows 9,0.. characters or more"),
    ],
)
def test_a_chapter_that_does_not_end_well_is_named_with_its_cell_in_one_line(source: str, said: str) -> None:
    with pytest.raises(ChapterError, match=rf"^chapter x\.md, code cell 2 of 2: {said}") as error:
        run("1", source, timeout=3)
    assert str(error.value).count("\n") == 0
    assert len(str(error.value)) < 700
    assert len(error.value.traceback) <= 8_000


def test_the_errors_of_the_store_are_known_by_name() -> None:
    family = [store.StoreError, *store.StoreError.__subclasses__()]
    assert sorted(error.__name__ for error in family) == sorted(STORE_ERRORS)


@pytest.mark.parametrize("forked", [True, False], ids=["copied", "ordinary"])
def test_an_error_of_the_store_is_its_message(forked: bool) -> None:
    with pytest.raises(ChapterError) as error:
        run("class CorruptResult(Exception): pass\nraise CorruptResult('x is damaged; mend it')", forked=forked)
    assert (error.value.what, error.value.stored) == ("x is damaged; mend it", True)


def test_a_process_to_copy_that_ended_is_started_again() -> None:
    forkserver._forkserver._stop()
    assert run("print(1)") == ["1\n"]


@pytest.mark.parametrize("forked", [True, False])
@pytest.mark.parametrize("shared", ["/tmp", None])
def test_a_temporary_folder_with_a_long_path_is_no_hindrance(
    tmp_path: Path, shared: str | None, *, forked: bool
) -> None:
    folder = tmp_path / ("a long name " * 10)
    folder.mkdir(parents=True)
    only = "" if shared else "forks._LONGEST = 0; "  # no folder is short enough
    code = f"from tests.sphinxext import test_kernels as t; from tinycircuits.sphinxext.rebuild import forks; {only}"
    code += f"forks.available() and t.start(t.Path({str(tmp_path)!r})); "
    code += f"print(t.run('print(6 * 7)', forked={forked} and forks.available()))"
    env = os.environ | {"TMPDIR": str(folder)}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.stdout == "['42\\n']\n", done.stderr


def test_a_kernel_ends_with_the_build_that_is_killed(tmp_path: Path) -> None:
    cell = "import os, pathlib, time; pathlib.Path('pid').write_text(str(os.getpid())); time.sleep(60)"
    there = str(tmp_path)
    code = f"from tests.sphinxext import test_kernels as t; t.start(t.Path({there!r})); t.run({cell!r}, cwd={there!r})"
    build = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    kernel = Path("/proc", waited_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text()))
    assert kernel.exists()
    build.kill()
    build.wait()
    assert waited_for(lambda: not kernel.exists())


def waited_for(condition: Callable[[], T], seconds: float = 60) -> T:
    """Return what ``condition`` returns as soon as that is true, and in the end in any case."""
    end = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < end:
        time.sleep(0.05)
    return found
