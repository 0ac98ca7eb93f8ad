"""Code that teaches is shown, the rest is folded: on the page one closed line for each cell, and one switch for all.

A chapter tags a cell ``shown`` when a reader should see its source. The source of every other cell is closed behind a
line that says how long it is. What a cell shows, its outputs, is folded where the directive ``caption`` says so.
"""

from html import escape
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

SHOWN = "tag_shown"
"""The class that MyST-NB gives to a cell tagged ``shown``."""
FOLDED = "tinycircuits_folded"
"""The attribute of a figure or table that holds the line behind which it is closed."""


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
    """Put every source, figure and table that is folded into a closed element of the page."""
    if app.builder.format != "html":
        return
    for source in folded(doctree):
        lines = len(source.astext().splitlines())
        _close(source, "tc-code", f"code, {lines} line{'s' if lines > 1 else ''}")
    for shown in list(doctree.findall(lambda node: isinstance(node, nodes.Element) and FOLDED in node)):
        _close(shown, "tc-folded", shown[FOLDED])


def _close(node: nodes.Element, kind: str, said: str) -> None:
    opened = nodes.raw("", f'<details class="{kind}"><summary>{escape(said)}</summary>', format="html")
    parent, closed = node.parent, nodes.raw("", "</details>", format="html")
    at = parent.index(node)
    parent[at : at + 1] = [opened, node, closed]


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
