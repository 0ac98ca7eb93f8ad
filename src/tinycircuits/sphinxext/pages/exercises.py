"""The exercises of a chapter, in its prose; the ideas behind all of them; what an instructor asks of them.

    ```{exercises}
    ```

shows those of the chapter that it stands in, with hints behind folds and a notebook to start from. On the page, and in
print where it says so, ``{exercise-ideas}`` shows how each is solved, in words; ``{exercise-goals}`` a table of what
each teaches and how long it takes; ``{exercise-tests}`` how many right and wrong solutions each check was tried on.
"""

from collections.abc import Iterator
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from tinycircuits.exercises import table
from tinycircuits.exercises.kinds import Exercise
from tinycircuits.exercises.table import exercises, of_chapter
from tinycircuits.exercises.tested import tested

FOLDER = "exercises"
"""Where the site has the notebooks."""
KIND = "tc-exercise"
"""The class of an exercise on the page."""


class OfTheTable(SphinxDirective):  # type: ignore[misc]
    """A directive that shows something of the table of exercises."""

    def run(self) -> list[nodes.Node]:
        """What is shown; the page is read anew when the table changes."""
        for file in (*(Path(table.__file__).with_name(f"{name}.yaml") for name in ("exercises", "tested")), __file__):
            self.env.note_dependency(str(file))
        return list(self.shown())

    def shown(self) -> Iterator[nodes.Node]:
        """The nodes, one after another."""
        raise NotImplementedError

    def words(self, text: str) -> list[nodes.Node]:
        """A line of MyST."""
        return list(self.parse_inline(" ".join(text.split()))[0])

    def paragraph(self, text: str) -> nodes.paragraph:
        """A paragraph of MyST."""
        return nodes.paragraph("", "", *self.words(text))

    def rows(self, head: list[str], body: list[list[str]]) -> nodes.table:
        """A table of MyST cells."""
        group = nodes.tgroup("", cols=len(head))
        group += [nodes.colspec(colwidth=max(6, *(min(len(row[i]), 40) for row in body))) for i in range(len(head))]
        group += nodes.thead("", self._row(head))
        group += nodes.tbody("", *map(self._row, body))
        return nodes.table("", group, classes=["tc-table", "longtable"])

    def _row(self, cells: list[str]) -> nodes.row:
        return nodes.row("", *(nodes.entry("", self.paragraph(cell)) for cell in cells))


class Exercises(OfTheTable):
    """The exercises of this chapter."""

    def shown(self) -> Iterator[nodes.Node]:
        """Each with its statement and its hints, then the notebook."""
        chosen = of_chapter(self.env.docname)
        if not chosen:
            raise self.error(f"exercises: the table has none for the chapter {self.env.docname}")
        for each in chosen:
            yield self._one(each)
        link = f'<a href="{FOLDER}/{self.env.docname}.ipynb" download>{self.env.docname}.ipynb</a>'
        said = f'<p class="tc-files">A notebook to start from: {link}</p>'
        yield nodes.raw("", said, format="html")

    def _one(self, each: Exercise) -> nodes.container:
        name = f"exercise-{each.name}"
        self.env.get_domain("std").anonlabels[name] = (self.env.docname, name)
        self.env.get_domain("std").labels[name] = (self.env.docname, name, each.title)
        title = nodes.paragraph("", "", nodes.strong("", "", *self.words(each.title)), nodes.Text(f" ({said(each)})"))
        parts = [title, self.paragraph(each.statement)]
        for number, hint in enumerate(each.hints, 1):
            parts.append(_html(f'<details class="tc-hint"><summary>Hint {number}</summary>'))
            parts += [addnodes.only("", self.paragraph(hint), expr="html"), _html("</details>")]
        parts.append(nodes.paragraph("", "", nodes.literal("", f"tinycircuits check {each.name} FILE")))
        return nodes.container("", *parts, classes=[KIND], ids=[name])


class Ideas(OfTheTable):
    """How each exercise is solved, in words."""

    def shown(self) -> Iterator[nodes.Node]:
        """One paragraph each."""
        for each in exercises().values():
            yield self.paragraph(f"{{ref}}`{each.title} <exercise-{each.name}>`")
            yield nodes.block_quote("", self.paragraph(each.idea))


class Goals(OfTheTable):
    """What each exercise teaches, chapter by chapter."""

    def shown(self) -> Iterator[nodes.Node]:
        """One table."""
        head = ["chapter", "exercise", "kind", "minutes", "goal"]
        body = [
            [f"{{doc}}`{each.chapter}`", each.title, each.kind, str(each.minutes), each.goal]
            for each in exercises().values()
        ]
        yield addnodes.only("", self.rows(head, body), expr="html")


class Tests(OfTheTable):
    """How many solutions each check was tried on."""

    def shown(self) -> Iterator[nodes.Node]:
        """One table, with the sum in its last row."""
        body = [[name, str(right), str(wrong), "refused"] for name, (right, wrong) in tested().items()]
        right, wrong = (sum(each[i] for each in tested().values()) for i in (0, 1))
        head = ["exercise", "right ones, taken", "wrong ones, refused", "its stub"]
        table_ = self.rows(head, [*body, ["**all**", f"**{right}**", f"**{wrong}**", "refused"]])
        yield addnodes.only("", table_, expr="html")


def said(each: Exercise) -> str:
    """``code, 5 minutes``."""
    return f"{each.kind}, {each.minutes} minutes"


def as_markdown(docname: str) -> str:
    """The exercises of a chapter for its executed notebook."""
    return "\n\n".join(f"**{each.title}** ({said(each)}). {each.statement}" for each in of_chapter(docname))


def _html(text: str) -> nodes.raw:
    return nodes.raw("", text, format="html")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    for name, directive in (
        ("exercises", Exercises),
        ("exercise-ideas", Ideas),
        ("exercise-goals", Goals),
        ("exercise-tests", Tests),
    ):
        app.add_directive(name, directive)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
