"""Exact rebuilds: a chapter executes again if and only if something that its numbers depend on has changed.

Before Sphinx reads the chapters, those that are not in the execution cache are executed side by side and put there. The
digest of a chapter's inputs is written into its ``kernelspec``, which the cache compares along with the code.
"""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from jupyter_cache.base import CacheBundleIn, JupyterCacheAbstract
from nbformat import NotebookNode
from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinx.util import logging

from tinycircuits.sphinxext.rebuild.chapters import cache_of, code, executed, inputs_of, read, stamped
from tinycircuits.sphinxext.rebuild.inputs import Project, digest
from tinycircuits.sphinxext.rebuild.kernels import ChapterError, execute
from tinycircuits.sphinxext.rebuild.zygote import PRELOADED, Zygote, available

_LOG = logging.getLogger(__name__)


class ChaptersFailed(SphinxError):  # type: ignore[misc]
    """At least one chapter did not run to its end."""

    category = "Chapter failed"


def _project(app: Sphinx) -> Project:
    root = Path(app.srcdir).parent
    package = app.config.tinycircuits_package
    return Project(package, root / "results", root / "requirements.lock", f"{package}.store")


def note_inputs(app: Sphinx, env: Any, added: set[str], changed: set[str], removed: set[str]) -> list[str]:
    """Compute the digests of all chapters and return those whose digest differs from the last build's."""
    project = _project(app)
    before = inputs_of(env)
    now = {}
    for docname in sorted(env.found_docs):
        notebook = read(env, docname)
        if notebook is not None and code(notebook):
            now[docname] = digest(project, code(notebook), notebook.metadata.get("results", []))
    env.tinycircuits_inputs = now
    return [docname for docname, value in now.items() if before.get(docname, value) != value]


def stamp(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put the digest where the execution cache sees it."""
    value = inputs_of(app.env).get(docname)
    if value:
        source[0] = stamped(source[0], value)


def execute_missing(app: Sphinx, env: Any, docnames: list[str]) -> None:
    """Execute those of ``docnames`` that the cache lacks, side by side; raises ``ChaptersFailed`` if one fails."""
    if env.mystnb_config.execution_mode != "cache":
        return
    cache = cache_of(env)
    found = {docname: read(env, docname) for docname in docnames}
    waiting = {name: nb for name, nb in found.items() if nb is not None and code(nb) and not executed(cache, nb)}
    if not waiting:
        return
    workers = min(len(waiting), app.config.tinycircuits_workers or os.cpu_count() or 1)
    zygote = Zygote(tuple(app.config.tinycircuits_preload)) if available() and len(waiting) > 1 else None
    try:
        with ThreadPoolExecutor(workers) as pool:
            order = sorted(waiting, key=_seconds_before(cache, env), reverse=True)
            jobs = {pool.submit(_run, env, name, waiting[name], zygote): name for name in order}
            failures = list(_collect(cache, env, jobs, waiting))
    finally:
        if zygote:
            zygote.close()
    if failures:
        raise ChaptersFailed("\n\n".join(failures))


def _seconds_before(cache: JupyterCacheAbstract, env: Any) -> Callable[[str], float]:
    """Return how long a chapter took when it last ran; one that never ran may take longer than any."""
    known = {record.uri: record.data.get("execution_seconds", 0.0) for record in cache.list_cache_records()}
    return lambda docname: float(known.get(str(env.doc2path(docname)), float("inf")))


def _run(env: Any, docname: str, notebook: NotebookNode, zygote: Zygote | None) -> float:
    path = Path(env.doc2path(docname))
    timeout = env.mystnb_config.execution_timeout
    return execute(notebook, name=f"chapter {path.name}", cwd=str(path.parent), timeout=timeout, zygote=zygote)


def _collect(
    cache: JupyterCacheAbstract, env: Any, jobs: dict[Future[float], str], notebooks: dict[str, NotebookNode]
) -> Iterable[str]:
    """Cache every chapter that ran, as it ends, and yield the message of every one that did not."""
    for job in as_completed(jobs):
        docname = jobs[job]
        try:
            seconds = job.result()
        except ChapterError as error:
            yield str(error)
            continue
        _LOG.info("executed %s in %.1f s", docname, seconds)
        bundle = CacheBundleIn(notebooks[docname], str(env.doc2path(docname)), data={"execution_seconds": seconds})
        cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)


def note_contents(app: Sphinx, env: Any) -> list[str]:
    """Return all pages if the table of contents has changed: each one names its neighbours and its number."""
    now = (Path(app.srcdir) / app.config.external_toc_path).read_text(encoding="utf-8")
    before, env.tinycircuits_contents = getattr(env, "tinycircuits_contents", now), now
    return sorted(env.found_docs) if now != before else []


def show_inputs(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Print the digest of a chapter's inputs at the foot of its page."""
    value = inputs_of(app.env).get(pagename)
    if value and "body" in context:
        note = "digest of the code, results and versions behind this page's numbers"
        context["body"] += f'<p class="tc-inputs"><span title="{note}">inputs</span> <code>{value}</code></p>'


def remember_warnings(app: Sphinx, error: Exception | None) -> None:
    """Make the next build read everything again if this one warned: a page not read again would not warn again."""
    if app._warncount:
        Path(app.doctreedir, "environment.pickle").unlink(missing_ok=True)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to the build."""
    app.add_config_value("tinycircuits_package", "tinycircuits", "env")
    app.add_config_value("tinycircuits_preload", list(PRELOADED), "")
    app.add_config_value("tinycircuits_workers", 0, "")
    app.connect("env-get-outdated", note_inputs)
    app.connect("env-before-read-docs", execute_missing)
    app.connect("source-read", stamp)
    app.connect("env-updated", note_contents)
    app.connect("html-page-context", show_inputs)
    app.connect("build-finished", remember_warnings)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
