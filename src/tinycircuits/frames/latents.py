"""Dictionaries as tables: how good they are, what their latents stand for and do, what the ledger says of them."""

from collections.abc import Mapping, Sequence

import pandas as pd
from jaxtyping import Float, Int
from torch import Tensor

from tinycircuits.claims.judge import verdict
from tinycircuits.interp.sae import LatentEffects, Meanings, information, quality
from tinycircuits.models.dictionary import SparseAutoencoder
from tinycircuits.results.fits import Fitted
from tinycircuits.results.profiles import Kind, profile
from tinycircuits.training.dictionaries import SaeSpec


def fit_qualities(fits: Mapping[str, Sequence[Fitted]], states: Float[Tensor, "batch d_in"]) -> pd.DataFrame:
    """One row for each stored dictionary of each recipe: its penalty, ``l0``, ``fvu`` and ``dead`` latents.

    ``loss`` is the mean of the last epoch, ``last fall`` by what part it fell over the last tenth of the epochs.
    """
    rows = []
    for label, each in fits.items():
        for fitted in each:
            losses, recipe = fitted.metrics["loss"], fitted.fit.recipe
            assert isinstance(recipe, SaeSpec)
            rows.append(
                {
                    "dictionary": label,
                    "penalty": recipe.l1,
                    **_quality(fitted.dictionary, states),
                    "loss": losses[-1],
                    "last fall": 1 - losses[-1] / losses[-len(losses) // 10],
                }
            )
    return pd.DataFrame(rows)


def qualities(dictionaries: Mapping[str, SparseAutoencoder], states: Float[Tensor, "batch d_in"]) -> pd.DataFrame:
    """One row for each dictionary: its ``l0``, ``fvu`` and ``dead`` latents."""
    return pd.DataFrame([{"dictionary": label, **_quality(each, states)} for label, each in dictionaries.items()])


def _quality(dictionary: SparseAutoencoder, states: Float[Tensor, "batch d_in"]) -> dict[str, float]:
    found = quality(dictionary, states)
    return {"l0": found.l0, "fvu": found.fvu, "dead": found.dead}


def clear_shares(found: Mapping[str, Meanings]) -> pd.DataFrame:
    """Two rows for each dictionary: the share of latents that stand for one residue, above zero and at best."""
    return pd.DataFrame(
        [
            {"dictionary": label, "fires": fires, "share": share}
            for label, each in found.items()
            for fires, share in (("above zero", each.clear), ("above its best threshold", each.best_clear))
        ]
    )


def meaning_table(
    found: Mapping[str, Meanings],
    activity: Mapping[str, Float[Tensor, "batch latent"]],
    numbers: Mapping[str, Int[Tensor, " batch"]],
    *,
    modulus: int,
) -> pd.DataFrame:
    """One row for each dictionary: medians over its latents of what ``Meanings`` holds, and mean information.

    ``numbers`` are others than the sum that the latents may tell something about.
    """
    return pd.DataFrame(
        [
            {
                "dictionary": label,
                "latents": len(each.f1),
                "F1, above zero": float(each.f1.median()),
                "F1, best": float(each.best_f1.median()),
                "bits, a + b": float(each.bits.mean()),
                **{
                    f"bits, {name}": float(information(activity[label], values, modulus=modulus).mean())
                    for name, values in numbers.items()
                },
                "by sum": float(each.explained.median()),
                "top wave": float(each.spectrum.max(0).values.median()),
                "residues": each.n_covered,
            }
            for label, each in found.items()
        ]
    )


def effect_table(found: Mapping[str, LatentEffects]) -> pd.DataFrame:
    """One row for each dictionary: mean rise of the loss (nats) without a latent, share of inputs that say it with one.

    Each beside its controls.
    """
    return pd.DataFrame(
        [
            {
                "dictionary": label,
                "latents": len(each.latents),
                "loss without": float(each.ablated.mean()),
                "loss, random push": float(each.ablated_control.mean()),
                "put in": each.said(each.added),
                "put in, random push": each.said(each.added_control),
                "put in, mean output": each.said(each.added_mean),
            }
            for label, each in found.items()
        ]
    )


def residue_verdicts(sources: Mapping[str, str], *, least: float = 0.5) -> pd.DataFrame:
    """One row for each source of profiles and for its random encoders: dictionaries that meet the rule, by threshold.

    The rule is that ``least`` of the live latents stand for one residue.
    """
    kinds: tuple[Kind, ...] = ("trained", "random encoder")
    rows = []
    for label, source in sources.items():
        for kind in kinds:
            seen = profile(source, kind)
            met = {how: seen[f"latents.residues, {how}"] >= least for how in ("above zero", "best threshold")}
            shown = {how: f"{int(each.sum())} of {len(each)}" for how, each in met.items()}
            name = label if kind == "trained" else f"blind, as sparse as {label}"
            rows.append({"dictionary": name, **shown, "verdict": verdict(met["above zero"].tolist())})
    return pd.DataFrame(rows)
