"""Chapters as notebooks: their source with the digest of their inputs in it, and their place in the execution cache."""

import json
import re
from pathlib import Path
from typing import Any

import yaml
from jupyter_cache import get_cache
from jupyter_cache.base import JupyterCacheAbstract
from jupyter_cache.cache.db import NbCacheRecord
from myst_nb.core.read import create_nb_reader
from nbformat import NotebookNode

from tinycircuits.sphinxext.rebuild.ending import ChaptersFailed
from tinycircuits.sphinxext.rebuild.kernels import ChapterError

_FRONT_MATTER = re.compile(r"\A---\n(.*?\n)---\n", re.S)
_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def stamped(source: str, value: str) -> str:
    """``source`` with the digest ``value`` in its front matter, every line of text where it was."""
    found = _FRONT_MATTER.match(source)
    if not found:
        return source
    matter = yaml.safe_load(found[1]) or {}
    matter["kernelspec"] = {**_KERNEL, **matter.get("kernelspec", {}), "inputs": value}
    padding = "\n" * found[1].count("\n")
    return f"---\n{json.dumps(matter)}{padding}---\n{source[found.end() :]}"


def inputs_of(env: Any) -> dict[str, str]:
    """The digest of the inputs of every chapter, as the build in progress has computed them."""
    return getattr(env, "tinycircuits_inputs", {})


def read(env: Any, docname: str) -> NotebookNode | None:
    """The chapter as myst-nb will read it, one notebook all build long; ``None`` for a page without code.

    Raises ``ChaptersFailed`` when it cannot be read.
    """
    if not hasattr(env.app, "tinycircuits_read"):
        env.app.tinycircuits_read = {}
    known: dict[tuple[str, str], NotebookNode | None] = env.app.tinycircuits_read
    value = inputs_of(env).get(docname, "")
    if (docname, value) not in known:
        path = env.doc2path(docname)
        try:
            source = stamped(Path(path).read_text(encoding="utf-8"), value)
            reader = create_nb_reader(str(path), env.myst_config, env.mystnb_config, source)
            known[docname, value] = reader.read(source) if reader else None
        except Exception as error:
            what = f"cannot be read: {' '.join(str(error).split())}"
            raise ChaptersFailed([ChapterError(f"chapter {Path(path).name}", "head and cells", what)]) from error
    return known[docname, value]


def code(notebook: NotebookNode) -> list[str]:
    """The sources of the code cells."""
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def cache_of(env: Any) -> JupyterCacheAbstract:
    """The book's execution cache."""
    return get_cache(env.mystnb_config.execution_cache_path)


def executed(cache: JupyterCacheAbstract, notebook: NotebookNode) -> NbCacheRecord | None:
    """The record of the execution of exactly this notebook, or ``None`` if the cache has none."""
    try:
        return cache.match_cache_notebook(notebook)
    except KeyError:
        return None
