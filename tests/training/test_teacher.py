from __future__ import annotations

from collections.abc import Callable

import torch

from headstart.training.learner import Classifier
from headstart.training.teacher import Teacher

IMAGES = torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(2))


def _moved(learner: Classifier) -> None:
    with torch.no_grad():
        for parameter in learner.parameters():
            parameter.add_(0.1)


def test_a_teacher_keeps_the_weights_that_it_was_made_of(new_learner: Callable[[], Classifier]) -> None:
    learner = new_learner().eval()
    before = learner(IMAGES).detach()
    learner.extra = Teacher(learner)
    _moved(learner)
    assert not torch.equal(learner(IMAGES), before)
    told = learner.extra(learner, IMAGES)
    assert torch.equal(told, before)
    assert not told.requires_grad
    assert not list(learner.extra.parameters())


def test_a_teacher_moves_by_the_rest_of_its_decay(new_learner: Callable[[], Classifier]) -> None:
    learner = new_learner()
    teacher = learner.extra = Teacher(learner)
    before = {name: tensor.clone() for name, tensor in teacher.weights().items()}
    _moved(learner)
    teacher.update(learner, decay=0.75)
    state = learner.state_dict()
    for name, tensor in teacher.weights().items():
        if tensor.dtype.is_floating_point:
            torch.testing.assert_close(tensor, 0.75 * before[name] + 0.25 * state[name])


def test_a_teacher_looks_from_where_its_classifier_is_cut(new_learner: Callable[[], Classifier]) -> None:
    learner = new_learner().eval()
    whole = learner(IMAGES).detach()
    learner.extra = Teacher(learner)
    boundary = learner.freeze_up_to(learner.backbone.stage_names[1])
    shown = boundary.prefix(torch.round(IMAGES * 255).to(torch.uint8).permute(0, 2, 3, 1))[0]
    learner.head.weight.data.zero_()
    torch.testing.assert_close(learner.extra(learner, shown), whole, rtol=0, atol=0.05)


def test_a_checkpoint_holds_the_teacher(new_learner: Callable[[], Classifier]) -> None:
    learner = new_learner()
    learner.extra = Teacher(learner)
    state = learner.state_dict()
    other = new_learner()
    _moved(other)
    other.extra = Teacher(other)
    other.load_state_dict(state)
    weights = learner.extra.weights()
    assert all(torch.equal(tensor, weights[name]) for name, tensor in other.extra.weights().items())


def test_a_teacher_s_features_are_those_before_its_head(new_learner: Callable[[], Classifier]) -> None:
    learner = new_learner().eval()
    before = learner.features(IMAGES).detach()
    teacher = learner.extra = Teacher(learner)
    _moved(learner)
    found = teacher.features(learner, IMAGES)
    assert torch.equal(found, before)
    assert not found.requires_grad


def test_a_teacher_copies_integers(new_learner: Callable[[], Classifier]) -> None:
    learner = new_learner()
    teacher = Teacher(learner)
    counts = {name: tensor for name, tensor in learner.state_dict().items() if not tensor.dtype.is_floating_point}
    assert counts
    for tensor in counts.values():
        tensor.add_(7)
    teacher.update(learner, decay=0.9)
    assert all(torch.equal(teacher.weights()[name], tensor) for name, tensor in counts.items())
