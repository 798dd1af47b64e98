from __future__ import annotations

import numpy as np
import pytest
import torch

from headstart.backbones.backbone import Backbone
from headstart.data.task import Task
from headstart.methods.finetune.wise_ft import FOLD_SEED, WiseFt
from headstart.methods.model import Model
from headstart.training import held_out as held_out_module
from headstart.training.held_out import HeldOut, held_out
from headstart.training.interpolation import average, best_share
from headstart.training.settings import Training

TRAINING = Training(epochs=3, batch_size=7)


def weights(model: Model) -> dict[str, torch.Tensor]:
    head = {name: torch.from_numpy(np.asarray(array)) for name, array in model.head.arrays().items()}
    return head | model.backbone.module.state_dict()


@pytest.mark.slow
def test_a_share_of_0_is_the_ridge_head_on_unchanged_features(task: Task, pretrained: Backbone) -> None:
    learner = WiseFt(share=0)._built(task, pretrained, TRAINING)
    model = WiseFt(share=0).fit(task, pretrained, TRAINING)
    assert model.backbone.weights_hash == pretrained.weights_hash
    np.testing.assert_array_equal(weights(model)["weight"], learner.head.weight.detach().numpy().T)


@pytest.mark.slow
@pytest.mark.parametrize("depth", ["late", "all"])
def test_a_share_between_is_on_the_line_from_before_to_after(task: Task, pretrained: Backbone, depth: str) -> None:
    before, between, after = (weights(WiseFt(share=share, depth=depth).fit(task, pretrained, TRAINING)) for share in (0, 0.3, 1))
    assert any(not torch.equal(before[name], after[name]) for name in before if name.startswith("blocks."))
    for name, tensor in between.items():
        torch.testing.assert_close(
            tensor.double(), 0.7 * before[name].double() + 0.3 * after[name].double(), rtol=1e-5, atol=1e-6
        )


@pytest.mark.slow
def test_a_share_of_1_is_what_training_ended_with(task: Task, pretrained: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[dict[str, torch.Tensor]] = []
    whole = WiseFt._share

    def watched(self: WiseFt, learner, beginning, part) -> float:
        ended.append({name: tensor.clone() for name, tensor in learner.backbone.module.state_dict().items()})
        return whole(self, learner, beginning, part)

    monkeypatch.setattr(WiseFt, "_share", watched)
    found = WiseFt(share=1).fit(task, pretrained, TRAINING).backbone.module.state_dict()
    assert all(torch.equal(tensor, found[name]) for name, tensor in ended[0].items())


@pytest.mark.slow
def test_where_too_few_rows_can_be_held_out_it_is_a_half_and_all_rows_are_trained_on(task: Task, pretrained: Backbone) -> None:
    assert len(WiseFt().streams(task)["train"].images) == 29
    chosen, half = (WiseFt(share=share).fit(task, pretrained, TRAINING) for share in (None, 0.5))
    assert chosen.backbone.weights_hash == half.backbone.weights_hash


@pytest.mark.slow
@pytest.mark.parametrize("depth", ["late", "all"])
def test_held_out_rows_choose_the_share_and_are_not_trained_on(
    task: Task, pretrained: Backbone, monkeypatch: pytest.MonkeyPatch, depth: str
) -> None:
    monkeypatch.setattr(held_out_module, "FEWEST_HELD_OUT", 3)
    monkeypatch.setattr(held_out_module, "HELD_OUT_DIVISOR", 4)
    fold = held_out(task.train, FOLD_SEED)
    assert fold is not None
    images = WiseFt(depth=depth).streams(task)["train"].images
    assert np.array_equal(images.labels, task.train.labels[fold.fit])
    model = WiseFt(depth=depth).fit(task, pretrained, TRAINING)
    fixed = [WiseFt(share=0, depth=depth), WiseFt(share=1, depth=depth)]
    part = task.restricted_to(fold.fit)
    before, after = (weights(method.fit(part, pretrained, TRAINING)) for method in fixed)
    learner = WiseFt(depth=depth)._built(task, pretrained, TRAINING)
    learner.extra = None
    learner.thaw()
    beginning = {name: tensor.clone() for name, tensor in learner.state_dict().items()}
    end = {f"backbone.module.{name}": tensor for name, tensor in after.items() if name not in {"weight", "bias"}}
    learner.load_state_dict(beginning | end | {"head.weight": after["weight"].T, "head.bias": after["bias"]})
    share, _ = best_share(learner, beginning, HeldOut(task.train.take(fold.held_out), learner))
    expected = average(before, after, share)
    for name, tensor in weights(model).items():
        torch.testing.assert_close(tensor, expected[name])
