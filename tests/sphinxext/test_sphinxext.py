"""The book's build: exactly the chapters whose inputs changed run again, and a failing one is never a green build."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from html import unescape
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pytest
from sphinx.errors import ConfigError

from tests.staging import Build, StagedBook
from tinycircuits.sphinxext import notebooks
from tinycircuits.sphinxext.pages import mathml
from tinycircuits.sphinxext.pages.figures import mirror
from tinycircuits.sphinxext.rebuild import inputs, kernels
from tinycircuits.sphinxext.rebuild.chapters import stamped
from tinycircuits.sphinxext.rebuild.kernels import Bounds
from tinycircuits.sphinxext.rebuild.surroundings import surroundings

pytestmark = pytest.mark.xdist_group("staged book")


@pytest.fixture(scope="session")
def book(tmp_path_factory: pytest.TempPathFactory) -> StagedBook:
    return StagedBook(tmp_path_factory.mktemp("staged"))


@pytest.fixture(scope="session")
def first_build(book: StagedBook) -> Build:
    return book.build()


@pytest.fixture(scope="session")
def latex(book: StagedBook, first_build: Build) -> str:
    assert book.build("--builder", "latex").status == 0
    return book.read("book/_build/latex/from-zero-to-mechanistic-interpretability.tex")


@pytest.fixture(scope="session")
def project(book: StagedBook, first_build: Build) -> Iterator[inputs.Project]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(book.root / "src")
        yield inputs.Project("toy", book.root / "results", book.root / "requirements.lock", "toy.store")


def test_the_first_build_executes_every_chapter(first_build: Build) -> None:
    assert first_build.status == 0, first_build.log
    assert first_build.executed == {"one", "two"}


def test_a_build_without_a_change_executes_nothing(book: StagedBook, first_build: Build) -> None:
    again = book.build()
    assert again.status == 0, again.log
    assert again.executed == set()


def test_a_comment_in_a_module_executes_the_chapters_that_reach_it_and_no_other(
    book: StagedBook, first_build: Build
) -> None:
    digest = re.compile(r'class="tc-inputs".*<code>([0-9a-f]{16})</code>')
    before = digest.findall(book.page("one"))
    with book.changed("src/toy/beta.py", "FACTOR", "# a comment\nFACTOR"):
        assert book.build().executed == {"one"}
        assert digest.findall(book.page("one")) != before
    assert book.build().executed == set(), "going back costs nothing"
    assert digest.findall(book.page("one")) == before


def test_a_page_after_the_last_one_is_named_there_and_executes_nothing(book: StagedBook, first_build: Build) -> None:
    onward = re.compile(r'class="right-next"\s+href="(\w+)\.html"')
    contents = book.read("book/_toc.yml")
    book.write("book/three.md", "# What is last?\n\nWords.\n")
    assert onward.findall(book.page("two")) == []
    with book.changed("book/_toc.yml", contents, contents.replace("- file: two\n", "- file: two\n- file: three\n")):
        build = book.build()
        assert (build.status, build.executed) == (0, set()), build.log
        assert onward.findall(book.page("two")) == ["three"]
    (book.root / "book/three.md").unlink()
    assert book.build().status == 0
    assert onward.findall(book.page("two")) == []


def test_a_number_in_a_result_reaches_the_page_of_the_chapter_that_loads_it(
    book: StagedBook, first_build: Build
) -> None:
    assert "2,222" in book.page("two")
    with book.changed("results/toy-study/key/metrics.json", "2222", "3333"):
        assert book.build().executed == {"two"}
        assert "3,333" in book.page("two")
        assert '<strong>Counts of two:</strong> <span class="pasted-text">3,333</span>.' in book.page("two")
        assert "2,222" not in book.page("two")
    book.build()


def test_a_failing_cell_is_a_red_build_every_time_and_names_chapter_and_cell(
    book: StagedBook, first_build: Build
) -> None:
    with book.changed("book/two.md", "publish(**", "assert value == 0\npublish(**"):
        for _ in range(2):
            build = book.build()
            assert build.status != 0
            assert "chapter two.md, code cell 1 of 3 (line 16)" in build.log
            assert "AssertionError" in build.log
    assert book.build().status == 0


def test_a_chapter_that_is_executed_alone_does_not_complain_about_progress_bars(tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("import tqdm.auto")])
    around = surroundings(tmp_path, tmp_path)
    about = {"name": "alone", "cwd": ".", "bounds": Bounds(60, 1000, 1000), "environment": around, "forked": False}
    with ThreadPoolExecutor(1) as thread:  # as the builder does: a browser's test may have left a loop in this one
        thread.submit(kernels.execute, notebook, **about).result()
    assert notebook.cells[0].outputs == []


def test_a_warning_is_a_red_build_every_time(book: StagedBook, first_build: Build) -> None:
    with book.changed("book/two.md", "# What is two?", "# What is two?\n\nSee {numref}`fig-nowhere`."):
        for _ in range(2):
            build = book.build()
            assert build.status != 0
            assert "fig-nowhere" in build.log


def test_figures_are_written_as_drawing_and_numbers(book: StagedBook, first_build: Build) -> None:
    for folder, drawn in (("figures", "one-values.svg"), ("book/_build/html/figures", "one-values.js")):
        names = sorted(path.name for path in (book.root / folder / "one").iterdir())
        assert names == sorted(["one-table.csv", "one-values.csv", drawn])
        assert book.read(f"{folder}/one/one-values.csv") == "from,read,share\ny_0,x_0,0.125\ny_0,x_1,0.375\n"
    assert 'href="figures/one/one-values.csv"' in book.page("one")


def test_the_page_has_figure_table_and_formula_with_number_and_reference(book: StagedBook, first_build: Build) -> None:
    page = book.page("one")
    assert re.search(r'<figure[^>]* id="fig-one-values"', page)
    assert 'aria-label="The value of one is &quot;111&quot;."' in page
    assert re.search(r'href="#fig-one-values"><span class="std std-numref">Figure \d', page)
    assert re.search(r'href="#tbl-one-table"><span class="std std-numref">Table \d', page)
    assert "<mfrac>" in page
    assert re.search(r'<div class="tc-wide"[^>]*><svg viewBox="[^"]*">', page)
    assert re.search(r'data-live="figures/one/one-values\.js\?v=[0-9a-f]{8}"', page)
    assert "plotly" not in page, "it is loaded when a reader explores"


def test_only_code_that_teaches_is_open(book: StagedBook, first_build: Build) -> None:
    page = book.page("one")
    before_drawing, after = page.split('class="tc-code"', 1)
    assert re.sub(r"<[^>]*>", "", before_drawing).count("import pandas as pd") == 1
    assert page.count('<details class="tc-code">') == page.count("<summary>code, ") == 2
    assert "<summary>code, 4 lines</summary>" in page
    assert "<summary>code, 1 line</summary>" in page
    assert "code-button" in page
    assert "code-button" not in book.page("intro")
    assert after.count("</details>") >= 2


def test_a_chapter_says_how_long_it_takes(book: StagedBook, first_build: Build) -> None:
    assert '<p class="tc-minutes">1 minute to read</p>' in book.page("one")
    assert "<p>The short path takes 2 minutes.</p>" in book.page("intro")


def test_nothing_is_asked_of_a_foreign_host(book: StagedBook, first_build: Build) -> None:
    for name in ("intro", "one", "two"):
        assert re.findall(r"<(?:script|link|img)[^>]*(?:src|href)=\"(?:https?:)?//[^\"]*", book.page(name)) == []


def plain(text: str) -> str:
    """Return text without markup, quotes and spacing, so that HTML and LaTeX can be compared."""
    text = re.sub(r"<math.*?</math>|\\\(.*?\\\)", "", text, flags=re.S)
    text = re.sub(r"<[^>]*>|\\DUrole\{[^}]*\}|\\sphinxstyle\w+|\\emph|\\sphinxAtStartPar|[{}\\]", "", unescape(text))
    return re.sub(r"\s+", "", text)


@pytest.mark.parametrize("name", ["one", "two"])
def test_captions_and_numbers_are_the_same_on_the_page_and_in_print(book: StagedBook, latex: str, name: str) -> None:
    page = book.page(name)
    caption = re.search(r'<span class="caption-text">(<strong>Shares.*?)</span><a', page, re.S)
    title = re.search(r'<span class="caption-text">(<strong>Counts.*?)</span><a', page, re.S)
    assert caption
    assert title
    assert plain(caption[1]) in plain(latex)
    assert plain(title[1]) in plain(latex)
    count = {"one": "111", "two": "2,222"}[name]
    assert f'<td class="text-right"><p>{count}</p></td>' in page
    assert re.search(rf"\n{count}\n", latex)


def test_print_shows_the_vector_drawing_of_the_same_execution(latex: str) -> None:
    assert len(re.findall(r"\\sphinxincludegraphics\{\{(?:one|two)-values-[0-9a-f]{12}\}\.pdf\}", latex)) == 2
    assert "plotly" not in latex


@pytest.mark.parametrize(
    ("cells", "modules"),
    [
        (["import toy.alpha"], {"toy", "toy.alpha", "toy.beta"}),
        (["from toy import beta"], {"toy", "toy.beta"}),
        (["from toy.gamma import right"], {"toy", "toy.gamma", "toy.store"}),
        (["import math", "%magic"], set()),
    ],
)
def test_the_closure_of_a_chapter_follows_its_imports(
    project: inputs.Project, cells: list[str], modules: set[str]
) -> None:
    assert project.closure(inputs.imported(inputs.parsed(cells))) == modules


def digest(project: inputs.Project, cells: list[str]) -> str:
    """Return the digest as a new build computes it: a project reads a file once."""
    return inputs.digest(replace(project), cells)


def test_a_chapter_that_names_no_study_depends_on_all_results(project: inputs.Project, book: StagedBook) -> None:
    cells, other = ["from toy.store import load"], ["import math"]
    before, before_other = digest(project, cells), digest(project, other)
    with book.changed("results/toy-study/key/metrics.json", "2222", "3333"):
        assert digest(project, cells) != before
        assert digest(project, other) == before_other
    assert digest(project, cells) == before


def test_what_is_stored_of_a_study_beside_its_models_belongs_to_the_chapters_that_name_it() -> None:
    known = ["toy", "toy.analyses", "toy-study", "toy-study.analyses"]
    assert inputs.folders_of({"toy-study"}, known) == {"toy-study", "toy-study.analyses"}
    assert inputs.folders_of({"toy.analyses", "analyses"}, known) == {"toy.analyses"}


def test_a_module_that_opens_one_folder_makes_its_chapters_depend_on_that(
    project: inputs.Project, book: StagedBook
) -> None:
    reading = replace(project, readers={"toy.gamma": "profiles"})
    other, reached = ["import toy.alpha; 'toy-study'"], ["from toy.gamma import right; 'toy-study'"]
    before = [digest(reading, cells) for cells in (other, reached)]
    book.write("results/profiles/key/metrics.json", "{}")
    after = [digest(reading, cells) for cells in (other, reached)]
    assert after[0] == before[0]
    assert after[1] != before[1]
    shutil.rmtree(book.root / "results/profiles")


def test_the_lock_file_enters_every_digest(project: inputs.Project, book: StagedBook) -> None:
    before = digest(project, ["import math"])
    with book.changed("requirements.lock", "toy==1", "toy==2"):
        assert digest(project, ["import math"]) != before


def test_the_stamp_leaves_every_line_where_it_was() -> None:
    source = "---\nfile_format: mystnb\nresults: [a]\n---\n\n# Title\n"
    marked = stamped(source, "abc")
    assert [line for line in marked.splitlines() if line == "# Title"]
    assert marked.splitlines().index("# Title") == source.splitlines().index("# Title")
    assert '"inputs": "abc"' in marked
    assert stamped("# No front matter\n", "abc") == "# No front matter\n"


def test_a_formula_that_is_not_understood_is_named() -> None:
    assert mathml.markup(r"\frac{1}{2}", "block").startswith("<math")
    with pytest.raises(ValueError, match="nosuchcommand"):
        mathml.markup(r"\nosuchcommand{x}", "inline")


THIN = '<mspace width="0.167em" />'


@pytest.mark.parametrize(
    ("latex", "spaced"),
    [
        (r"\cos x \cos y", f"<mi>cos</mi>{THIN}<mi>x</mi>{THIN}<mi>cos</mi>{THIN}<mi>y</mi>"),
        (r"\alpha_k \sin w_k", f"<mi>k</mi></msub>{THIN}<mi>sin</mi>{THIN}<msub>"),
        (r"(a) \log p", f"&#x00029;</mo>{THIN}<mi>log</mi>{THIN}<mi>p</mi>"),
        (r"x \, \cos(y)", f"<mi>x</mi>{THIN}<mi>cos</mi><mo"),
        (r"\operatorname{relu}(x)", "<mi>relu</mi><mo"),
    ],
)
def test_the_name_of_a_function_stands_apart_from_terms_and_close_to_brackets(latex: str, spaced: str) -> None:
    assert spaced in mathml.markup(latex, "inline")


def test_a_mirrored_folder_drops_what_is_stale_and_leaves_what_is_equal(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    for folder, names in ((source, ("same", "new")), (target, ("same", "stale"))):
        folder.mkdir()
        for name in names:
            (folder / name).write_text(name)
    before = (target / "same").stat().st_mtime_ns
    mirror(source, target)
    assert sorted(path.name for path in target.iterdir()) == ["new", "same"]
    assert (target / "same").stat().st_mtime_ns == before


def test_without_an_address_of_the_repository_nothing_is_launched(book: StagedBook, first_build: Build) -> None:
    assert "colab" not in book.page("one")
    assert "mybinder" not in book.page("one")
    assert not (book.root / "notebooks").exists()


def test_with_an_address_every_chapter_has_buttons_that_open_its_notebook(book: StagedBook, first_build: Build) -> None:
    with book.changed("book/_config.yml", "url: ''", "url: https://github.com/someone/their-book"):
        assert book.build().status == 0
        page = book.page("one")
    for service in (
        "https://colab.research.google.com/github/someone/their-book/blob/main/notebooks/one.ipynb",
        "https://mybinder.org/v2/gh/someone/their-book/main?urlpath=lab/tree/notebooks/one.ipynb",
    ):
        assert f'href="{service}"' in page
    assert "colab" not in book.page("intro"), "a page without code has nothing to run"
    assert sorted(path.name for path in (book.root / "notebooks").iterdir()) == ["one.ipynb", "two.ipynb"]
    launched = nbformat.read(book.root / "notebooks" / "one.ipynb", as_version=4)
    install, *rest = (cell for cell in launched.cells if cell.cell_type == "code")
    assert '"https://github.com/someone/their-book"' in install.source
    assert "from toy.alpha import ONE" in rest[0].source
    assert all(not cell.outputs and cell.execution_count is None for cell in rest)
    assert book.build().status == 0


def test_the_first_cell_of_a_launched_notebook_fetches_and_installs_the_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cell = notebooks.installing("https://github.com/someone/their-book", "main").source
    commands: list[list[str]] = []
    monkeypatch.setattr(subprocess, "run", lambda command, check: commands.append(command))
    monkeypatch.setenv("TINYCIRCUITS_RESULTS", "kept")
    monkeypatch.chdir(tmp_path)
    exec(cell)
    assert commands == [], "nothing is fetched where the package is there"
    exec(cell.replace('"tinycircuits")', '"no_such_package")'))
    clone, install = commands
    assert clone[:2] == ["git", "clone"]
    assert clone[-2:] == ["https://github.com/someone/their-book", "tinycircuits-book"]
    assert install[1:4] == ["-m", "pip", "install"]
    assert install[-1] == "./tinycircuits-book[book]"
    monkeypatch.delenv("TINYCIRCUITS_RESULTS")
    (tmp_path / "tinycircuits-book/results").mkdir(parents=True)
    exec(cell)
    assert os.environ["TINYCIRCUITS_RESULTS"] == str(tmp_path / "tinycircuits-book/results"), "so after a restart"


def test_without_an_address_the_first_cell_says_what_to_install_from_where() -> None:
    cell = notebooks.installing("", "main").source
    exec(cell)
    with pytest.raises(ModuleNotFoundError, match=re.escape('pip install --editable ".[book]"')):
        exec(cell.replace('"tinycircuits")', '"no_such_package")'))


@pytest.mark.parametrize("url", ["http://github.com/a/b", "https://example.org/a/b", "https://github.com/a", "a/b"])
def test_an_address_that_cannot_be_launched_is_named(url: str) -> None:
    assert notebooks.github("https://github.com/a/b.git") == "a/b"
    with pytest.raises(ConfigError, match=re.escape(url)):
        notebooks.github(url)


def test_the_downloaded_notebook_is_executed_and_speaks_plain_markdown(book: StagedBook, first_build: Build) -> None:
    notebook = json.loads(book.read("book/_build/html/notebooks/one.ipynb"))
    install, title, *others = notebook["cells"]
    assert "pip install" in "".join(install["source"])
    code = [cell for cell in others if cell["cell_type"] == "code"]
    captions = ["".join(cell["source"]) for cell in others if cell["cell_type"] == "markdown"]
    assert captions == ["*Figure 1.* **Shares of *one* & $y_0$:** 111 < 1,000.", "*Table 1.* **Counts of one:** 111."]
    assert "The value is 111, see Figure 1 and Table 1." in "".join(title["source"])
    assert "Equation (1) is short." in "".join(title["source"])
    assert "\\tag{1}\n$$" in "".join(title["source"])
    assert [cell["execution_count"] for cell in code] == [1, 2, 3]
    assert set(code[1]["outputs"][0]["data"]) == {"image/svg+xml", "text/plain"}
    (drawing,) = code[1]["outputs"][0]["data"]["image/svg+xml"]
    assert ElementTree.fromstring(drawing).tag.endswith("svg"), "one line"
    assert set(code[2]["outputs"][0]["data"]) == {"text/html", "text/plain"}


def test_roles_boxes_and_labels_become_ordinary_markdown() -> None:
    text = ":::{admonition} Claim\n:class: tip\n{glue:text}`n` of {unknown}`m`\n\nmore\n:::\n\n$$\nx\n$$ (eq-x)\n"
    shown = notebooks.plain(text, lambda role, name: "7" if role == "glue:text" else None)
    assert shown == "> **Claim**\n>\n> 7 of {unknown}`m`\n>\n> more\n\n$$\nx\n$$\n"


def test_a_glossary_becomes_ordinary_markdown() -> None:
    text = (
        "```{glossary}\n:sorted:\n\nseed | seeds\n  A *number*.\n\n  See {ref}`x`.\n\nloss\n  Surprise.\n```\nMore.\n"
    )
    shown = notebooks.plain(text, lambda role, name: "[X](x.ipynb)")
    assert shown == "**seed**\nA *number*.\n\nSee [X](x.ipynb).\n\n**loss**\nSurprise.\nMore.\n"


def test_the_status_page_tells_when_each_chapter_ran_and_follows_a_change(book: StagedBook, first_build: Build) -> None:
    digest = re.compile(r'class="tc-inputs".*<code>([0-9a-f]{16})</code>')
    book.write("book/status.md", "# Status\n\n```{status} weather\n```\n\n```{status} chapters\n```\n")
    with book.changed("book/_toc.yml", "- file: two", "- file: two\n- file: status"):
        red = book.build()
        assert red.status != 0
        assert "no status table 'weather'; known are versions, chapters, studies" in red.log
        with (
            book.changed("book/status.md", "weather", "versions"),
            book.changed("src/toy/beta.py", "FACTOR", "# another comment\nFACTOR"),
        ):
            assert book.build().executed == {"one"}
            assert re.search(r"<p>torch</p></td>\s*<td><p>2\.13\.0", book.page("status"))
            assert digest.findall(book.page("one"))[0] in book.page("status")
    book.build()
