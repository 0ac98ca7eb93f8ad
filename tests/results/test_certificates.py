"""Stored certificates: made, listed, confirmed by the separate checker, and noticed where a number is changed."""

import pytest
import torch

from tests.test_cli import call
from tests.tiny import TINY, only_these
from tinycircuits.results import certifying, door, runs
from tinycircuits.results.certificates import load_certificate
from tinycircuits.results.errors import MissingResult
from tinycircuits.results.tables.certificates import CERTIFICATES, CertificateRow, certificate_row

ROW = CertificateRow("tiny")


@pytest.fixture
def small(house, monkeypatch):
    """A house with a trained study, of which a certificate is kept."""
    only_these(monkeypatch, studies=[TINY], certificates=[ROW])
    runs.run("tiny")
    door.get(certifying.entry(ROW))
    return house


def test_counts_are_those_of_the_run_and_of_what_was_observed(small):
    found, run = load_certificate("tiny"), runs.load("tiny")
    wrong = run.errors().wrong_digits
    assert found.machines == ("real", "float64", "float32")
    assert found.n_answers == run.errors().n_digits
    assert found.said["real"] == f"{found.n_answers - wrong} / {wrong} / 0"
    assert list(found.grids) == list(found.machines)
    assert found.count("float64", "wrong") == wrong == found.observed["float64"]
    assert found.count("real", "right") == found.n_answers - wrong
    assert found.counts.sum(1).unique().tolist() == [found.n_answers]
    assert found.sha256 == door.load(certifying.entry(ROW)).metrics["weights"]
    assert found.grid.sum((1, 2)).unique().tolist() == [found.n_answers]


def test_they_are_listed_verified_and_made_again(small, monkeypatch, capsys):
    code, out, _ = call(monkeypatch, capsys, "list", "tiny.certificate")
    assert (code, "every answer of tiny, on every machine" in out) == (0, True)
    code, out, _ = call(monkeypatch, capsys, "verify", "tiny.certificate", "--whole")
    assert (code, out[:30]) == (0, "ok      tiny.certificate: real")
    code, out, _ = call(monkeypatch, capsys, "retrain", "tiny.certificate")
    assert (code, out.startswith("0 numbers changed in 1 entries made anew.")) == (0, True)


def test_a_changed_number_is_noticed(small):
    entry = certifying.entry(ROW)
    stored = door.load(entry)
    counts = stored.tensors["counts"].clone()
    counts[1] = torch.tensor([int(counts.sum(1)[0]) - int(counts[1, 1]) + 1, int(counts[1, 1]) - 1, 0])
    norm = next(name for name in stored.tensors if name.startswith("norms.float64"))
    for changed in ({"counts": counts}, {norm: stored.tensors[norm] / 2}):
        door.put(entry, door.Made(stored.metrics, {**stored.tensors, **changed}), {})
        assert "refused" in door.verified(entry)
    door.put(entry, door.Made({**stored.metrics, "weights": "0"}, stored.tensors), {})
    assert "metrics" in door.verified(entry)
    door.put(entry, door.Made(stored.metrics, {**stored.tensors, "error": stored.tensors["error"] * 2}), {})
    assert "error" in door.verified(entry, whole=True)


def test_all_five_articles_have_one_and_one_before_training():
    assert len(CERTIFICATES) == 10
    assert {row.study.article for row in CERTIFICATES.values() if not row.trained} == set("ABCDE")
    assert certificate_row("addition-113-3l").name == "addition-113-3l.certificate"
    assert certificate_row("reversal-4d-2l", trained=False).spec != certificate_row("reversal-4d-2l").spec
    with pytest.raises(ValueError, match=r"tiny.certificate is not kept; known are .*reversal-8d-2l.certificate, "):
        certificate_row("tiny")


def test_models_before_training_are_certified_wrong_and_lie_beside_the_trained_one(house, monkeypatch, capsys):
    row = CertificateRow("tiny", trained=False)
    only_these(monkeypatch, studies=[TINY], certificates=[row])
    door.get(certifying.entry(row))
    found = load_certificate("tiny", trained=False)
    assert found.count("float64", "wrong") > found.n_answers / 4
    code, out, _ = call(monkeypatch, capsys, "verify", "tiny.certificate")
    assert (code, out.count("ok "), out.count("STALE")) == (0, 1, 0)


def test_what_is_missing_names_the_command(house, monkeypatch):
    only_these(monkeypatch, studies=[TINY], certificates=[ROW])
    with pytest.raises(MissingResult, match=r"tinycircuits retrain tiny.certificate"):
        load_certificate("tiny")


def test_the_command_line_certifies_saves_and_checks(monkeypatch, capsys, tmp_path):
    file = tmp_path / "four.certificate"
    four = "certify", "reversal-4d-2l"
    code, out, _ = call(monkeypatch, capsys, *four, "--machine", "float64", "--machine", "real", "--save", str(file))
    assert code == 0
    assert out.splitlines()[-1].startswith("certified: of 1,024 answers right for certain 1,024 on float64")
    assert "assumed: + - * / and sqrt" in out
    code, out, _ = call(monkeypatch, capsys, "check-proof", str(file))
    assert (code, out.startswith("checked: float64 1,024 right")) == (0, True)
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    code, out, _ = call(monkeypatch, capsys, "check-proof", str(file))
    assert (code, out) == (1, "refused: the file is not as it was sealed\n")
    code, out, _ = call(monkeypatch, capsys, *four)
    assert (code, out.splitlines()[-1].startswith("undecided: ")) == (3, True)
    code, out, _ = call(monkeypatch, capsys, *four, "--seed", "0", "--machine", "float64")
    assert code == 1
    code, _, err = call(monkeypatch, capsys, *four, "--machine", "tf32")
    assert (code, "one of real, float64, float32, got 'tf32'" in err) == (2, True)
