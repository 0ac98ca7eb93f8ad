"""The analyses: what several chapters need, or what a reader's machine should not repeat, of a study's models."""

from collections.abc import Iterator
from dataclasses import dataclass

from tinycircuits.results.tables.alternatives import START_SIZES
from tinycircuits.results.tables.profiles import SOURCES, shuffled_run
from tinycircuits.results.tables.studies import RunSpec, study
from tinycircuits.results.tables.sweeps import SweepSpec, sweep
from tinycircuits.specs import Spec

Argument = bool | int | float | str


class AnalysisSpec(Spec):
    """All that one stored analysis depends on.

    ``analysis`` is a function of ``tinycircuits.interp`` with its module, ``ablation.ablation_table``, or one of
    ``tinycircuits.proof`` with its room before it; ``of`` the run whose model it looks at, or before training where it
    is not ``trained``; or the block of a sweep whose first model it looks at. ``recipe`` is raised by hand whenever a
    change of the function changes a number.
    """

    of: RunSpec | SweepSpec
    trained: bool
    analysis: str
    arguments: tuple[tuple[str, Argument], ...]
    recipe: int = 1


@dataclass(frozen=True)
class Analysis:
    """One row of the table: an analysis of one model of a study, or of the same model before training.

    Without a ``seed`` it is the published model; ``shuffled`` is the first one that was trained on the answers of other
    inputs: of the article's sweep of such models, or trained anew where none is kept.
    """

    study: str
    analysis: str
    arguments: tuple[tuple[str, Argument], ...]
    trained: bool = True
    seed: int | None = None
    recipe: int = 1
    shuffled: bool = False

    @property
    def name(self) -> str:
        """``reversal-8d-1l.ablation_table(draws=0, seed=0), untrained``."""
        said = ", ".join(f"{name}={value}" for name, value in self.arguments)
        model = f"{'' if self.seed is None else f', seed {self.seed}'}{'' if self.trained else ', untrained'}"
        model += ", shuffled answers" if self.shuffled else ""
        return f"{self.study}.{self.analysis.rpartition('.')[2]}({said}){model}"

    @property
    def folder(self) -> str:
        """Where the analyses of this study lie."""
        return f"{self.study}.analyses"

    @property
    def sweep(self) -> str | None:
        """The sweep of models with shuffled answers; None where such a model is trained anew.

        Raises ``ValueError`` where the study has no such models.
        """
        source = SOURCES.get(study(self.study).article)
        if source is None or source.shuffled is None:
            raise ValueError(f"study must have models with shuffled answers, got {self.study}")
        return source.shuffled if isinstance(source.shuffled, str) else None

    @property
    def spec(self) -> AnalysisSpec:
        """The full description."""
        return AnalysisSpec(
            of=self.of,
            trained=self.trained,
            analysis=self.analysis,
            arguments=self.arguments,
            recipe=self.recipe,
        )

    @property
    def of(self) -> RunSpec | SweepSpec:
        """The model that it looks at."""
        chosen = study(self.study)
        if not self.shuffled:
            return chosen.spec(chosen.published_seed if self.seed is None else self.seed)
        if self.sweep is not None:
            return sweep(self.sweep).spec(sweep(self.sweep).blocks(range(1))[0])
        return shuffled_run(chosen)


def analysis(
    of: str,
    function: str,
    *,
    trained: bool = True,
    model: int | None = None,
    shuffled: bool = False,
    **arguments: Argument,
) -> Analysis:
    """An analysis of a study's published model, or of its seed ``model``, the arguments in order of their names."""
    return Analysis(of, function, tuple(sorted(arguments.items())), trained, model, shuffled=shuffled)


A, B, C = "reversal-8d-2l", "reversal-8d-1l", "reversal-4d-2l"
D, E = "addition-113-3l", "addition-97-2l"
ADDING = {D: (0, 1, 2, 3, 4), E: (42, 0, 1, 2, 3, 4)}
"""The seeds whose waves the chapter on adding looks at, the published one first."""
_ATTN, _MLP = "part: L0 attn", "part: L0 mlp"


def _reversal() -> Iterator[Analysis]:
    yield analysis(B, "attention.attention_summary", layer=0)
    yield analysis(B, "attention.attention_summary", trained=False, layer=0)
    yield analysis(A, "attention.attention_summary", layer=0)
    yield analysis(A, "attention.attention_summary", layer=1)
    yield analysis(B, "ablation.ablation_table", seed=0)
    yield analysis(B, "ablation.ablation_table", trained=False, seed=0, draws=0)
    yield analysis(A, "ablation.ablation_table", seed=0, draws=1)
    for component in (_ATTN, _MLP):
        yield analysis(B, "interchange.interchange", component=component, seed=0)
    for trained in (True, False):
        yield analysis(B, "content.read_attention", trained=trained, layer=0, seed=0)
    yield analysis(B, "averaged.averaged_pattern", layer=0, seed=0)
    yield analysis(B, "averaged.averaged_output", component=_ATTN, seed=0)
    yield analysis(B, "averaged.put_means", component=_ATTN)
    yield analysis(B, "account.account", rung="fetch, one matrix", seed=0)
    yield analysis(C, "account.account", rung="fetch, own switches", seed=0)
    yield analysis(C, "blind.blind", seed=0)
    for trained in (True, False):
        yield analysis(B, "mlp.neuron_activity", trained=trained, layer=0)
    for layer_norm in (False, True):
        yield analysis(B, "logits.logit_lens", layer_norm=layer_norm)
    for trained, stage in ((True, "L0 resid_mid"), (True, "L0 resid_post"), (False, "L0 resid_mid")):
        for per_row in (False, True):
            yield analysis(
                B, "probes.fit_probe", trained=trained, stage=stage, seed=0, per_row=per_row, n_fit_rows=4_000
            )
    for of, stage in ((B, "L0 resid_post"), (A, "L1 resid_post")):
        for to in ("W_E", "W_U"):
            yield analysis(of, "logits.cosine_to_digits", stage=stage, to=to)


_KINDS: tuple[dict[str, bool], ...] = ({}, {"trained": False}, {"shuffled": True})
"""The published model, the same before training, and one that learned the answers of other inputs."""


def _pairs() -> Iterator[Analysis]:
    for kind in _KINDS:
        yield analysis(B, "all_pairs.all_pairs", **kind, component=_ATTN)
        for component in (_ATTN, _MLP, "part: L1 attn", "part: L1 mlp"):
            yield analysis(C, "all_pairs.all_pairs", **kind, component=component)
    yield analysis(B, "all_pairs.all_pairs", component=_MLP)  # before training: over four minutes
    yield analysis(B, "all_pairs.neuron_pairs")
    for component in (_ATTN, _MLP, "part: L1 attn", "part: L1 mlp"):
        yield analysis(C, "interchange.interchange", component=component, seed=0, pairings=255)
    yield analysis(B, "all_pairs.embedding_pairs")
    for trained in (True, False):
        yield analysis(B, "scrubbing.scrubbed", trained=trained)
    for of, n_layers in ((E, 2), (D, 3)):
        for layer in range(n_layers):
            for half in ("attn", "mlp"):
                n_sampled = 0 if layer == n_layers - 1 else 16_384
                part = f"part: L{layer} {half}"
                yield analysis(of, "operand_pairs.operand_pairs", component=part, seed=0, n_sampled=n_sampled)
        last = f"part: L{n_layers - 1} mlp"
        yield analysis(of, "operand_pairs.operand_pairs", trained=False, component=last, seed=0, n_sampled=16_384)


def _lattices() -> Iterator[Analysis]:
    yield analysis(B, "lattice.lattice", kind="zero")
    yield analysis(C, "lattice.lattice", kind="resample", draws=255)  # all partners: the mean is exact


def _proofs() -> Iterator[Analysis]:
    yield analysis(C, "proof.two_layers.how_far", most=10_000)
    yield analysis(A, "proof.two_layers.how_far", most=512)


def _addition() -> Iterator[Analysis]:
    parts, heads = "of model: activations.component_groups", "of model: activations.attention_heads"
    for of in (E, D):
        yield analysis(of, "operands.patch_every_way", groups=parts, n_inputs=2_048)
        yield analysis(of, "operands.patch_every_way", groups=heads, n_inputs=1_024)
        yield analysis(of, "interference.sum_waves")
        for seed in study(of).seeds:
            yield analysis(of, "fourier.clock", model=None if seed == study(of).published_seed else seed)
        for seed in ADDING[of]:
            yield analysis(of, "adding.adding", model=None if seed == study(of).published_seed else seed)
        yield analysis(of, "adding.adding", trained=False)
    for memorising in (D, E):
        yield analysis(memorising, "adding.adding", shuffled=True)
    for at_answer in (True, False):
        yield analysis(E, "operands.patch_operand", operand="b", at_answer=at_answer, draws=1)
    for size in START_SIZES.values():
        yield analysis(E, "variation.varying_before_training", embed_std=size, n_seeds=3)


ANALYSES = {each.name: each for each in (*_reversal(), *_pairs(), *_lattices(), *_proofs(), *_addition())}
