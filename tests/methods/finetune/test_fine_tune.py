from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from headstart.backbones.loading import load_backbone
from headstart.data.streams import rows_of_step
from headstart.data.task import Task
from headstart.methods.finetune.fine_tune import FineTune
from headstart.training.settings import Training

CLASSIC = Training(
    epochs=1,
    batch_size=6,
    optimizer="sgd",
    lr=0.001,
    momentum=0.9,
    weight_decay=0.0,
    schedule="constant",
    warmup=0.0,
    clip=0.0,
    label_smoothing=0.0,
    ema=0.0,
    precision="float32",
    seed=4,
)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["small_cnn", "timm/resnet10t.c3_in1k"])
def test_the_classic_recipe_equals_a_plain_torch_loop(task: Task, name: str) -> None:
    backbone = load_backbone(name, "none", 32, seed=1)
    method = FineTune(view="plain")
    learner = method._built(task, backbone, CLASSIC).train()
    expected_optimizer = torch.optim.SGD(learner.parameters(), lr=0.001, momentum=0.9)
    pixels = torch.from_numpy(task.train.images.pixels).permute(0, 3, 1, 2).float() / 255  # type: ignore[attr-defined]
    for step in range(5):
        rows = torch.from_numpy(rows_of_step(29, 6, step, seed=4))
        loss = functional.cross_entropy(learner(pixels[rows]), torch.from_numpy(task.train.labels)[rows])
        expected_optimizer.zero_grad()
        loss.backward()
        expected_optimizer.step()

    model = method.fit(task, backbone, CLASSIC)
    expected = learner.backbone.module.state_dict()
    for key, tensor in model.backbone.module.state_dict().items():
        torch.testing.assert_close(tensor, expected[key], rtol=1e-4, atol=1e-6)
    head = model.head.arrays()
    np.testing.assert_allclose(head["weight"], learner.head.weight.detach().numpy().T, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(head["bias"], learner.head.bias.detach().numpy(), rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_cost_grows_with_the_epochs(task: Task) -> None:
    backbone = load_backbone("small_cnn", "none", 8, seed=1)
    few, many = (FineTune().predicted_seconds(task, backbone, Training(epochs=epochs)) for epochs in (1, 1000))
    assert 0 < few < many
