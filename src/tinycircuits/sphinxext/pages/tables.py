"""Tables that repeat a figure: closed on the page behind their captions, and set small in print."""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

FOLDED = "tc-folded"
"""The class of a table that is folded."""


def fold(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put every table that is folded into a closed element of the page, or into small type."""
    for table in list(doctree.findall(nodes.table)):
        if FOLDED not in table["classes"]:
            continue
        table["classes"].remove(FOLDED)
        if app.builder.format == "html":
            _close(table, _number(app, docname, table))
        elif app.builder.format == "latex":
            _between(table, nodes.raw("", r"\begingroup\footnotesize", format="latex"))
            table.parent.insert(table.parent.index(table) + 1, nodes.raw("", r"\endgroup", format="latex"))


def _close(table: nodes.table, number: str) -> None:
    caption = table.next_node(nodes.title)
    words = nodes.inline("", "", classes=["tc-summary"])
    words += [nodes.inline("", f"{number} ", classes=["caption-number"]), *(word.deepcopy() for word in caption)]
    table.remove(caption)
    _between(table, nodes.raw("", f'<details class="{FOLDED}"><summary>', format="html"), words)
    _between(table, nodes.raw("", "</summary>", format="html"))
    table.parent.insert(table.parent.index(table) + 1, nodes.raw("", "</details>", format="html"))


def _between(table: nodes.table, *new: nodes.Node) -> None:
    """Put ``new`` right before the table."""
    at = table.parent.index(table)
    table.parent[at:at] = list(new)


def _number(app: Sphinx, docname: str, table: nodes.table) -> str:
    """What the book calls the table, such as "Table 7.2"."""
    numbers: dict[str, Any] = app.env.toc_fignumbers.get(docname, {}).get("table", {})
    found = next((numbers[name] for name in table["ids"] if name in numbers), ())
    return str(app.config.numfig_format["table"]) % ".".join(map(str, found))


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to the build."""
    app.connect("doctree-resolved", fold)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
