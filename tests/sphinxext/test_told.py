"""What the book once told wrongly: each check fails on the old words."""

import re
from html import unescape
from pathlib import Path

import pandas as pd
import pytest

from tests.tools import BUILD, built
from tinycircuits.results.runs import run

BOOK = BUILD.parent
CHAPTERS = sorted(BOOK.glob("*.md"))
COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")
EDITIONS = r"\b(?:[Pp]rint sets|in print|on the page|on paper|[Cc]hoose|[Cc]lick|[Pp]ress|[Hh]over|scroll|menu)\b"
"""Words by which a caption, which the page and print share, speaks of one of them."""

NAMES_A_CHAPTER = r"(?<=chapter on )(?!the\b)\w+|(?<=chapter on the )\w+|\w+(?= chapter)"


def chapter(name: str) -> str:
    return " ".join((BOOK / f"{name}.md").read_text(encoding="utf-8").split())


def captions(text: str) -> list[str]:
    return [found[1] for found in re.finditer(r"^```\{caption\} [^\n]*\n(.*?)^```$", text, re.S | re.M)]


def miscounted(claim: str, matrices: int, norms: int) -> list[str]:
    """What a sentence about a block counts otherwise than its weights do."""
    said = {"products with a matrix": matrices, "LayerNorms": norms}
    return [what for what, number in said.items() if f"{COUNTS[number]} {what}" not in claim]


def test_a_block_has_the_products_that_its_claim_counts() -> None:
    block = [(name, each) for name, each in run("reversal-8d-1l").model.named_parameters() if ".0." in name]
    matrices = sum(each.squeeze().ndim == 2 for _, each in block)
    norms = len({name.rsplit(".", 1)[0] for name, _ in block if ".ln" in name})
    assert miscounted(chapter("transformer"), matrices, norms) == []
    assert miscounted("in each block two LayerNorms, four products with a matrix", matrices, norms) != []


def at_home(text: str) -> list[int]:
    """Answers that a text calls a riddle although the digit that decides stands where they are predicted."""
    task = run("reversal-8d-1l").study.task
    rows, sources = list(task.predicting_rows), list(task.source_columns)
    answers = [int(found[1]) for found in re.finditer(r"To predict \$y_(\d)\$ the model must know one digit", text)]
    assert answers
    return [answer for answer in answers if rows[answer] == sources[answer]]


def test_the_riddle_is_an_answer_whose_digit_stands_elsewhere() -> None:
    assert at_home(chapter("intro")) == []
    assert at_home(chapter("intro").replace("$y_4$", "$y_0$")) == [0]


def untold(caption: str, means: dict[str, float]) -> list[str]:
    """The panels whose mean largest entry a caption does not give."""
    return [panel for panel, mean in means.items() if f"{mean:.2f}" not in caption]


def test_a_caption_gives_the_number_of_both_panels() -> None:
    page = built("html/mlp.html", "make book").read_text(encoding="utf-8")
    shown = pd.read_csv(built("html/figures/mlp/readout-sample-map.csv", "make book"))
    means = shown.groupby(["panel", "answer"])["probability"].max().groupby("panel").mean().to_dict()
    figure = re.search(r'<figure[^>]*id="fig-readout-sample-map".*?<figcaption>(.*?)</figcaption>', page, re.S)
    assert figure
    caption = re.sub(r"<[^>]+>", "", figure[1])
    assert untold(caption, means) == []
    assert untold(caption.replace(f"{means['after the MLP']:.2f}", ""), means) == ["after the MLP"]


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_caption_speaks_of_no_edition(path: Path) -> None:
    told = [re.sub(r"^:alt:.*", "", each, flags=re.M) for each in captions(path.read_text(encoding="utf-8"))]
    assert [each for each in told if re.search(EDITIONS, each)] == []


def test_a_caption_of_one_edition_is_found() -> None:
    old = "```{caption} fig-heads\n**It switches.** Choose a pair; print sets the nearest one beside it.\n```\n"
    assert re.findall(EDITIONS, captions(old)[0]) == ["Choose", "print sets"]


def unset(page: str) -> list[str]:
    """Letters with an underscore in what a reader sees of a page, code and citations to copy aside."""
    article = re.search(r"<article.*</article>", page, re.S)
    text = article[0] if article else ""
    for tag in ("pre", "code", "script", "style", "q"):
        text = re.sub(rf"<{tag}\b.*?</{tag}>", " ", text, flags=re.S)
    text = unescape(re.sub(r"<[^>]+>", "", text))
    return re.findall(r"(?<![\w/.-])(?:[xy]_\d|W_(?:E|pos|Q|K|V|O|in|out|U))(?!\w)", text)


def test_letters_with_a_number_are_set_with_a_subscript() -> None:
    built("html/intro.html", "make book")
    pages = {path.name: path.read_text(encoding="utf-8") for path in sorted((BUILD / "html").glob("*.html"))}
    assert {name: found for name, page in pages.items() if (found := unset(page))} == {}
    assert unset("<article><td>y_2</td> <code>W_E</code> zeroing W_out</article>") == ["y_2", "W_out"]


def mistaken(text: str) -> list[str]:
    """Links whose words name one chapter and that lead to another."""
    own = {path.stem for path in CHAPTERS} - {"own"}
    links = re.findall(r"\[([^\]]*)\]\((\w+)\.md", text)
    named = [(word.lower(), to) for words, to in links for word in re.findall(NAMES_A_CHAPTER, words)]
    return [f"{word} is not {to}" for word, to in named if word in own and word != to]


def test_a_link_leads_to_the_chapter_that_it_names() -> None:
    assert [wrong for path in CHAPTERS for wrong in mistaken(path.read_text(encoding="utf-8"))] == []
    assert mistaken("see [the chapter on the MLP](needed.md), the [training chapter](task.md#seeds)") == [
        "mlp is not needed",
        "training is not task",
    ]
