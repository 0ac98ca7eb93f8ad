"""What print leaves out of a chapter and arranges unlike a page."""

import pytest
from docutils import nodes
from docutils.utils import new_document
from sphinx import addnodes

from tinycircuits.sphinxext.press import code, layout


def document(*children):
    tree = new_document("chapter")
    tree += children
    return tree


def cell(*outputs, tags=()):
    source = nodes.container("", nodes.literal_block("", "1 + 1"), classes=["cell_input"])
    shown = [nodes.container("", output, classes=["cell_output"]) for output in outputs]
    return nodes.container("", source, *shown, classes=["cell", *tags])


def section(*children, title="Check"):
    return nodes.section("", nodes.title("", title), *children)


def raws(tree):
    return [node.astext() for node in tree.findall(nodes.raw)]


@pytest.mark.parametrize(("value", "asked"), [("", False), ("0", False), ("1", True), (" 1 ", True)])
def test_all_code_is_printed_when_it_is_asked_for(value, asked):
    assert code.asked({"BOOK_CODE": value}) is asked
    assert code.asked({"CODE": "1"}) is False, "a foreign variable"


@pytest.mark.parametrize("value", ["yes", "2", "true", "-"])
def test_what_is_neither_yes_nor_no_is_an_error(value):
    with pytest.raises(ValueError, match=f"^CODE: 1 prints .*; got '{value}'$"):
        code.asked({"BOOK_CODE": value})


def test_a_cell_loses_its_code_and_keeps_what_it_shows():
    tree = document(cell(nodes.paragraph("", "two")))
    code.without_code(tree)
    assert tree.astext() == "two"


def test_a_cell_that_teaches_keeps_its_code():
    tree = document(cell(nodes.paragraph("", "two"), tags=["tag_shown"]))
    code.without_code(tree)
    assert tree.astext() == "1 + 1\n\ntwo"


def test_nothing_is_left_of_a_cell_that_shows_nothing():
    tree = document(nodes.paragraph("", "before"), cell())
    code.without_code(tree)
    assert [type(child) for child in tree] == [nodes.paragraph]


def test_a_section_that_held_nothing_else_goes_and_its_number_stays_free():
    tree = document(section(cell(), cell()), section(nodes.paragraph("", "Words."), cell(), title="Numbers"))
    code.without_code(tree)
    assert raws(tree) == [r"\stepcounter{section}"]
    assert [type(child) for child in tree] == [nodes.raw, nodes.section]


def test_a_check_goes_with_its_cell_unless_it_shows_something():
    words = nodes.paragraph("", "This cell fails when a sentence is false.")
    tree = document(section(words, cell()), section(words.deepcopy(), cell(nodes.table())), section(words.deepcopy()))
    code.without_code(tree)
    assert [type(child) for child in tree] == [nodes.raw, nodes.section, nodes.section]


def test_what_closes_a_chapter_is_left_out_of_the_contents_from_its_first_section_on():
    def titled(text):
        return nodes.section("", nodes.title("", text))

    tree = document(titled("A question"), titled("What we found"), titled("Limits"), titled("Check"))
    layout.closing(tree)
    assert raws(tree) == [r"\tinyclosing"]
    assert tree.index(next(tree.findall(nodes.raw))) == 1
    without = document(titled("A question"))
    layout.closing(without)
    assert raws(without) == []


def test_the_list_of_figures_has_the_finding_and_the_page_has_all():
    words = [nodes.strong("", "Found."), nodes.Text(" How to read it.")]
    caption = nodes.caption("", "", *words)
    layout.afloat(document(nodes.figure("", caption)))
    assert [node.astext() for node in caption] == [r"\tinycaption{", "Found.", "}{", " How to read it.", "}"]


def test_a_table_floats_if_it_has_a_caption_fits_a_page_and_leaves_words_behind():
    def table(*title, classes=()):
        return nodes.table("", *title, nodes.tgroup("", cols=0), classes=list(classes))

    def title():
        return nodes.title("", "Found.")

    entry = nodes.container("", table(title()), classes=["tc-entry"])
    tree = document(table(), table(title(), classes=["longtable"]), entry, table(title()), section(table(title())))
    layout.afloat(tree)
    assert raws(tree) == [r"\tinyfloat"]
    assert tree.index(next(tree.findall(nodes.raw))) == 3


@pytest.mark.parametrize("figures", [0, 1, 3])
def test_figures_are_listed_under_one_heading_if_there_are_any(figures):
    tree = document(nodes.paragraph("", "Words."), *(nodes.figure() for _ in range(figures)))
    layout.listed(tree)
    assert len(raws(tree)) == min(figures, 1)
    assert all("lof" in text and "Figures" in text for text in raws(tree))


def test_entries_that_follow_each_other_share_columns():
    def entry():
        return nodes.container("", nodes.paragraph("", "Entry."), classes=["tc-entry"])

    tree = document(nodes.container("", entry(), entry()), nodes.container("", entry()))
    layout.in_columns(tree)
    begin, end = r"\begin{tinyentries}", r"\end{tinyentries}"
    assert raws(tree) == [begin, end, begin, end]
    assert [node.astext() for node in tree[0]] == [begin, "Entry.", "Entry.", end]


def test_the_words_of_a_glossary_stand_in_columns_and_nothing_else_does():
    words = addnodes.glossary("", nodes.definition_list())
    tree = document(nodes.section("", nodes.paragraph("", "Before."), words, nodes.paragraph("", "After.")))
    layout.words_in_columns(tree)
    assert [node.astext() for node in tree[0]] == [
        "Before.",
        r"\begin{tinyentries}",
        "",
        r"\end{tinyentries}",
        "After.",
    ]
