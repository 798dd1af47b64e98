from __future__ import annotations

import torch

from headstart.backbones.backbone import Backbone
from headstart.data.task import Task
from headstart.losses.nt_xent import nt_xent
from headstart.methods.pretrain.sim_clr import SimClr
from headstart.training.batches import Batches
from headstart.training.settings import Training

TRAINING = Training(batch_size=11, seed=5)


def test_the_loss_compares_the_two_views_of_the_same_pictures_through_the_projector(few: Task, backbone: Backbone) -> None:
    method = SimClr(temperature=0.2, width=13)
    learner = method._built(few, backbone, TRAINING).train()
    (stream,) = method.streams(few).values()
    batch = Batches("pool", stream, learner.transform(), TRAINING).at(0, torch.device("cpu"))
    assert batch.images.shape == batch.also[0].shape == (11, 3, 8, 8)
    assert not torch.equal(batch.images, batch.also[0])
    projections = learner.projector(learner.backbone(torch.cat([batch.images, batch.also[0]])))
    assert projections.shape == (22, 13)
    expected = nt_xent(projections[:11], projections[11:], 0.2)
    losses = method.losses(learner, {"pool": batch}, 0.0)
    assert losses.keys() == {"nt_xent"}
    torch.testing.assert_close(losses["nt_xent"], expected, rtol=1e-4, atol=1e-6)


def test_the_projector_has_two_layers_with_a_norm_between(few: Task, backbone: Backbone) -> None:
    learner = SimClr(width=13)._built(few, backbone, TRAINING)
    shapes = [tuple(weight.shape) for weight in learner.projector.parameters()]
    assert shapes == [(128, 128), (128,), (128,), (13, 128), (13,)]
    *body, projector = learner.rate_groups()
    assert (projector.name, len(projector.parameters)) == ("projector", 5)
    assert sum(len(group.parameters) for group in body) == 9
