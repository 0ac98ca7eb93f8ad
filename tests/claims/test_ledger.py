"""The ledger: every rule can fail and can pass, every verdict follows from the results, and prose says the same."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest
import torch
import yaml
from torch.utils._python_dispatch import TorchDispatchMode

from tests.test_cli import call
from tinycircuits.claims import ledger, report, statements
from tinycircuits.claims.judge import Finding, Measure, Observed, Spread, judge
from tinycircuits.claims.ledger import RULES
from tinycircuits.claims.statements import Claim, claims
from tinycircuits.claims.views import Holdout, Trials
from tinycircuits.models.build import ModelSpec, build
from tinycircuits.results.numbers import OfDigits
from tinycircuits.scaffold import own_tasks
from tinycircuits.tasks import ReverseIncrement

pytestmark = pytest.mark.xdist_group("ledger")  # findings are kept by the process that made them

ROOT = Path(__file__).resolve().parents[2]
ALL = tuple(claims())
OURS = tuple(name for name in ALL if claims()[name].source == "book")
NO_FINDING = {"own", "log", "status", "bibliography"}
"""Chapters that claim nothing about models: a how-to that a test follows, and lists."""

each_claim = pytest.mark.parametrize("name", ALL)


def one_model(**numbers):
    """The profile of one model."""
    return OfDigits("trained", torch.tensor([0]), {name: torch.tensor([value]) for name, value in numbers.items()})


def ablated(**shares):
    """A profile of ablations: for each ``<part>.<kind>`` its share right, the same on all sets."""
    return one_model(**{f"ablated.{name}": [float(share)] * 4 for name, share in shares.items()})


class MadeUp(Trials):
    """Stands for the trials of sweeps: wrong digits of two seeds, by name."""

    def __init__(self, held_out=None, shares=None, **wrong):
        named = {name.replace("_", "-"): torch.tensor(value) for name, value in wrong.items()}
        vars(self).update(results=named, held_out_at=held_out, shares=shares, trained=True)

    def wrong(self, name):
        return self.results[name]

    def share(self, name):
        return 1 - self.results[name].double() / 1024

    def ever(self, name):
        return self.results[name] == 0

    def held_out(self, name, step):
        return torch.tensor(self.held_out_at[step], dtype=torch.float64)

    def wrong_share(self, name, part):
        return torch.tensor(self.shares[part], dtype=torch.float64)


def attention(weight, largest):
    return one_model(**{"attention.weight": weight, "attention.largest": largest})


def rows(top):
    numbers = {"attention.top": top, "attention.BOS": [0.0], "attention.answers": [0.0], "attention.entropy": [0.0]}
    return one_model(**numbers)


def errors(wrong):
    names = ("wrong.holdout", "wrong.holdout free-running", "wrong.all")
    return one_model(**{key: [wrong] for key in names})


def nearest(share):
    names = ("nearest.W_E", "nearest.W_U", "nearest.W_E before the MLP")
    return one_model(**dict.fromkeys(names, share))


def read_out(before, after, *, each=0.5, everywhere=0.5, shuffled=0.25):
    numbers = {"lens.before": before, "lens.after": after, "turned.wrong_to_right": 0.0, "turned.right_to_wrong": 0.0}
    numbers |= {f"{name}, LayerNorm": value for name, value in numbers.items()}
    numbers |= {"linear.each position": each, "linear.all positions": everywhere}
    numbers["linear.each position, shuffled labels"] = shuffled
    return one_model(**numbers)


def swapped(attention, mlp, push=0.3):
    numbers = {"interchange.attn": attention, "interchange.mlp": mlp, "interchange.attn, random push": [push] * 3}
    return one_model(**numbers)


def shift(embedding, unembedding):
    return one_model(**{"shift.W_E": embedding, "shift.W_U": unembedding})


def labelled(share):
    numbers = {"attention.labelled largest": [share, share, 0.0], "attention.largest": [1.0] * 4}
    return one_model(**numbers)


def parts(zero_weights, other=0.5, **more):
    named = {"L0 attn": zero_weights[0], "L0 mlp": zero_weights[1], "L1 mlp": zero_weights[2]}
    shares = {f"{part}.zero_weights": share for part, share in named.items()}
    shares |= {f"{part}.{kind}": other for part in named for kind in ("zero", "mean", "resample")}
    return ablated(**(shares | more))


def gap(on_all, ordered):
    """Two ablations that lie so far apart on all inputs and on the ordered holdout."""
    attention, mlp = torch.full((1, 4), 0.5), torch.full((1, 4), 0.5)
    attention[0, 0] += on_all
    attention[0, 1] += ordered
    numbers = {"ablated.L0 attn.zero_weights": attention, "ablated.L0 mlp.zero_weights": mlp}
    return OfDigits("trained", torch.tensor([0]), numbers)


def alone(wrong):
    names = [f"attention_{d}{raw}" for d in (4, 8, 16) for raw in ("", "_raw")]
    return MadeUp(**{name: [5, 5] for name in names}, mlp_only=[5, wrong])


def varied(digits):
    one = torch.tensor([0.0])
    return Holdout(torch.tensor(digits)[:, None], 4, one, one)


PRINTED = {0: [0.1, 0.2], 1000: [0.5, 0.8], 2000: [1.0, 1.0]}

CASES = {
    "A1": (errors(0), errors(1)),
    "B1": (errors(0), errors(1)),
    "A2": (attention([0.5, 0.6], [0.9, 1.0]), attention([0.5, 0.6], [0.9, 0.89])),
    "B3": (attention([0.5, 0.6], [0.9, 1.0]), attention([0.49, 0.6], [0.9, 1.0])),
    "A3": (nearest(0.95), nearest(0.94)),
    "A4": (parts((0.5, 0.2, 0.3)), parts((0.5, 0.2, 0.31))),
    "A5": (parts((0.7, 0.2, 0.3)), parts((0.25, 0.2, 0.3))),
    "A6": (
        MadeUp(attention_4_reversal=[1, 1], attention_16_reversal=[0, 0]),
        MadeUp(attention_4_reversal=[1, 1], attention_16_reversal=[1, 1]),
    ),
    "A7": (MadeUp(mlp_only_in_place=[768, 51]), MadeUp(mlp_only_in_place=[768, 52])),
    "A8": (alone(1), alone(0)),
    "A9": (parts((0, 0, 0), 0.89), parts((0, 0, 0), 0.89, **{"L1 mlp.mean": 0.9})),
    "B2": (rows([0.9, 1.0]), rows([0.89, 1.0])),
    "B4": (read_out(0.5, 0.95, everywhere=0.9), read_out(0.5, 0.95, everywhere=0.91)),
    "B5": (ablated(**{"L0 mlp.zero_weights": 0.22}), ablated(**{"L0 mlp.zero_weights": 0.23})),
    "B6": (ablated(**{"L0 attn.zero_weights": 0.25}), ablated(**{"L0 attn.zero_weights": 0.24})),
    "B7": (gap(-0.1, 0), gap(0.1, 0)),
    "B8": (gap(0.1, -0.2), gap(0.2, -0.1)),
    "B9": (varied([0, 1, 2, 3]), varied([3, 3, 3, 3])),
    "B10": (swapped([0.95, 1.0, 1.0], [0.0] * 3), swapped([0.25, 1.0, 1.0], [0.0] * 3)),
    "C1": (
        MadeUp(seeds_c_ordered=[0, 7], seeds_c_shuffled=[0, 0]),
        MadeUp(seeds_c_ordered=[9, 7], seeds_c_shuffled=[0, 0]),
    ),
    "C2": (
        MadeUp(PRINTED, seeds_c_ordered=[0, 0]),
        MadeUp(PRINTED | {2000: [0.9, 0.95]}, seeds_c_ordered=[0, 0]),
    ),
    "C3": (labelled(0.9), labelled(0.89)),
    "C4": (shift([0.7, 0.8], [0.7, 0.8]), shift([0.7, 0.8], [0.2, 0.8])),
    "C5": (errors(0), errors(1)),
    "attention": (
        OfDigits("published", torch.tensor([2]), {**attention([0.009], [1.0]).numbers, **errors(0).numbers}),
        OfDigits("published", torch.tensor([2]), {**attention([0.01], [1.0]).numbers, **errors(0).numbers}),
    ),
    "mlp": (read_out(0.3, 1.0, each=0.9, shuffled=0.39), read_out(0.3, 1.0, each=0.9, shuffled=0.4)),
    "circuit": (swapped([0.29, 0.95, 1.0], [0.99, 0.89, 0.4]), swapped([0.3, 0.95, 1.0], [0.99, 0.89, 0.4])),
    "training": (
        MadeUp(shares={"holdout": [0.2, 0.0], "train": [0.1, 0.0]}, seeds_c_ordered=[9, 0], seeds_c_shuffled=[0, 0]),
        MadeUp(shares={"holdout": [0.1, 0.0], "train": [0.2, 0.0]}, seeds_c_ordered=[9, 0], seeds_c_shuffled=[0, 0]),
    ),
    "listing": (MadeUp(seeds_c_ordered=[9, 255]), MadeUp(seeds_c_ordered=[9, 256])),
}
"""For each rule that looks at many models: what just meets it, and what just does not."""


@pytest.mark.parametrize("name", CASES)
def test_a_rule_can_be_met_and_can_be_missed(name):
    how = claims()[name].judged
    meets, misses = (judge(how, RULES[name].see(case).met.tolist()) for case in CASES[name])
    assert meets == "holds"
    assert misses in ("does not hold", "holds for some seeds")


@pytest.mark.parametrize(
    "of",
    [
        swapped([0.2, 1.0, 0.94], [1.0, 0.4, 0.4]),
        swapped([0.2, 1.0, 1.0], [0.98, 0.4, 0.4]),
        swapped([0.2, 1.0, 1.0], [1.0, 0.4, 0.9]),
        swapped([0.2, 1.0, 1.0], [1.0, 0.4, 0.4], push=0.5),
    ],
)
def test_each_bound_of_the_circuit_can_be_missed_alone(of):
    assert RULES["circuit"].see(of).met.tolist() == [False]


@pytest.mark.parametrize("each", [0.89, 0.9])
def test_a_line_that_reads_less_than_nine_tenths_before_the_mlp_is_not_enough(each):
    assert RULES["mlp"].see(read_out(0.3, 1.0, each=each)).met.tolist() == [each == 0.9]


@pytest.mark.parametrize("name", [name for name in OURS if name not in CASES])
def test_a_rule_without_a_made_up_case_is_met_by_the_real_thing_and_missed_by_a_control(name):
    found = ledger.finding(name)
    seen = {bool(one) for one in found.rows.met.tolist()} | {bool(control.met) for control in found.controls}
    assert seen == {True, False}


@each_claim
def test_every_claim_has_a_measure_with_a_control(name):
    assert RULES[name].controls
    assert RULES[name].see.__doc__


def test_every_measure_belongs_to_a_claim():
    assert set(RULES) == set(ALL)


def test_every_stored_verdict_follows_from_the_results():
    assert ledger.contradicted() == []


def test_all_forty_statements_of_the_articles_are_judged_and_our_own_beside_them():
    assert [sum(name[0] == key and name[1:].isdigit() for name in ALL) for key in "ABCDE"] == [9, 10, 5, 9, 7]
    assert {found.claim.id for found in ledger.findings()} == set(ALL)


def test_verdicts_and_counts_are_pinned(data_regression):
    data_regression.check(
        {
            found.claim.id: {
                "verdict": found.verdict,
                "models": report.seeds(found),
                "controls": report.controls(found),
            }
            for found in ledger.findings()
        }
    )


@each_claim
def test_observed_values_are_pinned(name, num_regression):
    """To one in a thousand; what lies below a billionth is rounding, and stands as zero."""
    medians = {key: spread.median for key, spread in ledger.finding(name).values.items()}
    num_regression.check(
        {key: [0.0 if abs(median) < 1e-9 else median] for key, median in medians.items()},
        default_tolerance={"rtol": 1e-3, "atol": 1e-9},
    )


@pytest.mark.parametrize("name", OURS)
def test_what_we_claim_holds_and_no_control_says_the_same(name):
    found = ledger.finding(name)
    assert found.verdict == "holds"
    assert not found.says_nothing


SHARED = {"alone": "needed"}
"""Chapters that claim a part of another one's statement, which they were once one chapter with."""


def test_every_chapter_that_claims_something_is_in_the_ledger_word_for_word():
    stated = {}
    for path in sorted((ROOT / "book").glob("*.md")):
        said = re.search(r"\*\*Claim\.\*\*(.*?)\n\n", path.read_text(), re.S)
        if said and path.stem not in {*NO_FINDING, *own_tasks()}:  # a reader's own claim is tested by its Check
            stated[path.stem] = " ".join(said[1].split())
    for chapter, whole in SHARED.items():
        assert stated.pop(chapter) in claims()[whole].says
    assert stated == {claims()[name].chapter: claims()[name].says for name in OURS}


class Steps(TorchDispatchMode):
    """Counts the steps of a forward pass by the words of the first chapter's claim."""

    def __init__(self):
        super().__init__()
        self.counts = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        shapes = [argument.shape for argument in args if isinstance(argument, torch.Tensor)]
        words = {
            "aten::addmm": "product with a matrix of weights",
            "aten::bmm": "product of activations",
            "aten::_softmax": "softmax",
            "aten::relu": "ReLU",
            "aten::sqrt": "LayerNorm",
        }
        name = func.overloadpacket._qualified_op_name
        if name in words:
            self.counts[words[name]] += 1
        elif name == "aten::add" and len(shapes) == 2 and shapes[0] == shapes[1]:
            self.counts["addition to the stream"] += 1
        return func(*args, **(kwargs or {}))


def test_the_first_chapter_counts_the_steps_of_a_block_and_of_the_rest_right():
    counts = []
    task = ReverseIncrement(n_digits=3)
    for n_layers in (1, 2):
        model = build(ModelSpec(n_layers=n_layers, d_model=4, n_heads=1, d_head=4, d_mlp=16), task, seed=0)
        with torch.no_grad(), Steps() as steps:
            model(task.inputs(task.sequences()[:2]))
        counts.append(steps.counts)
    block = counts[1] - counts[0]
    assert block == {
        "LayerNorm": 2,
        "product with a matrix of weights": 6,
        "product of activations": 2,  # queries with keys, and the weighted average
        "softmax": 1,
        "ReLU": 1,
        "addition to the stream": 2,
    }
    rest = {"addition to the stream": 1, "LayerNorm": 1, "product with a matrix of weights": 1}
    assert counts[0] - block == rest  # the addition is that of the two tables
    said = claims()["transformer"].says
    assert said.startswith("Nothing that cannot be followed by hand: two tables of numbers, added up; in each block")
    assert re.findall(r"(one|two|six) (LayerNorm|product|of queries|softmax|weighted|ReLU|addition)", said) == [
        ("two", "LayerNorm"),
        ("six", "product"),
        ("one", "of queries"),
        ("one", "softmax"),
        ("one", "weighted"),
        ("one", "ReLU"),
        ("two", "addition"),
        ("one", "LayerNorm"),
        ("one", "product"),
    ]


@each_claim
def test_the_chapter_that_a_claim_names_exists(name):
    assert (ROOT / "book" / f"{claims()[name].chapter}.md").exists()


@pytest.mark.parametrize("name", [name for name in ALL if name not in OURS])
def test_every_statement_of_an_article_says_what_is_behind_it(name):
    said = claims()[name]
    assert said.why
    assert (said.kind is None) == (said.verdict == "holds")


@pytest.mark.parametrize(
    ("how", "met", "of", "expected"),
    [
        ("seeds", 9, 10, "holds"),
        ("every seed", 1, 10, "holds for some seeds"),
        ("published", 0, 1, "does not hold"),
        ("majority", 5, 10, "holds"),
        ("majority", 4, 10, "holds for some seeds"),
        ("majority", 0, 10, "does not hold"),
        ("any", 1, 100, "holds"),
        ("any", 0, 100, "does not hold"),
        ("all", 99, 100, "does not hold"),
        ("all", 100, 100, "holds"),
        ("seeds", 0, 0, "not testable as stated"),
    ],
)
def test_who_must_meet_a_rule(how, met, of, expected):
    assert judge(how, [True] * met + [False] * (of - met)) == expected


def test_an_unknown_way_of_judging_is_refused():
    with pytest.raises(ValueError, match=r"how must be one of seeds, .*, got 'most'"):
        judge("most", [True])


def test_a_spread_leaves_out_what_was_not_measured():
    assert Spread.of(torch.tensor([1.0, float("nan"), 3.0])).median == 2
    assert Spread.of(torch.tensor([])).median != Spread.of(torch.tensor([])).median


@pytest.mark.parametrize(("met", "flagged"), [([True], True), ([False], False)])
def test_a_claim_that_holds_for_a_control_as_well_says_nothing(monkeypatch, met, flagged):
    monkeypatch.setitem(RULES, "C5", Measure(lambda view: view, lambda: seen(True), {"fake": lambda: seen(*met)}))
    assert judged_anew("C5").says_nothing is flagged


def seen(*met):
    return Observed(torch.tensor(met), {"value": torch.ones(len(met))})


def judged_anew(name) -> Finding:
    return ledger.finding.__wrapped__(name)


def test_an_unknown_claim_is_one_line_that_lists_the_known_ones(monkeypatch, capsys):
    code, out, err = call(monkeypatch, capsys, "claims", "--id", "Z1")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "unknown claim 'Z1'; known are A1, A2," in err


def test_the_table_names_every_claim_and_counts_the_verdicts(monkeypatch, capsys):
    code, out, _ = call(monkeypatch, capsys, "claims")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[1 : 1 + len(ALL)]] == list(ALL)
    assert "articles: 40 statements" in out


def test_one_claim_is_shown_with_its_evidence(monkeypatch, capsys):
    code, out, _ = call(monkeypatch, capsys, "claims", "--id", "A8")
    assert code == 0
    assert "verdict   does not hold" in out
    assert "share of seeds solved, attention-4" in out


def test_machines_get_every_number_by_name(monkeypatch, capsys):
    _, out, _ = call(monkeypatch, capsys, "claims", "--json", "--id", "C1")
    found = json.loads(out)
    assert (found["id"], found["models"]["measured"]) == ("C1", 1000)
    assert found["controls"]["untrained"]["met"] == 0


def test_check_fails_when_a_stored_verdict_does_not_follow(monkeypatch, capsys):
    wrong = claims()["C5"].model_copy(update={"verdict": "does not hold"})
    monkeypatch.setattr(ledger, "claim", lambda name: wrong)
    ledger.finding.cache_clear()
    try:
        code, out, _ = call(monkeypatch, capsys, "claims", "--check", "--id", "C5")
    finally:
        ledger.finding.cache_clear()
    assert code == 1
    assert "C5: stored 'does not hold', measured 'holds' (1 of 1)" in out


def test_a_wrong_field_and_an_id_used_twice_are_named(monkeypatch, tmp_path):
    entry = {"id": "A1", "source": "A", "says": "x", "rule": "y", "judged": "seeds", "chapter": "z", "verdict": "holds"}
    with pytest.raises(ValueError, match="judged"):
        Claim(**{**entry, "judged": "sometimes"})
    (tmp_path / "claims.yaml").write_text(yaml.safe_dump([entry, entry]))
    monkeypatch.setattr(statements, "files", lambda package: tmp_path)
    with pytest.raises(ValueError, match="id used twice: A1"):
        statements.claims.__wrapped__()
