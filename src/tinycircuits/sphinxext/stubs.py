"""The notebooks that a reader starts from: for each chapter its exercises with hints, stubs and checks."""

from pathlib import Path

import nbformat
from nbformat import NotebookNode
from sphinx.application import Sphinx

from tinycircuits.exercises.table import of_chapter
from tinycircuits.sphinxext.notebooks import as_bytes, installing, repository
from tinycircuits.sphinxext.pages.exercises import FOLDER, said
from tinycircuits.sphinxext.pages.figures import write

IMPORT = "from tinycircuits.exercises import check"


def stubs(docname: str, title: str, first: NotebookNode) -> NotebookNode:
    """A notebook to start from: each exercise of a chapter with its hints, its stub and its check.

    ``first`` is the cell that sees to it that the package is there.
    """
    book = nbformat.v4.new_notebook()
    book.metadata.kernelspec = {"display_name": "Python 3", "language": "python", "name": "python3"}
    cells = [nbformat.v4.new_markdown_cell(f"# Exercises: {title}", id="title"), first]
    cells.append(nbformat.v4.new_code_cell(IMPORT, id="check"))
    for each in of_chapter(docname):
        hints = "\n\n".join(
            f"<details><summary>Hint {number}</summary>\n\n{hint}\n\n</details>"
            for number, hint in enumerate(each.hints, 1)
        )
        text = f"## {each.title}\n\n*{said(each)}*\n\n{each.statement}\n\n{hints}"
        cells.append(nbformat.v4.new_markdown_cell(text, id=f"{each.name}-text"))
        cells.append(nbformat.v4.new_code_cell(each.stub.rstrip("\n"), id=f"{each.name}-answer"))
        cells.append(nbformat.v4.new_code_cell(f'check("{each.name}", {each.asks})', id=f"{each.name}-check"))
    book.cells = cells
    return book


def export(app: Sphinx, error: Exception | None) -> None:
    """Write the notebooks into the site."""
    if error or app.builder.format != "html":
        return
    chapters = [docname for docname in app.env.titles if of_chapter(docname)]
    for docname in chapters:
        book = stubs(docname, app.env.titles[docname].astext(), installing(*repository(app)))
        write(Path(app.outdir, FOLDER, f"{docname}.ipynb"), as_bytes(book))


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the notebooks at the end of the build."""
    app.connect("build-finished", export)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
