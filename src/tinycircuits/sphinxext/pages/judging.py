"""What a page asks and judges itself: guesses before a result is shown, answers to exercises, and how far a reader is.

    ```{predict} lattice-size
    :right: {glue:text}`circuit_size`
    :within: 1

    How many of the ten parts does the smallest set have?
    ```

asks before the rest of its section is shown, and with ``:sections: 1`` before the next one. The page holds the right
answer, a text or a whole number, as a hash, and takes a number that is off by ``within``. With ``:choices: a | b`` one
of them is chosen. A question that has the name of an exercise is that exercise, asked where its result stands.
``{exercise-progress}`` shows all exercises and which of them are done. Without scripts and in print nothing is hidden,
and print does not ask.
"""

import json
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from tinycircuits.exercises.kinds import Exercise
from tinycircuits.exercises.sealing import hashed
from tinycircuits.exercises.table import exercises
from tinycircuits.sphinxext.pages.exercises import KIND, OfTheTable
from tinycircuits.sphinxext.pages.figures import write
from tinycircuits.sphinxext.pages.live import script

ASKED, PROGRESS = "tc-predict", "tc-progress"
"""The classes of a question that is asked first, and of the list of exercises."""
ENTRY = "exercises.js"


class Predict(SphinxDirective):  # type: ignore[misc]
    """A question that a reader answers before the rest of its section is shown."""

    required_arguments = 1
    has_content = True
    option_spec: ClassVar = {
        "right": directives.unchanged_required,
        "within": directives.nonnegative_int,
        "choices": directives.unchanged_required,
        "sections": directives.nonnegative_int,
    }

    def run(self) -> list[nodes.Node]:
        """The question, on the page only; raises the directive's error for one without a right answer."""
        given = {"name": self.arguments[0], "sections": str(self.options.get("sections", 0)), **self._own()}
        described = "".join(f' data-{key}="{escape(value)}"' for key, value in given.items())
        paragraphs = self.parse_content_to_nodes()
        if len(paragraphs) != 1 or not isinstance(paragraphs[0], nodes.paragraph):
            raise self.error(f"predict {self.arguments[0]}: exactly one paragraph expected")
        paragraphs[0][:0] = [nodes.strong("", "Before you read on."), nodes.Text(" ")]
        opened = nodes.raw("", f'<div class="{ASKED}"{described}>', format="html")
        return [addnodes.only("", opened, *paragraphs, nodes.raw("", "</div>", format="html"), expr="html")]

    def _own(self) -> dict[str, str]:
        """What the page needs for a question of the chapter; nothing for an exercise, which is judged like it."""
        name = self.arguments[0]
        if name in exercises():
            if {*self.options} - {"sections"}:
                raise self.error(f"predict {name}: it is an exercise, whose check decides; no right answer expected")
            return {}
        if "right" not in self.options:
            raise self.error(f"predict {name}: no exercise has this name, and no right answer is given")
        right = nodes.inline("", "", *self.parse_inline(self.options["right"])[0]).astext().strip()
        choices = [each.strip() for each in self.options.get("choices", "").split("|") if each.strip()]
        number = right.replace(",", "").replace("\N{THIN SPACE}", "")
        if right not in choices if choices else not number.isdecimal():
            wanted = f"one of {', '.join(choices)}" if choices else "a whole number"
            raise self.error(f"predict {name}: the right answer must be {wanted}, got {right!r}")
        found = {"key": hashed(name, right if choices else number), "within": str(self.options.get("within", 0))}
        return found | ({"options": json.dumps(choices)} if choices else {})


class Progress(OfTheTable):
    """All exercises, and in the page which of them are done."""

    def shown(self) -> Iterator[nodes.Node]:
        """One table, on the page only."""
        words = (
            "What is done is kept in this browser and sent nowhere. A file `done.json` takes it elsewhere: `make pdf` "
            "prints it into a hand-in, and `tinycircuits exercises` goes on with it."
        )
        table = self.rows(
            ["exercise", "chapter", "kind", "minutes", "state"], [self._cells(each) for each in exercises().values()]
        )
        opened = nodes.raw("", f'<div class="{PROGRESS}">', format="html")
        closed = nodes.raw("", "</div>", format="html")
        yield addnodes.only("", self.paragraph(words), opened, table, closed, expr="html")

    @staticmethod
    def _cells(each: Exercise) -> list[str]:
        link = f"{{ref}}`{each.title} <exercise-{each.name}>`"
        return [link, f"{{doc}}`{each.chapter}`", each.kind, str(each.minutes), ""]


def copy(app: Sphinx) -> None:
    """Write the script into the site."""
    if app.builder.format == "html":
        write(Path(app.outdir, "_static", ENTRY), script(ENTRY).encode())


def per_page(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Load the script where there is something for it to do."""
    if any(f'class="{kind}' in context.get("body", "") for kind in (KIND, ASKED, PROGRESS)):
        app.add_js_file(ENTRY, loading_method="defer", priority=905)
        app.add_css_file("exercises.css", priority=903)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives and connect to the build."""
    app.add_directive("predict", Predict)
    app.add_directive("exercise-progress", Progress)
    app.connect("builder-inited", copy)
    app.connect("html-page-context", per_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
