"""Who reads from the first page to the last meets no word before its explanation, and finds the next chapter next."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from bs4 import BeautifulSoup, NavigableString, Tag

from tests.sphinxext.test_prose import without_code
from tests.tools import built

BOOK = Path(__file__).resolve().parents[2] / "book"
GLOSSARY = "notation"
NOT_READ = "h1, h2, h3, h4, h5, h6, code, pre, math, svg, script, style, th, select"
NOT_READ += ", .admonition-title, .no-term, .tc-data, .tc-inputs, .tc-cite, summary"


@dataclass(frozen=True)
class Entry:
    """What the glossary's source says of a word: all its forms, and the pages that explain it."""

    forms: tuple[str, ...]
    pages: frozenset[str]

    @property
    def pattern(self) -> re.Pattern[str]:
        """Each form, with a capital or a plural that nobody declared."""
        said = [r"\s+".join(map(re.escape, form.split())).replace("'", ".") for form in self.forms]
        either = [each if re.search("[A-Z0-9]", each) else f"[{each[0].upper()}{each[0]}]{each[1:]}" for each in said]
        return re.compile(rf"(?<![\w-])(?:{'|'.join(either)})s?(?![\w-])")


def contents() -> list[list[str]]:
    """The pages of each part; the first page is a part of its own."""
    described = yaml.safe_load((BOOK / "_toc.yml").read_text())
    return [[described["root"]], *([each["file"] for each in part["chapters"]] for part in described["parts"])]


def glossary(source: str, labels: Mapping[str, str]) -> list[Entry]:
    """The entries of a glossary; ``labels`` says on which page a label stands."""
    block = re.search(r"^```\{glossary\}\n(.*?)^```$", source, re.S | re.M)[1]
    entries = []
    for entry in re.split(r"\n(?=\w)", block)[1:]:
        head, _, meaning = entry.partition("\n")
        name, _, forms = head.partition(" | ")
        to = re.findall(r"\{(?:doc|ref)\}`([\w-]+)`", meaning)
        pages = frozenset(labels.get(each, each) for each in to)
        entries.append(Entry((name, *filter(None, forms.split(", "))), pages))
    return entries


def labels() -> dict[str, str]:
    """The page of each label."""
    found = {page.stem: re.findall(r"^\(([\w-]+)\)=$", page.read_text(), re.M) for page in BOOK.glob("*.md")}
    return {label: name for name, labels in found.items() for label in labels}


def read(page: str) -> Iterator[tuple[str, bool, bool]]:
    """The texts of a page that are read, in order: each with whether it is a link and whether it stands out."""
    article = BeautifulSoup(page, "html.parser").find("article")
    for passed_over in article.select(NOT_READ):
        passed_over.decompose()
    for text in article.find_all(string=True):
        if type(text) is NavigableString:
            names = {parent.name for parent in text.parents if isinstance(parent, Tag)}
            yield str(text), "a" in names, bool(names & {"strong", "em"})


def used_before(pages: Mapping[str, str], entries: list[Entry]) -> list[str]:
    """The words that a page uses before any page has linked or introduced them, in the order of ``pages``."""
    found, waiting = [], {entry.forms[0]: entry for entry in entries}
    for name, page in pages.items():
        for text, is_link, stands_out in read(page):
            for word, entry in list(waiting.items()):
                if match := entry.pattern.search(text):
                    del waiting[word]
                    if not is_link and not (stands_out and name in entry.pages):
                        found.append(f"{name}: {match[0]!r} in {' '.join(text.split())[:80]!r}")
    return found


def test_no_word_of_the_glossary_is_used_before_it_is_linked_or_introduced():
    entries = glossary((BOOK / f"{GLOSSARY}.md").read_text(), labels())
    order = [name for part in contents() for name in part if name != GLOSSARY]
    pages = {name: built(f"html/{name}.html", "make book").read_text() for name in order}
    assert used_before(pages, entries) == []


ENTRIES = glossary(
    "```{glossary}\n:sorted:\n\nseed | seeds\n  A number.\n\n  Explained in {doc}`two`.\n\n"
    "weight decay\n  A pull.\n\n  Explained in {ref}`word`.\n```\n",
    {"word": "one"},
)


def test_the_entries_are_read_from_the_source():
    seed, decay = ENTRIES
    assert seed == Entry(("seed", "seeds"), frozenset({"two"}))
    assert decay == Entry(("weight decay",), frozenset({"one"}))


LINKED, BOLD = '<p>A <a href="g.html">seed</a>.</p>', "<p>A <strong>seed</strong> is this.</p>"


@pytest.mark.parametrize(
    ("pages", "found"),
    [
        (["<p>A seed.</p>" + LINKED], ["one: 'seed' in 'A seed.'"]),
        ([LINKED + "<p>A seed.</p>", "<p>Seeds.</p>"], []),
        (["<p>Words.</p>", "<figcaption>Two Seeds.</figcaption>" + LINKED], ["two: 'Seeds' in 'Two Seeds.'"]),
        (["<p>Words.</p>", BOLD + "<p>A seed.</p>"], []),
        ([BOLD], ["one: 'seed' in 'seed'"]),  # in bold, but another page is the one that explains it
        (["<h2>A seed</h2><pre>seed</pre><p><code>seed</code>, seedling, seed-like.</p>", LINKED], []),
        (["<table><tr><th>seed</th></tr><tr><td>seed</td></tr></table>"], ["one: 'seed' in 'seed'"]),
        (["<p>Weight\n decays.</p>"], ["one: 'Weight\\n decays' in 'Weight decays.'"]),
        (["<p>The weight <strong>decay</strong>.</p>"], []),
    ],
)
def test_a_planted_early_use_is_caught_and_a_late_one_is_not(pages, found):
    book = {name: f"<article>{page}</article>" for name, page in zip(("one", "two"), pages, strict=False)}
    assert used_before(book, ENTRIES) == found


def test_every_word_of_the_glossary_is_used_and_explained_on_a_page_that_there_is():
    chapters = {name: (BOOK / f"{name}.md").read_text() for part in contents() for name in part}
    said = "\n".join(without_code(text) for name, text in chapters.items() if name != GLOSSARY)
    entries = glossary((BOOK / f"{GLOSSARY}.md").read_text(), labels())
    assert [entry.forms[0] for entry in entries if not entry.pattern.search(said)] == []
    assert [entry.forms[0] for entry in entries if not entry.pages or entry.pages - chapters.keys()] == []
    for entry in entries:
        assert any(entry.pattern.search(chapters[page]) for page in entry.pages), entry.forms[0]


def where_said(text: str) -> list[tuple[str, str]]:
    """Links to a chapter that say where it stands: the words and the page."""
    said = r"\[[^\]]*\b(next|previous|last|later|earlier)\b[^\]]*\b(?:chapter|question)\b[^\]]*\]\((\w+)\.md\)"
    return re.findall(said, text)


def misplaced(parts: list[list[str]], texts: Mapping[str, str]) -> list[str]:
    """Links that say of a chapter that it comes next, later or last in its part, and it does not."""
    order = [name for part in parts for name in part]
    following = dict(pairwise(order))
    wrong = []
    for name, text in texts.items():
        for word, to in where_said(text):
            holds = {
                "next": following.get(name) == to,
                "previous": following.get(to) == name,
                "later": order.index(to) > order.index(name),
                "earlier": order.index(to) < order.index(name),
                "last": any(name in part and part[-1] == to for part in parts),
            }
            if not holds[word]:
                wrong.append(f"{name}: {to} is not the {word} one")
    return wrong


def test_the_next_chapter_is_next():
    parts = contents()
    texts = {name: (BOOK / f"{name}.md").read_text() for part in parts for name in part}
    assert misplaced(parts, texts) == []
    assert sum(len(where_said(text)) for text in texts.values()) >= 5


def test_a_chapter_that_is_not_where_a_link_says_is_named():
    parts = [["a"], ["b", "c", "d"]]
    texts = {
        "a": "The [next chapter](b.md), [a later chapter](c.md).",
        "b": "The [next chapter](d.md), the [last chapter of this part](d.md), [an earlier chapter](c.md).",
        "c": "The [previous chapter](b.md), [a later question](a.md), [the last chapter](b.md).",
    }
    assert misplaced(parts, texts) == [
        "b: d is not the next one",
        "b: c is not the earlier one",
        "c: a is not the later one",
        "c: b is not the last one",
    ]
