from __future__ import annotations

import pytest
import torch

from headstart.backbones.backbone import Backbone
from headstart.core.errors import PlanError
from headstart.data.task import Task
from headstart.methods import method_from
from headstart.methods.finetune.l2_sp import L2Sp
from headstart.methods.model import Model
from headstart.training.learner import Classifier
from headstart.training.optimizers import optimizer_for
from headstart.training.settings import Training

TRAINING = Training(epochs=3, batch_size=7, weight_decay=0.0)


def distance(pretrained: Backbone, model: Model) -> float:
    before, after = dict(pretrained.named_parameters()), dict(model.backbone.named_parameters())
    return sum(float((after[name] - tensor).detach().square().sum()) for name, tensor in before.items())


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_step_without_gradient_goes_a_share_of_the_way_to_the_start_and_nothing_decays_to_zero(
    optimizer: str, task: Task, pretrained: Backbone
) -> None:
    training = Training(optimizer=optimizer, weight_decay=0.3)
    learner: Classifier = L2Sp(pull=2.0, depth="all")._built(task, pretrained, training)
    made = optimizer_for(learner.rate_groups(), training, 0.05)
    last = dict(learner.backbone.named_parameters())["module.blocks.2.convolution.weight"]
    start = last.detach().clone()
    with torch.no_grad():
        last.add_(1.0)
    for parameter in learner.parameters():
        parameter.grad = torch.zeros_like(parameter)
    made.step()
    rate = next(group["lr"] for group in made.param_groups if any(one is last for one in group["params"]))
    torch.testing.assert_close(last.detach(), start + (1 - 2.0 * rate))


def test_the_pull_does_not_shrink_where_gradients_are_large(task: Task, pretrained: Backbone) -> None:
    learner: Classifier = L2Sp(pull=2.0, depth="all")._built(task, pretrained, TRAINING)
    ends = []
    for gradient in (1e-3, 1e3):
        made = optimizer_for(learner.rate_groups(), TRAINING, 0.05)
        weight = dict(learner.backbone.named_parameters())["module.blocks.2.convolution.weight"]
        before = weight.detach().clone()
        with torch.no_grad():
            weight.add_(1.0)
        weight.grad = torch.full_like(weight, gradient)
        made.step()
        ends.append((weight.detach() - before).clone())
        with torch.no_grad():
            weight.copy_(before)
    torch.testing.assert_close(ends[0], ends[1], rtol=1e-4, atol=1e-4)


def test_the_head_decays_to_zero_as_everywhere(task: Task, pretrained: Backbone) -> None:
    learner: Classifier = L2Sp(depth="all")._built(task, pretrained, TRAINING)
    groups = optimizer_for(learner.rate_groups(), Training(weight_decay=0.3), 0.05).param_groups
    decays = {id(one): group["weight_decay"] for group in groups for one in group["params"]}
    assert decays[id(learner.head.weight)] == 0.3
    assert {decays[id(one)] for one in learner.backbone.parameters() if id(one) in decays} == {0.0}


def test_settings_of_the_penalty_are_read_where_they_are_the_old_defaults_and_refused_elsewhere() -> None:
    assert method_from({"kind": "l2_sp", "alpha": 0.01, "beta": 0.01}) == L2Sp()
    with pytest.raises(PlanError) as caught:
        method_from({"kind": "l2_sp", "alpha": 0.3, "beta": 0.2}, "plan.toml")
    assert str(caught.value) == (
        "plan.toml: method.alpha is not a field. method.beta is not a field. Earlier versions had alpha and beta, penalties "
        "inside the loss; pull takes their place and trains differently. Delete the two from the plan, and set method.pull where "
        "its default, 1, does not suit."
    )


@pytest.mark.slow
def test_a_stronger_pull_keeps_weights_nearer(task: Task, pretrained: Backbone) -> None:
    fits = [L2Sp(pull=pull, depth="all").fit(task, pretrained, TRAINING) for pull in (0.0, 100.0, 1000.0)]
    free, near, tight = (distance(pretrained, model) for model in fits)
    assert 0 < tight < near < free
    assert tight < free / 4
