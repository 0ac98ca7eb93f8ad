"""Chapters that are executed side by side, while Sphinx reads those that are done."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from jupyter_cache.base import CacheBundleIn, JupyterCacheAbstract
from nbformat import NotebookNode
from sphinx.errors import SphinxError
from sphinx.util import logging

from tinycircuits.sphinxext.rebuild.chapters import cache_of, code
from tinycircuits.sphinxext.rebuild.kernels import ChapterError, execute

_LOG = logging.getLogger(__name__)


class ChaptersFailed(SphinxError):  # type: ignore[misc]
    """At least one chapter did not run to its end."""

    category = "Chapter failed"


class Execution:
    """The execution of ``notebooks``, begun at once in the order ``order``: that of the time that each will take.

    ``forked`` tells whether kernels are copies of a process that has imported the slow libraries.
    """

    def __init__(self, env: Any, notebooks: dict[str, NotebookNode], *, workers: int, forked: bool) -> None:
        self._env, self._cache, self._notebooks, self.forked = env, cache_of(env), notebooks, forked
        self.order = sorted(notebooks, key=_expected(self._cache, env, notebooks), reverse=True)
        self._pool = ThreadPoolExecutor(workers)
        self._jobs = {docname: self._pool.submit(self._run, docname) for docname in self.order}

    def finish(self, docname: str) -> None:
        """Wait until ``docname`` is in the cache; a chapter that is not among the executed ones is not waited for.

        Raises ``ChaptersFailed`` if one fails, when all have run; the message is that of each which failed.
        """
        if docname not in self._jobs:
            return
        try:
            self._jobs[docname].exception()
        except KeyboardInterrupt:
            self.stop()
            raise
        failures = self._collect([name for name, job in self._jobs.items() if job.done()])
        if failures:
            raise ChaptersFailed("\n\n".join(failures + self._collect(list(self._jobs))))

    def stop(self) -> None:
        """Begin no other chapter."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self, docname: str) -> float:
        path, timeout = Path(self._env.doc2path(docname)), self._env.mystnb_config.execution_timeout
        notebook, name = self._notebooks[docname], f"chapter {path.name}"
        return execute(notebook, name=name, cwd=str(path.parent), timeout=timeout, forked=self.forked)

    def _collect(self, docnames: Iterable[str]) -> list[str]:
        """Cache every chapter that ran and return the message of every one that did not."""
        failures = []
        for docname in docnames:
            try:
                seconds = self._jobs.pop(docname).result()
            except ChapterError as error:
                failures.append(str(error))
                continue
            _LOG.info(f"executed {docname} in {seconds:.1f} s".ljust(72))  # over Sphinx's line of progress
            path, data = str(self._env.doc2path(docname)), {"execution_seconds": seconds}
            bundle = CacheBundleIn(self._notebooks[docname], path, data=data)
            self._cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
        return failures


def _expected(
    cache: JupyterCacheAbstract, env: Any, notebooks: dict[str, NotebookNode]
) -> Callable[[str], tuple[float, int]]:
    """Return how long a chapter took when it last ran, and the length of its code; one that never ran took for ever."""
    known = {record.uri: float(record.data.get("execution_seconds", 0)) for record in cache.list_cache_records()}

    def expected(docname: str) -> tuple[float, int]:
        length = sum(map(len, code(notebooks[docname])))
        return known.get(str(env.doc2path(docname)), float("inf")), length

    return expected
