from __future__ import annotations

import numpy as np
import pytest
import torch
from scripted import Scripted, batch, logits

from headstart.backbones.backbone import Backbone
from headstart.core.seeds import generator_for
from headstart.data.task import Task
from headstart.methods.semi.re_mix_match import ReMixMatch, Shares
from headstart.training.settings import Training

TRAIN = logits([0.7, 0.2, 0.1], [0.1, 0.8, 0.1])
WEAK = logits([0.5, 0.3, 0.2], [0.1, 0.3, 0.6])
STRONG = logits([0.3, 0.5, 0.2], [0.1, 0.2, 0.7])
STRONGER = logits([0.2, 0.2, 0.6], [0.3, 0.3, 0.4])
LABELED = [0.5, 0.3, 0.2]


def guesses(found: np.ndarray) -> np.ndarray:
    scaled = WEAK.exp().numpy() * LABELED / found
    scaled /= scaled.sum(axis=1, keepdims=True)
    return scaled**2 / (scaled**2).sum(axis=1, keepdims=True)


def test_guesses_have_the_labeled_shares_and_are_sharpened() -> None:
    learner = Scripted(Shares(torch.tensor(LABELED, dtype=torch.float64)).double())
    got = ReMixMatch()._guesses(learner, WEAK)  # type: ignore[arg-type]
    np.testing.assert_allclose(got, guesses(np.array([0.3, 0.3, 0.4])))
    # The second batch meets the mean of both, the later one weighing 1 / 128.
    other = torch.tensor([[0.8, 0.1, 0.1]], dtype=torch.float64).log()
    ReMixMatch()._guesses(learner, other)  # type: ignore[arg-type]
    kept = 127 / 128
    first, second = np.array([0.3, 0.3, 0.4]), np.array([0.8, 0.1, 0.1])
    totals = kept * (kept * first + second) + WEAK.exp().numpy().mean(axis=0)
    expected = guesses(totals / (kept**2 + kept + 1))
    np.testing.assert_allclose(ReMixMatch()._guesses(learner, WEAK), expected)  # type: ignore[arg-type]


def test_losses_are_those_of_blends_and_of_one_strong_view() -> None:
    torch.manual_seed(5)
    learner = Scripted(Shares(torch.tensor(LABELED, dtype=torch.float64)).double())
    losses = ReMixMatch().losses(learner, batch(TRAIN, [0, 1], WEAK, STRONG, STRONGER), 0.0)  # type: ignore[arg-type]
    wanted = guesses(np.array([0.3, 0.3, 0.4]))
    inputs = torch.cat([TRAIN, WEAK, STRONG, STRONGER]).numpy()
    targets = np.concatenate([np.eye(3)[[0, 1]], wanted, wanted, wanted])
    draw = generator_for(5, "pairs")
    partners, kept = draw.permutation(8), draw.beta(0.75, 0.75, 8)
    kept = np.maximum(kept, 1 - kept)[:, None]
    inputs, targets = kept * inputs + (1 - kept) * inputs[partners], kept * targets + (1 - kept) * targets[partners]
    logs = inputs - np.log(np.exp(inputs).sum(axis=1, keepdims=True))
    entropies = -(targets * logs).sum(axis=1)
    assert float(losses["cross_entropy"]) == pytest.approx(entropies[:2].mean())
    assert float(losses["re_mix_match"]) == pytest.approx(1.5 * entropies[2:].mean())
    assert float(losses["anchor"]) == pytest.approx(0.5 * -(wanted * STRONG.numpy()).sum(axis=1).mean())


def test_wanted_shares_are_those_of_labeled_rows_and_of_nothing_else(squares: Task, pretrained: Backbone) -> None:
    memory = ReMixMatch()._built(squares, pretrained, Training()).extra
    assert isinstance(memory, Shares)
    np.testing.assert_allclose(memory.labeled, np.array([8, 6, 5]) / 19, rtol=1e-6)


def test_labeled_pictures_are_shown_in_a_strong_view(squares: Task) -> None:
    streams = ReMixMatch().streams(squares)
    assert streams["train"].view.name == "strong"
    assert [view.name for view in (streams["unlabeled"].view, *streams["unlabeled"].also)] == ["weak", "strong", "strong"]
