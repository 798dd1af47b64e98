"""The optimizer that the settings name, over a learner's rate groups."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.optim import SGD, AdamW, Optimizer

from headstart.training.learner import RateGroup
from headstart.training.settings import Training


def optimizer_for(groups: list[RateGroup], training: Training, lr: float) -> Optimizer:
    """The optimizer; each of its groups carries `peak`, the step size that the schedule scales.

    `lr` is the step size at its peak; a restart's is lower than `training.lr`. Weight decay acts on matrices and kernels alone:
    biases and normalization parameters, all vectors, are left free. A group with a start has no weight decay: before each step
    its weights go the share `pull` times the step size of the way to their start. As with AdamW's decay, Adam does not
    rescale this.

    Reference: Loshchilov & Hutter, "Decoupled Weight Decay Regularization", ICLR 2019 (AdamW); He et al., "Bag of Tricks",
        CVPR 2019, section 3.1 (no decay on vectors).
    """
    members: list[dict[str, Any]] = []
    for group in groups:
        peak = lr * group.scale
        if group.start:
            members.append({"params": list(group.parameters), "lr": peak, "peak": peak, "weight_decay": 0.0})
            continue
        trained = [parameter for parameter in group.parameters if parameter.requires_grad]
        decayed = [parameter for parameter in trained if parameter.ndim > 1]
        free = [parameter for parameter in trained if parameter.ndim <= 1]
        for parameters, decay in ((decayed, training.weight_decay), (free, 0.0)):
            if parameters:
                members.append({"params": parameters, "lr": peak, "peak": peak, "weight_decay": decay})
    optimizer = (
        SGD(members, lr=lr, momentum=training.momentum) if training.optimizer == "sgd" else AdamW(members, lr=lr, fused=True)
    )
    pulled = {
        id(weight): (start, group.pull) for group in groups for weight, start in zip(group.parameters, group.start, strict=False)
    }
    if pulled:
        optimizer.register_step_pre_hook(partial(_pull_to_start, pulled))
    return optimizer


@torch.no_grad()
def _pull_to_start(pulled: dict[int, tuple[Tensor, float]], optimizer: Optimizer, args: Any, options: Any) -> None:
    """Move weights, named by their ids, toward where they started; called before each step of the optimizer."""
    for group in optimizer.param_groups:
        for weight in group["params"]:
            if id(weight) in pulled:
                start, pull = pulled[id(weight)]
                weight.lerp_(start, min(1.0, group["lr"] * pull))


def set_learning_rates(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Scale every group's peak step size."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * factor
