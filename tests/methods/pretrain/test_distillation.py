from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from headstart.backbones.backbone import Backbone
from headstart.backbones.loading import load_backbone
from headstart.core.errors import PretrainedError
from headstart.data.task import Task
from headstart.features.extract import features_of
from headstart.losses.cosine_distance import cosine_distance
from headstart.losses.similarity_preserving import similarity_preserving
from headstart.methods import base
from headstart.methods.pretrain import distillation
from headstart.methods.pretrain.distillation import Distillation
from headstart.training.batches import Batches
from headstart.training.loop import train
from headstart.training.settings import Training

TRAINING = Training(epochs=30, batch_size=11, lr=3e-3, ema=0.0, seed=5)


@pytest.fixture
def teacher(tmp_path: Path) -> str:
    """Another network as a finished run leaves it, whose features are wider."""
    load_backbone("small_cnn", "none", 16, seed=9).refreshed().save(tmp_path / "model" / "backbone")
    return f"run:{tmp_path}"


def test_the_loss_holds_each_picture_to_what_the_teacher_saw_in_it(few: Task, backbone: Backbone, teacher: str) -> None:
    method = Distillation(teacher=teacher, relation=7.0)
    learner = method._built(few, backbone, TRAINING).eval()
    batch = Batches("pool", method.streams(few)["pool"], learner.transform(), TRAINING).at(0, torch.device("cpu"))
    seen = np.array(features_of(few.pool, load_backbone(teacher)).penultimate, np.float32)
    wanted = torch.from_numpy((seen - seen.mean(axis=0))[batch.rows.numpy()])
    assert wanted.shape == (11, learner.projector.out_features)
    features = learner.backbone(batch.images)
    losses = method.losses(learner, {"pool": batch}, 0.0)
    assert losses.keys() == {"features", "relation"}
    expected = cosine_distance(learner.projector(features), wanted)
    centered = features - features.mean(dim=0, keepdim=True)
    torch.testing.assert_close(losses["features"], expected, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(losses["relation"], 7.0 * similarity_preserving(centered, wanted), rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_the_student_comes_to_see_what_the_teacher_sees(few: Task, backbone: Backbone, teacher: str) -> None:
    method = Distillation(teacher=teacher, view="plain")
    learner = method._built(few, backbone, TRAINING)
    batch = Batches("pool", method.streams(few)["pool"], learner.transform(), TRAINING).at(0, torch.device("cpu"))

    def distances() -> dict[str, float]:
        with torch.no_grad():
            return {name: float(loss) for name, loss in method.losses(learner.eval(), {"pool": batch}, 0.0).items()}

    before = distances()
    train(learner, method.streams(few), method.losses, TRAINING)
    after = distances()
    assert after["features"] < 0.3 * before["features"]
    assert after["relation"] < 0.5 * before["relation"]


def test_the_teacher_sees_pictures_no_larger_than_its_own(few: Task, backbone: Backbone, teacher: str) -> None:
    sides = [Distillation(teacher=teacher, teacher_pixels=side)._built(few, backbone, TRAINING) for side in (16, 1024)]
    first, second = (learner.extra.features for learner in sides)
    assert torch.equal(first, second)


def test_what_the_teacher_saw_is_no_part_of_checkpoints(few: Task, backbone: Backbone, teacher: str) -> None:
    learner = Distillation(teacher=teacher)._built(few, backbone, TRAINING)
    assert not any(name.startswith("extra.") for name in learner.state_dict())


def test_an_unknown_teacher_is_refused(few: Task, backbone: Backbone) -> None:
    with pytest.raises(PretrainedError) as caught:
        Distillation(teacher="efficientnet_lite9").fit(few, backbone, TRAINING)
    assert str(caught.value).startswith('"efficientnet_lite9" is not a pretrained model. Did you mean')


@pytest.mark.slow
def test_the_price_counts_what_the_teacher_has_not_seen(
    few: Task, backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_backbone("small_cnn", "none", 16, seed=31).refreshed().save(tmp_path / "model" / "backbone")
    monkeypatch.setattr(base, "cost_probe", lambda *_: 1000.0)
    monkeypatch.setattr(distillation, "seconds_an_image", lambda *_: 5000.0)
    method = Distillation(teacher=f"run:{tmp_path}")
    price = method.predicted_seconds(few, backbone, TRAINING)
    assert 0 <= price - 1000 - 23 * 5000 < 1000  # what is left is the time that building took
    features_of(few.pool, load_backbone(method.teacher, input_pixels=16))
    assert 0 <= method.predicted_seconds(few, backbone, TRAINING) - 1000 < 1000
