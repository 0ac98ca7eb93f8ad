"""The glossary: where a page uses a word first, it says what the word means; what is no prose is left alone."""

from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from docutils import nodes

from tests.sphinxext import small
from tinycircuits.sphinxext.pages.entries import entry_node
from tinycircuits.sphinxext.pages.terms import Term, Words, is_prose

GLOSSARY = """# Words

~~~{glossary}
:sorted:

weight decay
  A pull to *zero* & "rest".

  Explained in {doc}`index`.

ablation | ablations, ablate
  Taking a part out.

  Explained in {ref}`there`.

MLP | MLPs
  Two matrices.

l0
  How many are active.

Parseval's identity
  Shares add up.
~~~
"""
INDEX = "# Index\n\n```{toctree}\n:glob:\n*\n```\n"


class Book:
    """A tiny book with a glossary, built again and again in one folder."""

    def __init__(self, folder: Path) -> None:
        self.source = folder / "source"
        self.source.mkdir()
        self.write("conf.py", "extensions = ['myst_parser', 'tinycircuits.sphinxext.pages.terms']\n")
        self.write(
            "conf.py",
            (self.source / "conf.py").read_text() + "myst_enable_extensions = ['attrs_inline', 'dollarmath']\n",
        )
        self.write("index.md", INDEX)
        self.write("words.md", GLOSSARY)

    def write(self, name: str, text: str) -> None:
        (self.source / name).write_text(text)

    def build(self, builder: str = "html") -> tuple[Path, str]:
        """The folder of what was built, and the warnings."""
        return small.built(self.source, builder)


def page_of(site: Path, name: str) -> BeautifulSoup:
    return BeautifulSoup((site / f"{name}.html").read_text(), "html.parser")


def links(page: BeautifulSoup) -> list[str]:
    return [link.get_text() for link in page.select("a.tc-term")]


CASES = [
    ("One ablation, two ablations.", ["ablation"]),
    ("To ablate an MLP: ablation.", ["ablate", "MLP"]),
    ("Ablations of MLPs.", ["Ablations", "MLPs"]),
    ("Sparsity l0, and L0 mlp.", ["l0"]),
    ("Of L0 mlp only.", []),
    ("It's **Parseval's identity**.", ["Parseval\N{RIGHT SINGLE QUOTATION MARK}s identity"]),
    ("An mlp is no MLP, nor a post-MLP or MLPx.", ["MLP"]),
    ("- a list with *an ablation*", ["ablation"]),
    ("> quoted ablation", ["ablation"]),
    ("Code `ablation`, math $ablation$, [a link: ablation](index.md).", []),
    ("```\nablation\n```", []),
    ("## An ablation\n\nWhat?\n\n### What ablation?", []),
    ("```{list-table} Caption of an ablation\n* - ablation, MLP\n```", ["ablation", "MLP"]),
    ("```{admonition} About ablation\nWords.\n```", []),
    ("```{admonition} About\nAn ablation.\n```", ["ablation"]),
    ("One [ablation]{.no-term} is none.", []),
    ("An **MLP** is another matter.", ["MLP"]),
    ("{term}`MLPs` by hand. An ablation.", ["ablation"]),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A page for each case, the page that explains ablation, and one on weights."""
    book = Book(tmp_path_factory.mktemp("terms"))
    for number, (said, _) in enumerate(CASES):
        book.write(f"case-{number}.md", f"# Case\n\nText.\n\n{said}\n")
    book.write("other.md", "(there)=\n# Other\n\nAn **ablation** is this. An ablation again.\n")
    book.write("weights.md", "# Weights\n\nThe weight\ndecay. Weight decay, again.\n")
    built, warnings = book.build()
    assert not warnings
    return built


def test_the_first_use_says_what_the_word_means_and_links_to_it(site):
    (link,) = page_of(site, "weights").select("a.tc-term")
    assert link.get_text() == "weight\ndecay"
    assert link["href"] == "words.html#term-weight-decay"
    assert link["title"] == 'A pull to zero & "rest".'
    assert link["data-bs-toggle"] == "tooltip"
    assert link.parent.get_text() == "The weight\ndecay. Weight decay, again."


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda number: CASES[number][0][:30])
def test_words_are_found_in_prose_and_nowhere_else(site, number):
    assert links(page_of(site, f"case-{number}")) == CASES[number][1]


def test_the_definition_on_the_page_that_explains_it_and_the_glossary_itself_are_left_alone(site):
    assert links(page_of(site, "other")) == links(page_of(site, "words")) == []


def test_an_entry_is_one_paragraph_that_ends_with_where_the_word_is_explained(site):
    (entry,) = [dd for dd in page_of(site, "words").select("dl.glossary dd") if "a part out" in dd.get_text()]
    assert [p.get_text() for p in entry.select("p")] == ["Taking a part out. Explained in Other."]
    assert entry.select_one(".tc-explained a")["href"] == "other.html#there"


def test_print_shows_plain_words_and_a_changed_meaning_reaches_pages_that_have_not_changed(tmp_path):
    book = Book(tmp_path)
    book.write("other.md", "(there)=\n# Other\n\nAn ablation.\n")
    (tex,) = book.build("latex")[0].glob("*.tex")
    assert "\nAn ablation.\n" in tex.read_text()
    book.build()
    book.write("words.md", GLOSSARY.replace("Taking a part out", "Surgery"))
    assert page_of(book.build()[0], "other").select_one("a.tc-term")["title"] == "Surgery."
    book.write("words.md", "# Words\n\nNone.\n")
    assert links(page_of(book.build()[0], "other")) == []


def test_an_entry_that_cannot_be_shown_is_named(tmp_path):
    book = Book(tmp_path)
    book.write("other.md", "(there)=\n# Other\n\nSaid.\n")
    for name, entry, why in (
        ("a", "list | lists\n  - one", "the entry 'list' does not begin with a sentence"),
        ("b", "sum\n  It is $a + b$.", "the meaning of 'sum' holds a formula"),
        ("c", "cut | MLPs\n  A cut.", "two entries for MLPs"),
    ):
        book.write(f"{name}.md", f"# Page\n\n~~~{{glossary}}\n{entry}\n~~~\n")
        assert why in book.build()[1]


def test_of_two_forms_that_begin_alike_the_longer_is_found():
    short, long = (Term((name,), "", "words", name, frozenset()) for name in ("weight", "weight decay"))
    found = list(Words((short, long)).found("Weight decay and weight."))
    assert found == [(0, 12, long), (17, 23, short)]


def test_what_opens_an_entry_holds_no_link():
    shown = {
        "title": "An ablation", "verdict": None, "paragraphs": ["Of an MLP."], "evidence": None, "closing": [],
        "code": None, "cite": "", "live": "",
    }  # fmt: skip
    entry = entry_node(shown, lambda text: [nodes.Text(text)], {})
    assert [text for text in entry.findall(nodes.Text) if is_prose(text)] == ["Of an MLP."]
