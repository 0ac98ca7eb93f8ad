"""A proof from beginning to end, told: searched, checked with every rounding bounded, and put into a few lines."""

import hashlib
import time
from copy import deepcopy
from dataclasses import dataclass
from functools import partial

import numpy as np
from tqdm.auto import tqdm
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.proof.cases import Rule
from tinycircuits.proof.certificate import certificate
from tinycircuits.proof.checker import Refused, check
from tinycircuits.proof.search import Case, Verdict, search
from tinycircuits.proof.subject import ASSUMED, bytes_of, ordinary_logits, ordinary_margins, rule_of, tables_of
from tinycircuits.tasks import DigitTask

SHOWN = 20
"""Wrong cases that are printed at most."""
EXIT_CODES = {"proved": 0, "refuted": 1, "undecided": 3}


@dataclass(frozen=True, eq=False)
class Told:
    """What came of a proof. ``proof`` are the bytes of its file, empty unless it is proved."""

    verdict: Verdict
    word: str
    """The verdict's, or undecided where the checker does not confirm a proof."""
    lines: tuple[str, ...]
    proof: bytes

    @property
    def exit_code(self) -> int:
        """0 only where everything is proved."""
        return EXIT_CODES[self.word]


def prove(
    model: TransformerBridge,
    task: DigitTask,
    *,
    weights: bytes | None = None,
    margin: float = 0.0,
    count: bool = False,
    bar: str | None = None,
) -> Told:
    """Whether a one-layer model answers every input right, by more than ``margin``; with ``count``, how often not.

    A proof counts only when the checker confirms it; a wrong case only when the ordinary model, in float64, makes it.
    ``weights`` is the file that the model was read from, by default what the store would write.
    Raises as ``tables_of`` and ``rule_of`` do.
    """
    rule, weights = rule_of(task), weights or bytes_of(model)
    tables, double = tables_of(model, rule), deepcopy(model).double()
    ordinary = partial(ordinary_margins, double, rule)
    started = time.perf_counter()
    with tqdm(total=rule.n_cases, desc=bar, unit="case", unit_scale=True, disable=None if bar else True) as shown:
        verdict = search(tables, mu=margin, count=count, margins=ordinary, on_decided=shown.update)
    searched, proof, word = time.perf_counter() - started, b"", str(verdict.word)
    lines = [
        f"weights {sum(each.numel() for each in model.state_dict().values()):,}, sha256 {_sum(weights)}",
        f"bounded {verdict.n_bounded:,} boxes in {searched:.2f} s; the smallest margin met is {verdict.nearest:.4g}",
    ]
    if word == "proved":
        started = time.perf_counter()
        try:
            proof = certificate(verdict, weights)
            lines.append(f"{check(proof)}; in {time.perf_counter() - started:.2f} s")
        except Refused as refused:
            proof, word = b"", "undecided"
            lines.append(f"the checker does not confirm it: {refused}")
    lines += [_wrong_case(double, rule, case) for case, _ in zip(verdict.wrong_cases(), range(SHOWN), strict=False)]
    if verdict.n_wrong > SHOWN:
        lines.append(f"... and {verdict.n_wrong - SHOWN:,} more")
    return Told(verdict, word, (*lines, f"assumed: {ASSUMED}", _last(verdict, word)), proof)


def _last(verdict: Verdict, word: str) -> str:
    """Proved or refuted, boxes, and how many are wrong where that was counted."""
    total, left = verdict.rule.n_cases, sum(verdict.open.sizes)
    more = f" by more than {verdict.mu:g}" if verdict.mu else ""
    boxes = f"{verdict.n_boxes:,} boxes"
    if verdict.counted:
        open_ = f", {left:,} undecided" if left else ""
        return f"{word}{more}: {verdict.n_wrong:,} wrong of {total:,}{open_}, {boxes}"
    says = {
        "proved": f"all {total:,} answers right{more}",
        "refuted": f"not every answer right{more}",
        "undecided": f"{left:,} of {total:,} answers left open",
    }
    return f"{word}: {says[word]}, {boxes}"


def _wrong_case(model: TransformerBridge, rule: Rule, case: Case) -> str:
    """``y_3 of 0 1 0 1 3 3 2 3 is 0, the model says 1 (margin -2.1)``."""
    row, digits = np.array([case[0]]), np.array([case[1]])
    logits = ordinary_logits(model, rule, row, digits)[0]
    margin = ordinary_margins(model, rule, row, digits).min()
    right = rule.answer[case[0], case[1][rule.source[case[0]]]]
    said = int(logits.argmax())
    return (
        f"y_{case[0]} of {' '.join(map(str, case[1]))} is {right}, the model says "
        f"{'BOS' if said == rule.modulus else said} (margin {margin:.4g})"
    )


def _sum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
