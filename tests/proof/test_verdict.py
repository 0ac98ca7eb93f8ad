"""What is told of a proof, and what the command line makes of it."""

import re

import pytest
import torch
from safetensors.numpy import load

from tests.circuits import scrambled
from tests.proof.models import SPECS, TASK, of_sweep, published
from tests.proof.test_search import EIGHT
from tests.test_cli import call
from tinycircuits.models.build import build
from tinycircuits.proof import verdict
from tinycircuits.proof.checker import Refused, check
from tinycircuits.proof.subject import bytes_of
from tinycircuits.proof.verdict import prove
from tinycircuits.results.sweeps import load_sweep

ASSUMED = "assumed: one head, ReLU, 1e-5 in every LayerNorm; real arithmetic on the stored weights"


def test_a_proof_is_told_with_its_assumptions_and_can_be_checked():
    told = prove(published().model, EIGHT)
    assert (told.word, told.exit_code) == ("proved", 0)
    assert told.lines[-1] == "proved: all 524,288 answers right, 116 boxes"
    assert told.lines[-2].startswith(ASSUMED)
    assert any(line.startswith(check(told.proof)) for line in told.lines)


def test_a_refutation_names_a_case_and_no_proof():
    told = prove(of_sweep("seeds-b", 54), EIGHT)
    assert (told.word, told.exit_code, told.proof) == ("refuted", 1, b"")
    assert re.fullmatch(r"refuted: not every answer right, \d+ boxes", told.lines[-1])
    (case,) = (line for line in told.lines if line.startswith("y_"))
    row, digits, right, said = re.match(r"y_(\d) of ([\d ]+) is (\d), the model says (\d|BOS)", case).groups()
    tokens = torch.tensor([[4, *map(int, digits.split())]])
    tokens = torch.cat([tokens, EIGHT.solve(tokens[:, 1:])[:, :-1]], dim=1)
    guess = int(of_sweep("seeds-b", 54)(tokens)[0, 8 + int(row)].argmax())
    assert str(guess) == said != right


def test_a_count_is_told_as_so_many_of_so_many():
    told = prove(of_sweep("seeds-b", 54), EIGHT, count=True)
    wrong = int(load_sweep("seeds-b", range(54, 55)).wrong_digits[0])
    assert re.fullmatch(rf"refuted: {wrong:,} wrong of 524,288, [\d,]+ boxes", told.lines[-1])
    assert sum(line.startswith("y_") for line in told.lines) == verdict.SHOWN
    assert f"... and {wrong - verdict.SHOWN:,} more" in told.lines
    assert prove(published().model, EIGHT, count=True).lines[-1] == "proved: 0 wrong of 524,288, 116 boxes"


def test_a_margin_is_told():
    told = prove(published().model, EIGHT, margin=5.4)
    assert re.fullmatch(r"proved: all 524,288 answers right by more than 5.4, \d+ boxes", told.lines[-1])
    assert load(told.proof)["mu"].tolist() == [5.4]
    assert prove(published().model, EIGHT, margin=5.402).exit_code == 1


def test_what_the_checker_does_not_confirm_is_undecided(monkeypatch):
    def refuse(proof):
        raise Refused("refused: a box is not closed")

    monkeypatch.setattr(verdict, "check", refuse)
    told = prove(published().model, EIGHT)
    assert (told.word, told.exit_code, told.proof) == ("undecided", 3, b"")
    assert "the checker does not confirm it: refused: a box is not closed" in told.lines
    assert told.lines[-1].startswith("undecided")


def test_single_precision_is_proved_from_its_own_bytes():
    model = load_sweep("seeds-b", range(1)).model(0, "float32")
    told = prove(model, EIGHT)
    assert told.word == "proved"
    assert load(load(told.proof)["weights"].tobytes())["embed.weight"].dtype == "float32"
    assert model.W_E.dtype == torch.float32


class TestCommandLine:
    """Exit codes: 0 proved, 1 not, 2 a mistake, 3 undecided."""

    def test_a_study_is_proved_and_the_kept_proof_checked(self, monkeypatch, capsys, tmp_path):
        file = tmp_path / "kept.proof"
        code, out, _ = call(monkeypatch, capsys, "prove", "reversal-8d-1l", "--save", str(file))
        assert code == 0
        assert out.splitlines()[-1] == "proved: all 524,288 answers right, 116 boxes"
        code, out, _ = call(monkeypatch, capsys, "check-proof", str(file))
        assert (code, out.count("\n")) == (0, 1)
        assert out.startswith("checked: 524,288 cases right by more than 0")
        file.write_bytes(file.read_bytes()[:-1] + b"x")
        code, out, _ = call(monkeypatch, capsys, "check-proof", str(file))
        assert (code, out) == (1, "refused: the file is not as it was sealed\n")

    def test_a_seed_of_a_sweep_is_refuted_and_nothing_is_kept(self, monkeypatch, capsys, tmp_path):
        file = tmp_path / "kept.proof"
        code, out, _ = call(monkeypatch, capsys, "prove", "seeds-b", "--seed", "54", "--save", str(file))
        assert code == 1
        assert out.splitlines()[-1].startswith("refuted: not every answer right")
        assert "there is no proof" in out
        assert not file.exists()

    def test_weights_of_a_file_of_another_size(self, monkeypatch, capsys, tmp_path):
        file = tmp_path / "weights.safetensors"
        file.write_bytes(bytes_of(build(SPECS["narrow"], TASK, seed=0)))
        code, out, _ = call(monkeypatch, capsys, "prove", "reversal-8d-1l", "--weights", str(file), "--count")
        assert code == 1
        assert "3 digits modulo 4" in out
        assert re.search(r"refuted: \d+ wrong of 192, \d+ boxes\n$", out)

    def test_undecided_is_three(self, monkeypatch, capsys):
        monkeypatch.setattr("tinycircuits.proof.verdict.search", lambda *a, **b: _given_up())
        code, out, _ = call(monkeypatch, capsys, "prove", "reversal-8d-1l")
        assert code == 3
        assert out.splitlines()[-1].startswith("undecided")

    MISTAKES = (
        (("prove",), "Missing argument"),
        (("prove", "reversal"), "unknown study or sweep 'reversal'"),
        (("prove", "addition-97-2l"), "task must be one of digits"),
        (("prove", "reversal-8d-2l"), "one layer and one head, got 2 and 1"),
        (("prove", "reversal-8d-1l", "--margin", "nan"), "margin must be a number from 0 on, got nan"),
        (("prove", "reversal-8d-1l", "--margin", "-1"), "margin must be a number from 0 on, got -1"),
        (("prove", "reversal-8d-1l", "--margin", "x"), "valid number"),
        (("prove", "reversal-8d-1l", "--seed", "-1"), "seed must lie in 0 .. 2^64 - 1"),
        (("prove", "reversal-8d-1l", "--weights", "none.safetensors"), "none.safetensors cannot be read"),
        (("prove", "reversal-8d-1l", "--weights", "README.md"), "no safetensors file"),
        (("prove", "reversal-8d-1l", "--weights", "."), "cannot be read"),
        (("prove", "reversal-8d-1l", "--weights", "x", "--seed", "1"), "exclude each other"),
        (("prove", "reversal-8d-1l", "--save", "no/such/folder/proof"), "cannot write no/such/folder/proof"),
        (("check-proof",), "Missing argument"),
        (("check-proof", "none.proof"), "none.proof cannot be read"),
    )

    @pytest.mark.parametrize(("arguments", "said"), MISTAKES)
    def test_a_mistake_is_one_line_and_exit_code_two(self, monkeypatch, capsys, arguments, said):
        code, out, err = call(monkeypatch, capsys, *arguments)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert said in err

    def test_what_is_no_proof_is_refused_with_exit_code_one(self, monkeypatch, capsys, tmp_path):
        (tmp_path / "text").write_text("hello")
        code, out, err = call(monkeypatch, capsys, "check-proof", str(tmp_path / "text"))
        assert (code, out.count("\n"), err) == (1, 1, "")
        assert out.startswith("refused: no proof of the kind that is known")


def _given_up():
    from tinycircuits.proof.search import search
    from tinycircuits.proof.subject import rule_of, tables_of

    return search(tables_of(of_sweep("seeds-b", 51), rule_of(EIGHT)), most=10)


def test_a_random_model_is_counted_as_by_the_ordinary_model():
    model = scrambled(SPECS["no MLP"], TASK)
    tokens = TASK.inputs(TASK.sequences())
    with torch.no_grad():
        wrong = int((model(tokens)[:, 3:].argmax(-1) != TASK.answers(TASK.sequences())).sum())
    assert f": {wrong:,} wrong of 192, " in prove(model, TASK, count=True).lines[-1]
