"""How a build ends that failed: in at most five lines, each thing said once, and what is to be done."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.staging import BUILD, Build, StagedBook
from tinycircuits.sphinxext.command import main, unreadable
from tinycircuits.sphinxext.rebuild.ending import summary
from tinycircuits.sphinxext.rebuild.kernels import ChapterError

pytestmark = pytest.mark.xdist_group("ending")

LAST = "mend this, then build again: a chapter that ran well does not run again"
DAMAGED = "results/x is damaged: its checksum does not match; make it anew with: tinycircuits retrain x"
RAISES = f"""class CorruptResult(Exception):
    pass


def load(study):
    raise CorruptResult({DAMAGED!r})
"""


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> StagedBook:
    staged = StagedBook(tmp_path_factory.mktemp("staged"))
    assert staged.build().status == 0
    return staged


def last_words(build: Build) -> list[str]:
    """Return what the build says after Sphinx's progress."""
    assert build.status == 1
    for noise in ("Look above", "Task was destroyed", "jupyter_book/cli", "sphinx/application"):
        assert noise not in build.log
    return build.log.rstrip().rpartition("\n\n")[2].splitlines()


def test_a_damaged_file_is_said_once_with_all_the_chapters_that_wait_for_it(book: StagedBook) -> None:
    load = "from toy.store import load; load('toy-study')\npublish(**"
    with (
        book.changed("src/toy/store.py", book.read("src/toy/store.py"), RAISES),
        book.changed("book/one.md", "publish(**", load),
    ):
        build = book.build()
    assert last_words(build) == [DAMAGED, "    waits for it: one.md, two.md", LAST]
    assert build.log.count("is damaged") == 1
    assert "Traceback" not in build.log


def test_each_failure_is_said_once_and_has_one_traceback_above(book: StagedBook) -> None:
    with (
        book.changed("book/_config.yml", "timeout: 120", "timeout: 10"),
        book.changed("book/one.md", "publish(**", "assert value == 0, 'not none'\npublish(**"),
        book.changed("book/two.md", "publish(**", "import time; time.sleep(60)\npublish(**"),
    ):
        build = book.build()
    said = last_words(build)
    assert sorted(said[:-1]) == [
        "chapter one.md, code cell 1 of 3 (line 16): AssertionError: not none",
        "chapter two.md, code cell 1 of 3 (line 16): timed out: it takes longer than 10 seconds",
    ]
    assert said[-1] == LAST
    assert build.log.count("Traceback (most recent call last)") == 1
    assert build.log.count("timed out") == 1


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("one.md", "file_format", "{{ x }}: 3\nfile_format", "one.md, head and cells: cannot be read: "),
        ("one.md", "file_format: mystnb", "file_format: [", "one.md, head and cells: cannot be read: "),
        ("one.md", "file_format", "kernelspec: 3\nfile_format", "one.md, head and cells: cannot be read: "),
        ("one.md", "publish(**", "print('x' * 10**7)\npublish(**", "one.md, code cell 1 of 3 (line 16): it prints "),
        ("one.md", "\nheatmap(", "\nraise SystemExit\nheatmap(", "one.md, code cell 2 of 3 (line 24): SystemExit"),
        ("one.md", "value-one`,", "value-one`, {numref}`fig-no`,", "warnings above: "),
        ("_toc.yml", "- file: two", "- file: tow", "_toc.yml names tow: no such file in "),
        ("_toc.yml", "root: intro", "root: inrto", "no chapters (inrto.md is not there); the folder that does:"),
        ("_config.yml", "url: ''", "url: https://example.org/a", "repository.url in _config.yml: https://github.com/"),
    ],
)
def test_whatever_is_wrong_ends_in_few_lines(book: StagedBook, file: str, old: str, new: str, said: str) -> None:
    with book.changed(f"book/{file}", old, new):
        build = book.build()
    words = last_words(build)
    assert len(words) <= 5
    assert sum(said in line for line in words) == 1
    assert max(map(len, words)) < 1000


def test_a_build_of_the_folder_around_the_book_says_which_one_to_build(book: StagedBook) -> None:
    for name in ("_toc.yml", "_config.yml"):
        book.write(name, book.read(f"book/{name}"))
    done = subprocess.run(
        [sys.executable, "-c", BUILD, "build", "."], cwd=book.root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("(intro.md is not there); the folder that does: make book")
    assert len((done.stdout + done.stderr).splitlines()) < 20


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("_toc.yml", "format: jb-book\nroot: [\n"),
        ("_toc.yml", "- a\n- b\n"),
        ("_toc.yml", ""),
        ("_toc.yml", "format: jb-book\nroot: intro\nchapters:\n- fil: one\n"),
        ("_toc.yml", "format: jb-book\nroot: intro\nchapters:\n- file: one\n- file: one\n"),
        ("_toc.yml", "format: jb-book\nroot: intro\nchapters: {a: b}\n"),
        ("_toc.yml", None),
        ("_toc.yml", b"\xff\xfe\x00"),
        ("_config.yml", "title: [\n"),
        ("_config.yml", "- a\n"),
        ("_config.yml", ""),
        ("_config.yml", None),
    ],
)
def test_contents_and_settings_that_cannot_be_read_are_one_line(tmp_path, capsys, name, text) -> None:
    book = StagedBook(tmp_path).root / "book"
    (book / name).unlink()
    if text is not None:
        (book / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    assert main(["build", str(book)]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"{book / name} cannot be read: ")
    assert said.count("\n") == 1


def test_the_books_own_contents_can_be_read() -> None:
    assert unreadable(Path(__file__).parents[2] / "book") == ""


@pytest.mark.parametrize(("damaged", "failing"), [(0, 1), (0, 30), (1, 0), (2, 0), (30, 0), (1, 30), (7, 2)])
def test_a_summary_has_at_most_five_lines_and_counts_the_rest(damaged: int, failing: int) -> None:
    failures = [ChapterError(f"chapter {i}.md", "cell", f"file {i % damaged}", stored=True) for i in range(3 * damaged)]
    failures += [ChapterError(f"chapter x{i}.md", "cell", "ValueError") for i in range(failing)]
    said = summary(failures)
    assert len(said) <= 5
    shown = sum(line.startswith(("file ", "chapter ")) for line in said)
    more = [int(line.split()[1]) for line in said if line.startswith("and ")]
    assert shown + sum(more) == damaged + failing
    assert shown
