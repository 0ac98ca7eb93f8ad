"""The analyses: what several chapters need, or what a reader's machine should not repeat, of a study's models."""

from dataclasses import dataclass

from tinycircuits.results.tables.studies import RunSpec, study
from tinycircuits.specs import Spec

Argument = bool | int | float | str


class AnalysisSpec(Spec):
    """All that one stored analysis depends on.

    ``analysis`` is a function of ``tinycircuits.interp`` with its module, ``ablation.ablation_table``; ``of`` the run
    whose model it looks at, or before training where it is not ``trained``. ``recipe`` is raised by hand whenever a
    change of the function changes a number.
    """

    of: RunSpec
    trained: bool
    analysis: str
    arguments: tuple[tuple[str, Argument], ...]
    recipe: int = 1


@dataclass(frozen=True)
class Analysis:
    """One row of the table: an analysis of the published model of a study, or of the same model before training."""

    study: str
    analysis: str
    arguments: tuple[tuple[str, Argument], ...]
    trained: bool = True
    recipe: int = 1

    @property
    def name(self) -> str:
        """``reversal-8d-1l.ablation_table(draws=0, seed=0), untrained``."""
        said = ", ".join(f"{name}={value}" for name, value in self.arguments)
        return f"{self.study}.{self.analysis.rpartition('.')[2]}({said}){'' if self.trained else ', untrained'}"

    @property
    def folder(self) -> str:
        """Where the analyses of this study lie."""
        return f"{self.study}.analyses"

    @property
    def spec(self) -> AnalysisSpec:
        """The full description."""
        chosen = study(self.study)
        return AnalysisSpec(
            of=chosen.spec(chosen.published_seed),
            trained=self.trained,
            analysis=self.analysis,
            arguments=self.arguments,
            recipe=self.recipe,
        )


def analysis(of: str, function: str, *, trained: bool = True, recipe: int = 1, **arguments: Argument) -> Analysis:
    """An analysis of a study, its arguments in order of their names."""
    return Analysis(of, function, tuple(sorted(arguments.items())), trained, recipe)


B, A = "reversal-8d-1l", "reversal-8d-2l"
_ANALYSES = (
    analysis(B, "ablation.ablation_table", seed=0),
    analysis(B, "ablation.ablation_table", trained=False, seed=0, draws=0),
    analysis(A, "ablation.ablation_table", seed=0, draws=1),
)

ANALYSES = {each.name: each for each in _ANALYSES}
