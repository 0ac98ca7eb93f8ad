"""What print arranges unlike a page: figures and tables float, captions come in two pieces, entries in two columns."""

from collections.abc import Iterator

from docutils import nodes
from sphinx import addnodes

CHECK = "Check"
"""Title of the section whose cell stops the build when a sentence of its chapter is false."""
CLOSING = ("What we found", "Limits", CHECK)
"""Titles of the sections that close a chapter."""

_SHORT, _CODE_LINE = 14, 10.4
"""Lines of a cell that is not broken over pages, and the height of one, points."""
_BOX = 8
"""Lines of room that a box needs to begin on a page."""
_LIST = r"\addtocontents{lof}{\protect\tinyheading{Figures}}"


def listed(tree: nodes.Element) -> None:
    """Put a heading over the list of figures, unless ``tree`` has none."""
    for figure in tree.findall(nodes.figure):
        figure.parent.insert(figure.parent.index(figure), latex(_LIST))
        return


def afloat(tree: nodes.Element) -> None:
    """Let the tables of ``tree`` float, and split captions so that the list of figures has only what they begin with.

    That is the finding, in bold. A caption that begins otherwise is listed whole.
    """
    for table in list(tree.findall(_floats)):
        table.parent.insert(table.parent.index(table), latex(r"\tinyfloat"))
    for caption in tree.findall(nodes.caption):
        if isinstance(caption.parent, nodes.figure) and isinstance(caption.children[0], nodes.strong):
            finding, *rest = caption.children
            caption.children = []
            caption += [latex(r"\tinycaption{"), finding, latex("}{"), *rest, latex("}")]


def together(tree: nodes.Element) -> None:
    """Keep each short cell, and the box with the goals of a chapter, on one page."""
    for node in list(tree.findall(lambda node: isinstance(node, (nodes.literal_block, nodes.note, nodes.admonition)))):
        if isinstance(node, nodes.literal_block):
            lines = node.astext().rstrip().count("\n") + 1
            need = (
                f"{_CODE_LINE * lines + 20:.0f}pt" if lines <= _SHORT and not any(map(_is_entry, _above(node))) else ""
            )
        else:
            need = rf"{_BOX}\baselineskip"
        if need:
            node.parent.insert(node.parent.index(node), latex(rf"\needspace{{{need}}}"))


def in_columns(tree: nodes.Element) -> None:
    """Set the entries of ``tree`` that follow each other in two columns; what is in them stays where it is."""
    for entry in list(tree.findall(_is_entry)):
        group, place = entry.parent.children, entry.parent.index(entry)
        if not (place and _is_entry(group[place - 1])):
            group.insert(place, latex(r"\begin{tinyentries}"))
            place += 1
        if not (place + 1 < len(group) and _is_entry(group[place + 1])):
            group.insert(place + 1, latex(r"\end{tinyentries}"))


def closing(tree: nodes.Element) -> None:
    """Leave the sections that close every chapter alike out of the contents, from the first of them on."""
    for section in tree.findall(nodes.section):
        if section.children[0].astext() in CLOSING:
            section.parent.insert(section.parent.index(section), latex(r"\tinyclosing"))
            return


def words_in_columns(tree: nodes.Element) -> None:
    """Set what a glossary explains in two columns, as the entries of a ledger are."""
    for glossary in list(tree.findall(addnodes.glossary)):
        group, place = glossary.parent.children, glossary.parent.index(glossary)
        group[place : place + 1] = [latex(r"\begin{tinyentries}"), glossary, latex(r"\end{tinyentries}")]


def latex(text: str) -> nodes.raw:
    """A node that is ``text`` in LaTeX and nothing elsewhere."""
    return nodes.raw("", text, format="latex")


def _floats(node: nodes.Node) -> bool:
    titled = isinstance(node, nodes.table) and isinstance(node.children[0], nodes.title)
    fixed = titled and (
        "longtable" in node["classes"] or any(_is_entry(at) or _is_bare(at) for at in _above(node)) or _opens(node)
    )
    return titled and not fixed


def _is_bare(node: nodes.Node) -> bool:
    """Whether ``node`` is a section with a table and no words, whose heading would stand over nothing."""
    return isinstance(node, nodes.section) and all(any(child.findall(nodes.table)) for child in node.children[1:])


def _opens(table: nodes.Node) -> bool:
    """Whether ``table`` stands before the first section of its chapter, whose title it could float above."""
    section = next((at for at in _above(table) if isinstance(at, nodes.section)), None)
    return section is not None and isinstance(section.parent, nodes.document)


def _above(node: nodes.Node) -> Iterator[nodes.Node]:
    while node := node.parent:
        yield node


def _is_entry(node: nodes.Node) -> bool:
    return isinstance(node, nodes.container) and "tc-entry" in node["classes"]
