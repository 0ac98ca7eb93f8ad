"""Exact rebuilds: a chapter executes again if and only if something that its numbers depend on has changed.

Chapters that are not in the execution cache are executed side by side and put there, each before Sphinx reads it. The
digest of a chapter's inputs is written into its ``kernelspec``, which the cache compares along with the code.
"""

import os
import sys
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from tinycircuits.sphinxext.command import unreadable
from tinycircuits.sphinxext.rebuild.chapters import cache_of, code, executed, inputs_of, read, stamped
from tinycircuits.sphinxext.rebuild.ending import end, say
from tinycircuits.sphinxext.rebuild.execution import Execution
from tinycircuits.sphinxext.rebuild.forks import PRELOADED, available, start
from tinycircuits.sphinxext.rebuild.inputs import Project, digest
from tinycircuits.sphinxext.rebuild.surroundings import surroundings


def _project(app: Sphinx) -> Project:
    root, config = Path(app.srcdir).parent, app.config
    where = root / "results", root / "requirements.lock"
    return Project(config.tinycircuits_package, *where, config.tinycircuits_loader, config.tinycircuits_readers)


def _surroundings(app: Sphinx) -> dict[str, str]:
    return surroundings(Path(app.doctreedir).with_name(".home"), Path(app.srcdir).parent / "results")


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
    """Wait until the chapter has run, and put the digest where the execution cache sees it."""
    if running := getattr(app, "tinycircuits_execution", None):
        running.finish(docname)
    value = inputs_of(app.env).get(docname)
    if value:
        source[0] = stamped(source[0], value)


def execute_missing(app: Sphinx, env: Any, docnames: list[str]) -> None:
    """Begin to execute those of ``docnames`` that the cache lacks, and put all in the order in which they can be read.

    A page without code may show when chapters ran, so it comes last.
    """
    if env.mystnb_config.execution_mode != "cache":
        return
    cache, found = cache_of(env), {docname: read(env, docname) for docname in docnames}
    chapters = {name: nb for name, nb in found.items() if nb is not None and code(nb)}
    waiting = {name: nb for name, nb in chapters.items() if not executed(cache, nb)}
    if not waiting:
        return
    forked = available() and len(waiting) > 1
    environment = _surroundings(app)
    if forked:
        start(environment, app.config.tinycircuits_preload)
    workers = app.config.tinycircuits_workers or os.cpu_count() or 1
    running = Execution(env, waiting, workers=workers, forked=forked, environment=environment)
    app.tinycircuits_execution = running
    docnames.sort(key=lambda name: (name not in chapters, running.order.index(name) if name in waiting else -1))


def note_contents(app: Sphinx, env: Any) -> list[str]:
    """All pages if the table of contents has changed: each one names its neighbours and its number."""
    now = (Path(app.srcdir) / app.config.external_toc_path).read_text(encoding="utf-8")
    before, env.tinycircuits_contents = getattr(env, "tinycircuits_contents", now), now
    return sorted(env.found_docs) if now != before else []


def remember_warnings(app: Sphinx, error: Exception | None) -> None:
    """Make the next build read everything again if this one warned: a page not read again would not warn again."""
    if app._warncount:
        Path(app.doctreedir, "environment.pickle").unlink(missing_ok=True)


def stop(app: Sphinx, error: Exception | None) -> None:
    """Begin no other chapter when the build has ended, which is early if it failed."""
    if running := getattr(app, "tinycircuits_execution", None):
        running.stop()


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to the build; a folder that holds no book ends it."""
    if "external_toc_path" in app.config and (said := unreadable(Path(app.srcdir))):
        end([said])
    app.add_config_value("tinycircuits_package", "tinycircuits", "env")
    app.add_config_value("tinycircuits_loader", "tinycircuits.results.store", "env")
    app.add_config_value(
        "tinycircuits_readers",
        {"tinycircuits.results.calibrated": "calibration", "tinycircuits.results.profiles": "profiles"},
        "env",
    )
    app.add_config_value("tinycircuits_preload", list(PRELOADED), "")
    app.add_config_value("tinycircuits_workers", 0, "")
    app.add_config_value("tinycircuits_printed", sys.maxsize, "")
    app.add_config_value("tinycircuits_shown", sys.maxsize, "")
    app.connect("env-get-outdated", note_inputs)
    app.connect("env-before-read-docs", execute_missing)
    app.connect("source-read", stamp)
    app.connect("env-updated", note_contents)
    app.connect("build-finished", remember_warnings)
    app.connect("build-finished", stop)
    app.connect("build-finished", say, priority=1000)
    if available() and not Path(app.doctreedir).with_name(".jupyter_cache").exists():
        start(
            _surroundings(app), app.config.tinycircuits_preload
        )  # every chapter will run, and what they import takes seconds
    return {"parallel_read_safe": True, "parallel_write_safe": True}
