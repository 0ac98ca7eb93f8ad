"""What a page says of itself, what the search finds in it, how it is cited, and what leads nowhere."""

import json
import re
from pathlib import Path
from unittest.mock import Mock
from xml.etree import ElementTree

import pytest
import yaml
from docutils import nodes
from matplotlib.image import imread
from sphinx.environment import BuildEnvironment

from tests.sphinxext import small
from tests.tools import BUILD
from tinycircuits.sphinxext.pages import colophon, entries, metadata, minutes, search

ROOT = BUILD.parents[1]


def section(name: str, title: str, *children: nodes.Node) -> nodes.section:
    return nodes.section("", nodes.title("", title), *children, ids=[name])


def paragraph(*texts: str | nodes.Node) -> nodes.paragraph:
    return nodes.paragraph("", "", *(nodes.Text(each) if isinstance(each, str) else each for each in texts))


def page(*children: nodes.Node) -> nodes.document:
    document = nodes.document(None, None)
    document += children
    return document


def test_the_search_knows_prose_captions_and_cells_section_by_section_and_no_code() -> None:
    code = nodes.container("", nodes.literal_block("", "hidden = 1"), classes=["cell_input"])
    shown = nodes.container("", nodes.literal_block("", "printed 2"), classes=["cell_output"])
    figure = nodes.figure("", nodes.raw("", "<svg>drawn</svg>", format="html"), nodes.caption("", "Caption."))
    row = nodes.row("", *(nodes.entry("", paragraph(text)) for text in ("217 of 1,000", "holds")))
    table = nodes.table("", nodes.tgroup("", nodes.tbody("", row)))
    formula = nodes.math("", r"W_\text{in} x_{7-i}")
    tree = page(
        section(
            "page", "Page", paragraph("First."), code, shown, section("two", "Two", figure, table), paragraph(formula)
        )
    )
    found = [each.row() for each in search.sections(tree, {"": (5,), "#two": (5, 1)})]
    assert found == [
        ["", "5. Page", "First. W_in x_7-i"],
        ["#two", "5.1. Two", "Caption. 217 of 1,000 holds"],
    ]


def test_an_entry_is_a_place_of_its_own() -> None:
    shown = {
        "title": "A1 says", "verdict": "holds", "paragraphs": ["Rule."], "evidence": None, "closing": [],
        "code": {"file": "a.py", "line": 1, "text": "hidden = 1"}, "cite": "", "live": "",
    }  # fmt: skip
    node = entries.entry_node(shown, lambda text: [nodes.Text(text)], {"holds": "holds"})
    node["ids"] = ["claim-a1"]
    tree = page(section("page", "Page", paragraph("Before."), node))
    rows = [each.row() for each in search.sections(tree, {})]
    assert rows[0] == ["", "Page", "Before."]
    assert rows[1][0] == "#claim-a1"
    assert rows[1][1].startswith("A1 says · ")
    assert rows[1][2] == "Rule."


def test_an_entry_leads_to_the_live_model_on_the_page_alone() -> None:
    shown = {
        "title": "A1 says", "verdict": "", "paragraphs": [], "evidence": None, "closing": [], "code": None, "cite": "",
        "live": "m=A&t=mlp.0~zero",
    }  # fmt: skip
    node = entries.entry_node(shown, lambda text: [nodes.Text(text)], {})
    (link,) = node.findall(nodes.reference)
    assert link["refuri"] == "workbench.html#m=A&t=mlp.0~zero"
    assert link.parent.parent["expr"] == "html"


def box(*paragraphs: str) -> nodes.admonition:
    return nodes.admonition("", nodes.title("", "Question, claim, test"), *map(paragraph, paragraphs))


def test_a_page_is_described_by_its_question_and_claim_or_else_by_its_first_words() -> None:
    asked = box("Question. Why? ", "Claim. Because.", "What would prove us wrong. Nothing.")
    assert metadata.description(page(section("a", "A", paragraph("Words."), asked))) == "Why? Because."
    time = nodes.paragraph("", "5 minutes to read", classes=["tc-minutes"])
    assert metadata.description(page(section("a", "A", time, paragraph("Words\nhere.")))) == "Words here."
    assert metadata.description(page()) == ""


@pytest.mark.parametrize(
    ("chapters", "said"),
    [("a", "1 minute"), ("a, b", "31 minutes"), ("b, c", "1.5 hours"), ("unmeasured", "0 minutes")],
)
def test_the_time_of_several_chapters_is_said_in_minutes_or_hours(chapters: str, said: str) -> None:
    known = {"a": {"minutes": 1}, "b": {"minutes": 30}, "c": {"minutes": 60}, "unmeasured": {}}
    env = Mock(spec=BuildEnvironment, metadata=known)
    assert minutes.total(env, minutes.named(chapters)) == said


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Short.", "Short."),
        ("One is here. Two is too long.", "One is here."),
        ("0.51 is no end. And more words.", "0.51 is no end."),
        ("A sentence that does not end at all", "A sentence that ..."),
    ],
)
def test_a_description_ends_with_a_sentence_where_it_can(text: str, expected: str) -> None:
    assert metadata.shortened(text, 20) == expected


def test_what_a_page_says_of_itself_is_escaped() -> None:
    assert metadata.tags({"og:title": 'a "b" <c>', "description": "d"}) == (
        '\n    <meta property="og:title" content="a &quot;b&quot; &lt;c&gt;" />'
        '\n    <meta name="description" content="d" />'
    )


def test_the_map_of_the_site_names_every_page() -> None:
    tree = ElementTree.fromstring(metadata.sitemap("https://example.org/book/", ["intro", "a&b"]))
    assert [place.text for place in tree.iter() if place.tag.endswith("loc")] == [
        "https://example.org/book/intro.html",
        "https://example.org/book/a&b.html",
    ]


def test_the_picture_of_a_page_has_the_size_that_is_asked_for(tmp_path: Path) -> None:
    drawing = metadata.card(ROOT / "figures/intro/one-sample-or-all.csv", "A book")
    (tmp_path / "card.png").write_bytes(drawing)
    pixels = imread(tmp_path / "card.png")
    assert pixels.shape[:2] == (630, 1200)
    assert len({tuple(pixel) for pixel in pixels[::10, ::10].reshape(-1, pixels.shape[2]).round(2)}) > 10
    assert drawing == metadata.card(ROOT / "figures/intro/one-sample-or-all.csv", "A book")


def test_the_book_is_cited_as_the_file_for_citations_says() -> None:
    cff = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    forms = colophon.citation(cff, "2026", "https://example.org/")
    assert (
        forms["line"]
        == f"The tinycircuits authors: {cff['title']}. Version {cff['version']}, 2026, https://example.org/"
    )
    assert re.findall(r"^  (\w+) += \{", forms["bibtex"], re.M) == ["title", "author", "year", "version", "url"]
    assert "url" not in colophon.citation(cff, "2026", "")["bibtex"]


def test_one_version_is_told_everywhere() -> None:
    cff = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    told = re.search(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.M)
    assert told
    assert told[1] == cff["version"]


# The contents' extension asks every object of the process for its class, torch's deprecated ones too.
ALL_OBJECTS = pytest.mark.filterwarnings("ignore:.*reduce_op.*:FutureWarning")


def site(folder: Path, *, address: str = "") -> Path:
    """A site of two pages, one of which a search leaves out."""
    source = folder / "source"
    source.mkdir()
    pages = "tinycircuits.sphinxext.pages"
    (source / "conf.py").write_text(
        f"extensions = ['myst_nb', 'sphinx_external_toc', '{pages}.metadata', '{pages}.colophon', '{pages}.search']\n"
        f"project = 'Book & more'\nhtml_baseurl = {address!r}\nexternal_toc_path = '_toc.yml'\n"
        f"templates_path = [{str(ROOT / 'book/_templates')!r}]\nhtml_theme = 'sphinx_book_theme'\n"
        "html_theme_options = {'footer_content_items': ['colophon.html']}\nauthor = 'Someone'\n"
        "def setup(app):\n    app.add_config_value('tinycircuits_cover', '', '')\n"
    )
    (source / "_toc.yml").write_text("root: intro\nentries:\n- file: two\n- file: cite\n")
    (source / "intro.md").write_text("# Page\n\nThe first words, 217 of 1,000.\n\n```python\nhidden\n```\n")
    (source / "two.md").write_text("---\nnosearch: true\n---\n\n# Two\n\nUnseen.\n")
    (source / "cite.md").write_text("# Cite\n\n```{citation} line\n```\n\n## Licence\n\nFree.\n")
    (folder / "CITATION.cff").write_text("title: Book\nversion: 7.8.9\nauthors:\n  - name: Someone\n")
    out, warnings = small.built(source, fresh=True)
    assert warnings == ""
    return out


@ALL_OBJECTS
def test_a_site_without_an_address_names_none(tmp_path: Path) -> None:
    out = site(tmp_path)
    intro = (out / "intro.html").read_text(encoding="utf-8")
    assert intro.count('name="viewport"') == 1
    assert '<meta name="description" content="The first words, 217 of 1,000." />' in intro
    assert '<meta property="og:title" content="Page" />' in intro
    assert '<link rel="icon" href="_static/favicon.svg"/>' in intro
    for absent in ("canonical", "og:url", "og:image", "searchtools"):
        assert absent not in intro
    assert 'href="cite.html#licence">MIT licence</a>' in intro
    assert "Someone: Book. Version 7.8.9" in (out / "cite.html").read_text(encoding="utf-8")
    assert not (out / "sitemap.xml").exists()
    assert not (out / "searchindex.js").exists()
    assert "<base" not in (out / "404.html").read_text(encoding="utf-8")
    index = (out / "_static" / search.INDEX).read_text(encoding="utf-8")
    rows = json.loads(index.removeprefix("window.tinycircuitsPages = ").rstrip().rstrip(";"))
    assert rows == [
        ["intro.html", "Page", [["", "Page", "The first words, 217 of 1,000."]]],
        ["cite.html", "Cite", [["", "Cite", ""], ["#licence", "Licence", "Free."]]],
    ]


@ALL_OBJECTS
def test_a_site_with_an_address_tells_it_to_those_who_ask(tmp_path: Path) -> None:
    out = site(tmp_path, address="https://example.org/book")
    intro = (out / "intro.html").read_text(encoding="utf-8")
    assert '<link rel="canonical" href="https://example.org/book/intro.html" />' in intro
    assert '<meta property="og:url" content="https://example.org/book/intro.html" />' in intro
    assert '<base href="https://example.org/book/" />' in (out / "404.html").read_text(encoding="utf-8")
    assert "<loc>https://example.org/book/two.html</loc>" in (out / "sitemap.xml").read_text(encoding="utf-8")
