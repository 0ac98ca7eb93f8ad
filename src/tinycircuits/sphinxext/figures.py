"""Writes every figure of the executed chapters as files: beside the pages, and in the repository's ``figures/``."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from tinycircuits.display.figure import FIGURE_MIME
from tinycircuits.display.table import TABLE_MIME


def contents(notebook: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield name and content of each file that an executed notebook's figures and tables give."""
    outputs = (output for cell in notebook["cells"] for output in cell.get("outputs", []))
    for data in (output.get("data", {}) for output in outputs):
        if FIGURE_MIME in data:
            yield f"{data[FIGURE_MIME]['name']}.svg", _joined(data["image/svg+xml"])
            yield f"{data[FIGURE_MIME]['name']}.csv", data[FIGURE_MIME]["csv"]
        elif TABLE_MIME in data:
            yield f"{data[TABLE_MIME]['name']}.csv", data[TABLE_MIME]["csv"]


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)


def mirror(folder: Path, files: dict[str, str]) -> None:
    """Make ``folder`` hold exactly ``files``; a file whose bytes would not change is left alone."""
    for path in folder.glob("*"):
        if path.is_file() and path.name not in files:
            path.unlink()
    for name, text in files.items():
        write(folder / name, text.encode())


def write(path: Path, content: bytes) -> None:
    """Write ``content`` so that nobody sees half of it, unless the file holds it already."""
    if path.exists() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(content)
    partial.replace(path)


def write_figures(app: Sphinx, error: Exception | None) -> None:
    """Write the figures of every chapter; raises ``ValueError`` when two figures of the book share a name."""
    if error or app.builder.format not in {"html", "latex"}:
        return
    executed = Path(app.env.mystnb_config.output_folder)
    owner: dict[str, str] = {}
    for docname in sorted(app.env.found_docs):
        notebook = executed / f"{docname}.ipynb"
        if docname not in app.env.tinycircuits_inputs or not notebook.exists():
            continue
        files = dict(contents(json.loads(notebook.read_text(encoding="utf-8"))))
        for name in files:
            if owner.setdefault(name, docname) != docname:
                raise ValueError(f"figure name {name!r} is used by chapters {owner[name]!r} and {docname!r}")
        if app.config.tinycircuits_figures:
            mirror(Path(app.srcdir, app.config.tinycircuits_figures, docname), files)
        if app.builder.format == "html":
            mirror(Path(app.outdir, "figures", docname), files)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to the build; ``tinycircuits_figures`` is the folder for the files, relative to the book, or empty."""
    app.add_config_value("tinycircuits_figures", "../figures", "")
    app.connect("build-finished", write_figures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
