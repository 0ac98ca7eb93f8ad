"""The live model in Chromium: what a reader does with it, from the file system and with the network cut."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page

from tests.browser.tabs import Theme, violations, visit
from tinycircuits.interp.touches import Touches
from tinycircuits.results.certificates import load_certificate
from tinycircuits.results.runs import load

pytestmark = pytest.mark.browser

STUDIES = {"A": "reversal-8d-2l", "B": "reversal-8d-1l", "C": "reversal-4d-2l"}
QUIET = "() => document.querySelector('.tcl-app')?.dataset.counted === 'whole'"
"""The count is that of the changes that are made, and so is its control."""


def settled(page: Page) -> Page:
    """Wait until everything is counted."""
    page.wait_for_function(QUIET, timeout=60_000)
    return page


def opened(browser: Browser, site: Path, state: str = "", *, width: int = 1280, theme: Theme = "light") -> Page:
    """The workbench in this state, counted."""
    seen = visit(browser, site / "workbench.html", width=width, theme=theme)
    if state:
        seen.page.evaluate("state => { location.hash = state }", state)
        seen.page.wait_for_function("state => document.querySelector('.tcl-app')?.dataset.shown === state", arg=state)
    assert not seen.errors
    return settled(seen.page)


def wrong(page: Page) -> list[int]:
    """The wrong answers that the page counts now, y_0 first."""
    cells = page.locator(".tcl-counts tbody tr td:nth-of-type(2)").all_inner_texts()
    return [int(cell.replace(",", "")) for cell in cells]


def wrong_in_python(name: str, text: str, other: str = "") -> list[int]:
    """The wrong answers that the package counts."""
    run = load(STUDIES[name])
    touches = Touches.read(text, other=other) if other else Touches.read(text)
    return list(touches.wrong(run.model, run.study.task))


def cell(page: Page, key: str) -> Locator:
    """The cell of this number."""
    return page.locator(f'.tcl-cell[data-key="{key}"]')


def test_a_newcomer_finds_the_model_and_breaks_it_without_instructions(browser: Browser, site: Path) -> None:
    page = visit(browser, site / "intro.html").page
    page.locator("article a", has_text="The model in your hands").first.click()
    settled(page)
    page.get_by_role("button", name="remove the bias of attention").click()
    settled(page)
    counted = wrong_in_python("B", "blocks.0.attn.b_O~0")
    assert wrong(page) == counted
    assert page.locator(".tcl-count").inner_text() == f"{sum(counted):,} of 524,288 answers wrong, before 0"


@pytest.mark.parametrize(
    ("name", "touches"),
    [
        ("B", "neuron.0.3@11~mean_edge.0.0.12.4~zero"),
        ("C", "attn.1@5~other_blocks.0.attn.W_Q~2~0.75"),
        ("A", "mlp.1~zero"),
    ],
)
def test_the_page_counts_what_the_package_counts(browser: Browser, site: Path, name: str, touches: str) -> None:
    other = "13020123"[: 4 if name == "C" else 8]
    page = opened(browser, site, f"m={name}&o={other}&t={touches}")
    assert wrong(page) == wrong_in_python(name, touches, other)
    assert sum(wrong(page)) > 0


def test_a_spoiled_address_shows_the_model_as_it_was_trained(browser: Browser, site: Path) -> None:
    page = opened(browser, site, "m=B&x=9&y=77&r=-1&t=%E0%A4%A_nonsense~zero")
    assert sum(wrong(page)) == 0
    assert page.locator(".tcl-chip").count() == 0


def test_every_number_says_where_it_comes_from(browser: Browser, site: Path) -> None:
    page = opened(browser, site)
    for key in page.locator(".tcl-flow [data-key]").evaluate_all("cells => cells.map(cell => cell.dataset.key)"):
        if not page.locator(f'.tcl-flow [data-key="{key}"]').is_visible():
            continue
        page.locator(f'.tcl-flow [data-key="{key}"]').dispatch_event("click")
        said = page.locator(".tcl-inspector p").inner_text()
        assert re.search(r"\d|what stands at", said), key
        assert "NaN" not in said, key
        assert "undefined" not in said, key


def test_a_weight_is_edited_undone_and_passed_on_as_a_link(browser: Browser, site: Path) -> None:
    page = opened(browser, site)
    cell(page, "w.blocks.0.mlp.b_out.1").click()
    page.locator(".tcl-tools input[type=number]").fill("2.5")
    page.locator(".tcl-tools input[type=number]").press("Enter")
    settled(page)
    assert cell(page, "w.blocks.0.mlp.b_out.1").inner_text() == "2.50"
    counted = wrong(page)
    assert counted == wrong_in_python("B", "blocks.0.mlp.b_out~1~2.5")
    link = page.url
    page.get_by_role("button", name="Undo").click()
    settled(page)
    assert sum(wrong(page)) == 0
    page.get_by_role("button", name="Redo").click()
    settled(page)
    assert wrong(page) == counted
    page.get_by_role("button", name="Reset").click()
    settled(page)
    assert sum(wrong(page)) == 0
    page.goto("about:blank")
    page.goto(link)
    settled(page)
    assert wrong(page) == counted


@pytest.mark.parametrize("state", ["m=C&o=1302&t=attn.1@5~other_mlp.0~mean", "m=C&r=3&t=neuron.1.2~zero"])
def test_the_program_that_is_copied_prints_the_same_counts(
    browser: Browser, site: Path, state: str, capsys: pytest.CaptureFixture[str]
) -> None:
    page = opened(browser, site, state)
    page.evaluate("() => { navigator.clipboard.writeText = async (text) => { window.copied = text; }; }")
    page.get_by_role("button", name="Copy as Python").click()
    exec(page.evaluate("() => window.copied"), {})  # it is the page's own program
    assert [int(number) for number in re.findall(r"\d+", capsys.readouterr().out)] == wrong(page)


def test_it_works_with_the_keyboard_alone(browser: Browser, site: Path) -> None:
    page = opened(browser, site)
    page.locator(".tcl-digits button").first.focus()
    for digit in "33333333":
        page.keyboard.press(digit)
    assert page.locator(".tcl-digits").first.inner_text().split() == list("33333333")
    assert page.locator(".tcl-answers b").all_inner_texts() == ["0"] * 8
    cell(page, "embed.0").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.locator(".tcl-chosen").first.get_attribute("data-key") == "embed.1"
    page.locator(".tcl-mlp header select").select_option("zero")
    settled(page)
    assert wrong(page) == wrong_in_python("B", "mlp.0~zero")
    page.locator(".tcl-chip button").press("Enter")
    settled(page)
    assert sum(wrong(page)) == 0


def test_a_push_stands_beside_each_count(browser: Browser, site: Path) -> None:
    page = opened(browser, site, "m=B&t=mlp.0~mean")
    pushed = page.locator(".tcl-counts tbody tr td:nth-of-type(4)").all_inner_texts()
    assert sum(int(each.replace(",", "")) for each in pushed) > 0
    assert "in a random direction" in page.locator(".tcl-counts .tcl-quiet").inner_text()


def test_the_map_lists_and_loads_wrong_inputs(browser: Browser, site: Path) -> None:
    page = opened(browser, site, "m=B&t=neuron.0.6~zero")
    first = page.locator(".tcl-first button").first
    digits = first.inner_text().split()
    first.click()
    assert page.locator(".tcl-digits").first.inner_text().split() == digits
    assert page.locator(".tcl-answer.tcl-bad").count() > 0
    page.locator(".tcl-map").click(position={"x": 0, "y": 0})
    assert page.locator(".tcl-digits").first.inner_text().split() == list("00000000")


def test_the_globe_turns(browser: Browser, site: Path) -> None:
    page = opened(browser, site)
    picture = "document.querySelector('.tcl-globe').toDataURL()"
    before = page.evaluate(picture)
    page.locator(".tcl-globe").focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_function(f"before => {picture} !== before", arg=before)
    assert page.evaluate(picture) != before
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"before => {picture} === before", arg=before)
    assert page.evaluate(picture) == before


def test_the_course_runs_the_model_of_that_round(browser: Browser, site: Path) -> None:
    page = opened(browser, site)
    page.locator(".tcl-course input").focus()
    page.keyboard.press("Home")
    settled(page)
    said = page.locator(".tcl-course .tcl-quiet").inner_text()
    assert sum(wrong(page)) > 300_000
    assert f"{sum(wrong(page)):,} answers wrong" in said


def test_nothing_moves_while_it_counts(browser: Browser, site: Path) -> None:
    page = opened(browser, site)
    page.evaluate(
        """() => { window.moved = 0; new PerformanceObserver((list) => {
            for (const entry of list.getEntries()) window.moved += entry.value;
        }).observe({ type: "layout-shift" }); }"""
    )
    page.locator(".tcl-mlp header select").scroll_into_view_if_needed()
    page.locator(".tcl-mlp header select").select_option("mean")
    settled(page)
    assert page.evaluate("() => window.moved") < 0.01


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("state", ["m=B&t=mlp.0~mean", "m=E&a=3&b=4"])
def test_it_is_accessible_in_use(browser: Browser, site: Path, theme: Theme, state: str) -> None:
    page = visit(browser, site / "workbench.html", theme=theme).page
    page.evaluate("state => { location.hash = state }", state)
    page.wait_for_selector(".tcl-part")
    if "m=B" in state:
        settled(page)
        cell(page, "w.blocks.0.attn.b_O.0").click()
        page.locator(".tcl-weights summary").first.click()
    assert violations(page) == []


@pytest.mark.parametrize("state", ["m=A", "m=E"])
def test_it_fits_a_phone(browser: Browser, site: Path, state: str) -> None:
    page = visit(browser, site / "workbench.html", width=390).page
    page.evaluate("state => { location.hash = state }", state)
    page.wait_for_selector(f".tcl-app select >> text={state[2:]}:", state="attached")
    page.wait_for_selector(".tcl-part")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_modular_addition_answers_a_pair_and_counts_some(browser: Browser, site: Path) -> None:
    page = visit(browser, site / "workbench.html").page
    page.evaluate("() => { location.hash = 'm=E&a=96&b=5' }")
    page.wait_for_selector(".tcl-sum")
    assert page.locator(".tcl-sum output").inner_text() == "4"
    page.locator(".tcl-sum input").first.fill("50")
    assert page.locator(".tcl-sum output").inner_text() == "55"
    page.get_by_role("button", name="Count all 9,409 pairs").click()
    page.wait_for_function("() => document.querySelector('.tcl-progress').value >= 2", timeout=60_000)
    page.get_by_role("button", name="Stop").click()
    page.wait_for_selector("text=/0 of \\d+ pairs wrong, stopped/")


def test_without_scripts_the_drawing_stands_there(browser: Browser, site: Path) -> None:
    page = browser.new_context(java_script_enabled=False, offline=True).new_page()
    page.goto((site / "workbench.html").as_uri())
    seen = page.locator(".tc-live .tc-still svg").first.is_visible()
    page.context.close()
    assert seen


@pytest.mark.parametrize("name", ["attention.html", "mlp.html", "ablation.html", "circuit.html"])
def test_a_part_of_the_model_opens_in_a_chapter(browser: Browser, site: Path, name: str) -> None:
    seen = visit(browser, site / name)
    seen.page.get_by_role("button", name="Take it into your hands").first.click()
    settled(seen.page)
    swapped = name == "circuit.html"
    assert seen.page.locator(".tcl-count").first.inner_text().startswith("49,152" if swapped else "0 of 524,288")
    assert seen.page.locator(".tcl-part").count() > 0
    assert not seen.errors


def test_only_pages_with_a_live_model_load_its_script(site: Path) -> None:
    texts = {path.name: path.read_text() for path in site.glob("*.html")}
    loading = {name for name, text in texts.items() if 'src="_static/live.js' in text}
    assert loading == {name for name, text in texts.items() if 'class="tc-live"' in text}
    assert loading == {
        "workbench.html",
        "attention.html",
        "mlp.html",
        "ablation.html",
        "circuit.html",
        "certain.html",
        "waves.html",
    }


@pytest.mark.parametrize("width", [1280, 390])
def test_the_count_stays_in_sight_beside_what_is_changed(browser: Browser, site: Path, width: int) -> None:
    page = opened(browser, site, "m=B&t=mlp.0~mean", width=width)
    cell(page, "post.0.6").click()
    page.evaluate("document.querySelector('.tcl-mlp').scrollIntoView({ block: 'center' })")
    seen = """() => {
        const box = document.querySelector('.tcl-big').getBoundingClientRect();
        return document.elementFromPoint(box.left + 5, box.top + 5).matches('.tcl-big');
    }"""
    page.wait_for_function(seen)
    inside = (
        "() => { const box = document.querySelector('.tcl-inspector'); return box.scrollWidth <= box.clientWidth; }"
    )
    assert page.evaluate(inside)


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark")])
def test_a_reader_certifies_the_published_model_by_keyboard(
    browser: Browser, site: Path, width: int, theme: Theme
) -> None:
    seen = visit(browser, site / "certain.html", width=width, theme=theme)
    page = seen.page
    page.get_by_role("button", name="Certify it in this browser").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".tcl-certificate")
    assert page.locator(".tcl-certificate progress").is_visible()
    page.wait_for_selector('.tcl-certificate[data-certified="whole"]', timeout=120_000)
    stored = load_certificate(STUDIES["B"])
    for at, name in enumerate(stored.machines):
        cells = page.locator(f'.tcl-certificate [data-machine="{name}"] td').all_inner_texts()
        assert [int(cell.replace(",", "")) for cell in cells[:3]] == stored.counts[at].tolist()
        assert float(cells[3]) == pytest.approx(float(stored.spare[at]), abs=0.006)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert not seen.errors
