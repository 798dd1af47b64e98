"""Do inputs have the range that the network was trained on?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import exp, log

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from headstart.backbones.backbone import Backbone
from headstart.backbones.catalog import card_of
from headstart.backbones.hooks import hooked
from headstart.core.spacing import evenly_spaced
from headstart.planning.improving.fit_evidence import FitEvidence, Proposal

MOST_ROWS = 64
"""Pictures that are tried. Chosen, not measured."""
CLEARLY = log(3.0)
"""Ranges within a factor of three cannot be told apart: right ones meet factors of 1.4 to 2.4 on emoji, digits and solar cells
(EfficientNet-Lite0), and 0 to 255 in place of -1 to 1 one of 160 to 370."""
GAIN = 1.0


@dataclass(frozen=True, order=True)
class InputRange:
    """Mean and standard deviation that are taken from pixels in [0, 1]."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


USUAL = (
    InputRange((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    InputRange((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    InputRange((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    InputRange((0.0, 0.0, 0.0), (1 / 255, 1 / 255, 1 / 255)),
)
"""ImageNet's, -1 to 1, 0 to 1, and 0 to 255: what published weights were trained on."""


def wrong_input_range(evidence: FitEvidence) -> Iterator[Proposal]:
    """The range that the first batch normalization expects, when that clearly is another one than the plan's.

    Its running averages hold the mean and the variance of its inputs in training. The card's range and the usual ones are tried
    on some pictures; the card's is proposed if it comes close, else the one that comes closest.
    """
    plan, backbone = evidence.plan, evidence.backbone
    if plan.weights == "none" or evidence.task.train.images.embedded or _first_normalization(backbone) is None:
        return
    named, own = card_of(plan.pretrained), backbone.transform
    card = InputRange(named.mean, named.std)
    now = InputRange(own.mean or backbone.card.mean, own.std or backbone.card.std)
    pixels = _pixels(evidence)
    distance = _distance(backbone, pixels, now)
    closest, nearest = min((_distance(backbone, pixels, tried), tried) for tried in USUAL)
    if _distance(backbone, pixels, card) < closest + CLEARLY:
        closest, nearest = _distance(backbone, pixels, card), card
    if distance < closest + CLEARLY:
        return
    usual = nearest == card
    changed = evidence.changed(mean=None if usual else nearest.mean, std=None if usual else nearest.std)
    reason = (
        f"the first normalization meets inputs off by a factor of {exp(distance):.1f} from those of the weights' own training, "
        f"and of {exp(closest):.1f} with mean {nearest.mean[0]:g} and deviation {nearest.std[0]:.3g}: change the input range."
    )
    yield Proposal(changed, reason, GAIN)


def _pixels(evidence: FitEvidence) -> Tensor:
    labeled = evidence.task.labeled
    rows = evenly_spaced(len(labeled), MOST_ROWS)
    decoded = evidence.backbone.transform.decode(labeled.images, rows)
    return torch.from_numpy(decoded).permute(0, 3, 1, 2).float() / 255


def _first_normalization(backbone: Backbone) -> _BatchNorm | None:
    return next((part for part in backbone.module.modules() if isinstance(part, _BatchNorm)), None)


@torch.no_grad()
def _distance(backbone: Backbone, pixels: Tensor, tried: InputRange) -> float:
    """How far the inputs of the first batch normalization are from its running averages, as the logarithm of a factor.

    The median over channels of |log s|, where s is the root mean squared standard score, 1 in training; channels that hardly vary
    would dominate a mean. The pixels are in [0, 1].
    """
    first = _first_normalization(backbone)
    if first is None or first.running_mean is None or first.running_var is None:
        raise AssertionError("asked of networks with batch normalization alone")
    mean, variance = first.running_mean.view(1, -1, 1, 1), first.running_var
    squares: list[Tensor] = []

    def hook(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        squares.append(((inputs[0] - mean) ** 2).mean(dim=(0, 2, 3)) / (variance + first.eps))

    with hooked([first.register_forward_pre_hook(hook)]):
        shift, scale = (torch.tensor(values).view(1, -1, 1, 1) for values in (tried.mean, tried.std))
        backbone.of_input((pixels - shift) / scale)
    return float(squares[0].sqrt().log().abs().median())
