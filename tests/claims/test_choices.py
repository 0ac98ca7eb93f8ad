"""What the articles choose and leave open: their facts beside our specs, and what becomes of verdicts elsewhere."""

from dataclasses import replace

import pytest
import torch
from scipy.stats import hypergeom

from tinycircuits.articles import _SAID, ARTICLES, CHOICES, given, plainly
from tinycircuits.claims import choice_rows
from tinycircuits.claims import choices as compare
from tinycircuits.claims.choices import Compared, Tried, statements, they_decide_what_is_learned_and_some_verdict
from tinycircuits.claims.judge import Judgement
from tinycircuits.claims.ledger import elsewhere, finding
from tinycircuits.claims.rules import to_publish
from tinycircuits.claims.views import trials
from tinycircuits.models.build import named_parameters
from tinycircuits.results import numbers, profiling
from tinycircuits.results.numbers import OfDigits
from tinycircuits.results.profiles import Profile, places
from tinycircuits.results.runs import load
from tinycircuits.results.summaries import recipes
from tinycircuits.results.summaries.recipes import (
    OURS,
    choice_grid,
    every_choice,
    other_than_given,
    studied,
    training_recipe,
)
from tinycircuits.results.sweeps import load_sweep
from tinycircuits.results.tables.alternatives import ALTERNATIVES
from tinycircuits.results.tables.profiles import SOURCES, Source
from tinycircuits.results.tables.sweeps import SWEEPS

pytestmark = pytest.mark.xdist_group("ledger")

each_article = pytest.mark.parametrize("article", ARTICLES)
each_alternative = pytest.mark.parametrize("name", ALTERNATIVES)


@each_article
def test_wherever_an_article_gives_a_choice_the_study_makes_it_so(article):
    assert other_than_given(article) == {}


@pytest.mark.parametrize(
    ("article", "choice", "changes"),
    [
        ("A", "d_head", {"model": {"d_head": 4}}),
        ("A", "warm-up", {"train": {"warmup_steps": 0}}),
        ("B", "gradient clipping", {"train": {"clip_norm": None}}),
        ("C", "weight decay", {"train": {"weight_decay": 0.0}}),
        ("C", "learning rate", {"train": {"lr": 1e-3}}),
        ("D", "layers", {"model": {"n_layers": 2}}),
        ("E", "start of the weights", {"model": {"start": "gpt2"}}),
        ("E", "seed of the model", {"published_seed": 0}),
    ],
)
def test_a_study_that_does_not_do_what_is_printed_is_found(monkeypatch, article, choice, changes):
    of = studied(article)
    made = {
        name: getattr(of, name).model_copy(update=change) if isinstance(change, dict) else change
        for name, change in changes.items()
    }
    monkeypatch.setattr(recipes, "studied", lambda _: replace(of, **made))
    (found,) = other_than_given(article).items()
    assert found == (choice, (given(article, choice).allows, OURS[choice](replace(of, **made))))


def test_only_statements_with_models_on_both_sides_are_judged_and_those_with_another_verdict_moved():
    sides = {
        "yes": Judgement("", "holds", 9, 10, 10, {}),
        "no": Judgement("", "does not hold", 0, 10, 10, {}),
        "none": Judgement("", "not testable as stated", 0, 0, 10, {}),
    }
    pairs = [Compared(f"{one} {other}", sides[one], sides[other]) for one in sides for other in sides]
    tried = Tried(tuple(pairs), ())
    assert [pair.claim for pair in tried.judged] == ["yes yes", "yes no", "no yes", "no no"]
    assert [pair.claim for pair in tried.moved] == ["yes no", "no yes"]


def test_the_recipe_of_a_training_is_that_of_its_choices():
    words = {"split": "order before the split", "batch": "batch", "learning rate": "learning rate"}
    for article in ARTICLES:
        of, recipe = studied(article), training_recipe(studied(article))
        assert {row: recipe[row] for row in words} == {row: OURS[choice](of) for row, choice in words.items()}
        assert (recipe["training set"], recipe["length"]) == (of.train.split.n_train, OURS["length"](of))
        assert (recipe["warm-up"], recipe["decay"]) == (of.train.warmup_steps, of.train.decay)
        assert (recipe["clipping"] == "none") == (of.train.clip_norm is None)
        assert recipe["weight decay"] == of.train.weight_decay


def test_every_choice_is_computed_for_every_study_and_every_fact_belongs_to_a_choice():
    assert set(OURS) == set(CHOICES)
    assert {choice for said in _SAID.values() for choice in said} <= set(CHOICES)
    with pytest.raises(KeyError, match="dropout"):
        given("A", "dropout")


def test_the_table_has_a_row_for_every_choice_of_every_article_and_says_nothing_where_it_is_open():
    table = every_choice()
    assert len(table) == len(CHOICES) * len(ARTICLES)
    assert (table["there"].isna() == (table["given"] == "open")).all()
    assert (table["here"] != "").all()


def test_the_grid_says_in_one_cell_what_the_table_says_in_a_row():
    grid = choice_grid().set_index("choice")
    assert list(grid.index) == list(CHOICES)
    assert list(grid.columns) == list(ARTICLES)
    for row in every_choice().itertuples():
        cell = grid.loc[row.choice, row.article]
        assert row.here in cell
        assert cell.startswith("*") == (row.given == "open")
    assert grid.loc["models shown", "B"] == "100 (one)"
    assert grid.loc["length", "C"] == "4,000 steps (there called epochs)", "what both say stands once"
    assert grid.loc["optimizer", "C"] == "AdamW, betas 0.9 and 0.999", "and nothing where ours only says more"


def test_article_c_leaves_hardly_anything_open_and_d_most():
    n_open = every_choice().query("given == 'open'").groupby("article").size()
    assert n_open["C"] < n_open["B"] < n_open["A"] < n_open["D"]


def test_a_value_reads_as_it_would_be_printed():
    assert [plainly(value) for value in (60_000, (200, 56), 0.01, "ReLU")] == ["60,000", "200 / 56", "0.01", "ReLU"]


@each_alternative
def test_an_alternative_changes_what_its_article_leaves_open(name):
    other = ALTERNATIVES[name]
    usual = other.study if other.sweep is None else single(other.study)
    made = replace(usual, model=other.model, train=other.train)
    changed = {choice: OURS[choice](made) for choice in CHOICES if OURS[choice](made) != OURS[choice](usual)}
    assert (made.model, made.train) != (usual.model, usual.train)
    assert changed or not other.left_open  # what is fixed is varied in a size that the table has no row for
    for choice, value in changed.items():
        assert not given(other.study.article, choice).allows or value in given(other.study.article, choice).allows


def single(study):
    return replace(study, train=study.train.model_copy(update={"dtype": "float32"}))


@pytest.mark.parametrize("name", [name for name, each in ALTERNATIVES.items() if each.sweep is not None])
def test_the_sweep_of_an_alternative_trains_what_the_alternative_says(name):
    other, row = ALTERNATIVES[name], SWEEPS[ALTERNATIVES[name].sweep]
    assert (row.task, row.model, row.train, row.n_seeds) == (
        other.study.task,
        other.model,
        other.train,
        len(other.seeds),
    )


def test_a_profile_of_a_sweep_looks_at_the_holdout_of_that_sweep(monkeypatch):
    looked_at = []
    monkeypatch.setattr(profiling, "digit_profile", keep(looked_at))
    profiling._measured(SOURCES["B, split ordered"], places("B, split ordered", "trained")[0], 0)
    assert torch.equal(looked_at[0].holdout, torch.arange(60_000, 65_536))


def keep(looked_at):
    return lambda model, task, split, parts: looked_at.append(split) or {}


@each_article
def test_a_bias_of_the_unembedding_would_add_nothing(article):
    """The last bias before it reaches every direction of the logits but the one that softmax does not see."""
    if given(article, "bias of the unembedding").status == "printed":
        return
    run = load(SOURCES[article].study)
    W_U = named_parameters(run.model)["head.weight"].double()
    assert int(torch.linalg.matrix_rank(W_U - W_U.mean(0))) == run.study.task.d_vocab - 1


def test_another_sweep_stands_in_under_the_name_of_the_articles_own():
    seen = trials("seeds-c-ordered", "seeds-c-shuffled", instead=("seeds-c-ordered", "seeds-c-ordered-better"))
    assert torch.equal(seen.wrong("seeds-c-ordered"), load_sweep("seeds-c-ordered-better").wrong_digits)
    assert torch.equal(seen.wrong("seeds-c-shuffled"), load_sweep("seeds-c-shuffled").wrong_digits)


def test_a_few_seeds_of_trials_are_the_rows_of_all():
    whole, rows = trials("seeds-c-ordered", "seeds-c-shuffled"), torch.tensor([3, 999])
    part = whole.of_seeds(rows)
    assert part.seeds.tolist() == [3, 999]
    for name in whole.results:
        assert torch.equal(part.wrong(name), whole.wrong(name)[rows])
        assert torch.equal(part.ever(name), whole.ever(name)[rows])
        assert torch.equal(part.held_out(name, 1000), whole.held_out(name, 1000)[rows])
        assert torch.equal(part.wrong_share(name, "holdout"), whole.wrong_share(name, "holdout")[rows])


@pytest.fixture
def made_up(monkeypatch):
    """Profiles made by hand stand for those of the store, under ``A, made up``."""

    def enter(**values):
        tensors = {name: torch.tensor(value) for name, value in values.items()}
        found = Profile("trained", torch.arange(len(next(iter(tensors.values())))), tensors)
        monkeypatch.setattr(numbers, "profile", lambda source, kind: found)
        elsewhere.cache_clear()

    yield enter
    elsewhere.cache_clear()


def nearest(n_met, n_missed, n_unsolved=0):
    n = n_met + n_missed + n_unsolved
    shares = [0.95] * n_met + [0.94] * n_missed + [1.0] * n_unsolved
    names = ("nearest.W_E", "nearest.W_U", "nearest.W_E before the MLP")
    return dict.fromkeys(names, shares) | {"wrong.all": [[0]] * (n - n_unsolved) + [[7]] * n_unsolved}


@pytest.mark.parametrize(
    ("seeds", "verdict", "met", "judged"),
    [
        (nearest(9, 1, 5), "holds", 9, 10),
        (nearest(8, 2, 5), "holds for some seeds", 8, 10),
        (nearest(1, 9, 5), "holds for some seeds", 1, 10),
        (nearest(1, 10, 5), "does not hold", 1, 11),
        (nearest(0, 0, 5), "not testable as stated", 0, 0),
    ],
)
def test_a_rule_elsewhere_counts_the_seeds_that_solve_the_task(made_up, seeds, verdict, met, judged):
    made_up(**seeds)
    found = elsewhere("A3", "A, made up")
    assert (found.verdict, found.met, found.judged, found.n_seeds) == (verdict, met, judged, judged + 5)


def test_a_rule_about_every_seed_counts_them_all_elsewhere_too(made_up):
    wrong = [[0]] * 8 + [[1]] * 2
    made_up(**dict.fromkeys(("wrong.holdout", "wrong.holdout free-running", "wrong.all"), wrong))
    assert (elsewhere("A1", "A, made up").met, elsewhere("A1", "A, made up").judged) == (8, 10)


def test_the_published_model_of_another_recipe_is_its_smallest_seed_without_a_held_out_mistake(made_up):
    made_up(**{"wrong.holdout": [[2], [0], [0]], "wrong.all": [[2], [1], [0]]})
    found = elsewhere("C5", "A, made up")
    assert (found.verdict, found.met, found.judged) == ("does not hold", 0, 1)  # seed 1, and not seed 2
    assert len(to_publish(OfDigits("trained", torch.arange(1), {"wrong.holdout": torch.tensor([[1]])})).seeds) == 0


@pytest.fixture
def rows_of_c(monkeypatch):
    """Sweeps that are stored already, as if they were alternatives to article C's."""
    for name in ("seeds-c-ordered", "seeds-c-shuffled"):
        monkeypatch.setitem(SOURCES, name, replace(SOURCES["C"], trained=name))
    yield
    elsewhere.cache_clear()


def test_a_rule_about_sweeps_is_put_to_the_sweep_that_stands_in(rows_of_c):
    same, other = (elsewhere("C1", name) for name in ("seeds-c-ordered", "seeds-c-shuffled"))
    assert (same.met, same.judged, same.verdict) == (finding("C1").met, 1000, finding("C1").verdict)
    assert (other.met, other.verdict) == (int((load_sweep("seeds-c-shuffled").wrong_digits == 0).sum()), "holds")


def test_what_is_not_about_models_of_one_recipe_is_refused():
    with pytest.raises(ValueError, match="claim A8 is not about the trained models of one recipe"):
        elsewhere("A8", "A, start PyTorch's")
    with pytest.raises(ValueError, match=r"a row of profiles.SOURCES with a sweep expected in place of C, got 'D'"):
        elsewhere("C1", "D")


def test_the_statements_that_can_be_put_elsewhere():
    assert {article: len(statements(article)) for article in ARTICLES} == {"A": 6, "B": 9, "C": 5, "D": 9, "E": 6}


def test_what_is_printed_is_varied_elsewhere_and_does_not_count_as_left_open():
    names = {each.name for article in ARTICLES for each in compare.alternatives(article)}
    assert "E, weight decay 0" in names
    assert not [name for name in names if "embeddings start at" in name]


@each_alternative
def test_the_row_of_an_alternative_measures_what_its_statements_ask(name):
    other = ALTERNATIVES[name]
    assert isinstance(SOURCES[name], Source)
    assert SOURCES[name].kinds == ("trained",)
    assert SOURCES[name].parts == (SOURCES[name].many_parts if other.sweep else SOURCES[name].parts)
    assert SOURCES[name].dtype == SOURCES[other.study.article].dtype


def judged(met, of, verdict):
    return Judgement("", verdict, met, of, of, {})


def pair(usual, other):
    return Compared("A2", judged(*usual), judged(*other))


def test_the_chance_of_two_shares_is_fishers():
    seen = pair((45, 50, "holds"), (2, 5, "holds for some seeds"))
    weights = hypergeom(55, 47, 5).pmf(range(6))
    assert seen.chance == pytest.approx(weights[weights <= weights[2] * (1 + 1e-7)].sum())
    assert seen.moves


@pytest.mark.parametrize(
    ("usual", "other", "judged", "moves", "unlike"),
    [
        ((10, 10, "holds"), (0, 3, "does not hold"), True, True, True),  # one of 286 drawings
        ((5, 5, "holds"), (0, 3, "does not hold"), True, True, False),  # one of 56
        ((500, 1000, "holds for some seeds"), (50, 250, "holds for some seeds"), True, False, True),
        ((45, 50, "holds"), (0, 0, "not testable as stated"), False, False, False),  # no seed solves the task
    ],
)
def test_when_a_verdict_moves_and_when_shares_differ_by_more_than_seeds_do(usual, other, judged, moves, unlike):
    seen = pair(usual, other)
    assert (seen.judged, seen.moves, seen.unlike) == (judged, moves, unlike)


MOVED = pair((10, 10, "holds"), (0, 3, "does not hold"))
STAYED = pair((10, 10, "holds"), (3, 3, "holds"))
BY_LUCK = pair((5, 5, "holds"), (0, 3, "does not hold"))
NO_MODEL = pair((10, 10, "holds"), (0, 0, "not testable as stated"))


@pytest.mark.parametrize(
    ("statements", "learning", "met"),
    [
        ((STAYED, STAYED, MOVED), (STAYED, MOVED), True),
        ((STAYED, MOVED, MOVED, STAYED, STAYED), (MOVED,), False),  # three of five stay
        ((STAYED, STAYED, MOVED, NO_MODEL), (MOVED,), True),  # what cannot be judged does not count
        ((STAYED, STAYED, MOVED), (STAYED, STAYED), False),  # as many learn the task
        ((STAYED, STAYED, BY_LUCK), (MOVED,), False),
    ],
)
def test_our_claim_asks_for_a_share_that_learns_a_verdict_and_two_thirds_that_stay(statements, learning, met):
    assert they_decide_what_is_learned_and_some_verdict(Tried(statements, learning)).met.tolist() == [met]


def test_groups_of_seeds_and_the_others_are_together_all_seeds():
    article = "C"
    whole = {name: finding(name) for name in statements(article)}
    groups = compare.resampled(article)
    assert {each.claim for each in groups} == {"C1", "C2", "C3", "C4"}
    assert len(groups) == 4 * 4  # four blocks of 250
    for each in groups:
        if whole[each.claim].judged > 1:
            assert each.usual.judged + each.other.judged == whole[each.claim].judged
            assert each.usual.met + each.other.met == whole[each.claim].met
    learning = compare.learned_by_groups(article)
    assert [each.other.judged for each in learning] == [250] * 4
    assert sum(each.other.met for each in learning) == int(load_sweep("seeds-c-ordered").solved.sum())


def test_a_grid_marks_another_verdict_and_stars_what_seeds_do_not_do(monkeypatch):
    other = next(each for each in ALTERNATIVES.values() if each.study.article == "C")
    pairs = zip((MOVED, BY_LUCK, STAYED, NO_MODEL), ("C1", "C2", "C3", "C4"), strict=True)
    named = tuple(replace(each, claim=name) for each, name in pairs)
    monkeypatch.setattr(choice_rows, "statements", lambda _: [each.claim for each in named])
    monkeypatch.setattr(choice_rows, "alternatives", lambda _: [other])
    monkeypatch.setattr(choice_rows, "in_the_book", lambda name: MOVED.usual)
    monkeypatch.setattr(choice_rows, "learned", lambda _: MOVED)
    monkeypatch.setattr(choice_rows, "compared", lambda _: named)
    first, second = choice_rows.verdict_grid("C").to_dict("records")
    assert (first["C3"], first["faultless"], second["faultless"]) == ("yes 10/10", "10/10", r"0/3\*")
    assert [second[each.claim] for each in named] == [r"**no**\* 0/3", "**no** 0/3", "yes 3/3", "none"]
    (row,) = choice_rows.moves("C").to_dict("records")
    assert (row["statements"], row["nothing to judge by"], row["another verdict"]) == (4, 1, 2)
    assert (row["which"], row["there"]) == (r"C1\*, C2", r"0/3\*")


def test_a_printed_number_stands_beside_the_range_of_the_models_that_are_judged():
    table = choice_rows.one_beside_many().set_index(["statement", "number"])
    row = table.loc[("C2", "right on the holdout at step 1,000")]
    held_out = trials("seeds-c-ordered").held_out("seeds-c-ordered", 1000)
    assert (row.printed, row.models) == (0.6696, 1000)
    assert row["median"] == pytest.approx(float(held_out.median()), abs=1e-2)
    assert table.loc[("B6", "right without attention's weights")].models == finding("B6").judged
    assert (table.inside == ((table.low <= table.printed) & (table.printed <= table.high))).all()
