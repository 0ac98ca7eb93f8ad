"""What goes into print: fields as they were typed, chapters by any of their names; what is said when it fails."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont

from tinycircuits.sphinxext.pages.mimes import column_spec, printed_lines
from tinycircuits.sphinxext.press import edition, selection, typeset
from tinycircuits.sphinxext.press.selection import Chapter, Contents, Part

ROOT = Path(__file__).resolve().parents[2]
NASTY = {
    "apostrophe": "Conor O'Brien",
    "quotes": "\"Anna\" 'Eva' `Ida`",
    "dollars": "$HOME $(shell echo make) $$ ${PATH} $(x",
    "shell": "a; echo b && c | d > e < f * ? ! \\ #",
    "TeX": r"&%_#$\{}~^ \input{x} ---",
    "umlauts": "Jürgen Größ-Ångström",
    "Polish": "Łukasz Żółć",
    "Greek": "Ελένη Παπαδοπούλου",
    "Cyrillic": "Ольга Щукина",
}
NAMES = [tuple(line.split(": ")) for line in Path(__file__).with_name("names.txt").read_text("utf-8").splitlines()]
"""Names from many languages, after the face that sets each."""
FIELDS = ("STUDENT", "COURSE", "TUTOR", "PARTS", "CHAPTERS", "CODE", "EXERCISES")
BOOK = Contents(
    Chapter("intro", "What is this?", None),
    (
        Part("Start here", (Chapter("first", "Which is first, and why?", 1),)),
        Part("I. One task", (Chapter("second", "What is second?", 2), Chapter("third", "Third", 3))),
        Part("IV. Another", (Chapter("fourth", "Fourth", 4),)),
    ),
)


@pytest.fixture
def made(tmp_path):
    """Runs ``make pdf`` with a stand-in for the builder and returns what reached it."""
    python = tmp_path / "python"
    python.write_text(f"#!{sys.executable}\nimport json, os\nprint(json.dumps(dict(os.environ)))\n")
    python.chmod(python.stat().st_mode | stat.S_IXUSR)

    def run(arguments=(), **environment):
        command = ["make", "--no-print-directory", "-o", ".venv/.installed", "pdf", f"BIN={tmp_path}", *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=True
        )
        reached = json.loads(done.stdout)
        return {name: reached[f"BOOK_{name}"] for name in FIELDS}

    return run


@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY)
def test_make_passes_on_what_was_typed(made, text):
    assert made([f"STUDENT={text}"]) == dict.fromkeys(FIELDS, "") | {"STUDENT": text}
    assert made(TUTOR=text, CHAPTERS="mlp")["TUTOR"] == text


@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY)
def test_a_field_reaches_the_title_page_and_an_empty_one_leaves_no_trace(text):
    fields = edition.hand_in({"BOOK_STUDENT": text, "BOOK_COURSE": "  ", "STUDENT": "from elsewhere"})
    assert fields == (("STUDENT", text),)
    page = edition.title_page(edition.Edition("1.0", "1 May 2026", "abc", fields), "A Title", "Authors")
    assert "Handed in by" in page
    assert "Course" not in page
    assert "Handed in by" not in edition.title_page(edition.Edition("1.0", "1 May 2026", "abc"), "A Title", "Authors")


def test_a_composed_letter_is_one_however_it_was_typed():
    assert edition.hand_in({"BOOK_STUDENT": "Zoe\u0308 \n Muller\u2011Lee"}) == (("STUDENT", "Zoë Muller-Lee"),)


def test_what_nobody_sees_is_left_out():
    assert edition.hand_in({"BOOK_STUDENT": "\ufeffAnna\u200e\u00a0\u202dLe\u00ade\u200b"}) == (
        ("STUDENT", "Anna Lee"),
    )


@pytest.mark.parametrize(("face", "name"), NAMES)
def test_a_name_is_set_in_the_face_that_has_it(face, name):
    ((_, text),) = edition.hand_in({"BOOK_STUDENT": unicodedata.normalize("NFD", name)})
    assert text == unicodedata.normalize("NFC", name)
    assert edition.face(text) == face


def test_every_letter_of_latin_greek_and_cyrillic_is_set():
    scripts = ("LATIN ", "GREEK ", "CYRILLIC ")
    letters = [char for char in map(chr, range(sys.maxunicode)) if unicodedata.category(char)[0] == "L"]
    for letter in (char for char in letters if unicodedata.name(char, "").startswith(scripts)):
        assert edition.face(unicodedata.normalize("NFC", letter)) in edition.FACES


def test_marks_have_their_place_on_letters():
    font = TTFont(edition.FACES["TinyNames"])
    assert {record.FeatureTag for record in font["GPOS"].table.FeatureList.FeatureRecord} >= {"mark", "mkmk"}


def test_signs_that_no_one_face_has_are_named_with_the_face_that_lacks_them():
    with pytest.raises(ValueError, match=r"'.' \(U\+02BB .*\) in TinySans, and for '∑' \(U\+2211 .*\) in TinyNames"):
        edition.hand_in({"BOOK_COURSE": "∑ Hawai\u02bbi"})


def test_a_character_without_a_glyph_is_named_instead_of_lost():
    lost = r"TUTOR: no glyph for '李' \(U\+674E CJK UNIFIED IDEOGRAPH-674E\) in TinySans and TinyNames;"
    with pytest.raises(ValueError, match=lost) as error:
        edition.hand_in({"BOOK_TUTOR": "李 Wei"})
    assert "\n" not in str(error.value)


def test_the_date_is_that_of_the_source():
    assert edition.date({"SOURCE_DATE_EPOCH": "1777593600"}) == "1 May 2026"
    assert re.fullmatch(r"built on \d+ \w+ \d{4}", edition.date({}))


def test_an_edition_of_no_commit_says_so():
    page = edition.title_page(edition.Edition("1.0", "built on 1 May 2026", ""), "A Title", "Authors")
    assert "of no known commit" in page
    assert r"commit \texttt" not in page


def test_an_address_stands_on_the_title_page_where_there_is_one():
    book = edition.Edition("1.0", "1 May 2026", "abc", address="https://book.example/a_b%20c#d")
    assert r"\sphinxurl{https://book.example/a\_b\%20c\#d}" in edition.title_page(book, "A Title", "Authors")
    assert "sphinxurl" not in edition.title_page(edition.Edition("1.0", "1 May 2026", "abc"), "A Title", "Authors")


def test_the_abstract_is_one_paragraph_of_exactly_its_characters():
    assert edition.front_matter("50 % of\n\nall_things ") == r"\tinyfront{50 \% of all\_things}"
    assert edition.front_matter("") == r"\tinyfront{}"


def test_the_cover_draws_the_last_panel(tmp_path):
    (tmp_path / "a.csv").write_text("panel,row,column,share\none,r,c,1\ntwo,r,c,0\ntwo,r,d,1\n")
    drawn = edition.cover(tmp_path / "a.csv")
    assert drawn.count(r"\put") == 2
    assert "22104F" in drawn


@pytest.mark.parametrize(
    ("parts", "chapters", "names"),
    [
        ("", "", "intro first second third fourth"),
        ("I", "", "second third"),
        ("4", "", "fourth"),
        ("start HERE", "", "first"),
        ("Another", "", "fourth"),
        ("I. One task", "intro", "intro second third"),
        ("IV, I", "", "second third fourth"),
        ("", "third first", "first third"),
        ("", "4;1", "first fourth"),
        ("", "Which is first, and why?", "first"),
        ("", "Which is first, and why?; Third", "first third"),
        ("", "second,third", "second third"),
    ],
)
def test_chapters_are_chosen_by_any_of_their_names(parts, chapters, names):
    assert selection.selected(BOOK, parts, chapters) == names.split()


@pytest.mark.parametrize(
    ("parts", "chapters", "message"),
    [
        ("III", "", "PARTS: no part 'iii'; there are Start here, I, IV"),
        ("", "second, fifth", "CHAPTERS: no chapter 'fifth'; there are intro, first, second, third, fourth"),
        ("", "fifth", "CHAPTERS: no chapter 'fifth'; there are intro, first, second, third, fourth"),
        ("", ",", "CHAPTERS: ',' names no chapter; there are intro, first, second, third, fourth"),
        (" ", "", "PARTS: ' ' names no part; there are Start here, I, IV"),
        ("", " ,;, ", "CHAPTERS: ' ,;, ' names no chapter; there are intro, first, second, third, fourth"),
        ("I", "\t", r"CHAPTERS: '\\t' names no chapter; there are intro, first, second, third, fourth"),
        (";", "first", "PARTS: ';' names no part; there are Start here, I, IV"),
        ("0", "", "PARTS: no part '0'; there are Start here, I, IV"),
        ("", "-1", "CHAPTERS: no chapter '-1'; there are intro, first, second, third, fourth"),
        ("", "first.md", "CHAPTERS: no chapter 'first.md'; there are intro, first, second, third, fourth"),
        ("I-IV", "", "PARTS: no part 'i-iv'; there are Start here, I, IV"),
        ("", "*", r"CHAPTERS: no chapter '\*'; there are intro, first, second, third, fourth"),
    ],
)
def test_an_unknown_name_is_answered_with_the_known_ones(parts, chapters, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        selection.selected(BOOK, parts, chapters)


def test_the_real_contents_have_every_chapter_with_title_and_number():
    book = selection.contents(ROOT / "book")
    assert book.intro.docname == "intro"
    assert [chapter.number for chapter in book.chapters[1:]] == list(range(1, len(book.chapters)))
    assert "status" not in {chapter.docname for chapter in book.chapters}, "its times would change the print edition"
    assert all(chapter.title != chapter.docname for chapter in book.chapters)


@pytest.mark.parametrize(
    ("system", "release", "command"),
    [
        ("Linux", "ID=debian", "sudo apt-get install texlive-xetex"),
        ("Linux", 'ID=linuxmint\nID_LIKE="ubuntu debian"', "sudo apt-get install"),
        ("Linux", "ID=fedora\nVERSION_ID=43", "sudo dnf install"),
        ("Linux", 'ID="rocky"\nID_LIKE="rhel centos fedora"', "sudo dnf install"),
        ("Linux", "ID=arch", "sudo pacman -S"),
        ("Linux", 'ID="opensuse-tumbleweed"', "sudo zypper install"),
        ("Linux", "", "TeX Live"),
        ("Darwin", "", "brew install --cask mactex"),
        ("Windows", "", "winget install MiKTeX.MiKTeX"),
    ],
)
def test_the_remedy_for_missing_tex_is_the_systems_own(system, release, command):
    assert typeset.remedy(system, release).startswith(command)


def test_ci_installs_what_the_message_names():
    assert set(typeset._DEBIAN.split()) <= set((ROOT / ".ci/tex-packages").read_text().split())


def test_without_tex_one_line_says_what_to_install(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert typeset.main([str(ROOT / "book")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("make pdf: TeX is missing (latexmk, xelatex); install it with: ")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("BOOK_CHAPTERS", "nowhere", "CHAPTERS: no chapter 'nowhere'; there are intro, "),
        ("BOOK_CHAPTERS", ",", "CHAPTERS: ',' names no chapter; there are intro, "),
        ("BOOK_CHAPTERS", "status", "CHAPTERS: no chapter 'status'; there are intro, "),
        ("BOOK_PARTS", ";", "PARTS: ';' names no part; there are Start here, "),
        ("BOOK_CODE", "all", "CODE: 1 prints the code of every cell, 0 or nothing only what is shown; got 'all'"),
        ("SOURCE_DATE_EPOCH", "today", "SOURCE_DATE_EPOCH: seconds since 1970 expected, got 'today'"),
    ],
)
def test_a_mistake_is_one_line_before_anything_is_built(monkeypatch, capsys, name, text, message):
    monkeypatch.setattr(typeset, "require_tex", lambda: None)
    monkeypatch.setattr(typeset, "build", lambda *_: pytest.fail("built"))
    monkeypatch.setenv(name, text)
    assert typeset.main([str(ROOT / "book")]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"make pdf: {message}")
    assert said.count("\n") == 1


def test_a_part_of_pages_that_are_not_printed_is_none(tmp_path):
    (tmp_path / "_toc.yml").write_text(
        "format: jb-book\nroot: a\nparts:\n"
        "- {caption: I. x, chapters: [{file: b}]}\n- {caption: II. y, chapters: [{file: c}]}\n"
    )
    (tmp_path / "_config.yml").write_text("title: x\n")
    for name, matter in (("a", ""), ("b", ""), ("c", "---\nprint: false\n---\n")):
        (tmp_path / f"{name}.md").write_text(f"{matter}# {name}\n")
    with pytest.raises(ValueError, match=r"^PARTS: no part 'ii'; there are I$"):
        selection.selected(selection.contents(tmp_path), "II")


def test_a_lost_glyph_and_a_lost_reference_are_read_from_the_log():
    log = (
        "Missing character: There is no 李 (U+674E) in font [./TinySans-Regular.ttf]/OT:s\ncript=latn;language=dflt;!\n"
        "Missing character: There is no 李 (U+674E) in font [./TinySans-Regular.ttf]/OT:s\ncript=latn;language=dflt;!\n"
        "LaTeX Warning: Reference `fig-x' on page 3 undefined on input line 7.\n"
    )
    assert typeset.complaints(log) == [
        "no glyph for '李' (U+674E) in ./TinySans-Regular.ttf",
        "unresolved reference fig-x",
    ]
    assert typeset.complaints("Output written on book.pdf (88 pages).\n") == []


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("! LaTeX Error: File `tabulary.sty' not found.\n", "TeX lacks tabulary.sty"),
        ("./book.tex:12: Undefined control sequence.\n", "TeX stopped in chapter two.md: Undefined control sequence."),
        ("./book.tex:2: Bad.\nl.2 \\sum\n\nx.tex:12: Worse.\n", r"TeX stopped in chapter one.md: Bad. at '\\sum'"),
        (
            "! Undefined control sequence.\nl.12 a \\b\n",
            "TeX stopped in chapter two.md: Undefined control sequence. at",
        ),
        ("./book.tex:1: Too early.\n", "TeX stopped: Too early."),
        (f"./book.tex:12: {'x' * 5000}\n", f"TeX stopped in chapter two.md: {'x' * 200}"),
        ("", "TeX stopped: xdvipdfmx:fatal: no more memory"),
    ],
)
def test_a_failed_run_is_one_line_that_names_the_chapter_and_the_first_error(log, said):
    source = (
        "\n"
        + r"\label{\detokenize{one:what-is-one}}\label{\detokenize{one::doc}}"
        + "\n" * 5
        + r"\label{\detokenize{two::doc}}"
        + "\n" * 9
    )
    found = typeset.failure(log, source, "Latexmk: all well\nxdvipdfmx:fatal: no more memory\n")
    assert found.startswith(said)
    assert "\n" not in found
    assert len(found) < 500


@pytest.mark.parametrize("fault", ["build", "TeX", "glyph"])
def test_a_failed_run_leaves_no_older_pdf(monkeypatch, capsys, tmp_path, fault):
    book = shutil.copytree(ROOT / "book", tmp_path / "book", ignore=shutil.ignore_patterns("_build"))
    latex = book / "_build/latex"
    latex.mkdir(parents=True)
    (latex / "hand-in.pdf").write_text("an older one")
    program = tmp_path / "latexmk"
    log = {"TeX": "! Bad.", "glyph": "LaTeX Warning: Reference `x' on page 1 undefined on input line 1."}.get(fault, "")
    program.write_text(f'#!/bin/sh\ntouch hand-in.pdf\necho "{log}" > hand-in.log\nexit {int(fault == "TeX")}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("BOOK_CHAPTERS", "mlp")
    monkeypatch.setattr(typeset, "require_tex", lambda: None)

    def build(*_):
        assert not (latex / "hand-in.pdf").exists()
        if fault == "build":
            raise typeset.CannotTypeset("the book was not built, see above")

    monkeypatch.setattr(typeset, "build", build)
    assert typeset.main([str(book)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (latex / "hand-in.pdf").exists()


def test_a_table_that_fits_has_natural_columns_and_a_wide_one_has_broken_ones():
    assert column_spec(["name", "count"], [["a", "1"]], [False, True]) == "lr"
    wide = column_spec(["name", "long"], [["a", "word " * 40]], [False, False])
    widths = [float(part.split("mm")[0]) for part in wide.split("p{")[1:]]
    assert wide.count("p{") == 2
    assert widths[0] < 10 < 100 < widths[1] < 160


def test_the_address_of_a_link_takes_no_room_in_a_column():
    worded = column_spec(["name", "long"], [["[*A1*](a-long-name.md#a-long-place)", "word " * 40]], [False, False])
    assert worded == column_spec(["name", "long"], [["*A1*", "word " * 40]], [False, False])
    titled = column_spec(["name", "long"], [["[](a-long-name.md)", "word " * 40]], [False, False])
    assert titled != worded, "the title is not known yet; the name of its file stands for it"


def test_a_name_in_code_is_not_broken_in_a_crowded_row():
    rows = [["`L0 resid_mid`", *(["some words here"] * 9)]]
    width = float(column_spec(["at", *"abcdefghi"], rows, [False] * 10).split("p{")[1].split("mm")[0])
    assert width > 12 * 1.5


def test_a_table_counts_a_line_for_each_row_and_those_that_its_text_fills():
    assert printed_lines([["a" * 51, "b" * 52]] * 3) == 6
    assert printed_lines([["one"], ["two"]]) < 3
