"""Chapters that are executed side by side, while Sphinx reads those that are done."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from jupyter_cache.base import CacheBundleIn, JupyterCacheAbstract
from nbformat import NotebookNode
from sphinx.util import logging

from tinycircuits.sphinxext.rebuild.chapters import cache_of, code
from tinycircuits.sphinxext.rebuild.ending import ChaptersFailed
from tinycircuits.sphinxext.rebuild.kernels import Bounds, ChapterError, execute

_LOG = logging.getLogger(__name__)


class Execution:
    """The execution of ``notebooks``, begun at once in the order ``order``: that of the time that each will take.

    ``forked`` tells whether kernels are copies of a process that has imported the slow libraries, ``environment`` what
    they find around them.
    """

    def __init__(
        self,
        env: Any,
        notebooks: dict[str, NotebookNode],
        *,
        workers: int,
        forked: bool,
        environment: Mapping[str, str],
    ) -> None:
        self._env, self._cache, self._notebooks, self.forked = env, cache_of(env), notebooks, forked
        config = env.config.tinycircuits_printed, env.config.tinycircuits_shown
        self._bounds, self._environment = Bounds(env.mystnb_config.execution_timeout, *config), environment
        self.order = sorted(notebooks, key=_expected(self._cache, env, notebooks), reverse=True)
        self._pool = ThreadPoolExecutor(workers)
        self._jobs = {docname: self._pool.submit(self._run, docname) for docname in self.order}

    def finish(self, docname: str) -> None:
        """Wait until ``docname`` is in the cache; a chapter that is not among the executed ones is not waited for.

        Raises ``ChaptersFailed`` if one fails, when all have run.
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
            raise ChaptersFailed(failures + self._collect(list(self._jobs)))

    def stop(self) -> None:
        """Begin no other chapter."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self, docname: str) -> float:
        path = Path(self._env.doc2path(docname))
        return execute(
            self._notebooks[docname],
            name=f"chapter {path.name}",
            cwd=str(path.parent),
            bounds=self._bounds,
            environment=self._environment,
            forked=self.forked,
        )

    def _collect(self, docnames: Iterable[str]) -> list[ChapterError]:
        """Cache every chapter that ran and return the error of every one that did not."""
        failures = []
        for docname in docnames:
            try:
                seconds = self._jobs.pop(docname).result()
            except ChapterError as error:
                failures.append(error)
                continue
            _LOG.info(f"executed {docname} in {seconds:.1f} s".ljust(72))  # over Sphinx's line of progress
            path, data = str(self._env.doc2path(docname)), {"execution_seconds": seconds}
            bundle = CacheBundleIn(self._notebooks[docname], path, data=data)
            self._cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
        return failures


def _expected(
    cache: JupyterCacheAbstract, env: Any, notebooks: dict[str, NotebookNode]
) -> Callable[[str], tuple[float, int]]:
    """How long a chapter took when it last ran, and the length of its code; one that never ran took for ever."""
    known = {record.uri: float(record.data.get("execution_seconds", 0)) for record in cache.list_cache_records()}

    def expected(docname: str) -> tuple[float, int]:
        length = sum(map(len, code(notebooks[docname])))
        return known.get(str(env.doc2path(docname)), float("inf")), length

    return expected
