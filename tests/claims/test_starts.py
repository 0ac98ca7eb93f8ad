"""Where the sum is formed: the rule on numbers made by hand, and the tables beside it."""

import pytest
import torch

from tinycircuits.claims.ledger import SECOND_COLUMN, elsewhere, finding
from tinycircuits.claims.rows import second_column
from tinycircuits.claims.rules_part_3 import the_start_decides_where
from tinycircuits.claims.start_rows import NAMES, finished_by_size, read_by_size, recovery_by_size
from tinycircuits.claims.starts import E, Starts, starts
from tinycircuits.results.numbers import OfPairs
from tinycircuits.results.profiles import profile
from tinycircuits.results.tables.alternatives import ALTERNATIVES, LARGE_BATCHES, START_SIZES

pytestmark = pytest.mark.xdist_group("ledger")
STAGES = ("embed", "L0 resid_mid", "L0 resid_post", "L1 resid_mid", "L1 resid_post")


def models(*after_layer_0, wrong=(0, 0)):
    """Two models: what is read after layer 0 in each, and how many pairs each of them misses."""
    read = torch.zeros(2, 3, len(STAGES), 1, dtype=torch.float64)
    read[:, :, 2:] = torch.tensor(after_layer_0, dtype=torch.float64)[:, None, None, None]
    numbers = {
        "wrong.all": torch.tensor(wrong)[:, None],
        "wrong.holdout": torch.tensor(wrong)[:, None],
        "read-out.a + b": read,
        "read-out.a + b, shuffled": torch.full_like(read, 0.01),
        "patching.loss at =": torch.tensor([[0.1, 0.2, 0.3, 0.4], [0.5, 0.1, 0.6, 1.0]]),
    }
    return OfPairs("trained", torch.arange(2), numbers)


def three(small, middle, printed):
    return Starts(dict(zip((1 / 16, 1 / 4, 1.0), (small, middle, printed), strict=True)))


MET = three(models(0.9, 1.0), models(0.5, 0.7), models(0.49, 0.2))


@pytest.mark.parametrize(
    ("of", "met"),
    [
        (MET, True),
        (three(models(0.89, 1.0), models(0.5, 0.7), models(0.49, 0.2)), False),  # a small start that hides the sum
        (three(models(0.9, 1.0), models(0.5, 0.7), models(0.5, 0.2)), False),  # a printed start that shows it
        (three(models(0.9, 1.0), models(0.2, 0.3), models(0.4, 0.4)), False),  # no fall on the way
        (
            three(models(0.9, 0.1, wrong=(18, 19)), models(0.5, 0.7), models(0.49, 0.2)),
            True,
        ),  # 18 of 1,882 are a hundredth
    ],
)
def test_the_rule_is_met_and_missed_where_it_says(of, met):
    assert the_start_decides_where(of).met.tolist() == [met]


def test_read_outs_of_shuffled_labels_are_the_control():
    assert Starts(MET.profiles, shuffled=True).read(1.0).unique().tolist() == [0.01]
    assert the_start_decides_where(Starts(MET.profiles, shuffled=True)).met.tolist() == [False]


@pytest.mark.parametrize("recipe", ["large batches", "as the study"])
def test_the_stored_sizes_are_those_of_the_table_with_the_same_seeds_each(recipe):
    stored = starts(recipe).profiles
    assert list(stored) == sorted(START_SIZES.values())
    assert {tuple(each.seeds.tolist()) for each in stored.values()} == {(0, 1, 2, 3, 4)}


def test_the_printed_size_by_the_studys_recipe_is_the_study():
    printed, whole = starts("as the study").profiles[E.model.default_embed_std], profile("E", "trained")
    torch.testing.assert_close(printed["patching.loss"], whole["patching.loss"][whole.seeds < 5])


@pytest.mark.parametrize("choice", ["embeddings start at", LARGE_BATCHES])
def test_only_the_embeddings_differ_between_the_sizes(choice):
    sized = [each for each in ALTERNATIVES.values() if each.choice == choice]
    recipe = E.train if choice != LARGE_BATCHES else ALTERNATIVES["E, batch and length 512, 60, rate constant"].train
    assert len(sized) == len(START_SIZES) - 1
    for each in sized:
        assert each.model.model_copy(update={"embed_std": None}) == E.model
        assert each.train == recipe


def test_the_rows_hold_every_finished_seed_once():
    of = three(models(0.9, 1.0, wrong=(0, 30)), models(0.5, 0.7, wrong=(0, 3)), models(0.4, 0.2))
    table = read_by_size(of, STAGES)
    assert len(table) == (1 + 2 + 2) * len(STAGES)
    after = table[table.after == "L0 resid_post"].set_index(["size", "seed"]).share
    assert after.round(9).to_dict() == {
        ("1/16", 0): 0.9,
        ("1/4", 0): 0.5,
        ("1/4", 1): 0.7,
        ("1", 0): 0.4,
        ("1", 1): 0.2,
    }
    finished = finished_by_size(of).set_index("embeddings start at")
    assert finished.finished.tolist() == ["1 of 2", "2 of 2", "2 of 2"]
    assert finished.faultless.tolist() == ["1 of 2", "1 of 2", "2 of 2"]
    assert (finished["wrong pairs"]["1/16"], finished["read after layer 0"]["1/4"]) == ("0 to 30", "50.0 to 70.0 %")
    rows = recovery_by_size(of, ["L0 attn", "L0 mlp", "L1 attn", "L1 mlp"]).set_index("embeddings start at")
    assert (rows["L0 attn"]["1/16"], rows["L0 mlp"]["1/4"], rows["L1 mlp"]["1"]) == (
        "0.10 to 0.10",
        "0.10 to 0.20",
        "0.40 to 1.00",
    )


def test_every_statement_of_article_e_has_a_second_column_and_no_other_has():
    columns = second_column(list(SECOND_COLUMN))
    assert columns["no."].tolist() == [f"E{i}" for i in range(1, 8)]
    found = finding("E7")
    assert columns["as printed"].iloc[-1] == f"{found.verdict} ({found.met} of {found.judged})"
    assert found.second == elsewhere("E7", SECOND_COLUMN["E7"]) != found.verdict
    with pytest.raises(ValueError, match="no second column for D1"):
        second_column(["D1"])


def test_names_of_sizes_are_those_of_the_table():
    assert NAMES[1 / 16] == "1/16"
