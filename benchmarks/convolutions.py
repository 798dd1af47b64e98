"""One training step of a network, and of its part behind a cut, as torch runs it and as `fast_arithmetic` does.

Expected on a processor with AVX-512 BF16: half the time or less; in float32 alone, up to a third less. Then the gradient of the
weights of wide depthwise convolutions, in one piece and in pieces.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.protocol import arguments, show
from headstart.backbones.backbone import Backbone
from headstart.backbones.loading import load_backbone
from headstart.backbones.processor import has_bf16
from headstart.training.convolutions import FastConvolutions
from headstart.training.depth import SHARES, stages_behind
from headstart.training.learner import Classifier

KERNELS = ((480, 14, 5, 1), (672, 14, 5, 1), (672, 14, 5, 2), (1152, 7, 5, 1), (240, 28, 5, 1), (768, 7, 7, 1))
"""Channels, side, kernel and stride: those of EfficientNet-Lite0, and one of ConvNeXt."""
ROWS = 32


def shortest(work: Callable[[], Any], repetitions: int = 5) -> float:
    """Milliseconds of the fastest of several calls, after one that is not counted."""
    work()
    found = []
    for _ in range(repetitions):
        begun = time.perf_counter()
        work()
        found.append(time.perf_counter() - begun)
    return 1000 * min(found)


def step_milliseconds(backbone: Backbone, stage: str | None, arithmetic: str) -> float:
    """Forward and backward of one batch."""
    learner = Classifier(backbone.copy(), 10, frozen_statistics=True)
    pixels = backbone.transform.pixels
    shape = learner.freeze_up_to(stage).shape if stage else (3, pixels, pixels)
    learner.train()
    module: Any = learner
    module.to(memory_format=torch.channels_last)
    inputs = torch.rand(ROWS, *shape).contiguous(memory_format=torch.channels_last)
    labels = torch.arange(ROWS) % 10

    def step() -> None:
        learner.zero_grad()
        scope: AbstractContextManager[None] = (
            nullcontext() if arithmetic == "as torch runs it" else learner.fast_arithmetic(arithmetic == "bf16")
        )
        with scope:
            loss = functional.cross_entropy(learner(inputs), labels)
        loss.backward()  # type: ignore[no-untyped-call]

    return shortest(step)


def gradient_milliseconds(channels: int, side: int, kernel: int, stride: int) -> tuple[float, float]:
    """The gradient of a depthwise weight, in one piece and in pieces."""
    images = torch.randn(ROWS, channels, side, side).contiguous(memory_format=torch.channels_last)
    weight = torch.randn(channels, 1, kernel, kernel, requires_grad=True)

    def made() -> Tensor:
        return functional.conv2d(images, weight, None, stride, kernel // 2, 1, channels)

    whole = made()
    with FastConvolutions():
        pieces = made()
    gradient = torch.randn_like(whole)
    one, other = (
        shortest(lambda output=output: torch.autograd.grad(output, weight, gradient, retain_graph=True))
        for output in (whole, pieces)
    )
    return one, other


def main() -> None:
    """Print the tables."""
    given = arguments(__doc__ or "", 1, pretrained="efficientnet_lite0", pixels=0)
    backbone = load_backbone(given.pretrained, input_pixels=given.pixels or None)
    kinds = ["as torch runs it", "float32", *(["bf16"] if has_bf16() else [])]
    rows = []
    for depth in SHARES:
        stage = next(iter(stages_behind(backbone, depth)[-1:]), None)
        taken = {kind: step_milliseconds(backbone, stage, kind) for kind in kinds}
        rows.append({"trained": depth, **taken, **{f"{kind} ratio": taken[kind] / taken[kinds[0]] for kind in kinds[1:]}})
    show(f"{given.pretrained} at {backbone.transform.pixels}: milliseconds of a step of {ROWS} rows", rows, [])
    kernels = []
    for shape in KERNELS:
        whole, pieces = gradient_milliseconds(*shape)
        kernels.append({"channels, side, kernel, stride": str(shape), "in one piece": whole, "in pieces": pieces})
    show("Gradient of a depthwise weight, milliseconds", kernels, [])


if __name__ == "__main__":
    main()
