from __future__ import annotations

import pytest

from headstart.backbones.backbone import Backbone
from headstart.backbones.loading import load_backbone
from headstart.data.task import Task
from headstart.methods.finetune.layerwise_decay import LayerwiseDecay
from headstart.training.optimizers import optimizer_for
from headstart.training.settings import Training


def test_step_sizes_fall_by_the_factor_from_block_to_block(task: Task) -> None:
    backbone = load_backbone("small_cnn", "none", 28)
    backbone.weights = "pretrained"
    groups = LayerwiseDecay(decay=0.5)._built(task, backbone, Training()).rate_groups()
    scales = {group.name: group.scale for group in groups}
    assert scales == {**{f"blocks.{index}": 0.5 ** (5 - index) for index in range(5)}, "head": 1.0}
    peaks = {group["peak"] for group in optimizer_for(groups, Training(), 0.2).param_groups}
    assert peaks == {0.2 * scale for scale in scales.values()}


@pytest.mark.slow
def test_with_a_tiny_factor_the_first_block_hardly_moves(task: Task, pretrained: Backbone) -> None:
    training = Training(epochs=2, batch_size=7, clip=0.0, weight_decay=0.0)
    after = LayerwiseDecay(decay=0.1).fit(task, pretrained, training).backbone.module.state_dict()
    before = pretrained.module.state_dict()
    moves = [
        float((after[name] - before[name]).abs().mean()) for name in (f"blocks.{index}.convolution.weight" for index in range(3))
    ]
    # AdamW's steps do not depend on the gradient's size, so the moves follow the step sizes.
    assert moves[1] / moves[2] == pytest.approx(0.1, rel=0.5)
    assert moves[0] / moves[1] == pytest.approx(0.1, rel=0.5)
