"""The words of the glossary: where a page uses one for the first time, it says what the word means and links there.

A line of the directive ``glossary`` that begins an entry names the word and, behind a bar, its other forms; the first
paragraph below it is what readers see where they meet the word, and must do without formulas.

    ablation | ablations, ablate, ablated
      Removing a part of a model to see what goes wrong without it.

      See {doc}`ablation`

A form of small letters is found with a capital as well, one with a capital or a digit only as it is written. On a page
to which the entry links, the word in bold is its definition and no first use. A word that only looks like one is
written ``[state]{.no-term}``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import groupby
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.domains.std import Glossary, StandardDomain
from sphinx.environment import BuildEnvironment
from sphinx.transforms.post_transforms import SphinxPostTransform

from tinycircuits.sphinxext.pages.entries import folded_summary

_BAR = " | "
_TYPESET = "\N{RIGHT SINGLE QUOTATION MARK}"
_NO_PROSE = (
    nodes.literal,
    nodes.literal_block,
    nodes.reference,
    nodes.math,
    nodes.math_block,
    nodes.raw,
    nodes.thead,
    nodes.citation,
    nodes.term,
    nodes.image,
    nodes.comment,
    nodes.rubric,
    addnodes.toctree,
    addnodes.index,
    folded_summary,
)
_OTHER_SENSE = "no-term"
_LINK = '<a class="tc-term reference internal"'


@dataclass(frozen=True)
class Term:
    """One entry of a glossary: its ``forms`` begin with its name, ``meaning`` is plain text.

    ``explained`` are the documents and labels to which the entry links.
    """

    forms: tuple[str, ...]
    meaning: str
    docname: str
    node_id: str
    explained: frozenset[str]


@dataclass(frozen=True)
class Words:
    """All terms of the book, to be found in a text."""

    terms: tuple[Term, ...]

    @cached_property
    def by_form(self) -> dict[str, Term]:
        """The term of each form."""
        return {form: term for term in self.terms for form in term.forms}

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Finds every form as a whole word, of two that begin alike the longer."""
        forms = sorted(self.by_form, key=len, reverse=True)
        return re.compile(rf"(?<![\w-])(?:{'|'.join(map(_either_case, forms))})(?![\w-])")

    def found(self, text: str) -> Iterator[tuple[int, int, Term]]:
        """Where each term stands in ``text``, in order."""
        for match in self.pattern.finditer(text):
            said = " ".join(match[0].split()).replace(_TYPESET, "'")
            yield *match.span(), self.by_form.get(said) or self.by_form[said[0].lower() + said[1:]]


def _either_case(form: str) -> str:
    words = r"\s+".join(map(re.escape, form.split())).replace("'", f"['{_TYPESET}]")
    return words if re.search(r"[A-Z0-9]", form) else f"[{form[0].upper()}{form[0]}]{words[1:]}"


class Entries(Glossary):  # type: ignore[misc]
    """The directive ``glossary``, whose entries may have several forms."""

    def run(self) -> list[nodes.Node]:
        """The glossary; raises the directive's error for what no tooltip can show, or a form of two entries."""
        others: dict[str, list[str]] = {}
        for index, line in enumerate(self.content):
            if _BAR in line and not line[0].isspace():
                name, _, forms = line.partition(_BAR)
                self.content[index] = name
                others[name] = [form.strip() for form in forms.split(",")]
        shown: list[nodes.Node] = super().run()
        for item in (item for node in shown for item in node.findall(nodes.definition_list_item)):
            self._note(item, others)
        return shown

    def _note(self, item: nodes.definition_list_item, others: dict[str, list[str]]) -> None:
        term, definition = item[0], item[-1]
        name = term.astext()
        if not len(definition) or not isinstance(definition[0], nodes.paragraph):
            raise self.error(f"glossary: the entry {name!r} does not begin with a sentence")
        if list(definition[0].findall(nodes.math)):
            raise self.error(f"glossary: the meaning of {name!r} holds a formula, which no tooltip can show")
        forms = (name, *others.get(name, []))
        known = {form for terms in self.env.tinycircuits_terms.values() for each in terms for form in each.forms}
        if twice := known & set(forms):
            raise self.error(f"glossary: two entries for {', '.join(sorted(twice))}")
        for form in forms[1:]:
            self.env.get_domain("std").note_object("term", form, term["ids"][0], location=term)
        links = frozenset(node["reftarget"] for node in definition.findall(addnodes.pending_xref))
        meaning = " ".join(definition[0].astext().split())
        found = Term(forms, meaning, self.env.docname, term["ids"][0], links)
        self.env.tinycircuits_terms.setdefault(self.env.docname, []).append(found)
        for more in definition[1:]:  # one paragraph: a third shorter in print
            definition.remove(more)
            definition[0] += [nodes.Text(" "), nodes.inline("", "", *more.children, classes=["tc-explained"])]


class FirstUses(SphinxPostTransform):  # type: ignore[misc]
    """Links each term where a page uses it first, outside of headings, code, formulas and links."""

    default_priority = 30  # after references are resolved
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Replace the words by links."""
        words = words_of(self.env)
        if not words.terms or self.env.docname in self.env.tinycircuits_terms:
            return
        for element in list(self.document.findall(nodes.TextElement)):
            join_texts(element)
        used: set[Term] = set()
        for text in [text for text in self.document.findall(nodes.Text) if is_prose(text)]:
            self._link(text, words, used)

    def _link(self, text: nodes.Text, words: Words, used: set[Term]) -> None:
        said, end = text.astext(), 0
        pieces: list[nodes.Node] = []
        for start, stop, term in words.found(said):
            if term in used:
                continue
            used.add(term)
            defined = isinstance(text.parent, nodes.strong | nodes.emphasis) and (start, stop) == (0, len(said))
            if defined and self.env.docname in explained_in(self.env, term):
                continue
            pieces += [nodes.Text(said[end:start]), self._reference(term, said[start:stop])]
            end = stop
        if pieces:
            text.parent.replace(text, [*pieces, nodes.Text(said[end:])])

    def _reference(self, term: Term, said: str) -> nodes.reference:
        uri = f"{self.app.builder.get_relative_uri(self.env.docname, term.docname)}#{term.node_id}"
        return nodes.reference("", said, refuri=uri, internal=True, classes=["tc-term"], reftitle=term.meaning)


def join_texts(element: nodes.TextElement) -> None:
    """Make one text of those that follow one another: MyST begins a new one at the end of a line."""
    runs = groupby(element.children, key=lambda node: isinstance(node, nodes.Text))
    joined = [[nodes.Text("".join(node.astext() for node in run))] if texts else list(run) for texts, run in runs]
    element[:] = [node for run in joined for node in run]


def is_prose(text: nodes.Text) -> bool:
    """Whether a text is read as part of a sentence that may hold a link.

    The title of a table is, that of a section is not, nor is what opens an entry when it is pressed.
    """
    node = text.parent
    while node is not None:
        heading = isinstance(node, nodes.title) and not isinstance(node.parent, nodes.table)
        if heading or isinstance(node, _NO_PROSE) or _OTHER_SENSE in node.get("classes", ()):
            return False
        node = node.parent
    return True


def words_of(env: BuildEnvironment) -> Words:
    """All terms of the book."""
    found: dict[str, list[Term]] = env.tinycircuits_terms
    return _words(tuple(term for docname in sorted(found) for term in found[docname]))


_words = lru_cache(maxsize=1)(Words)
"""One for all pages: its pattern is long."""


def explained_in(env: BuildEnvironment, term: Term) -> set[str]:
    """The pages to which the entry of a term links."""
    standard: StandardDomain = env.get_domain("std")
    return {standard.anonlabels[target][0] if target in standard.anonlabels else target for target in term.explained}


def begin(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Have a place for the terms."""
    env.tinycircuits_terms = getattr(env, "tinycircuits_terms", {})


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """Drop the terms of a page that is read anew or gone."""
    getattr(env, "tinycircuits_terms", {}).pop(docname, None)


def merge(app: Sphinx, env: BuildEnvironment, docnames: set[str], other: BuildEnvironment) -> None:
    """Take over the terms that another process has read."""
    env.tinycircuits_terms |= {name: terms for name, terms in other.tinycircuits_terms.items() if name in docnames}


def note_changes(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """All pages if a term has changed: each may use it."""
    now = words_of(env).terms
    before, env.tinycircuits_words = getattr(env, "tinycircuits_words", now), now
    return sorted(env.found_docs) if now != before else []


def show_meanings(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Show what a term means at once, also to the keyboard, as the theme's tooltips do."""
    if "body" in context:
        context["body"] = context["body"].replace(_LINK, f'{_LINK} data-bs-toggle="tooltip"')


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to the build."""
    app.add_directive_to_domain("std", "glossary", Entries, override=True)
    app.add_post_transform(FirstUses)
    app.connect("env-before-read-docs", begin)
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", merge)
    app.connect("env-updated", note_changes)
    app.connect("html-page-context", show_meanings)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
