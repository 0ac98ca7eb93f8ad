"""Kernels: copies of a process and ordinary ones, those that fail, and none that is left over."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing import forkserver
from pathlib import Path
from typing import TypeVar

import nbformat
import pytest

from tinycircuits.sphinxext.rebuild import forks, kernels
from tinycircuits.sphinxext.rebuild.kernels import ChapterError

ROOT = Path(__file__).resolve().parents[2]
T = TypeVar("T")

pytestmark = pytest.mark.skipif(not forks.available(), reason="a process is copied on Linux only")


@pytest.fixture(scope="module", autouse=True)
def _started() -> None:
    start()


def start() -> None:
    forks.start(("ipykernel.kernelapp", "colorsys"))


def run(*sources: str, cwd: Path | str = ".", timeout: int = 60, forked: bool = True) -> list[str]:
    """Execute cells in a kernel, a copied one unless told otherwise, and return what each printed."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    kernels.execute(notebook, name="chapter x.md", cwd=str(cwd), timeout=timeout, forked=forked)
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
        ("import time; time.sleep(60)", "timed out"),
    ],
)
def test_a_chapter_that_does_not_end_well_is_named_with_its_cell(source: str, said: str) -> None:
    with pytest.raises(ChapterError, match=rf"(?s)^chapter x\.md, code cell 2 of 2:.*{said}"):
        run("1", source, timeout=3)


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
    code += f"forks.available() and t.start(); print(t.run('print(6 * 7)', forked={forked} and forks.available()))"
    env = os.environ | {"TMPDIR": str(folder)}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.stdout == "['42\\n']\n", done.stderr


def test_a_kernel_ends_with_the_build_that_is_killed(tmp_path: Path) -> None:
    cell = "import os, pathlib, time; pathlib.Path('pid').write_text(str(os.getpid())); time.sleep(60)"
    code = f"from tests.sphinxext import test_kernels as t; t.start(); t.run({cell!r}, cwd={str(tmp_path)!r})"
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
