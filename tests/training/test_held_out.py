from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from headstart.backbones.loading import load_backbone
from headstart.data.images import ImageSet
from headstart.heads.temperature import fit_temperature, row_losses
from headstart.training import held_out as module
from headstart.training.activations import Activations
from headstart.training.held_out import HeldOut, held_out
from headstart.training.learner import Classifier


def test_held_out_rows_keep_groups_whole_and_are_none_where_few(pictures: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    assert held_out(pictures, 0) is None
    monkeypatch.setattr(module, "FEWEST_HELD_OUT", 3)
    monkeypatch.setattr(module, "HELD_OUT_DIVISOR", 5)
    fold = held_out(pictures, 0)
    assert fold is not None
    assert np.array_equal(np.sort(np.concatenate([fold.fit, fold.held_out])), np.arange(31))
    assert set(pictures.labels[fold.held_out]) == {0, 1, 2}
    monkeypatch.setattr(module, "MOST_HELD_OUT", 4)
    assert len(held_out(pictures, 0).held_out) <= 6  # type: ignore[union-attr]


@pytest.mark.parametrize("cut", [False, True])
def test_losses_are_those_of_the_present_weights_row_by_row(
    pictures: ImageSet, cut: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH_ROWS", 7)
    torch.manual_seed(3)
    learner = Classifier(load_backbone("small_cnn", "none", 16, seed=1), 3).eval()
    if cut:
        learner.freeze_up_to("blocks.0")
    held = HeldOut(pictures, learner)
    images = torch.from_numpy(learner.transform().decode(pictures.images, np.arange(31))).permute(0, 3, 1, 2)
    for _ in range(2):
        with torch.no_grad():
            learner.head.weight.add_(0.5 * torch.randn(learner.head.weight.shape))
            scores = learner.head(learner.backbone(images)).numpy()
        expected = row_losses(scores, pictures.labels, fit_temperature(scores, pictures.labels))
        np.testing.assert_allclose(held.losses(), expected, rtol=2e-3, atol=2e-3)


def test_what_is_frozen_looks_at_held_out_rows_once(
    pictures: ImageSet, new_learner: Callable[[], Classifier], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []
    whole = Activations._seen
    monkeypatch.setattr(Activations, "_seen", lambda self, start, stop: looked.append(stop - start) or whole(self, start, stop))
    learner = new_learner().eval()
    learner.freeze_up_to("blocks.0")
    held: Any = HeldOut(pictures, learner)
    held.losses()
    held.losses()
    assert looked == [31]
