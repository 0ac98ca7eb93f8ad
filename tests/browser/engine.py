"""The live model's engine, out of the script of a page, in Chromium."""

import base64
import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from playwright.sync_api import Browser, Page

from tinycircuits.sphinxext.pages.live import bundle

Touch = dict[str, Any]
"""What a reader changed, as the script has it: see `touches.js`."""

HELPERS = """
(engine) => {
    window.E = eval(`(${engine})`)();
    window.known = new Map();
    window.applied = (name, touches, other) => {
        const { model, holds } = E.applied(known.get(name), touches, other);
        return { model, holds };
    };
    window.packed = (numbers) => {
        const bytes = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
        let text = "";
        for (let i = 0; i < bytes.length; i += 8190)  // a multiple of three: pieces of base64 can be joined
            text += btoa(String.fromCharCode(...bytes.subarray(i, i + 8190)));
        return text;
    };
}
"""


def engine_text() -> str:
    """The engine as the page has it: a function whose text also makes the worker."""
    found = re.search(r"^const ENGINE = (\(\) => \{.*?^\});$", bundle(), re.M | re.S)
    assert found, "the script has no engine"
    return found[1]


@dataclass(frozen=True)
class Counted:
    """What the script finds over all inputs."""

    wrong: list[int]
    any: int
    logits: Float[np.ndarray, "batch answer d_vocab"] = field(repr=False)
    mistakes: Int[np.ndarray, " batch"] = field(repr=False)
    states: Float[np.ndarray, "batch answer d_model"] = field(repr=False)
    """Final states as the last LayerNorm's first half leaves them, in single precision."""


class Engine:
    """The functions of a text of the engine, in a page of its own."""

    def __init__(self, browser: Browser, text: str) -> None:
        self.page: Page = browser.new_page()
        self.page.evaluate(HELPERS, text)

    def take(self, data: dict[str, Any]) -> None:
        """Keep a model under its name."""
        self.page.evaluate("(data) => { known.set(data.name, E.modelOf(data)); }", data)

    def close(self) -> None:
        """Close its page."""
        self.page.close()

    def wrong(self, data: dict[str, Any], touches: list[Touch], other: list[int] | None = None) -> list[int]:
        """Wrong inputs for each answer."""
        return self.page.evaluate(
            """([name, touches, other]) => {
                const { model, holds } = applied(name, touches, other);
                return E.count(model, { holds }).wrong;
            }""",
            [data["name"], touches, other or []],
        )

    def count(
        self, data: dict[str, Any], touches: list[Touch], other: list[int] | None = None, *, draw: int = 0
    ) -> Counted:
        """All of it; with ``draw``, of the control: pushes as long as the changes, of this draw."""
        found = self.page.evaluate(
            """([name, touches, other, draw]) => {
                const { model, holds } = applied(name, touches, other);
                const control = draw ? { before: known.get(name), draw } : undefined;
                const { wrong, any, mistakes, logits, states } = E.count(model, { holds, states: true, control });
                return {
                    wrong, any, mistakes: packed(mistakes), states: packed(states),
                    logits: logits.map((table) => ({ ...table, data: packed(table.data) })),
                };
            }""",
            [data["name"], touches, other or [], draw],
        )
        logits = np.stack([_of_all_inputs(data, table) for table in found["logits"]], axis=1)
        states = _numbers(found["states"], np.float32).reshape(data["n_digits"], -1, data["d_model"]).swapaxes(0, 1)
        mistakes = _numbers(found["mistakes"], np.uint8).astype(int)
        return Counted(found["wrong"], found["any"], logits, mistakes, states)

    def trace(
        self, data: dict[str, Any], touches: list[Touch], other: list[int] | None = None, *, inputs: list[int]
    ) -> Float[np.ndarray, "batch answer d_vocab"]:
        """The logits of some inputs, by index, from the function that the page shows every number of."""
        text = self.page.evaluate(
            """([name, touches, other, inputs]) => {
                const { model, holds } = applied(name, touches, other);
                const { n_digits } = model.data;
                const tokens = inputs.map((s) => E.tokensOf(model.data, E.digitsOf(model.data, s)));
                const runs = tokens.map((one) => E.trace(model, one, holds));
                return packed(Float64Array.from(runs.flatMap(
                    (run) => run.logits.slice(n_digits).flatMap((logits) => [...logits]))));
            }""",
            [data["name"], touches, other or [], inputs],
        )
        return _numbers(text, np.float64).reshape(len(inputs), data["n_digits"], -1)


def _numbers(text: str, kind: type[np.generic]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), dtype=kind)


def _of_all_inputs(data: dict[str, Any], table: dict[str, Any]) -> Float[np.ndarray, "batch d_vocab"]:
    """The row of a table that each input reads: the table is one of a single digit, or of the first digits."""
    modulus, n = data["modulus"], data["n_digits"]
    rows = _numbers(table["data"], np.float64).reshape(table["size"], -1)
    last = table["digit"] if table["digit"] >= 0 else table["first"] - 1
    return rows[np.arange(modulus**n) // modulus ** (n - 1 - last) % table["size"]]
