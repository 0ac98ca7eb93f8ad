"""How long a chapter takes: counted from its words and pictures, said under its title, and summed by ``{minutes}``.

The short path takes {minutes}`task, transformer, attention`.
"""

from collections.abc import Iterable
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxRole

WORDS_A_MINUTE = 200
"""Of a text that one wants to understand; novels are read somewhat faster (Brysbaert 2019: 238)."""
MINUTES_A_PICTURE = 0.5
"""For a figure or a table."""
_KEY = "minutes"
_PROSE = nodes.paragraph | nodes.caption | nodes.title


class Total(nodes.General, nodes.Inline, nodes.Element):  # type: ignore[misc]
    """Stands for the minutes of several chapters until all of them are read."""


class Minutes(SphinxRole):  # type: ignore[misc]
    """The minutes that the chapters take which its text names, with commas between them."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """A node to be replaced when all chapters are known."""
        return [Total(chapters=named(self.text))], []


def of(doctree: nodes.document) -> int:
    """The minutes that a chapter takes: its prose, not its code, and its pictures; at least one.

    Folded entries are looked up, not read, and exercises say their own minutes.
    """
    read = [node for node in doctree.findall() if not _in_entry(node)]
    prose = [node.astext() for node in read if isinstance(node, _PROSE) and not _in_table(node)]
    pictures = sum(isinstance(node, nodes.figure | nodes.table) for node in read)
    words = sum(len(text.split()) for text in prose)
    return max(1, round(words / WORDS_A_MINUTE + pictures * MINUTES_A_PICTURE))


def _in_table(node: nodes.Element) -> bool:
    return isinstance(node.parent, nodes.entry)


def _in_entry(node: nodes.Node) -> bool:
    while node := node.parent:
        if {"tc-entry", "tc-exercise"} & set(node.get("classes", ())):
            return True
    return False


def measure(app: Sphinx, doctree: nodes.document) -> None:
    """Keep how long the chapter takes, and say it under the title of one that opens with a question."""
    minutes = of(doctree)
    app.env.metadata[app.env.docname][_KEY] = minutes
    title = next(iter(doctree.findall(nodes.title)), None)
    if title is not None and title.astext().endswith("?"):
        title.parent.insert(1, nodes.paragraph("", f"{_said(minutes)} to read", classes=["tc-minutes"]))


def fill(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put the sums in place."""
    for node in list(doctree.findall(Total)):
        unknown = [name for name in node["chapters"] if name not in app.env.found_docs]
        if unknown:
            raise ValueError(f"{docname}: minutes of {', '.join(unknown)}: there is no such chapter")
        node.replace_self(nodes.Text(total(app.env, node["chapters"])))


def total(env: BuildEnvironment, chapters: Iterable[str]) -> str:
    """What is said of the time that these chapters take together."""
    return _said(sum(env.metadata[name].get(_KEY, 0) for name in chapters))


def named(text: str) -> list[str]:
    """The chapters that the text of the role names."""
    return [name.strip() for name in text.split(",")]


def _said(minutes: int) -> str:
    if minutes >= 90:
        return f"{minutes / 60:.1f} hours".replace(".0", "")
    return "1 minute" if minutes == 1 else f"{minutes} minutes"


def outdated(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """The pages that say a sum, if a chapter takes another time than when they were last written."""
    minutes: dict[str, Any] = {name: each[_KEY] for name, each in sorted(env.metadata.items()) if _KEY in each}
    before = getattr(env, "tinycircuits_minutes", None)
    env.tinycircuits_minutes = minutes
    if before == minutes:
        return []
    return [name for name in minutes if any(True for _ in env.get_doctree(name).findall(Total))]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the role."""
    app.add_node(Total)
    app.add_role("minutes", Minutes())
    app.connect("doctree-read", measure, priority=900)
    app.connect("doctree-resolved", fill)
    app.connect("env-get-updated", outdated)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
