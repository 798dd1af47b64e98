from __future__ import annotations

import torch

from headstart.backbones.backbone import Backbone
from headstart.data.task import Task
from headstart.losses.cosine_distance import cosine_distance
from headstart.methods.pretrain.byol import Byol
from headstart.training.batches import Batch, Batches
from headstart.training.embedder import Embedder
from headstart.training.settings import Training

TRAINING = Training(batch_size=11, seed=5)


def begun(method: Byol, few: Task, backbone: Backbone) -> tuple[Embedder, dict[str, Batch]]:
    learner = method._built(few, backbone, TRAINING).train()
    (stream,) = method.streams(few).values()
    return learner, {"pool": Batches("pool", stream, learner.transform(), TRAINING).at(0, torch.device("cpu"))}


def test_each_view_predicts_what_the_target_makes_of_the_other(few: Task, backbone: Backbone) -> None:
    method = Byol(width=13)
    learner, batch = begun(method, few, backbone)
    with torch.no_grad():  # so that target and learner differ, and nothing passes if they are mixed up
        for weight in learner.parameters():
            weight.add_(0.05 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(weight.numel())))
    images = torch.cat([batch["pool"].images, batch["pool"].also[0]])
    projections = learner(images)
    first, second = (learner.extra.predictor(part) for part in projections.chunk(2))
    of_first, of_second = learner.extra.target(learner, images).chunk(2)
    assert not torch.allclose(torch.cat([of_first, of_second]), projections, atol=1e-2)
    expected = cosine_distance(first, of_second) + cosine_distance(second, of_first)
    torch.testing.assert_close(method.losses(learner, batch, 0.0)["prediction"], expected, rtol=1e-4, atol=1e-6)


def test_the_target_begins_as_the_learner_and_follows_it(few: Task, backbone: Backbone) -> None:
    method = Byol(width=13, decay=0.75)
    learner, _ = begun(method, few, backbone)
    names = [name for name, _ in learner.named_parameters() if not name.startswith("extra.")]
    before = {name: tensor.clone() for name, tensor in learner.extra.target.weights().items()}
    assert all(torch.equal(before[name], learner.get_parameter(name)) for name in names)
    with torch.no_grad():
        for name in names:
            learner.get_parameter(name).add_(4.0)
    method.after_step(learner, 1)
    after = learner.extra.target.weights()
    for name in names:
        torch.testing.assert_close(after[name], before[name] + 1.0)


def test_the_predictor_is_trained_and_the_target_is_not(few: Task, backbone: Backbone) -> None:
    method = Byol(width=13)
    learner, batch = begun(method, few, backbone)
    method.losses(learner, batch, 0.0)["prediction"].backward()
    trained = {id(weight) for group in learner.rate_groups() for weight in group.parameters}
    assert {id(weight) for weight in learner.extra.predictor.parameters()} <= trained
    assert all(weight.grad is not None for weight in learner.extra.predictor.parameters())
    assert list(learner.extra.target.parameters()) == []
    assert not any(tensor.requires_grad for tensor in learner.extra.target.weights().values())
