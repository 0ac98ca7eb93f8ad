"""The table of rules: for each claim about models or data what its rule sees, and in which of them."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from jaxtyping import Bool
from torch import Tensor

from tinycircuits.articles import ARTICLES
from tinycircuits.claims import rules_addition as addition
from tinycircuits.claims import rules_part_1 as part_1
from tinycircuits.claims import rules_part_2 as part_2
from tinycircuits.claims import rules_part_3 as part_3
from tinycircuits.claims import rules_part_4 as part_4
from tinycircuits.claims import rules_pizza as pizza
from tinycircuits.claims import rules_reversal as reversal
from tinycircuits.claims import rules_waves as waves
from tinycircuits.claims.judge import Measure, Observed
from tinycircuits.claims.starts import starts
from tinycircuits.claims.views import Trials, holdout, trials
from tinycircuits.models.spoiled import SPOILED
from tinycircuits.results.numbers import OfDigits, OfPairs, digits, latents, pairs
from tinycircuits.results.tables.profiles import SOURCES, Kind
from tinycircuits.results.tables.studies import study
from tinycircuits.results.tables.sweeps import SIZES, size_name
from tinycircuits.tasks import OrderedSplit

View = TypeVar("View")
Models = OfDigits | OfPairs


def solved(of: Models) -> Bool[Tensor, " seed"]:
    """The models that count where a statement is about those that solve the task."""
    return of.solved


def to_publish(of: Models) -> Models:
    """The smallest seed without a held-out mistake, or none: the model that would be published."""
    return of.of_seeds((of.wrong_held_out.sum(1) == 0).nonzero()[:1, 0])


def of_models(article: str, see: Callable[[View], Observed], *, every_seed: bool = False) -> Measure:
    """A rule about each model of an article: judged over the trained seeds that solve the task, or over every seed."""
    read = _reader(article)
    return Measure(
        see,
        partial(read, article, "trained"),
        _controls(article),
        partial(read, article, "published"),
        None if every_seed else solved,
        article,
        lambda source: read(source, "trained"),
    )


def of_published(article: str, see: Callable[[View], Observed]) -> Measure:
    """A rule that is judged by the published model alone; elsewhere by the one that would be published."""
    read = _reader(article)
    shown = partial(read, article, "published")
    return Measure(
        see,
        shown,
        _controls(article),
        shown,
        of=article,
        elsewhere=lambda source: to_publish(read(source, "trained")),
    )


def of_sweeps(see: Callable[[Trials], Observed], *names: str) -> Measure:
    """A rule about the trials of whole sweeps; the control is the same models before training.

    Where one of them is an article's own, the sweep of another row of ``profiles.SOURCES`` can stand in for it.
    """
    own = next((article for article in ARTICLES if SOURCES[article].trained in names), None)

    def standing_in(source: str) -> Trials:
        assert own is not None
        one, other = SOURCES[own].trained, SOURCES[source].trained
        if one is None or other is None:
            raise ValueError(
                f"source: a row of profiles.SOURCES with a sweep expected in place of {own}, got {source!r}"
            )
        return trials(*names, instead=(one, other))

    untrained = {"untrained": partial(trials, *names, trained=False)}
    return Measure(see, partial(trials, *names), untrained, of=own, elsewhere=standing_in if own else None)


def of_kinds(see: Callable[[View], Observed], view: Callable[[Kind], View], *kinds: Kind) -> Measure:
    """A rule that is judged on a view of models of the first kind; the others are its controls."""
    first, *others = kinds
    return Measure(see, partial(view, first), {kind: partial(view, kind) for kind in others})


def _reader(article: str) -> Callable[[str, Kind], Models]:
    return digits if article in "ABC" else pairs


def _controls(article: str) -> dict[Kind, Callable[[], object]]:
    kinds = [kind for kind in SOURCES[article].kinds if kind not in ("trained", "published")]
    return {kind: partial(_reader(article), article, kind) for kind in kinds}


_B = study("reversal-8d-1l")

OF_MODELS: dict[str, Measure] = {
    "A1": of_models("A", reversal.no_mistake_on_the_holdout, every_seed=True),
    "A2": of_models("A", reversal.every_answer_reads_its_digit),
    "A3": of_models("A", reversal.the_last_state_is_nearest_to_the_raised_digit),
    "A4": of_models("A", reversal.either_mlp_without_weights_leaves_chance),
    "A5": of_models("A", reversal.attention_costs_less_than_an_mlp),
    "A6": of_sweeps(reversal.reversal_by_attention_alone, "attention-4-reversal", "attention-16-reversal"),
    "A7": of_sweeps(reversal.increment_without_attention, "mlp-only-in-place"),
    "A8": of_sweeps(reversal.no_part_suffices_alone, *reversal.ONE_PART_ONLY),
    "A9": of_models("A", reversal.every_part_is_essential),
    "B1": of_models("B", reversal.no_mistake_on_the_holdout, every_seed=True),
    "B2": of_models("B", reversal.every_answer_reads_one_position),
    "B3": of_models("B", reversal.every_answer_reads_its_digit),
    "B4": of_models("B", reversal.the_mlp_makes_the_answer_readable),
    "B5": of_models("B", reversal.the_mlp_leaves_what_is_printed),
    "B6": of_models("B", reversal.attention_leaves_what_is_printed),
    "B7": of_models("B", reversal.losing_attention_is_worse),
    "B8": of_models("B", reversal.the_two_are_closer_on_all_inputs),
    "B9": Measure(
        reversal.the_holdout_is_varied,
        partial(holdout, _B.name, OrderedSplit(n_train=60_000), "seeds-b-ordered", 25),
        {"shuffled split": partial(holdout, _B.name, _B.train.split, "seeds-b", 25)},
    ),
    "B10": of_models("B", reversal.attention_carries_the_digit),
    "C1": of_sweeps(reversal.solved_in_many_runs, "seeds-c-ordered", "seeds-c-shuffled"),
    "C2": of_sweeps(reversal.the_printed_course_is_usual, "seeds-c-ordered"),
    "C3": of_models("C", reversal.the_rows_of_the_answers_read_the_source),
    "C4": of_models("C", reversal.the_first_mlp_shifts_by_one),
    "C5": of_published("C", reversal.right_on_every_input),
    "D1": of_models("D", addition.no_mistake_on_held_out_pairs, every_seed=True),
    "D2": of_models("D", addition.some_head_reads_a_and_some_b),
    "D3": of_models("D", addition.later_layers_read_the_operands),
    "D4": of_models("D", addition.hardly_any_attention_on_plus),
    "D5": of_models("D", addition.later_layers_read_plus_more),
    "D6": of_models("D", addition.later_layers_are_sharper),
    "D7": of_models("D", addition.heads_of_layer_0_rest_on_equals),
    "D8": of_models("D", addition.an_mlp_makes_the_sum_readable),
    "D9": of_models("D", addition.three_sums_show_the_mean),
    "E1": of_models("E", addition.one_head_of_layer_0_for_each_number),
    "E2": of_models("E", addition.layer_1_is_more_uniform),
    "E3": of_models("E", addition.recovery_is_as_printed),
    "E4": of_models("E", addition.the_parts_between_recover_little),
    "E5": of_models("E", addition.the_sum_is_read_late),
    "E6": Measure(
        addition.latents_stand_for_residues,
        partial(addition.readings, "trained"),
        {"random encoder": partial(addition.readings, "random encoder")},
        elsewhere=lambda source: (latents(source, "trained"),),
    ),
    "E7": of_models("E", addition.an_mlp_makes_the_sum_readable),
    "intro": of_kinds(part_1.right_and_flattering, lambda kind: kind, "published", "untrained"),
    "transformer": Measure(part_1.followed_by_hand, lambda: True, {"without the MLP": lambda: False}),
    "notation": Measure(part_1.rows_predict, lambda: 0, {"rows one lower": lambda: 1}),
    "task": Measure(part_1.a_matrix_adds_one, lambda: False, {"sum of two digits": lambda: True}),
    "training": of_sweeps(part_1.failures_hide_in_the_ordered_holdout, "seeds-c-ordered", "seeds-c-shuffled"),
    "attention": of_published("B", part_1.an_answer_is_right_without_its_digit),
    "mlp": of_published("B", part_1.a_line_reads_the_answer_before_the_mlp),
    "ablation": of_kinds(part_1.the_way_of_removing_decides, part_1.removed, "published", "untrained"),
    "circuit": of_published("B", part_1.routing_is_causal_but_for_the_first_answer),
    "listing": of_sweeps(part_1.the_recipe_gets_most_digits_right, "seeds-c-ordered"),
    "clock": of_kinds(part_3.it_adds_on_a_clock, part_3.both, "trained", "untrained"),
    "heads": of_kinds(part_3.hardly_a_head_for_one_number, part_3.both, "trained", "untrained", "shuffled answers"),
    "compute": of_kinds(part_3.the_sum_comes_up_in_one_place, part_3.both, "trained", "untrained", "shuffled answers"),
    "start": Measure(part_3.the_start_decides_where, starts, {"shuffled labels": partial(starts, shuffled=True)}),
    "features": of_kinds(part_3.only_one_reading_finds_residues, addition.readings, "trained", "random encoder"),
    "waves": of_kinds(waves.few_waves_carry_the_addition, waves.solving, "trained", "untrained", "shuffled answers"),
    "grokking": Measure(
        part_3.it_understands_late_and_its_waves_grow_before,
        partial(part_3.trainings, "grokking-113", "grokking-59"),
        {
            said: partial(part_3.trainings, name)
            for said, name in (
                ("no weight decay", "grokking-59-no-decay"),
                ("shuffled sums", "grokking-59-shuffled"),
            )
        },
    ),
    "pizza": Measure(pizza.the_numbers_do_not_say, pizza.ruler, {"untrained": partial(pizza.ruler, trained=False)}),
    "seeds": of_sweeps(part_2.the_split_decides_how_often_it_works, *part_2.C_SWEEPS),
    "needed": of_sweeps(part_2.attention_alone_is_enough, *reversal.ONE_PART_ONLY, *part_2.NEIGHBOURS),
    "agree": of_kinds(part_2.the_outline_agrees_and_the_detail_does_not, part_2.prints, "trained", "untrained"),
    "program": Measure(
        part_4.the_model_is_a_short_program,
        partial(part_4.programs, False),
        {"tables of a wrong digit": partial(part_4.programs, True)},
    ),
    "outside": Measure(
        part_4.an_instrument_reads_how_weights_are_written,
        lambda: False,
        {"weights pushed as far": lambda: True},
    ),
    "certain": Measure(
        part_4.certain_in_double_precision,
        part_4.certificates,
        {"untrained": partial(part_4.certificates, trained=False)},
    ),
    "lattice": Measure(
        part_4.there_is_no_one_circuit, partial(part_4.swept, True), {"untrained": partial(part_4.swept, False)}
    ),
    "sizes": of_sweeps(part_2.width_decides, *(size_name(*size) for size in SIZES)),
    "proof": Measure(
        part_4.a_proof_is_shorter_than_a_list_and_knows_more,
        part_4.provings,
        {name: partial(part_4.provings, name) for name in SPOILED},
    ),
    "trust": Measure(
        part_4.who_looks_is_fooled_who_removes_one_misses_pairs,
        part_4.calibrated,
        {"shuffled truth": partial(part_4.calibrated, shuffled=True)},
    ),
}
"""Every claim's measure by its id, but for those about the ledger itself."""
