"""The rules of the book's own chapters and the numbers beside a rule, on made-up models that meet them or not."""

from dataclasses import dataclass

import pytest
import torch

from tests.claims.test_addition import MET, bits, patched, read, seen
from tests.claims.test_ledger import MadeUp, parts, read_out, swapped
from tinycircuits.claims import rules_part_2, rules_part_3
from tinycircuits.claims.ledger import RULES
from tinycircuits.claims.rules_part_2 import C_SWEEPS, HEAD, the_split_decides_how_often_it_works, width_decides
from tinycircuits.results.numbers import OfDigits, OfLatents, OfPairs
from tinycircuits.results.tables.sweeps import SIZES, size_name

pytestmark = pytest.mark.xdist_group("ledger")


def some_solved(n, **solved):
    """Trials in which so many of ``n`` models make no mistake, by the name of the sweep."""
    return MadeUp(**{name: [0] * k + [7] * (n - k) for name, k in solved.items()})


# Part II.


@pytest.mark.parametrize(
    ("solved", "met"),
    [
        ((20, 75, 30, 95), True),
        ((45, 75, 30, 95), False),  # fewer than half, but the interval of 45 of 100 reaches it
        ((20, 55, 30, 95), False),  # more than half, but the interval of 55 of 100 reaches it
        ((20, 75, 30, 80), False),  # the better recipe adds less than the intervals are wide
        ((20, 75, 45, 95), False),  # it brings the ordered split near to half
    ],
)
def test_the_split_decides_if_no_interval_reaches_half(solved, met):
    of = some_solved(100, **{name.replace("-", "_"): k for name, k in zip(C_SWEEPS, solved, strict=True)})
    found = the_split_decides_how_often_it_works(of)
    assert found.met.tolist() == [met]
    for name, k in zip(C_SWEEPS, solved, strict=True):
        assert float(found.values[f"share solved, {name}"]) == pytest.approx(k / 100)


ALONE = (*(f"attention-{d}{raw}" for d in (4, 8, 16) for raw in ("", "-raw")), "mlp-only")


@pytest.mark.parametrize(
    ("narrow", "two_digits", "raw", "with_mlp", "met"),
    [
        (61, 0, 0, 61, True),
        (60, 0, 0, 61, False),  # more than half, but the interval of 60 of 100 reaches it
        (61, 1, 0, 61, False),
        (61, 0, 1, 61, False),
        (61, 0, 0, 60, False),
    ],
)
def test_attention_is_enough_where_no_two_digits_meet(narrow, two_digits, raw, with_mlp, met):
    solved = dict.fromkeys((name.replace("-", "_") for name in ALONE), 0)
    solved |= {"attention_4": narrow, "neighbour_attention_16": two_digits, "neighbour_mlp_16": with_mlp}
    found = rules_part_2.attention_alone_is_enough(some_solved(100, **solved, neighbour_attention_16_raw=raw))
    assert found.met.tolist() == [met]
    values = {name: float(value) for name, value in found.values.items()}
    assert values["share solved, attention only, width 4"] == pytest.approx(narrow / 100)
    assert values["two digits at once, attention only"] == pytest.approx(max(two_digits, raw) / 100)
    assert values["two digits at once, with an MLP"] == pytest.approx(with_mlp / 100)
    assert values["wrong digits of the circuit set by hand"] == 0


@dataclass
class Sized:
    """Stands for one sweep: how many parameters its models have."""

    weights: torch.Tensor


class SizedTrials(MadeUp):
    """Sweeps of the grid of sizes; a model has twenty parameters for each dimension."""

    def __init__(self, solved):
        found = {name: torch.tensor([0] * k + [1] * (20 - k)) for name, k in solved.items()}
        vars(self).update(
            trained=True, found=found, results={n: Sized(torch.zeros(1, 20 * int(n.split("-")[2]))) for n in solved}
        )

    def wrong(self, name):
        return self.found[name]


@pytest.mark.parametrize(
    ("by_width", "spread", "met"),
    [
        ({2: 0, 3: 2, 4: 15, 6: 18}, 5, True),
        ({2: 0, 3: 2, 4: 15, 6: 14}, 6, False),  # at one width the share changes by more than a quarter
        ({2: 0, 3: 6, 4: 15, 6: 18}, 0, False),  # from three to four it leaps by less than half
    ],
)
def test_width_decides_if_the_share_leaps_and_hardly_changes_otherwise(by_width, spread, met):
    solved = {}
    for n_layers, d_model, d_head, d_mlp in SIZES:
        less = spread if (n_layers, d_mlp, d_model) == (2, 16, 6) else 0
        name = size_name(n_layers, d_model, d_head, d_mlp)
        solved[name] = by_width[d_model] - less if d_head == HEAD else 1  # other heads do not count
    found = width_decides(SizedTrials(solved))
    assert found.met.tolist() == [met]
    assert float(found.values["leap from width three to four"]) == pytest.approx((by_width[4] - by_width[3]) / 20)
    assert float(found.values["largest change by neurons and layers"]) == pytest.approx(spread / 20)
    assert float(found.values["fewest parameters with a faultless seed"]) == 60  # width two never works


def prints(carriers, kept=(0.2, 0.9)):
    """Fingerprints of two layers and three answers; ``carriers`` says which layers carry the fetched ones."""
    carries = torch.zeros(len(carriers), 4, 3, dtype=torch.float64)
    carries[:, 1::2] = 1.0  # what the MLPs carry does not count, and the first answer does not
    for model, layers in zip(carries, carriers, strict=True):
        for place, layer in enumerate(layers, start=1):
            model[2 * layer, place] = 0.5
    left = torch.tensor([kept[index % len(kept)] for index in range(len(carriers))], dtype=torch.float64)
    numbers = {"print.carries": carries, "print.kept": left[:, None, None].expand(-1, 4, 3)}
    return OfDigits("trained", torch.arange(len(carriers)), numbers)


@pytest.mark.parametrize(
    ("of", "met"),
    [
        (prints([(0, 0)] * 10 + [(1, 1)] * 9 + [(1,)]), True),
        (prints([(0, 0)] * 5 + [(1, 1)] * 4 + [(1,)]), False),  # in one of ten an answer is carried by none
        (prints([(0, 0)] * 9 + [(1, 1)]), False),  # the second layer carries all in a tenth, and the first in nine
        (prints([(0, 0)] * 10 + [(1, 1)] * 10, kept=(0.5, 0.54)), False),  # what is kept hardly differs
    ],
)
def test_models_agree_in_outline_alone(of, met):
    found = rules_part_2.the_outline_agrees_and_the_detail_does_not(of)
    assert found.met.tolist() == [met]
    carried = sum(not bool((each[[0, 2], 1:] < 0.5).all(0).any()) for each in of.carries)
    assert float(found.values["each fetched answer is carried by some attention"]) == pytest.approx(
        carried / len(of.seeds)
    )


def test_a_hundred_faultless_models_are_compared(monkeypatch):
    wrong = torch.arange(250)[:, None] % 2
    of = OfDigits("trained", torch.arange(250), {"wrong.all": wrong})
    monkeypatch.setattr(rules_part_2, "digits", lambda source, kind: of)
    assert rules_part_2.prints("trained").seeds.tolist() == list(range(0, 200, 2))
    assert len(rules_part_2.prints("untrained").seeds) == 250


# Part III.


def of_both(numbers_d, numbers_e, kind="trained"):
    return {
        article: OfPairs(kind, torch.arange(2), {name: torch.stack([value] * 2) for name, value in numbers.items()})
        for article, numbers in (("D", numbers_d), ("E", numbers_e))
    }


RIGHT = {"wrong.all": torch.tensor([0])}
FIRST_MLP = read(0, 0.1, 0.7, 0.7, 0.8, 0.8, 0.9)
SECOND_ATTENTION = read(0, 0.1, 0.2, 0.8, 0.9)


@pytest.mark.parametrize(
    ("d", "e", "met"),
    [
        (FIRST_MLP, SECOND_ATTENTION, [True] * 4),
        (read(0, 0.1, 0.5, 0.5, 0.6, 0.6, 0.7), SECOND_ATTENTION, [False] * 2 + [True] * 2),
        (read(0, 0, 0, 0, 0.7, 0.8, 0.9), SECOND_ATTENTION, [False] * 2 + [True] * 2),
        (FIRST_MLP, read(0, 0.1, 0.7, 0.8, 0.9), [True] * 2 + [False] * 2),
    ],
)
def test_the_sum_comes_up_across_ds_first_mlp_and_es_second_attention(d, e, met):
    see = rules_part_3.the_sum_comes_up_in_one_place
    found = see(of_both(RIGHT | d, RIGHT | e))
    assert found.met.tolist() == met
    mistaken = {"wrong.all": torch.tensor([1])}
    assert see(of_both(mistaken | d, RIGHT | e)).met.tolist() == met[2:]  # who misses a pair does not count
    assert see(of_both(mistaken | d, mistaken | e, "untrained")).met.tolist() == met  # but in a control


def test_the_largest_gain_elsewhere_leaves_out_the_place_itself():
    values = rules_part_3.the_sum_comes_up_in_one_place(of_both(RIGHT | FIRST_MLP, RIGHT | SECOND_ATTENTION)).values
    assert values["gain there, D"].tolist() == pytest.approx([0.6] * 2)
    assert values["gain there, E"].tolist() == pytest.approx([0.6] * 2)
    assert values["largest gain elsewhere, D"].tolist() == pytest.approx([0.1] * 2)


def attending(on_a, on_b, follows, n_positions):
    """Three layers of two heads, one of which reads a and one b; what the layers follow, the last one's last."""
    mean = torch.zeros(3, 2, n_positions, dtype=torch.float64)
    mean[1, 0, 0], mean[2, 1, {4: 2, 3: 1}[n_positions]] = on_a, on_b
    first = [0.9, 0.0, 0.1, 0.0, 0.0]
    return {"attention.mean": mean, "attention.follows": torch.tensor([first, first, follows], dtype=torch.float64)}


def two_seeds(d, e):
    return of_both(attending(*d, 4), attending(*e, 3))


SUM_MORE, SINGLES_MORE = [0.2, 0.2, 0.5, 0.05, 0.05], [0.2, 0.2, 0.39, 0.16, 0.05]


@pytest.mark.parametrize(
    ("d", "e", "met"),
    [
        ((0.59, 0.9, SUM_MORE), (0.9, 0.59, SUM_MORE), True),
        ((0.6, 0.6, SUM_MORE), (0.9, 0.59, SUM_MORE), False),  # half of the seeds are not fewer than half
        ((0.59, 0.9, SUM_MORE), (0.6, 0.6, SUM_MORE), False),
        ((0.59, 0.9, SINGLES_MORE), (0.9, 0.59, SUM_MORE), False),  # of a and b together it follows more
        ((0.59, 0.9, SUM_MORE), (0.9, 0.59, SINGLES_MORE), True),  # only article D's last layer is meant
    ],
)
def test_there_is_hardly_a_head_for_one_number_and_ds_last_layer_follows_the_sum(d, e, met):
    found = rules_part_3.hardly_a_head_for_one_number(two_seeds(d, e))
    assert found.met.tolist() == [met]
    assert float(found.values["follows the sum"]) == pytest.approx(d[2][2])
    assert float(found.values["a or b"]) == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("missed", "published", "waves", "met"),
    [(19, 0, 0.5, True), (26, 0, 0.5, True), (19, 1, 0.5, False), (19, 0, 0.49, False)],
)
def test_the_clock_asks_for_few_misses_none_of_the_published_seed_and_half_in_a_few_waves(
    monkeypatch, missed, published, waves, met
):
    """A hundredth of D's 2,554 held-out pairs is 25, of E's 1,882 it is 18; D's published seed is 0 and E's 42."""
    asked = []
    monkeypatch.setattr(rules_part_3, "in_waves", lambda article, trained: asked.append((article, trained)) or waves)

    def of(seeds, held, wrong):
        numbers = {"wrong.holdout": torch.tensor(held)[:, None], "wrong.all": torch.tensor(wrong)[:, None]}
        return OfPairs("trained", torch.tensor(seeds), numbers)

    both = {"D": of([0, 1], [0, missed], [0, missed]), "E": of([3, 42], [5, 0], [5, published])}
    found = rules_part_3.it_adds_on_a_clock(both)
    assert found.met.tolist() == [met]
    assert asked == [("D", True), ("E", True)]
    assert float(found.values["largest share of held-out pairs missed"]) == pytest.approx(
        max(missed / 2554, 5 / 1882), rel=1e-5
    )


@pytest.mark.parametrize(("late_d", "late_e", "met"), [(26, 18, True), (25, 19, True), (26, 19, False)])
def test_one_seed_may_miss_more_than_a_hundredth_and_a_second_may_not(monkeypatch, late_d, late_e, met):
    monkeypatch.setattr(rules_part_3, "in_waves", lambda article, trained: 0.9)

    def of(seeds, held):
        numbers = {name: torch.tensor(held)[:, None] for name in ("wrong.holdout", "wrong.all")}
        return OfPairs("trained", torch.tensor(seeds), numbers)

    found = rules_part_3.it_adds_on_a_clock({"D": of([0, 1], [0, late_d]), "E": of([3, 42], [late_e, 0])})
    assert found.met.tolist() == [met]
    assert float(found.values["seeds that miss more than a hundredth"]) == (late_d > 25) + (late_e > 18)


def test_the_waves_are_the_strongest_ones_of_the_published_model_and_of_an_untrained_one(monkeypatch):
    asked = []

    def of(source, kind):
        asked.append((source, kind))
        return OfPairs(kind, torch.arange(2), {"waves.logits": torch.tensor([[0.01] * 5 + [0.1] * 8, [1.0] * 13])})

    monkeypatch.setattr(rules_part_3, "pairs", of)
    assert [rules_part_3.in_waves("D", trained=each) for each in (True, False)] == pytest.approx([0.8, 0.8])
    assert asked == [("D, shown", "published"), ("D, shown", "untrained")]


@pytest.mark.parametrize(
    ("summed", "averaged", "met"),
    [([0.0, 0.09], [0.9, 1.0], True), ([0.0, 0.1], [0.9, 1.0], False), ([0.0, 0.09], [0.89, 1.0], False)],
)
def test_only_one_reading_finds_residues(summed, averaged, met):
    both = tuple(
        OfLatents("trained", torch.arange(2), {"latents.residues, above zero": torch.tensor(each)})
        for each in (summed, averaged)
    )
    found = rules_part_3.only_one_reading_finds_residues(both)
    assert found.met.tolist() == [met]
    assert [float(value) for value in found.values.values()] == pytest.approx([max(summed), min(averaged)])


# The numbers that stand beside a rule.


def beside(name, numbers):
    return {key: round(float(value[0]), 6) for key, value in seen(name, numbers).values.items()}


def test_the_numbers_beside_the_rules_of_article_d_are_what_they_are_called():
    mean = torch.tensor([[[0.7, 0.1, 0.1, 0.1], [0.1, 0.2, 0.6, 0.1]], [[0, 0.3, 0, 0.7], [0.2, 0.2, 0.2, 0.4]]])
    found = beside("D2", {"attention.mean": mean.double()})
    assert found == {
        'largest mean share on "a"': 0.7,
        'largest mean share on "b"': 0.6,
        'heads that read "a"': 1,
        'heads that read "b"': 1,
        'heads that read "+"': 0,
        'heads that read "="': 1,
    }
    three = torch.cat([mean, mean[1:]]).double()
    assert beside("D4", {"attention.mean": three}) == {
        'largest share on "+" of a layer': 0.25,
        'share on "+", layer 0': 0.15,
        'share on "+", layer 1': 0.25,
        'share on "+", layer 2': 0.25,
    }
    assert beside("D3", {"attention.mean": three}) == {
        "share on a and b, smaller of layers 1 and 2": 0.2,
        "in layer 0": 0.75,
    }
    assert beside("D7", {"attention.mean": three})["largest mean share of one"] == 0.1
    gained = beside("D8", FIRST_MLP)
    assert gained["largest gain across an MLP"] == gained["gain across the first MLP"] == 0.6
    assert gained["largest gain across an attention"] == 0.1
    assert gained["read right, shuffled labels"] == 0
    assert beside("D6", bits(1.5, 1.2, 1.1)) == {
        "smaller fall of the entropy (bits)": 0.3,
        **{f"entropy (bits), layer {layer}": value for layer, value in enumerate((1.5, 1.2, 1.1))},
    }


def test_the_numbers_beside_the_rules_of_article_e_are_what_they_are_called():
    numbers = patched(0.1, 0.2, 0.3, 0.4) | {
        "patching.loss": torch.tensor([0.5, 0.6, 0.7, 0.8]),
        "patching.loss, random push": torch.tensor([0.0, 0.05, -0.3, 0.01]),
    }
    found = beside("E4", numbers)
    assert found["larger recovery of L0 mlp and L1 attn"] == 0.3
    for place, part in enumerate(("L0 attn", "L0 mlp", "L1 attn", "L1 mlp")):
        assert found[f"recovery of {part}"] == pytest.approx(0.1 + 0.1 * place)
        assert found[f"{part}, patched everywhere"] == pytest.approx(0.5 + 0.1 * place)
    assert found["largest of a random push, everywhere"] == 0.05
    assert beside("E3", numbers)["larger distance from the printed number"] == pytest.approx(0.6)
    assert beside("E2", MET["E2"]) == {"rise of the entropy (bits)": 0.25, "layer 0": 1, "layer 1": 1.25}
    probe = {"probe.a + b": torch.tensor([0.1, 0.2, 0.8]), "probe.a + b, shuffled": torch.tensor([0.3, 0.01, 0.02])}
    read_ = beside("E5", {**probe, **read(0, 0.1, 0.5, 0.6, 0.9)})
    assert list(read_.values()) == pytest.approx([0.2, 0.8, 0.1, 0.3, 0.5, 0.9])
    residues = {"above zero": 0.1, "best threshold": 0.2}
    latents = {f"latents.residues, {name}": torch.tensor(value) for name, value in residues.items()}
    latents |= {"latents.F1, above zero": torch.tensor(0.3), "latents.live": torch.tensor(400)}
    assert list(beside("E6", latents).values()) == pytest.approx([0.1, 0.1, 0.2, 400])


def test_the_numbers_beside_the_rules_of_article_a_and_b_are_what_they_are_called():
    ablations = parts((0.7, 0.2, 0.3)).numbers
    for place, name in enumerate(("L0 attn", "L0 mlp", "L1 mlp")):
        ablations[f"ablated.{name}.zero_weights"] = torch.tensor([[0.1, 0.2, 0.3, 0.4]]) + 0.1 * place
    of = OfDigits("trained", torch.tensor([0]), ablations)
    found = {name: round(float(value[0]), 6) for name, value in RULES["A4"].see(of).values.items()}
    assert list(found.values()) == pytest.approx([0.2, 0.3, 0.4, 0.5, 0.5, 0.6])
    assert "holdout" in list(found)[2]
    found = {name: round(float(value[0]), 6) for name, value in RULES["A5"].see(of).values.items()}
    assert list(found.values()) == pytest.approx([0.1, 0.3, 0.3, 0.5, 0.4])
    found = RULES["B5"].see(of).values
    assert [
        round(float(found[f"share right, {name}"]), 6) for name in ("all inputs", "ordered holdout", "own holdout")
    ] == [
        0.2,
        0.3,
        0.4,
    ]
    assert float(found["random push"]) == pytest.approx(0.5)
    found = RULES["B10"].see(swapped([0.95, 1.0, 0.9], [0.1, 0.6, 0.2])).values
    assert [round(float(value[0]), 6) for value in found.values()] == [0.9, 2, 0.3, 0.6]
    found = RULES["B4"].see(read_out(0.3, 0.8, each=0.6, everywhere=0.4)).values
    assert float(found["fitted read-out before the MLP"]) == pytest.approx(0.4)
    assert float(found["a line for each position"]) == pytest.approx(0.6)
    assert float(found["own read-out before"]) == pytest.approx(0.3)
    assert float(found["own read-out after"]) == pytest.approx(0.8)
    assert float(found["fitted to shuffled labels"]) == pytest.approx(0.25)
