from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cosine_similarity

from headstart.backbones.backbone import Backbone
from headstart.data.task import Task
from headstart.losses.self_distillation import self_distillation
from headstart.methods.pretrain.dino import Dino, Prototypes
from headstart.training.batches import Batch, Batches
from headstart.training.embedder import Embedder
from headstart.training.settings import Training

TRAINING = Training(batch_size=11, seed=5)
METHOD = Dino(num_prototypes=17, decay=0.75, center_decay=0.75, student_temperature=0.2, teacher_temperature=0.05)


@pytest.fixture
def begun(few: Task, backbone: Backbone) -> tuple[Embedder, dict[str, Batch]]:
    """A learner that has left its teacher behind, and a batch."""
    learner = METHOD._built(few, backbone, TRAINING).train()
    (stream,) = METHOD.streams(few).values()
    with torch.no_grad():
        for weight in learner.parameters():
            weight.add_(0.05 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(weight.numel())))
        learner.extra.center.copy_(torch.linspace(-0.3, 0.4, 17))
    return learner, {"pool": Batches("pool", stream, learner.transform(), TRAINING).at(0, torch.device("cpu"))}


def test_the_student_of_each_view_is_held_to_the_teacher_of_the_other(begun: tuple[Embedder, dict[str, Batch]]) -> None:
    learner, batch = begun
    images = torch.cat([batch["pool"].images, batch["pool"].also[0]])
    student, teacher = learner(images).chunk(2), learner.extra.teacher(learner, images).chunk(2)
    center = learner.extra.center.clone()
    halves = [self_distillation(student[0], teacher[1], center, 0.2, 0.05)]
    halves += [self_distillation(student[1], teacher[0], center, 0.2, 0.05)]
    loss = METHOD.losses(learner, batch, 0.0)["self_distillation"]
    torch.testing.assert_close(loss, (halves[0] + halves[1]) / 2, rtol=1e-4, atol=1e-5)


def test_after_a_step_center_and_teacher_have_moved_by_their_shares(begun: tuple[Embedder, dict[str, Batch]]) -> None:
    learner, batch = begun
    images = torch.cat([batch["pool"].images, batch["pool"].also[0]])
    mean, center = learner.extra.teacher(learner, images).mean(dim=0), learner.extra.center.clone()
    METHOD.losses(learner, batch, 0.0)
    assert torch.equal(learner.extra.center, center)
    name = "backbone.module.blocks.1.convolution.weight"
    teacher, student = learner.extra.teacher.weights()[name].clone(), learner.get_parameter(name)
    assert not torch.allclose(teacher, student)
    METHOD.after_step(learner, 1)
    torch.testing.assert_close(learner.extra.center, 0.75 * center + 0.25 * mean, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(learner.extra.teacher.weights()[name], 0.75 * teacher + 0.25 * student.detach())


def test_prototypes_are_compared_by_cosine() -> None:
    prototypes, vectors = Prototypes(3, 7), torch.randn(5, 3, generator=torch.Generator().manual_seed(1))
    expected = cosine_similarity(vectors[:, None], prototypes.directions[None], dim=2)
    torch.testing.assert_close(prototypes(vectors), expected)
    torch.testing.assert_close(prototypes(9 * vectors), expected)
