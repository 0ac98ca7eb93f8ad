"""The ledger for those who go on with it: CSV, rows of numbers, the code of a rule, a line to cite."""

import csv
import io
import math
from pathlib import Path

import pytest

from tests.tools import BUILD
from tinycircuits.claims import export
from tinycircuits.claims.ledger import RULES, finding
from tinycircuits.claims.report import seeds

ROOT = BUILD.parents[1]
SOME = ("A1", "A4", "B9", "E3", "attention", "held")


@pytest.mark.parametrize("name", RULES)
def test_the_code_of_a_rule_stands_where_it_says(name):
    code = export.rule_code(name)
    lines = (ROOT / code.file).read_text(encoding="utf-8").splitlines()
    assert code.text.splitlines() == lines[code.line - 1 :][: code.text.count("\n") + 1]
    assert code.text.startswith(f"def {RULES[name].see.__name__}(")
    compile(code.text, code.file, "exec")


def test_the_table_has_the_documented_columns_and_a_row_for_each_statement():
    chosen = [finding(name) for name in SOME]
    rows = list(csv.DictReader(io.StringIO(export.as_csv(chosen))))
    assert list(rows[0]) == list(export.COLUMNS)
    assert [row["id"] for row in rows] == list(SOME)
    for row, found in zip(rows, chosen, strict=True):
        assert (row["statement"], row["verdict"]) == (found.claim.says, found.verdict)
        assert (int(row["met"]), int(row["models"]), int(row["measured"])) == (found.met, found.judged, found.n_seeds)
        assert float(row["median"]) == pytest.approx(found.observed[1].median, rel=1e-5)
        assert (float(row["share_low"]), float(row["share_high"])) == pytest.approx(found.interval, rel=1e-5)
        assert row["controls_say_the_same"] == ("yes" if found.says_nothing else "no")
        assert row["page"] == f"held.html#claim-{found.claim.id.lower()}"
    by_id = {row["id"]: row for row in rows}
    assert by_id["E3"]["second"].startswith("E, another start: ")
    assert by_id["A1"]["second"] == by_id["B9"]["published"] == ""


def test_a_cell_without_a_number_is_empty():
    assert [export._cell(value) for value in (math.nan, 0.1234567, True, False, 3, None)] == [
        "", "0.123457", "yes", "no", 3, None,
    ]  # fmt: skip


@pytest.mark.parametrize("name", SOME)
def test_the_numbers_of_a_statement_have_a_column_for_everyone_who_was_asked(name):
    found = finding(name)
    head, met, *numbers = export.numbers(found)
    assert {len(row) for row in (head, met, *numbers)} == {len(head)}
    assert [row[0] for row in numbers] == list(found.values)
    for control in found.controls:
        column = head.index(control.name)
        assert met[column] == seeds(control)
        assert [row[column] for row in numbers] == [export.short(each.median) for each in control.values.values()]
    assert ("published model" in head) == bool(found.published and found.judged > 1)
    assert (found.second is not None) == any("another start" in each for each in head)
    assert met[1] == seeds(found)
    assert ("nine tenths of the models" in head) == (found.judged > 1)


def test_a_statement_is_cited_with_verdict_count_and_number():
    found = finding("A4")
    line = export.cited(found)
    name, spread = found.observed
    assert line.startswith(
        "Article A, statement A4, “zeroing the output weights of either MLP leaves 20 to 25 % right”"
    )
    assert f"{found.verdict} ({seeds(found)} meet the rule; {name}: median {export.short(spread.median)})" in line
    assert export.cited(finding("held")).startswith("Claim of the chapter held, “")
    assert "`" not in export.cited(finding("notation"))


def test_an_entry_tells_an_articles_rule_and_our_own_claim():
    of_article, own = export.told(finding("A4")), export.told(finding("attention"))
    said, ours = finding("A4").claim, finding("attention").claim
    assert of_article["title"] == f"**A4** {said.says}"
    assert f"*Rule:* {said.rule}." in of_article["paragraphs"][-1]
    assert (f"*Printed:* {said.quoted}." in of_article["paragraphs"]) == bool(said.quoted)
    assert of_article["closing"][0].startswith(f"*Why it may have looked true:* {said.why} ")
    assert (own["title"], own["paragraphs"]) == (f"**attention** {ours.rule}", (f"*Claim:* {ours.says}",))
    assert own["closing"][0].endswith("More: [](./attention.md)")
    assert "looked true" not in own["closing"][0]


def test_it_is_said_how_many_models_do_not_count():
    assert export.counted(finding("A4")) == "45 of 100 models are judged, the others make mistakes"
    assert export.counted(finding("A1")) == "100 models are judged"
    assert export.counted(finding("B9")) == "one model or set of data is judged"


def test_the_anchor_of_a_statement_is_on_the_page_of_the_ledger():
    assert (ROOT / "book" / Path(export.page(finding("A1"))).name.split("#")[0].replace(".html", ".md")).exists()
