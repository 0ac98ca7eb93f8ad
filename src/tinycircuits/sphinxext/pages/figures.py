"""Writes every figure of the book as files: numbers and scripts beside the pages, numbers and drawings in ``figures/``.

A page holds its drawings itself, and the repository runs no scripts.

While a chapter is read, its figures are kept in the build folder, so that they are there as well when the chapter
itself is not read again. At the end of the build they are copied from there.
"""

import os
import shutil
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx


def kept(env: Any, docname: str) -> Path:
    """The folder of the build that keeps the files of a chapter's figures."""
    return Path(env.mystnb_config.output_folder, "figures", docname)


def mirror(source: Path, target: Path, without: str = "") -> None:
    """Make ``target`` hold exactly the files of ``source``, but those that end in ``without``.

    A file whose bytes would not change is left alone.
    """
    found = [path for path in sorted(source.glob("*")) if path.is_file()]
    files = {path.name: path.read_bytes() for path in found if not (without and path.name.endswith(without))}
    for path in target.glob("*"):
        if path.is_file() and path.name not in files:
            path.unlink()
    for name, content in files.items():
        write(target / name, content)


def write(path: Path, content: bytes) -> None:
    """Write ``content`` so that nobody sees half of it, unless the file holds it already."""
    if path.exists() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(content)
    partial.replace(path)


def forget(app: Sphinx, env: Any, docname: str) -> None:
    """Drop the kept files of a chapter that is read anew or gone."""
    shutil.rmtree(kept(env, docname), ignore_errors=True)


def copy_figures(app: Sphinx, error: Exception | None) -> None:
    """Copy the figures of every chapter to the site and to the folder ``tinycircuits_figures``."""
    if error or app.builder.format not in {"html", "latex"}:
        return
    for docname in sorted(app.env.found_docs):
        source = kept(app.env, docname)
        if app.config.tinycircuits_figures:
            mirror(source, Path(app.srcdir, app.config.tinycircuits_figures, docname), without=".js")
        if app.builder.format == "html":
            mirror(source, Path(app.outdir, "figures", docname), without=".svg")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to the build; ``tinycircuits_figures`` is the folder for the files, relative to the book, or empty."""
    app.add_config_value("tinycircuits_figures", "../figures", "")
    app.connect("env-purge-doc", forget)
    app.connect("build-finished", copy_figures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
