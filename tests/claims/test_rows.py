"""Tables of the ledger say what the ledger says."""

from dataclasses import replace

import pandas as pd
import pytest
import torch

from tinycircuits.claims import rows
from tinycircuits.claims.judge import Judgement
from tinycircuits.claims.ledger import finding
from tinycircuits.claims.rows import controls_met, ledger_table, met_shares, residue_verdicts, verdicts
from tinycircuits.results.profiles import Profile, profile


@pytest.mark.xdist_group("ledger")
def test_verdicts_are_the_ledgers():
    table = verdicts(["D2", "E7"]).set_index("no.")
    for name in ("D2", "E7"):
        found = finding(name)
        row = table.loc[name]
        assert [row.statement, row["rule for a seed"]] == [found.claim.says, found.claim.rule]
        assert row["seeds that meet it"] == f"{found.met} of {found.judged}"
        assert row.verdict == found.verdict
        assert list(controls_met(name)) == [control.name for control in found.controls]
        assert all(f"{name} {met}" in row.control for name, met in controls_met(name).items())


@pytest.mark.xdist_group("ledger")
def test_the_ledger_as_a_table_leads_to_each_statement():
    table = ledger_table([finding("D2"), finding("notation")])
    assert table.article.tolist() == ["D", "book"]
    assert table.claim.tolist() == ["{ref}`D2 <claim-d2>`", "{ref}`notation <claim-notation>`"]
    assert table.verdict.tolist() == [finding(name).verdict for name in ("D2", "notation")]
    assert table["models that meet the rule"][0] == f"{finding('D2').met} of {finding('D2').judged}"


def test_shares_of_models_stand_beside_the_best_control():
    controls = (Judgement("blind", "does not hold", 1, 5, 5, {}), Judgement("mixed", "does not hold", 2, 4, 4, {}))
    found = replace(finding("A2"), met=9, judged=10, interval=(0.5, 0.99), controls=controls)
    table = met_shares([found, replace(found, met=0, controls=())])
    assert table.share.tolist() == [0.9, 0.0]
    assert table.control.tolist() == [0.5, 0.0]
    assert table[["low", "high"]].iloc[0].tolist() == [0.5, 0.99]


@pytest.mark.xdist_group("ledger")
def test_dictionaries_are_judged_beside_their_random_encoders():
    table = residue_verdicts({"averaged": "E, latents, averaged"})
    assert table.dictionary.tolist() == ["averaged", "blind, as sparse as averaged"]
    seen = profile("E, latents, averaged", "trained")["latents.residues, above zero"]
    assert table["above zero"][0] == f"{int((seen >= 0.5).sum())} of {len(seen)}"
    strict = residue_verdicts({"averaged": "E, latents, averaged"}, least=1.01)
    assert strict["above zero"].tolist() == ["0 of 5", "0 of 5"]
    assert isinstance(strict, pd.DataFrame)


def test_dictionaries_are_judged_by_the_rule_and_the_models_that_a_row_names(monkeypatch):
    shares = {
        ("s", "trained"): {"above zero": [0.4, 0.5, 0.6], "best threshold": [0.7, 0.5, 0.6]},
        ("s", "random encoder"): {"above zero": [0.0, 0.1, 0.2], "best threshold": [0.5, 0.1, 0.2]},
    }

    def stored(source, kind):
        numbers = {f"latents.residues, {how}": torch.tensor(each) for how, each in shares[source, kind].items()}
        return Profile(kind, torch.arange(3), numbers)

    monkeypatch.setattr(rows, "profile", stored)
    table = rows.residue_verdicts({"sparse": "s"}).set_index("dictionary")
    assert table.loc["sparse"].tolist() == ["2 of 3", "3 of 3", "holds for some seeds"]
    assert table.loc["blind, as sparse as sparse"].tolist() == ["0 of 3", "1 of 3", "does not hold"]


def test_a_statements_controls_are_counted_by_themselves(monkeypatch):
    found = finding("A2")
    controls = [
        Judgement("untrained", "holds for some seeds", 1, 5, 5, {}),
        Judgement("shuffled answers", "does not hold", 0, 4, 4, {}),
    ]
    monkeypatch.setattr(rows, "finding", lambda name: replace(found, met=7, judged=9, controls=tuple(controls)))
    assert rows.controls_met("any") == {"untrained": "1 of 5", "shuffled answers": "0 of 4"}
