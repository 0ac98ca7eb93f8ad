"""The waves of a sum in Chromium: drawn and told as numpy finds them in the logits of TransformerLens."""

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from tests.browser.tabs import Theme, violations, visit
from tests.circuits import SPECS, scrambled
from tinycircuits.display import Live
from tinycircuits.display.drawings.interference import interference
from tinycircuits.interp.fourier import pair_logits
from tinycircuits.interp.interference import answer_logits, sum_waves, waves_of
from tinycircuits.models.live import live_data, wave_data
from tinycircuits.results.analyses import stored
from tinycircuits.results.live import live_waves
from tinycircuits.results.runs import run
from tinycircuits.sphinxext.pages import live
from tinycircuits.tasks import ModularAddition

pytestmark = pytest.mark.browser

P = 11
PAIRS = ((0, 0), (P - 1, P - 1), (0, P - 1), (7, 2))
MISTAKES = tomllib.loads(Path(__file__).with_name("waves_mistakes.toml").read_text())["mistake"]
STATIC = Path(live.__file__).parent / "static"
PAGE = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Waves</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="stylesheet" href="live.css"><style>
:root {{ --tc-ink: #24292f; --tc-line: #6e7781; --tc-grid: #d0d7de; --tc-faint: #59636e; --pst-color-primary: #0a7d91;
  --pst-color-background: #fff; --pst-color-surface: #f5f5f5; }}
@media (prefers-color-scheme: dark) {{ :root {{ --tc-ink: #e6edf3; --tc-line: #8b949e; --tc-grid: #3d444d;
  --tc-faint: #9da7b1; --pst-color-primary: #3fb1c5; --pst-color-background: #14181e; --pst-color-surface: #222; }} }}
body {{ margin: 0 1rem; background: var(--pst-color-background); color: var(--tc-ink); font: 16px sans-serif; }}
.tcl-still svg {{ width: 100%; height: auto; }} .tc-narrow {{ display: none; }}
</style></head><body><main><h1>Waves</h1>{place}</main><script>{script}</script></body></html>"""


@dataclass(frozen=True)
class Expected:
    """What numpy finds for every pair of a small model, by its Fourier transforms."""

    frequencies: tuple[int, ...]
    heights: np.ndarray
    logits: np.ndarray
    spectrum: np.ndarray

    def wave(self, which: int, a: int, b: int) -> np.ndarray:
        k = self.frequencies[which]
        return self.heights[which] * np.cos(2 * np.pi * k * (a + b - np.arange(P)) / P)

    def kept(self, n: int) -> np.ndarray:
        only = np.zeros_like(self.spectrum)
        for k in (0, *self.frequencies[:n], *(-k for k in self.frequencies[:n])):
            only[k, k] = self.spectrum[k, k]
        return np.fft.ifft2(only, axes=(0, 1)).real


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Expected, str]:
    """A folder with a small model's data, what is expected, and the place of it in a page."""
    task = ModularAddition(modulus=P, plus_sign=True, unused_tokens=1)
    model = scrambled(SPECS["three layers, two heads, gelu"], task)
    logits = pair_logits(model, task)[..., :P]
    found = waves_of(logits, least=0.0)
    told = wave_data(found.frequencies, found.heights.tolist(), found.cos, found.sin, found.mean)
    data = live_data(model, task, name="S", study="none", seed=0) | {"waves": told}
    still = interference(found, answer_logits(model, task, 5, 8), a=5, b=8, name="still")
    place = Live(still, [data], parts=("waves",), state="a=5&b=8&n=2").html().replace('data-at=""', 'data-at="./"')
    folder = tmp_path_factory.mktemp("waves")
    (folder / "model-S.js").write_text(f"tinyModel({json.dumps(data)})")
    (folder / "live.css").write_text((STATIC / "live.css").read_text())
    centred = logits.numpy() - logits.numpy().mean(-1, keepdims=True)
    cube = np.fft.fftn(centred) / P**3
    heights = {k: 2 * cube[k, k, -k].real for k in range(1, P // 2 + 1)}
    order = tuple(sorted(heights, key=lambda k: -abs(heights[k])))
    expected = Expected(order, np.array([heights[k] for k in order]), centred, np.fft.fft2(centred, axes=(0, 1)))
    return folder, expected, place


def written(small: tuple[Path, Expected, str], script: str, name: str = "page.html") -> Path:
    folder, _, place = small
    (folder / name).write_text(PAGE.format(place=place, script=script))
    return folder / name


def opened(browser: Browser, file: Path, *, width: int = 1280, theme: Theme = "light") -> Page:
    seen = visit(browser, file, width=width, theme=theme)
    seen.page.get_by_role("button", name="Add two numbers of your own").press("Enter")
    seen.page.wait_for_selector(".tcl-waves")
    assert not seen.errors
    return seen.page


def typed(page: Page, a: int | str, b: int | str, n: int | None = None) -> None:
    """Type a pair and move the slider."""
    for name, value in (("a", a), ("b", b)):
        page.get_by_role("spinbutton", name=name, exact=True).fill(str(value))
    if n is not None:
        page.get_by_role("slider").fill(str(n))


DRAWN = """() => [...document.querySelectorAll('.tcl-strip-row svg')].map((svg) => ({
    most: Number(svg.dataset.most),
    curves: [...svg.querySelectorAll('.tcl-wave, .tcl-kept')].map((path) => path.getAttribute('d')),
    marks: [...svg.querySelectorAll('.tcl-dot, .tcl-top')].map((path) => path.getAttribute('d')),
    top: svg.querySelector('.tcl-top').getAttribute('d'), aim: svg.querySelector('.tcl-aim').getAttribute('d'),
    off: svg.parentElement.matches('.tcl-off'),
}))"""


def numbers(text: str) -> list[float]:
    return [float(each) for each in re.findall(r"-?[\d.]+", text)]


def winner(values: np.ndarray) -> tuple[int, int, float]:
    best, after = np.argsort(-values, kind="stable")[:2]
    return int(best), int(after), float(values[best] - values[after])


def differing(page: Page, expected: Expected) -> Iterator[str]:
    """What the page draws or tells otherwise than numpy finds it, for several pairs and numbers of waves."""
    n_waves = len(expected.frequencies)
    sums = (np.arange(P)[:, None] + np.arange(P)) % P
    for (a, b), n in zip(PAIRS, (1, 2, n_waves, 3), strict=True):
        typed(page, a, b, n)
        where, right = f"{a} + {b}, {n} waves", (a + b) % P
        waves = [expected.wave(which, a, b) for which in range(n_waves)]
        ideal, kept, own = sum(waves[:n]), expected.kept(n)[a, b], expected.logits[a, b]
        drawn = page.evaluate(DRAWN)
        for each, curves in zip(drawn, [*([wave] for wave in waves), [ideal, kept], [own]], strict=True):
            for path, values in zip(each["curves"], curves, strict=True):
                found = np.array(numbers(path)).reshape(-1, 2)
                if found[:, 0].tolist() != list(range(P)):
                    yield f"{where}: answers {found[:, 0]}"
                if np.abs((50 - found[:, 1]) * each["most"] / 46 - values).max() > 0.001 * each["most"]:
                    yield f"{where}: a curve"
            if numbers(each["top"])[0] != curves[0].argmax() or numbers(each["aim"])[0] != right:
                yield f"{where}: the top {each['top']} or the right answer {each['aim']}"
        for each, wave in zip(drawn, waves, strict=False):
            tops = {c for c in range(P) if wave[c] >= max(wave[c - 1], wave[(c + 1) % P]) - 1e-12}
            marked = {int(numbers(mark)[0]) for mark in each["marks"]}
            if not marked <= tops or any(not {c, (c + 1) % P, (c - 1) % P} & marked for c in tops):
                yield f"{where}: tops {marked}, {tops}"  # of two equal neighbours one is marked
        if [each["off"] for each in drawn] != [at >= n for at in range(n_waves)] + [False, False]:
            yield f"{where}: which waves are added"
        counted = int((expected.kept(n).argmax(-1) == sums).sum())
        said = page.locator(".tcl-waved").inner_text()
        told = [(int(x), int(y), float(by), word) for x, by, y, word in re.findall(WINS, said)]
        for one, (best, after, by) in zip(told, map(winner, (ideal, own, kept)), strict=True):
            if one[:2] != (best, after) or abs(one[2] - by) > 0.006 or (one[3] == "right") != (best == right):
                yield f"{where}: told {one}, found {best} {after} {by}"
        if f"answer {counted} of all {P * P} pairs right." not in said or f"{a} + {b} = {right} modulo {P}" not in said:
            yield f"{where}: {said}"


WINS = r"(\d+) wins by ([\d.e-]+) over (\d+), (right|wrong)"


def test_waves_and_answers_are_those_that_numpy_finds(browser: Browser, small) -> None:
    page = opened(browser, written(small, live.bundle()))
    assert list(differing(page, small[1])) == []


def test_the_small_model_is_wrong_and_right() -> None:
    """Said by the words: otherwise the comparison above would see one of them only."""
    task = ModularAddition(modulus=P, plus_sign=True, unused_tokens=1)
    logits = pair_logits(scrambled(SPECS["three layers, two heads, gelu"], task), task)[..., :P]
    right = [waves_of(logits, least=0.0).right(n) for n in range(1, P // 2 + 1)]
    assert 0 < max(right) < P * P


@pytest.mark.parametrize("mistake", MISTAKES, ids=[mistake["says"] for mistake in MISTAKES])
def test_the_comparison_notices(browser: Browser, small, mistake: dict[str, str]) -> None:
    text = live.bundle()
    assert text.count(mistake["old"]) == 1
    page = opened(browser, written(small, text.replace(mistake["old"], mistake["new"])))
    assert any(differing(page, small[1]))


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (360, "dark")])
def test_a_reader_adds_by_keyboard(browser: Browser, small, width: int, theme: Theme) -> None:
    page = opened(browser, written(small, live.bundle()), width=width, theme=theme)
    assert "5 + 8 = 2 modulo 11" in page.locator(".tcl-waved").inner_text()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.press("End")
    assert "6 + 7 = 2 modulo 11" in page.locator(".tcl-waved").inner_text()
    assert page.get_by_role("slider").get_attribute("aria-valuetext") == "5 of 5"
    assert page.locator(".tcl-off").count() == 0
    assert page.locator(".tcl-waved").get_attribute("role") == "status"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert not page.locator(".tcl-still").is_visible()
    assert violations(page) == []


@pytest.mark.parametrize("text", ["11", "-1", "", "1.5", "1e1"])
def test_what_is_no_number_of_the_clock_is_refused_in_one_line(browser: Browser, small, text: str) -> None:
    page = opened(browser, written(small, live.bundle()))
    before = page.locator(".tcl-waved").inner_text()
    typed(page, 5, text)
    refused = page.locator(".tcl-refused")
    assert refused.inner_text().startswith("b must be a whole number from 0 to 10, in decimal digits.")
    assert page.locator(".tcl-waved").inner_text() == before
    assert page.get_by_role("spinbutton", name="b").get_attribute("aria-invalid") == "true"
    typed(page, 5, 9)
    assert refused.inner_text() == ""
    assert "5 + 9 = 3" in page.locator(".tcl-waved").inner_text()


def test_without_scripts_and_in_print_the_drawing_stands_there(browser: Browser, small) -> None:
    page = opened(browser, written(small, live.bundle()))
    page.emulate_media(media="print")
    seen = [page.locator(part).is_visible() for part in (".tcl-still svg >> nth=0", ".tcl-waves")]
    page.emulate_media(media="screen")
    assert seen == [True, False]
    plain = browser.new_context(java_script_enabled=False, offline=True).new_page()
    plain.goto(written(small, live.bundle()).as_uri())
    assert plain.locator(".tcl-still svg").first.is_visible()
    assert plain.get_by_role("button").count() == 0
    plain.context.close()


def test_the_published_model_is_told_as_its_own_logits_are(browser: Browser, small) -> None:
    published = run("addition-97-2l")
    task, p = published.study.task, published.study.task.modulus
    found, data = stored(sum_waves, published), live_waves("addition-97-2l")
    (small[0] / "model-S.js").write_text(f"tinyModel({json.dumps(data | {'name': 'S'})})")
    page = opened(browser, written(small, live.bundle()))
    for (a, b), n in (((0, 0), 1), ((p - 1, p - 1), 2), ((p - 1, 0), len(found.frequencies))):
        typed(page, a, b, n)
        own, right = answer_logits(published.model, task, a, b).numpy(), (a + b) % p
        said = page.locator(".tcl-waved").inner_text()
        told = [(int(x), int(y), float(by)) for x, by, y, _ in re.findall(WINS, said)]
        curves = found.perfect(a, b)[:n].sum(0).numpy(), own, found.kept(n)[right].numpy()
        for one, (best, after, by) in zip(told, map(winner, curves), strict=True):
            assert one == (best, after, pytest.approx(by, abs=0.006))
        assert f"answer {found.right(n):,} of all {p * p:,} pairs right." in said


def test_a_wave_has_as_many_tops_as_its_frequency(browser: Browser, small) -> None:
    page = opened(browser, written(small, live.bundle()))
    for a in range(P):
        typed(page, a, 0)
        labels = page.locator(".tcl-strip-row svg").evaluate_all("all => all.map((one) => one.ariaLabel)")
        told = re.findall(r"k = (\d+): height [^,]+, (\d+) tops?$", "\n".join(labels), re.M)
        assert [(int(k), int(n)) for k, n in told] == [(k, k) for k in small[1].frequencies]
