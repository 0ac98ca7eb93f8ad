"""Code that teaches is shown, the rest is folded: on the page one closed line for each cell, and one switch for all.

A chapter tags a cell ``shown`` when a reader should see its source. The source of every other cell is closed behind a
line that says how long it is; what a cell shows, its outputs, is never folded.
"""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

SHOWN = "tag_shown"
"""The class that MyST-NB gives to a cell tagged ``shown``."""


def folded(doctree: nodes.document) -> list[nodes.container]:
    """The sources of all cells that are not tagged ``shown``."""
    return [
        source
        for cell in doctree.findall(nodes.container)
        if "cell" in cell["classes"] and SHOWN not in cell["classes"]
        for source in cell
        if isinstance(source, nodes.container) and "cell_input" in source["classes"]
    ]


def fold(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put every source that is folded into a closed element of the page."""
    if app.builder.format != "html":
        return
    for source in folded(doctree):
        lines = len(source.astext().splitlines())
        said = f"code, {lines} line{'s' if lines > 1 else ''}"
        opened = nodes.raw("", f'<details class="tc-code"><summary>{said}</summary>', format="html")
        parent, closed = source.parent, nodes.raw("", "</details>", format="html")
        at = parent.index(source)
        parent[at : at + 1] = [opened, source, closed]


def add_switch(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Offer the switch in the header of a page that folds something."""
    if doctree is not None and folded(doctree):
        switch = {"type": "javascript", "javascript": "tinyCode()", "text": "", "icon": "fas fa-code"}
        context["header_buttons"].insert(0, {**switch, "tooltip": "Show or fold all code", "label": "code-button"})


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to the build."""
    app.connect("doctree-resolved", fold)
    app.connect("html-page-context", add_switch, priority=503)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
