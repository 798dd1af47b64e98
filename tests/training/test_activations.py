from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from headstart.backbones.boundary import Boundary
from headstart.backbones.loading import load_backbone
from headstart.data.augmentation.views import View, view_of
from headstart.data.images import ImageSet
from headstart.data.streams import Stream
from headstart.training import activations as activations_module
from headstart.training import pictures as pictures_module
from headstart.training.activations import Activations
from headstart.training.batches import Batches
from headstart.training.learner import Classifier
from headstart.training.loop import fit_for
from headstart.training.pictures import Pictures
from headstart.training.settings import Training

CPU = torch.device("cpu")
STAGE = "blocks.0"


def _activations(
    boundary: Boundary, images: ImageSet, view: View, workspace: Path | None = None, num_views: int = 3
) -> Activations:
    decoded = Pictures(images, boundary.backbone.transform)
    return Activations(boundary, "train", Stream(images, view), decoded, num_views, 5, workspace)


class Uncached(Classifier):
    """Is fed pictures, and trains the same weights by freezing the others: what caching must be equal to."""

    def freeze_up_to(self, stage: str) -> Boundary:
        boundary = Boundary(self.backbone, stage)
        for weight in self.parameters():
            weight.requires_grad_(id(weight) not in boundary.weights_before())
        return boundary


STAGE_OF = {"small_cnn": STAGE, "efficientnet_lite0": "blocks.4.2", "timm/test_vit.r160_in1k": "blocks.1"}


@pytest.mark.parametrize(
    ("name", "weights", "side"),
    [
        ("small_cnn", "none", 8),
        pytest.param("efficientnet_lite0", "pretrained", 64, marks=pytest.mark.slow),
        pytest.param("timm/test_vit.r160_in1k", "none", 160, marks=pytest.mark.slow),
    ],
)
def test_cached_and_uncached_training_take_the_same_course(
    name: str, weights: str, side: int, pictures: ImageSet, losses: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activations_module, "PRECISION", np.float32)
    # At 1e-3 these noisy courses part by 13 % when all weights change by 1e-7: folding alone, which rounds, would be seen.
    # bf16 would round what differs in its last bits in different ways.
    training = Training(epochs=5, batch_size=7, lr=2e-4, seed=2, precision="float32")
    courses, ends = [], []
    for kind in (Classifier, Uncached):
        torch.manual_seed(3)
        learner = kind(load_backbone(name, weights, side, seed=1), 3, frozen_statistics=True)
        learner.freeze_up_to(STAGE_OF[name])
        fit = fit_for(learner, {"train": Stream(pictures, View())}, losses, training)
        trained = fit.attempt_state(0)
        learner.train()
        courses.append([fit.step(trained, step)["cross_entropy"] for step in range(20)])
        ends.append(learner.state_dict())
    assert np.mean(courses[0][-5:]) < 0.9 * np.mean(courses[0][:5])
    np.testing.assert_allclose(courses[0], courses[1], rtol=1e-4)
    for key, tensor in ends[0].items():
        torch.testing.assert_close(tensor, ends[1][key], rtol=1e-4, atol=1e-4, msg=key)


def test_they_are_what_the_prefix_makes_of_the_pictures(boundary: Boundary, pictures: ImageSet) -> None:
    rows = np.array([4, 30, 0, 4])
    found = _activations(boundary, pictures, View()).of(rows, np.array([0, 1, 2, 3]))
    inputs = torch.from_numpy(boundary.backbone.transform.decode(pictures.images, rows))
    with torch.no_grad():
        torch.testing.assert_close(found, boundary.prefix(inputs)[0], rtol=1e-2, atol=1e-3)
    assert found.dtype == torch.float32
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_views_take_turns_and_differ(boundary: Boundary, pictures: ImageSet) -> None:
    activations = _activations(boundary, pictures, view_of("weak", 8))
    rows = np.arange(31)
    shown = [activations.of(rows, np.full(31, turn)) for turn in range(6)]
    for turn in range(3):
        assert torch.equal(shown[turn], shown[turn + 3])
        assert not torch.equal(shown[turn], shown[(turn + 1) % 3])
    again = _activations(boundary, pictures, view_of("weak", 8)).of(rows, np.full(31, 2))
    assert torch.equal(again, shown[2])


def test_an_epoch_shows_every_picture_in_one_view(boundary: Boundary, pictures: ImageSet) -> None:
    stream = Stream(pictures, view_of("weak", 8))
    batches = Batches("train", stream, boundary.backbone.transform, Training(batch_size=7, seed=5, views=3), None, boundary)
    expected = _activations(boundary, pictures, stream.view)
    for step, turns in ((0, [0] * 7), (4, [0] * 3 + [1] * 4), (13, [2] * 2 + [3] * 5)):
        batch = batches.at(step, CPU)
        assert torch.equal(batch.images, expected.of(batch.rows.numpy(), np.array(turns)))
        assert np.array_equal(batch.labels.numpy(), pictures.labels[batch.rows.numpy()])


def test_a_killed_filling_goes_on_with_the_same_views(
    boundary: Boundary, pictures: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activations_module, "CHUNK_ROWS", 8)
    view, rows, turns = view_of("weak", 8), np.arange(31), np.full(31, 1)
    undisturbed = _activations(boundary, pictures, view).of(rows, turns)
    seen: list[int] = []
    whole = Activations._seen

    def killed(self: Activations, start: int, stop: int) -> Any:
        if len(seen) == 5:
            raise KeyboardInterrupt
        seen.append(start)
        return whole(self, start, stop)

    monkeypatch.setattr(Activations, "_seen", killed)
    with pytest.raises(KeyboardInterrupt):
        _activations(boundary, pictures, view, tmp_path).of(rows, turns)
    seen[:] = [-1]
    monkeypatch.setattr(Activations, "_seen", lambda self, start, stop: seen.append(start) or whole(self, start, stop))
    assert torch.equal(_activations(boundary, pictures, view, tmp_path).of(rows, turns), undisturbed)
    assert seen[1:] == [40, 48, 56, 64, 72, 80, 88]


def test_values_beyond_half_precision_are_kept_whole(boundary: Boundary, pictures: ImageSet, tmp_path: Path) -> None:
    with torch.no_grad():
        boundary.backbone.module.get_submodule("blocks.0.norm").weight.mul_(1e6)
    boundary.backbone.refreshed()
    found = _activations(boundary, pictures, View(), tmp_path).of(np.arange(31), np.zeros(31, np.int64))
    assert float(found.abs().max()) > 65504
    assert torch.isfinite(found).all()


def test_there_are_fewer_views_where_the_disk_would_fill(
    boundary: Boundary, pictures: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    per_view = 31 * int(np.prod(boundary.shape)) * 2
    monkeypatch.setattr(activations_module, "MOST_BYTES", 2 * per_view + 1)
    assert _activations(boundary, pictures, view_of("weak", 8)).num_views == 2
    assert _activations(boundary, pictures, View()).num_views == 1
    monkeypatch.setattr(activations_module, "MOST_BYTES", 1)
    assert _activations(boundary, pictures, view_of("weak", 8)).num_views == 1


def test_pictures_are_decoded_once_for_all_views_and_then_let_go(
    boundary: Boundary, pictures: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    whole = pictures_module.decoded
    monkeypatch.setattr(pictures_module, "decoded", lambda images, *rest: made.append(len(images)) or whole(images, *rest))
    stream = Stream(pictures, view_of("weak", 8), (view_of("strong", 8), view_of("plain", 8)))
    training = Training(batch_size=7, views=2)
    batches = Batches("train", stream, boundary.backbone.transform, training, tmp_path, boundary)
    first = batches.at(0, CPU)
    assert made == [31]
    assert batches.pictures._decoded is None
    assert torch.equal(batches.at(0, CPU).images, first.images)
    again = Batches("train", stream, boundary.backbone.transform, training, tmp_path, boundary).at(0, CPU)
    assert torch.equal(again.also[0], first.also[0])
    assert made == [31]  # what was looked at before needs no pictures
