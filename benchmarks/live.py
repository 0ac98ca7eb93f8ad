"""Times what a reader of the live model waits for, in Chromium: from a change to the exact count over all inputs.

Prints seconds as the page sees them, from its question to its worker's answer, the worker's own, and those of the shown
input's numbers. `make bench` runs it; quiet cores make the numbers comparable.
"""

import statistics

from playwright.sync_api import Page, sync_playwright

from tests.browser.cases import STUDIES, published
from tests.browser.engine import HELPERS, engine_text
from tests.tools import chromium

EDITS = 15
LIMITS = {"A": 1.0, "B": 0.25, "C": 0.25}
"""Seconds that the page promises."""

ASKING = """
(text) => {
    const worker = new Worker(URL.createObjectURL(new Blob([`(${text})().serve(self)`])));
    window.tell = (data) => worker.postMessage({ model: data });
    window.ask = (name, touches) => new Promise((resolve) => {
        const started = performance.now();
        worker.onmessage = ({ data }) => resolve([(performance.now() - started) / 1000, data.seconds]);
        const question = { id: 1, name, round: null, touches, other: [], states: false, control: 0 };
        worker.postMessage({ question });
    });
    window.shown = (name, touches) => {
        const started = performance.now();
        const { model, holds } = applied(name, touches, []);
        E.trace(model, E.tokensOf(model.data, E.digitsOf(model.data, 27)), holds);
        return (performance.now() - started) / 1000;
    };
}
"""


def edits(name: str) -> list[list[dict[str, object]]]:
    """Single changes of a model: weights of every parameter, one after another."""
    parameters = [parameter for parameter, _ in published(name)["parameters"]]
    return [
        [{"kind": "weight", "name": parameters[i % len(parameters)], "index": 1, "value": 0.5}] for i in range(EDITS)
    ]


def time_model(page: Page, name: str) -> None:
    """Print the medians and the slowest of one model; the first change, at which the script is compiled, by itself."""
    page.evaluate("(data) => { tell(data); known.set(data.name, E.modelOf(data)); }", published(name))
    times = [page.evaluate("([name, touches]) => ask(name, touches)", [name, touches]) for touches in edits(name)]
    shown = [page.evaluate("([name, touches]) => shown(name, touches)", [name, touches]) for touches in edits(name)]
    (first, _), *rest = times
    seen, own = zip(*rest, strict=True)
    print(
        f"{STUDIES[name]:16} {first:8.3f} {statistics.median(seen):8.3f} {max(seen):8.3f} {statistics.median(own):8.3f}"
        f" {LIMITS[name]:8.2f} {1000 * statistics.median(shown):9.2f}"
    )


def time_counts() -> None:
    """Print a row for each of the articles' models."""
    print(f"\nlive model: seconds from one edit to the count over all inputs, {EDITS} edits; ms of the shown input")
    print(f"{'study':16} {'first':>8} {'median':>8} {'slowest':>8} {'worker':>8} {'promised':>8} {'input ms':>9}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        page = browser.new_page()
        page.evaluate(HELPERS, engine_text())
        page.evaluate(ASKING, engine_text())
        for name in ("B", "A", "C"):
            time_model(page, name)
        browser.close()


if __name__ == "__main__":
    time_counts()
