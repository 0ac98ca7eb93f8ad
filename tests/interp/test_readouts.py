"""Straight lines in closed form equal those of scikit-learn."""

import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from tinycircuits.interp.readouts import READOUTS, lda_readouts, ridge_readouts

every_readout = pytest.mark.parametrize("by", READOUTS)


def clouds(seed=0):
    """Noisy points of seven classes on a circle and of three at random, in eight dimensions."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.stack([torch.randint(0, 7, (600,), generator=generator), torch.arange(600) % 3])
    angle = 2 * torch.pi * labels[0] / 7
    states = 0.3 * torch.randn(600, 8, generator=generator)
    states[:, :3] += torch.stack([angle.cos(), angle.sin(), labels[1].float()], dim=1)
    return states, labels


@every_readout
def test_a_read_out_of_one_hot_states_is_perfect(by):
    labels = torch.arange(113).repeat(5)
    states = torch.eye(113)[labels]
    guess = READOUTS[by](states[:452], labels[None, :452], states[452:])
    assert torch.equal(guess[0], labels[452:])


def test_lda_equals_scikit_learn():
    states, labels = clouds()
    for shrinkage in (1e-3, 0.3):
        guess = lda_readouts(states[:400], labels[:, :400], states[400:], shrinkage=shrinkage)
        for ours, each in zip(guess, labels, strict=True):
            theirs = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage).fit(states[:400], each[:400])
            assert torch.equal(ours, torch.from_numpy(theirs.predict(states[400:])))


def test_ridge_equals_scikit_learn():
    states, labels = clouds()
    scaler = StandardScaler().fit(states[:400])
    guess = ridge_readouts(states[:400], labels[:, :400], states[400:], penalty=5.0)
    for ours, each in zip(guess, labels, strict=True):
        ridge = Ridge(alpha=5.0).fit(scaler.transform(states[:400]), torch.eye(int(each.max()) + 1)[each[:400]])
        theirs = ridge.predict(scaler.transform(states[400:])).argmax(1)
        assert torch.equal(ours, torch.from_numpy(theirs))


def test_classes_on_a_line_are_masked_for_ridge_and_read_by_lda():
    labels = torch.arange(900) % 9
    states = labels[:, None] + 0.05 * torch.randn(900, 1, generator=torch.Generator().manual_seed(0))
    share = {by: float((READOUTS[by](states, labels[None], states)[0] == labels).float().mean()) for by in READOUTS}
    assert share["lda"] > 0.99
    assert share["ridge"] < 0.5


def unequal(seed=0):
    """Two classes that overlap, one nine times as frequent, away from the origin."""
    generator = torch.Generator().manual_seed(seed)
    labels = (torch.rand(500, generator=generator) < 0.1).long()
    return torch.randn(500, 3, generator=generator) + labels[:, None] + 5, labels


@every_readout
def test_a_rare_class_is_guessed_rarely_as_scikit_learn_does(by):
    states, labels = unequal()
    fitted, held = states[:300], states[300:380] + 0.5  # held-out states lie elsewhere on average
    guess = READOUTS[by](fitted, labels[None, :300], held)[0]
    if by == "lda":
        theirs = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=1e-3).fit(fitted, labels[:300]).predict(held)
    else:
        scaler = StandardScaler().fit(fitted)
        ridge = Ridge(alpha=1.0).fit(scaler.transform(fitted), torch.eye(2)[labels[:300]])
        theirs = ridge.predict(scaler.transform(held)).argmax(1)
    assert torch.equal(guess, torch.from_numpy(theirs))
    assert guess.double().mean() < 0.4
