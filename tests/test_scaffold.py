"""``tinycircuits new-task``, and the chapter that teaches it, followed word by word in a copy of the repository."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest
import yaml

from tinycircuits import tasks
from tinycircuits.results import catalogue
from tinycircuits.scaffold import new_task, own_tasks, undo
from tinycircuits.scaffold.edits import with_chapter
from tinycircuits.scaffold.names import LONGEST, checked

ROOT = Path(__file__).resolve().parents[1]
STEP = re.compile(r"^```(bash|diff)\n(.*?)^```$", re.S | re.M)
TOUCHED = [
    "tests/claims/test_ledger.py::test_every_chapter_that_claims_something_is_in_the_ledger_word_for_word",
    "tests/sphinxext/test_print_edition.py::test_the_real_contents_have_every_chapter_with_title_and_number",
    "tests/test_architecture.py::test_the_table_of_results_in_the_readme_follows_from_the_store",
    "tests/test_architecture.py::test_the_tree_in_the_readme_is_the_real_one",
    "tests/test_mutants.py::test_every_module_of_the_book_that_measures_has_a_mistake",
    *("tests/results/test_runs.py", "tests/results/test_stored.py", "tests/sphinxext/test_prose.py", "tests/tasks"),
    *("tests/test_scaffold.py", "tests/test_specs.py"),
]
"""The tests that read what a new task changes: tables, contents, chapters, modules, the list of files."""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what ``new-task`` changes and what its result is checked with."""
    rooms = ("__init__.py", "results/__init__.py", "results/tables/__init__.py", "tasks/__init__.py")
    package = [f"src/tinycircuits/{name}" for name in (*rooms, "results/tables/studies.py")]
    for file in ("book/_toc.yml", "pyproject.toml", *package):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / file, tmp_path / file)
    (tmp_path / "tests/tasks").mkdir(parents=True)
    return tmp_path


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_two_new_tasks_stand_in_table_exports_and_contents_and_are_well_formed(checkout: Path) -> None:
    longest = "-".join(["made-up-words"] * 5)[:LONGEST]
    written = [path for name in ("made-up", "also-made-up", longest) for path in new_task(name, checkout)]
    assert all(path.is_file() for path in written)
    parts = {part["caption"]: part for part in yaml.safe_load((checkout / "book/_toc.yml").read_text())["parts"]}
    assert parts["Your own tasks"]["chapters"][-3:] == [
        {"file": "made-up"},
        {"file": "also-made-up"},
        {"file": longest},
    ]
    assert own_tasks(checkout) == [*own_tasks(ROOT), "made-up", "also-made-up", longest]
    assert list(parts)[-2:] == ["Your own tasks", "Appendix"]
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "."], cwd=checkout, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout
    code = (
        "from tinycircuits.results.tables.studies import STUDIES; from tinycircuits.tasks import AlsoMadeUp, MadeUp;"
        "print([type(study.task).__name__ for study in STUDIES.values()][-3:-1])"
    )
    for module in (path for path in (ROOT / "src").rglob("*.py") if not (checkout / path.relative_to(ROOT)).exists()):
        (checkout / module.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(module, checkout / module.relative_to(ROOT))
    env = os.environ | {"PYTHONPATH": str(checkout / "src")}
    shown = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stdout
    assert shown == "['MadeUp', 'AlsoMadeUp']\n"


@pytest.mark.parametrize(
    "name", ["", "Copy", "my_task", "2-digits", "copy-", "a/b", "a" * 250, "é", "a b", "--", "a\nb"]
)
def test_a_name_that_cannot_be_used_is_refused_and_nothing_is_written(checkout: Path, name: str) -> None:
    before = contents(checkout)
    with pytest.raises(ValueError, match=r"lower-case words joined by hyphens") as refused:
        new_task(name, checkout)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 200
    assert contents(checkout) == before


TAKEN = {
    "words of Python": "none true false class match case type int value-error spec",
    "what modules import": "field tensor study any path",
    "classes": "digit-task split shuffled-split model-spec run-spec figure store-error",
    "modules": "base splits conftest tasks builder reverse-increment tinycircuits torch numpy json copy",
    "pages": "intro own bibliography references config toc search index genindex py-modindex",
    "labels": "one-sample-or-all",
    "files of Windows": "aux con com1",
    "tests": "test tester test-run",
}


@pytest.mark.parametrize("name", " ".join(TAKEN.values()).split())
def test_a_name_that_anything_bears_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(ValueError, match=rf"^the name {name} (is taken|would break the tests): .*$"):
        checked(name, ROOT)


def test_every_page_study_sweep_fit_and_task_keeps_its_name() -> None:
    names = {path.stem for path in (ROOT / "book").glob("*.md")} | {
        row.folder.split(".")[0] for row in catalogue.rows()
    }
    names |= {re.sub("(?<!^)(?=[A-Z])", "-", name).lower() for name in tasks.__all__}
    for name in names:
        with pytest.raises(ValueError, match="is taken"):
            checked(name, ROOT)


@pytest.mark.parametrize("name", ["made-up", "made-up-5", "unheard-of", "a" * LONGEST])
def test_a_free_name_is_not_refused(name: str) -> None:
    assert checked(name, ROOT) == name


def test_names_that_differ_in_hyphens_only_are_one(checkout: Path) -> None:
    new_task("made-up-1", checkout)
    with pytest.raises(ValueError, match="the name made-up1 is taken"):
        new_task("made-up1", checkout)


@pytest.mark.parametrize("step", range(12))
def test_all_is_written_or_nothing(checkout: Path, monkeypatch, step: int) -> None:
    before, left = contents(checkout), iter([True] * step + [False])
    error = PermissionError(13, "Permission denied", "somewhere") if step % 2 else KeyboardInterrupt()

    def failing(real):
        def call(*args, **kwargs):
            if not next(left, True):
                raise error
            return real(*args, **kwargs)

        return call

    monkeypatch.setattr(Path, "write_text", failing(Path.write_text))
    monkeypatch.setattr(Path, "replace", failing(Path.replace))
    with pytest.raises((ValueError, KeyboardInterrupt)) as stopped:
        new_task("made-up", checkout)
    assert str(stopped.value) in ("somewhere: Permission denied; nothing was changed", "")
    assert contents(checkout) == before


def test_a_read_only_checkout_is_named_in_one_line(checkout: Path, monkeypatch) -> None:
    def read_only(path, *args, **kwargs):
        raise OSError(30, "Read-only file system", str(path))

    for name in ("write_text", "write_bytes", "replace", "unlink"):
        monkeypatch.setattr(Path, name, read_only)
    with pytest.raises(ValueError, match=r"made_up\.py\.draft: Read-only file system; nothing was changed$"):
        new_task("made-up", checkout)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("src/tinycircuits/tasks/__init__.py", "from ("),
        ("src/tinycircuits/tasks/__init__.py", '"""No task."""'),
        ("src/tinycircuits/results/tables/studies.py", "_STUDIES = ()"),
        ("src/tinycircuits/results/tables/studies.py", None),
        ("book/_toc.yml", "root: intro"),
    ],
)
def test_a_file_that_is_not_as_it_was_is_named(checkout: Path, file: str, text: str | None) -> None:
    (checkout / file).unlink() if text is None else (checkout / file).write_text(text)
    before = contents(checkout)
    with pytest.raises(ValueError, match=rf"^{re.escape(file)} cannot be changed, nothing was: .+$"):
        new_task("made-up", checkout)
    assert contents(checkout) == before


def test_what_was_written_can_be_taken_out_again(checkout: Path) -> None:
    states = [contents(checkout)]
    for name in ("made-up", "another-one"):
        new_task(name, checkout)
        states.append(contents(checkout))
    undo("another-one", checkout)
    assert contents(checkout) == states[1]
    undo("made-up", checkout)
    assert contents(checkout) == states[0]


@pytest.mark.parametrize("name", ["another", "../intro", "intro", "a" * 250, ""])
def test_what_was_not_written_is_not_taken_out(checkout: Path, name: str) -> None:
    new_task("made-up", checkout)
    before = contents(checkout)
    with pytest.raises(ValueError, match=r"of your own; there are .*made-up"):
        undo(name, checkout)
    assert contents(checkout) == before


@pytest.mark.parametrize("file", ["book/made-up.md", "src/tinycircuits/results/tables/studies.py"])
def test_work_of_the_readers_is_not_taken_out(checkout: Path, file: str) -> None:
    new_task("made-up", checkout)
    (checkout / file).write_text((checkout / file).read_text().replace("made up", "made by hand"))
    before = contents(checkout)
    with pytest.raises(ValueError, match=rf"^{file} (has been changed since|cannot be changed)"):
        undo("made-up", checkout)
    assert contents(checkout) == before


def test_a_task_is_not_written_twice(checkout: Path) -> None:
    new_task("made-up", checkout)
    before = contents(checkout)
    with pytest.raises(ValueError, match=r"made-up is taken: src/tinycircuits/tasks/made_up\.py"):
        new_task("made-up", checkout)
    assert contents(checkout) == before


def test_outside_a_checkout_and_without_an_appendix_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="checkout"):
        new_task("shifted-copy", tmp_path)
    with pytest.raises(ValueError, match="Appendix"):
        with_chapter("format: jb-book\nroot: intro\n", "shifted-copy")


@contextmanager
def two_chapters(copy: Path) -> Iterator[None]:
    """The book is this page and the new one: all others would execute anew, for they read a table that has changed."""
    kept = {path: path.read_text() for path in (*(copy / "book").glob("*.md"), copy / "book/_toc.yml")}
    for chapter in (path for path in kept if path.stem not in ("_toc", "own", *own_tasks(copy))):
        chapter.unlink()
    (copy / "book/intro.md").write_text("# A book with a task of your own\n\nSee [how](own.md).\n")
    parts = [{"caption": "Your own tasks", "chapters": [{"file": name} for name in (*own_tasks(copy), "own")]}]
    (copy / "book/_toc.yml").write_text(yaml.safe_dump({"format": "jb-book", "root": "intro", "parts": parts}))
    yield
    for path, text in kept.items():
        path.write_text(text)


def own_environment(copy: Path) -> None:
    """Give a copy the environment that ``make`` would install: these packages, its own package and scripts."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", ".venv"], cwd=copy, check=True)
    here, there = Path(sys.executable).parent, copy / ".venv" / "bin"
    (site,) = (copy / ".venv").glob("lib/python*/site-packages")
    (site / "own.pth").write_text(f"{copy / 'src'}\n{sysconfig.get_path('purelib')}\n")
    for script in here.iterdir():
        if script.name.startswith(("python", "activate", "Activate")) or not script.is_file():
            continue
        content = script.read_bytes()
        if content.startswith(b"#!"):
            content = content.replace(os.fsencode(here), os.fsencode(there), 1)
        (there / script.name).write_bytes(content)
        (there / script.name).chmod(0o755)
    (copy / ".venv" / ".installed").touch()


@pytest.mark.slow
@pytest.mark.xdist_group("tutorial")
def test_the_tutorial_works_word_by_word(tmp_path: Path) -> None:
    copy, steps = tmp_path / "book", STEP.findall((ROOT / "book" / "own.md").read_text())
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True, check=True).stdout
    for file in listed.splitlines():
        (copy / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / file, copy / file, follow_symlinks=False)
    for command in ("init", "add ."):
        subprocess.run(["git", *command.split()], cwd=copy, capture_output=True, check=True)
    own_environment(copy)
    if (ROOT / ".mypy_cache").is_dir():  # what lint has found about the files that the tutorial leaves as they are
        shutil.copytree(ROOT / ".mypy_cache", copy / ".mypy_cache")
    assert [kind for kind, _ in steps].count("diff") == 3
    # One shell per step: what activating the environment does lasts only in the reader's. What a make around this test
    # was told is not for the reader's make: it would run the slow tests, this one among them.
    env = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKEOVERRIDES", "MARKS")}
    env |= {"PATH": f"{copy / '.venv/bin'}{os.pathsep}{os.environ['PATH']}", "TESTS": " ".join(TOUCHED)}
    env |= {"TINYCIRCUITS_RESULTS": "", "TINYCIRCUITS_FROZEN": ""}
    for kind, text in steps:
        command = ["bash", "-ec", text] if kind == "bash" else ["git", "apply", "--verbose", "-"]
        given = text if kind == "diff" else None
        with two_chapters(copy) if "make book" in text else nullcontext():
            done = subprocess.run(command, cwd=copy, env=env, input=given, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{text}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    page = (copy / "book/_build/html/shifted-copy.html").read_text()
    assert "Can a transformer copy and count on?" in page
    assert "0 of 1,024" in page
    assert (copy / "figures/shifted-copy/shifted-copy-attention.svg").is_file()
