"""Hand-ins and selections, typeset from a book of four small files."""

import os
import re
import subprocess
import sys
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.builder import builder
from tests.pdf.pages import Pdf, squeezed
from tests.sphinxext.test_print_edition import NAMES, NASTY
from tests.staging import ROOT, StagedBook
from tests.tools import missing
from tinycircuits.exercises import done as done_
from tinycircuits.exercises.kinds import Outcome
from tinycircuits.sphinxext.press import typeset
from tinycircuits.sphinxext.press.edition import FACES

pytestmark = [pytest.mark.latex, pytest.mark.slow, pytest.mark.xdist_group("hand-in")]

TOC = {
    "format": "jb-book",
    "root": "intro",
    "parts": [
        {"caption": "I. Numbers", "numbered": True, "chapters": [{"file": "one"}, {"file": "two"}]},
        {"caption": "Back", "numbered": True, "chapters": [{"file": "sources"}]},
    ],
}
REFERENCE = (
    "@book{knuth,\n author = {Donald E. Knuth},\n title = {The TeXbook},\n publisher = {AW},\n year = {1984},\n}\n"
)
FOLDED = "Table(pd.DataFrame"
"""Code of a cell that a page folds; the first cell of a chapter is shown."""
LINKS = """

See [that chapter](one.md), {numref}`fig-one-values`, {numref}`tbl-one-table`, {eq}`eq-one` and {cite}`knuth`.
"""


@dataclass
class Printed:
    """How one run of the print command went."""

    status: int
    said: str
    pdf: Pdf


class Press:
    """A staged book and its print command: a process for the whole book, as a user has it, then copies of one."""

    def __init__(self, root: Path) -> None:
        self.book = StagedBook(root, toc=TOC)
        self.book.write("book/references.bib", REFERENCE)
        self.book.write("book/sources.md", "# Bibliography\n\n```{bibliography}\n```\n")
        self.book.write("book/two.md", self.book.read("book/two.md") + LINKS)

    def run(self, **fields: str) -> Printed:
        path = os.pathsep.join([str(self.book.root / "src"), str(ROOT / "src")])
        env = {name: value for name, value in os.environ.items() if not name.startswith("BOOK_")}
        env |= {"PYTHONPATH": path, "NO_COLOR": "1"} | {f"BOOK_{name}": value for name, value in fields.items()}
        options = ["book", "-W", "-n", "--keep-going"]
        if fields:
            log = self.book.root / "print.log"
            status, said = builder().typeset(options, self.book.root, env, log), log.read_text()
        else:
            command = [sys.executable, "-m", "tinycircuits.sphinxext.press.typeset", *options]
            done = subprocess.run(command, cwd=self.book.root, env=env, capture_output=True, text=True, check=False)
            status, said = done.returncode, done.stdout + done.stderr
        name = "hand-in" if any(fields.values()) else "from-zero-to-mechanistic-interpretability"
        pdf = self.book.root / f"book/_build/latex/{name}.pdf"
        if any(fields.values()) and pdf.exists():  # the next one is written over it
            pdf = pdf.rename(self.book.root / f"{len(list(self.book.root.glob('*.pdf')))}.pdf")
        return Printed(status, said, Pdf(pdf))


@pytest.fixture(scope="module")
def press(tmp_path_factory: pytest.TempPathFactory) -> Press:
    try:
        typeset.require_tex()
    except typeset.CannotTypeset as error:
        missing(str(error))
    return Press(tmp_path_factory.mktemp("press"))


@pytest.fixture(scope="module")
def whole(press: Press) -> Printed:
    done = press.run()
    assert done.status == 0, done.said
    return done


@pytest.fixture(scope="module")
def part(press: Press, whole: Printed) -> Printed:
    return press.run(CHAPTERS="two")


def test_an_unsigned_book_has_no_trace_of_a_hand_in(whole: Printed) -> None:
    assert not re.search("Handed|Course|Tutor", whole.pdf.pages[0])


def test_any_character_of_a_name_is_printed(press: Press, whole: Printed) -> None:
    before = whole.pdf.path.read_bytes()
    fields = ("STUDENT", "COURSE", "TUTOR")
    for number, names in enumerate(zip(*[iter(NASTY.values())] * len(fields), strict=True)):
        done = press.run(**dict(zip(fields, names, strict=True)))
        assert done.status == 0, done.said
        title = squeezed(done.pdf.pages[0])
        assert [name for name in names if squeezed(name) not in title] == []
        assert done.pdf.unembedded_fonts() == set()
        if number == 0:
            assert whole.pdf.path.read_bytes() == before, "the published file was overwritten"
            assert "executed" not in done.said, "a hand-in costs no execution"


def test_names_from_many_languages_are_printed_whole(press: Press, whole: Printed) -> None:
    fields = {face: ", ".join(name for each, name in NAMES if each == face) for face in FACES}
    done = press.run(STUDENT=fields["TinySans"], TUTOR=fields["TinyNames"])
    assert done.status == 0, done.said
    title = unicodedata.normalize("NFC", squeezed(done.pdf.pages[0]))
    assert [name for _, name in NAMES if unicodedata.normalize("NFC", squeezed(name)) not in title] == []
    assert done.pdf.unembedded_fonts() == set()


def test_every_ascii_character_is_printed_as_typed(press: Press, whole: Printed) -> None:
    typed = "".join(chr(code) for code in range(33, 127))
    title = squeezed(press.run(COURSE=typed).pdf.pages[0])
    assert typed in title
    assert not re.search("Handed|Tutor", title), "what is not given is not named"


def test_a_part_keeps_the_numbers_of_the_whole(whole: Printed, part: Printed) -> None:
    assert part.status == 0, part.said
    assert part.pdf.captions("Figure") == ["2.1"] == whole.pdf.captions("Figure")[1:]
    assert part.pdf.captions("Table") == ["2.1"]
    assert "What is one?" not in part.pdf.text
    assert "What is this book?" not in part.pdf.text
    assert [title for title in part.pdf.outline if "two" in title] == [t for t in whole.pdf.outline if "two" in t]


def test_references_to_what_is_left_out_become_words(part: Printed) -> None:
    text = squeezed(part.pdf.text)
    assert squeezed("See that chapter, Figure 1.1, Table 1.1, (1.1) and [Knu84]") in text
    assert "??" not in part.pdf.text
    inside, _ = part.pdf.links()
    assert sorted(set(inside) - set(part.pdf.reader.named_destinations)) == []


def test_the_bibliography_is_in_every_part(part: Printed) -> None:
    assert squeezed("Donald E. Knuth") in squeezed(part.pdf.text)
    assert part.pdf.text.count("Bibliography") <= 4, "one heading, its mark in the contents and in running heads"


def test_code_is_printed_when_it_is_asked_for_and_the_published_file_stays(press: Press, whole: Printed) -> None:
    before = whole.pdf.path.read_bytes()
    assert FOLDED not in squeezed(whole.pdf.text)
    done = press.run(CODE="1")
    assert done.status == 0, done.said
    assert FOLDED in squeezed(done.pdf.text)
    assert done.pdf.captions("Figure") == whole.pdf.captions("Figure")
    assert whole.pdf.path.read_bytes() == before


def test_a_part_is_printed_with_code_too(press: Press, part: Printed) -> None:
    done = press.run(CHAPTERS="two", CODE="1")
    assert done.status == 0, done.said
    assert FOLDED in squeezed(done.pdf.text)
    assert "What is one?" not in done.pdf.text


def test_a_cell_that_teaches_is_printed_with_its_code(part: Printed) -> None:
    assert squeezed('right("toy-study")') in squeezed(part.pdf.text)
    assert FOLDED not in squeezed(part.pdf.text)


def test_figures_are_listed_by_what_they_find(part: Printed) -> None:
    before = squeezed("".join(part.pdf.pages[: part.pdf.starts()["2 What is two?"] - 1]))
    assert squeezed("Figures 2.1 Shares of two") in before
    assert squeezed("2,222 < 1,000") not in before
    assert squeezed("2,222 < 1,000") in squeezed(part.pdf.text)


def test_the_site_is_named_on_the_title_page_once_it_has_an_address(press: Press, whole: Printed) -> None:
    assert "http" not in whole.pdf.pages[0]
    with press.book.changed("book/_config.yml", "  url: ''", "  url: https://github.com/example/book"):
        done = press.run(CHAPTERS="intro")
    assert done.status == 0, done.said
    assert squeezed("https://github.com/example/book") in squeezed(done.pdf.pages[0])
    assert "https://github.com/example/book" in done.pdf.links()[1]


def test_with_an_address_references_to_what_is_left_out_lead_to_the_site(press: Press, whole: Printed) -> None:
    with press.book.changed("book/_config.yml", "baseurl: ''", "baseurl: https://book.example/"):
        done = press.run(CHAPTERS="2")
    assert done.status == 0, done.said
    _, outside = done.pdf.links()
    assert "https://book.example/one.html" in outside
    assert "https://book.example/one.html#fig-one-values" in outside


def test_a_lost_glyph_fails_in_one_line(press: Press, whole: Printed) -> None:
    with press.book.changed("book/intro.md", "Words", "Words \N{CJK UNIFIED IDEOGRAPH-674E}"):
        done = press.run(CHAPTERS="intro")
    assert done.status == 2
    assert "make pdf: no glyph for '李' (U+674E)" in done.said.splitlines()[-1]


def test_answers_to_the_exercises_are_printed_behind_the_chapters(press: Press, whole: Printed, tmp_path: Path) -> None:
    before, file = whole.pdf.path.read_bytes(), tmp_path / "my answers.json"
    text = 'def solve(digits, modulus):\n    return ["\\\\end{document} % & $x$ \N{CJK UNIFIED IDEOGRAPH-674E}"]\n'
    done_.keep(file, Outcome("reverse", True, "right"), text)
    done_.keep(file, Outcome("hands", True, "right", 2.8943), "[3, 19]")
    done = press.run(CHAPTERS="one", EXERCISES=str(file))
    assert done.status == 0, done.said
    printed = squeezed(done.pdf.text)
    for said in (
        "Answers to the exercises",
        "defsolve(digits,modulus)",
        "end{document}%&$x$\\u674e",
        "least margin 2.8943",
    ):
        assert squeezed(said) in printed
    assert whole.pdf.path.read_bytes() == before, "the published file was overwritten"
    assert "Answers to the exercises" not in whole.pdf.text


def test_a_file_without_answers_fails_in_one_line(press: Press) -> None:
    done = press.run(EXERCISES="nowhere.json")
    assert done.status == 2
    assert "make pdf: EXERCISES: nowhere.json is not there" in done.said.splitlines()[-1]
