"""Exercises in the page: every claim and design is tried in Chromium, right and wrong; guesses, progress, storage."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.exercises import RULES, STATES, TYPED, ask, cases, fresh, give, kinds, small_site
from tests.browser.tabs import violations
from tinycircuits.exercises import done
from tinycircuits.exercises.keys import forms
from tinycircuits.exercises.sealing import hashed
from tinycircuits.exercises.table import exercises, judged

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("exercises")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_site(tmp_path_factory.mktemp("exercises"))


@pytest.fixture(scope="module")
def everything(browser: Browser, folder: Path) -> Iterator[Page]:
    page = fresh(browser, folder / "all.html")
    yield page
    assert page.errors == []
    page.context.close()


def test_every_claim_and_design_is_judged_in_the_page() -> None:
    assert kinds() == {*forms(), *TYPED, *STATES, *RULES}
    tried = {(name, right) for name, _, _, right in cases()}
    assert tried == {(name, right) for name in kinds() for right in (True, False)}


@pytest.mark.parametrize(("name", "solution", "text", "right"), cases(), ids=[f"{c[0]}-{c[1]}" for c in cases()])
def test_an_answer_is_judged_as_by_the_package(
    everything: Page, name: str, solution: str, text: str, right: bool
) -> None:
    said, passed = give(everything, name, text)
    assert passed == right, said
    assert len(said) > 4


@pytest.mark.parametrize("name", ["reverse", "least-mean"])
def test_what_needs_python_says_so(everything: Page, name: str) -> None:
    box = everything.locator(f"#exercise-{name}")
    assert "cannot run Python" in box.inner_text()
    assert box.locator("button").count() == 0


@pytest.mark.parametrize("text", ["[1, 2", "{}", "null", '"a"', "[1, 2.5]", "[null]", "NaN"])
def test_junk_is_refused_in_words(everything: Page, text: str) -> None:
    for name in (*TYPED, *RULES):
        said, passed = give(everything, name, text)
        assert not passed
        assert len(said) > 10
        assert "undefined" not in said


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("nothing", "no link to a state"),
        ("workbench.html#m=C&t=mlp.0~zero", "no link to a state"),
        ("m=B&r=3", "earlier round"),
        ("m=B&t=mlp.0~zero", "undo what you hold"),
        ("m=B&t=b_U~0~1", "does not count"),
        ("https://example.org/workbench.html#m=B", "0 are"),
    ],
)
def test_a_state_that_is_no_answer_is_refused_in_words(everything: Page, state: str, said: str) -> None:
    found, passed = give(everything, "spare-biases", state)
    assert not passed
    assert said in found


def test_no_answer_is_no_try(everything: Page) -> None:
    box = everything.locator("#exercise-met-by-noise")
    box.locator(".tcx-typed").fill("")
    tries = everything.evaluate("localStorage.getItem('tinycircuits-exercises')")
    box.get_by_role("button", name="Check").click()
    assert box.locator(".tcx-said").inner_text() == "There is no answer yet"
    assert everything.evaluate("localStorage.getItem('tinycircuits-exercises')") == tries


def right_answers() -> dict[str, str]:
    found: dict[str, str] = {}
    for name, _, text, right in cases():
        if right:
            found.setdefault(name, text)
    return found


def test_what_is_done_is_counted_and_handed_to_the_package(browser: Browser, folder: Path, tmp_path: Path) -> None:
    page = fresh(browser, folder / "all.html")
    answers = right_answers()
    for name, text in answers.items():
        assert give(page, name, text)[1]
    assert page.locator(".tcx-count").inner_text() == f"{len(answers)} of {len(exercises())} done"
    assert page.locator("#exercise-hands .tcx-mark").inner_text() == "✓ done"
    give(page, "quiet-row", "y_5")
    assert page.locator("#exercise-quiet-row .tcx-mark").inner_text() == "✓ done"
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Save as done.json").click()
    file = tmp_path / "done.json"
    downloading.value.save_as(file)
    kept = done.read(file)
    assert {name for name, each in kept.items() if each.passed} == {*answers}
    assert kept["quiet-row"].tries == 2
    for name in answers:
        there: dict[str, object] = {}
        exec(kept[name].answer, there)  # the page wrote it, out of the tests' own solutions
        outcome = judged(name, there[exercises()[name].asks])
        assert outcome.passed, (name, outcome.said)
        if outcome.score is not None:
            assert outcome.score == pytest.approx(kept[name].score, rel=1e-9)
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Forget all").click()
    assert page.locator(".tcx-count").inner_text() == f"0 of {len(exercises())} done"
    assert page.locator("#exercise-hands .tcx-mark").inner_text() == ""
    page.locator("input[type=file]").set_input_files(file)
    page.wait_for_function(f"document.querySelector('.tcx-count').textContent.startsWith('{len(answers)} of')")
    page.reload()
    page.wait_for_selector(".tcx-count")
    assert page.locator(".tcx-count").inner_text().startswith(f"{len(answers)} of")
    assert page.errors == []
    page.context.close()


@pytest.mark.parametrize("content", ["", "[]", "null", '{"format": 2}', '{"format": 1, "exercises": null}', "\x00"])
def test_a_file_of_another_kind_is_refused(everything: Page, content: str) -> None:
    file = {"name": "done.json", "mimeType": "application/json", "buffer": content.encode()}
    everything.evaluate("document.querySelector('.tc-progress .tcx-said').textContent = ''")
    everything.locator("input[type=file]").set_input_files(file)
    everything.wait_for_function(
        "document.querySelector('.tc-progress .tcx-said').textContent === 'This file holds no list of exercises'"
    )
    assert everything.locator(".tc-progress .tcx-said.tcx-right").count() == 0, "nothing counts as done"


BROKEN = [
    "Object.defineProperty(window, 'localStorage', { get() { throw new Error('forbidden'); } })",
    "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }",
    "localStorage.setItem('tinycircuits-exercises', '{'); localStorage.setItem('tinycircuits-guesses', 'null')",
    "localStorage.setItem('tinycircuits-exercises', '[3]'); localStorage.setItem('tinycircuits-guesses', '7')",
    'localStorage.setItem("tinycircuits-exercises", \'{"format":1,"exercises":{"hands":{"passed":1},"x":null}}\')',
]


@pytest.mark.parametrize("how", BROKEN)
def test_storage_that_fails_breaks_nothing(browser: Browser, folder: Path, how: str) -> None:
    context = browser.new_context(offline=True)
    context.add_init_script(how)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto((folder / "all.html").as_uri())
    said, passed = give(page, "hands", "[3, 19, 42, 43, 53]")
    assert passed
    assert page.locator(".tcx-count").inner_text() == f"1 of {len(exercises())} done"
    assert ("keeps nothing" in said) == (how in BROKEN[:2])
    assert errors == []
    context.close()


SAID = ".tc-predict .tcx-said"
OWN = '<div class="tc-predict" data-name="own" data-key="{key}" data-within="2"><p>How many?</p></div>'


def asked(folder: Path) -> Path:
    return ask(folder, "asked.html", OWN.format(key=hashed("own", "1234")))


@pytest.mark.parametrize(
    ("guess", "said", "right"),
    [
        ("1,234", "right", True),
        ("1236", "close, 2 off", True),
        ("1237", "more than 2 off", False),
        ("x", "another", False),
    ],
)
def test_a_guess_comes_before_the_result(browser: Browser, folder: Path, guess: str, said: str, right: bool) -> None:
    page = fresh(browser, asked(folder))
    assert page.locator("#above").is_visible()
    assert page.locator("#next p").is_visible()
    assert not page.locator("#below").is_visible()
    assert not page.locator("#drawn").is_visible()
    page.get_by_role("button", name="Guess").click()
    assert "no guess yet" in page.locator(SAID).inner_text()
    assert not page.locator("#below").is_visible()
    page.get_by_label("Your guess").fill(guess)
    page.keyboard.press("Enter")
    assert page.locator("#below").is_visible()
    assert page.locator("#drawn").is_visible()
    assert said in page.locator(SAID).inner_text()
    assert page.locator(f"{SAID}.tcx-right").count() == right
    page.reload()
    page.wait_for_selector("html[data-exercises=ready]", state="attached")
    assert page.locator("#below").is_visible()
    assert said in page.locator(SAID).inner_text()
    assert page.errors == []
    page.context.close()


def test_who_does_not_want_to_guess_is_shown(browser: Browser, folder: Path) -> None:
    page = fresh(browser, asked(folder))
    page.get_by_role("button", name="Show me").press("Enter")
    assert page.locator("#below").is_visible()
    assert page.locator(SAID).inner_text() == ""
    page.context.close()


def test_a_link_into_what_waits_opens_it(browser: Browser, folder: Path) -> None:
    page = fresh(browser, asked(folder))
    page.evaluate("location.hash = 'inside'")
    page.wait_for_selector("#drawn", state="visible")
    assert page.locator("#inside").is_visible()
    page.context.close()


def test_without_scripts_and_on_paper_nothing_waits(browser: Browser, folder: Path) -> None:
    file = asked(folder)
    page = browser.new_context(java_script_enabled=False, offline=True).new_page()
    page.goto(file.as_uri())
    assert page.locator("#below").is_visible()
    page.context.close()
    page = fresh(browser, file)
    page.emulate_media(media="print")
    assert page.locator("#drawn").is_visible()
    assert not page.get_by_role("button", name="Guess").is_visible()
    page.context.close()


def test_a_guess_at_an_exercise_is_its_answer(browser: Browser, folder: Path) -> None:
    file = ask(folder, "exercise.html", '<div class="tc-predict" data-name="how-many"><p>How many?</p></div>')
    page = fresh(browser, file)
    page.get_by_label("Your guess").fill("200")
    page.get_by_role("button", name="Guess").click()
    assert page.locator("#below").is_visible()
    assert page.locator(f"{SAID}.tcx-right").count() == 1
    page.goto((folder / "all.html").as_uri())
    page.wait_for_selector(".tcx-count")
    assert page.locator("#exercise-how-many .tcx-mark").inner_text() == "✓ done"
    page.context.close()


def test_without_its_answers_a_page_hides_nothing(browser: Browser, folder: Path) -> None:
    page = browser.new_context(offline=True).new_page()
    page.route("**/answers.js", lambda route: route.abort())
    page.goto(asked(folder).as_uri())
    page.wait_for_load_state("networkidle")
    assert page.locator("#below").is_visible()
    page.context.close()


def test_it_is_accessible_and_fits_a_phone(browser: Browser, folder: Path) -> None:
    page = fresh(browser, folder / "all.html", viewport={"width": 390, "height": 800})
    give(page, "two-digits", "[]")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.context.close()
