"""Nothing of the reader's machine reaches a chapter: a book is built among hostile settings, and its chapters look."""

import json
from pathlib import Path

import pytest

from tests.staging import CHAPTER, LOADS, StagedBook
from tinycircuits.sphinxext.rebuild.surroundings import surroundings

PROBE = """
import json, locale, os, pathlib, sys, time, torch
import matplotlib
seen = {
    "environment": dict(os.environ), "path": sys.path, "options": sys.warnoptions, "zone": time.tzname,
    "threads": torch.get_num_threads(), "grid": matplotlib.rcParams["axes.grid"], "names": sorted(globals()),
    "locale": locale.setlocale(locale.LC_ALL, ""), "cached": matplotlib.get_configdir(), "program": sys.executable,
    "ipython": get_ipython().profile_dir.location, "magics": "poison" in get_ipython().magics_manager.magics["line"],
    "modules": sorted(name for name in sys.modules if "poison" in name),
}
pathlib.Path("seen-{name}.json").write_text(json.dumps(seen))
"""
CONFIG = "c.InteractiveShellApp.exec_lines = ['poisoned = 1']\nc.InteractiveShellApp.extensions = ['poison']\n"
RC = "axes.grid: True\nfont.size: 30\nsavefig.dpi: 7\n"
FILES = {
    "matplotlib/matplotlibrc": RC,
    "config/matplotlib/matplotlibrc": RC,
    "home/.config/matplotlib/matplotlibrc": RC,
    "home/.matplotlib/matplotlibrc": RC,
    "startup.py": "poisoned = 1\n",
    "share/kernels/python3/kernel.json": '{"argv": ["false"], "display_name": "poison", "language": "python"}',
    "home/.local/share/jupyter/kernels/python3/kernel.json": '{"argv": ["false"], "display_name": "poison"}',
    "jupyter/jupyter_config.json": '{"KernelManager": {"kernel_cmd": ["false"]}}',
    **{
        f"{folder}/profile_default/{name}": text
        for folder in ("ipython", "home/.ipython")
        for name, text in {
            "startup/00-poison.py": "poisoned = 1\n",
            "startup/01-poison.ipy": "poisoned = 1\n",
            "ipython_config.py": CONFIG,
            "ipython_kernel_config.py": CONFIG,
        }.items()
    },
}
VALUES = {"ATEN_CPU_CAPABILITY": "default", "LANG": "de_DE.UTF-8", "LC_ALL": "de_DE.UTF-8", "MPLBACKEND": "svg"}
VALUES |= {"TZ": "Asia/Tokyo", "OMP_NUM_THREADS": "7", "MKL_NUM_THREADS": "7", "TINYCIRCUITS_FROZEN": "0"}
VALUES |= {"PYTHONHASHSEED": "7", "PYTHONWARNINGS": "always", "PLOTLY_RENDERER": "poison", "COLUMNS": "7"}
PLACES = {"HOME": "home", "XDG_CONFIG_HOME": "config", "MPLCONFIGDIR": "matplotlib", "IPYTHONDIR": "ipython"}
PLACES |= {"MATPLOTLIBRC": "matplotlib/matplotlibrc", "PYTHONSTARTUP": "startup.py", "JUPYTER_CONFIG_DIR": "jupyter"}
PLACES |= {"JUPYTER_PATH": "share", "JUPYTER_DATA_DIR": "share", "JUPYTER_RUNTIME_DIR": "runtime", "HF_HOME": "hub"}
PLACES |= {"TINYCIRCUITS_RESULTS": "results", "TINYCIRCUITS_CHECKPOINTS": "checkpoints", "XDG_CACHE_HOME": "cache"}

OF_THE_KERNEL = {
    "TERM",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "FORCE_COLOR",
    "PAGER",
    "GIT_PAGER",
    "LC_CTYPE",
    "PYDEVD_USE_FRAME_EVAL",
    "JPY_PARENT_PID",
}
"""Variables that a kernel sets itself."""

pytestmark = pytest.mark.xdist_group("surroundings")


@pytest.fixture(scope="module")
def poison(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("poison")
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return VALUES | {name: str(root / place) for name, place in PLACES.items()}


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory, poison: dict[str, str]) -> StagedBook:
    """A book whose two chapters ran in copied kernels, and then the first of them alone, in an ordinary one."""
    staged = StagedBook(tmp_path_factory.mktemp("staged"))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in poison.items():
            patch.setenv(name, value)
        probe = {name: load + PROBE.replace("{name}", name) for name, load in LOADS.items()}
        for name in LOADS:
            staged.write(f"book/{name}.md", CHAPTER.format(name=name, load=probe[name]))
        build = staged.build()
        assert build.status == 0, build.log
        staged.write("book/one.md", staged.read("book/one.md").replace("seen-one", "seen-alone"))
        again = staged.build()
        assert (again.status, again.executed) == (0, {"one"}), again.log
    return staged


@pytest.mark.parametrize("kernel", ["one", "two", "alone"])
def test_a_chapter_sees_nothing_of_the_readers_settings(book: StagedBook, poison: dict[str, str], kernel: str) -> None:
    text = book.read(f"book/seen-{kernel}.json")
    seen = json.loads(text)
    assert "poison" not in text.replace('"magics"', "")
    around = seen["environment"]
    assert {name: around.get(name) for name in poison if around.get(name) == poison[name]} == {}
    assert around["TINYCIRCUITS_RESULTS"] == str(book.root / "results")
    assert Path(around["HOME"]).parent == book.root / "book/_build"
    assert (seen["zone"], seen["threads"], seen["grid"]) == (["UTC", "UTC"], 1, False)
    assert seen["locale"].endswith("UTF-8")
    assert seen["locale"].startswith("C")


def test_both_kinds_of_kernel_see_the_same_and_no_variable_but_those_listed(book: StagedBook, tmp_path: Path) -> None:
    copied, ordinary = (json.loads(book.read(f"book/seen-{name}.json")) for name in ("one", "alone"))
    for name in ("zone", "threads", "grid", "locale", "cached", "ipython", "program"):
        assert copied[name] == ordinary[name], name
    passed = [set(seen["environment"]) for seen in (copied, ordinary)]
    listed = surroundings(tmp_path, tmp_path)
    assert [names - set(listed) - OF_THE_KERNEL for names in passed] == [set(), set()]
    assert passed[0] | OF_THE_KERNEL == passed[1] | OF_THE_KERNEL
