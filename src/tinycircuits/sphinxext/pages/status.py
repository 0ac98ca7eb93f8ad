"""The status page: with what, where and when the book was built, chapter by chapter and study by study.

Its tables are not results of an analysis, so the page is the one that may differ between two builds of a commit.
"""

import os
import platform
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import version
from multiprocessing import get_context
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from tinycircuits.results.checkout import EPOCH, Source, set_date, source
from tinycircuits.sphinxext.rebuild.chapters import cache_of, executed, inputs_of, read
from tinycircuits.sphinxext.rebuild.ending import ChaptersFailed, end
from tinycircuits.sphinxext.rebuild.kernels import STORE_ERRORS, ChapterError

_LOG = logging.getLogger(__name__)

DISTRIBUTIONS = (
    "tinycircuits", "torch", "transformer-lens", "numpy", "scikit-learn", "matplotlib", "plotly", "jupyter-book",
    "sphinx", "myst-nb",
)  # fmt: skip

Row = tuple[str, ...]
Rows = tuple[Row, list[Row]]


def versions() -> Rows:
    """With what the book was built."""
    from tinycircuits.results.provenance import processor

    known = source()
    rows: list[Row] = [("date", _date(known)), ("commit", known.commit or f"none: {known.why}")]
    rows += [("Python", platform.python_version())]
    rows += [("system", f"{platform.system()} {platform.machine()}"), ("processor", processor())]
    rows += [("cores", str(os.cpu_count()))]
    return ("what", "version"), rows + [(name, version(name)) for name in DISTRIBUTIONS]


def chapters(env: Any) -> Rows:
    """When each chapter was executed, how long it took, and the digest of its inputs."""
    cache = cache_of(env)
    rows: list[Row] = []
    for docname in (name for name in env.external_site_map if name in inputs_of(env)):
        record = executed(cache, read(env, docname))
        if record is not None:
            seconds = record.data.get("execution_seconds", float("nan"))
            rows.append(
                (
                    f"{{doc}}`{docname}`",
                    f"`{inputs_of(env)[docname]}`",
                    f"{seconds:.1f}",
                    f"{record.created:%Y-%m-%d %H:%M}",
                )
            )
    return ("chapter", "digest of its inputs", "seconds", "executed (UTC)"), rows


def studies() -> Rows:
    """Which seeds are stored, and where and when the published model of each study was trained."""
    from tinycircuits.results.runs import load, stored_seeds
    from tinycircuits.results.tables.studies import STUDIES

    rows: list[Row] = []
    for study in STUDIES.values():
        run, seeds = load(study.name), stored_seeds(study.name)
        made = run.provenance
        seconds, day = f"{made['seconds']:.0f}", made["date"][:10]
        rows.append((f"`{study.name}`", f"`{run.key}`", _listed(seeds), str(run.seed), seconds, made["device"], day))
    return ("study", "key", "stored seeds", "published", "seconds", "trained on", "date"), rows


def elsewhere(env: Any, table: Callable[[], Rows]) -> Rows:
    """A table from a copy of the process that has torch, if there is one: importing it takes seconds."""
    running = getattr(env.app, "tinycircuits_execution", None)
    if running is None or not running.forked:
        return table()
    with ProcessPoolExecutor(1, get_context("forkserver")) as pool:
        return pool.submit(table).result()


TABLES: dict[str, tuple[str, Callable[[Any], Rows]]] = {
    "versions": ("With what this book was built.", lambda env: elsewhere(env, versions)),
    "chapters": ("When each chapter ran, for how long, and the digest of all that its numbers depend on.", chapters),
    "studies": (
        "The stored results. Seconds are those of the published seed's training.",
        lambda env: elsewhere(env, studies),
    ),
}


class Status(SphinxDirective):  # type: ignore[misc]
    """A table of the status page: ``versions``, ``chapters`` or ``studies``."""

    required_arguments = 1
    final_argument_whitespace = False

    def run(self) -> list[nodes.Node]:
        """The table; raises an error that lists the known ones for any other argument."""
        name = self.arguments[0]
        if name not in TABLES:
            raise self.error(f"no status table {name!r}; known are {', '.join(TABLES)}")
        caption, content = TABLES[name]
        status_pages(self.env).add(self.env.docname)
        parent = nodes.Element()
        try:
            rows = content(self.env)
        except Exception as error:  # of the store, which takes seconds to import
            if type(error).__name__ not in STORE_ERRORS:
                raise
            page = f"chapter {self.env.docname}.md"
            raise ChaptersFailed([ChapterError(page, f"table {name}", str(error), stored=True)]) from error
        self.state.nested_parse(StringList(_list_table(name, caption, *rows)), self.lineno, parent)
        return list(parent.children)


def status_pages(env: Any) -> set[str]:
    """The pages that show a status table."""
    if not hasattr(env, "tinycircuits_status"):
        env.tinycircuits_status = set()
    pages: set[str] = env.tinycircuits_status
    return pages


def outdated(app: Sphinx, env: Any, added: set[str], changed: set[str], removed: set[str]) -> list[str]:
    """Read the status pages again when a chapter, the commit or a version has changed since they were read."""
    state = (inputs_of(env), source(), [version(name) for name in DISTRIBUTIONS])
    before, env.tinycircuits_status_of = getattr(env, "tinycircuits_status_of", None), state
    return [] if before == state else sorted(status_pages(env) & env.found_docs)


def show_inputs(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Print the digest of a chapter's inputs at the foot of its page, with a link to what it means."""
    value = inputs_of(app.env).get(pagename)
    if value and "body" in context:
        words, pages = "inputs", sorted(status_pages(app.env) & app.env.found_docs)
        if pages:
            words = f'<a href="{context["pathto"](pages[0])}">{words}</a>'
        note = "digest of the code, results and versions behind this page's numbers"
        context["body"] += f'<p class="tc-inputs"><span title="{note}">{words}</span> <code>{value}</code></p>'


def _list_table(name: str, caption: str, head: Row, rows: list[Row]) -> list[str]:
    lines = [f":::{{list-table}} {caption}", f":name: tbl-status-{name}", ":class: tc-table", ":header-rows: 1", ""]
    for row in (head, *rows):
        lines += [f"{'* ' if index == 0 else '  '}- {cell}" for index, cell in enumerate(row)]
    return [*lines, ":::"]


def _date(known: Source) -> str:
    epoch = os.environ.get(EPOCH)
    moment = datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)
    whose = "of the commit" if epoch == str(known.epoch) else f"set by {EPOCH}" if epoch else "of the build"
    return f"{moment:%Y-%m-%d %H:%M} UTC, {whose}"


def _set_date() -> None:
    try:
        if told := set_date():
            _LOG.info(told)
    except ValueError as error:
        end([str(error)])


def _listed(seeds: Iterable[int]) -> str:
    """``0-4, 7`` for ``0, 1, 2, 3, 4, 7``."""
    runs: list[list[int]] = []
    for seed in sorted(seeds):
        if runs and seed == runs[-1][-1] + 1:
            runs[-1].append(seed)
        else:
            runs.append([seed])
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive ``status``, and give what is built its date."""
    _set_date()
    app.add_directive("status", Status)
    app.connect("html-page-context", show_inputs)
    app.connect("env-get-outdated", outdated, priority=600)  # after the digests are computed
    return {"parallel_read_safe": False, "parallel_write_safe": True}
