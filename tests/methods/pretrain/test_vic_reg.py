from __future__ import annotations

import pytest
import torch

from headstart.backbones.backbone import Backbone
from headstart.data.task import Task
from headstart.losses.vic_reg import covariance_penalty, variance_hinge
from headstart.methods.pretrain.vic_reg import VicReg
from headstart.training.batches import Batches
from headstart.training.loop import train
from headstart.training.settings import Training

TRAINING = Training(batch_size=11, seed=5)


def test_the_loss_has_three_weighted_terms(few: Task, backbone: Backbone) -> None:
    method = VicReg(invariance=3.0, variance=5.0, covariance=7.0, width=13)
    learner = method._built(few, backbone, TRAINING).train()
    (stream,) = method.streams(few).values()
    batch = Batches("pool", stream, learner.transform(), TRAINING).at(0, torch.device("cpu"))
    first, second = learner(torch.cat([batch.images, batch.also[0]])).chunk(2)
    expected = {
        "invariance": 3.0 * (first - second).square().mean(),
        "variance": 2.5 * (variance_hinge(first) + variance_hinge(second)),
        "covariance": 7.0 * (covariance_penalty(first) + covariance_penalty(second)),
    }
    losses = method.losses(learner, {"pool": batch}, 0.0)
    assert list(losses) == list(expected)
    for name, loss in losses.items():
        torch.testing.assert_close(loss, expected[name], rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.slow
def test_without_its_terms_against_collapse_the_embeddings_collapse(few: Task, backbone: Backbone) -> None:
    training = Training(epochs=20, batch_size=23, lr=3e-3, ema=0.0, seed=5)

    def spread(method: VicReg) -> float:
        learner = train(method._built(few, backbone, training), method.streams(few), method.losses, training).train()
        pictures = torch.from_numpy(few.train.images.squares(range(23), 8)).permute(0, 3, 1, 2)
        with torch.no_grad():
            return float(learner(pictures).std(dim=0).mean())

    assert spread(VicReg(width=16, variance=0.0, covariance=0.0)) < 0.2
    assert spread(VicReg(width=16)) > 0.5
