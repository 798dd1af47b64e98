"""The optimizer that the settings name, over a learner's rate groups."""

from __future__ import annotations

from typing import Any

import torch
from torch.optim import SGD, AdamW, Optimizer

from headstart.training.learner import RateGroup
from headstart.training.settings import Training


def optimizer_for(groups: list[RateGroup], training: Training, lr: float) -> Optimizer:
    """The optimizer; each of its groups carries `peak`, the step size that the schedule scales.

    `lr` is the step size at its peak; a restart's is lower than `training.lr`. Weight decay acts on matrices and kernels alone:
    biases and normalization parameters, all vectors, are left free.

    Reference: Loshchilov & Hutter, "Decoupled Weight Decay Regularization", ICLR 2019 (AdamW); He et al., "Bag of Tricks",
        CVPR 2019, section 3.1 (no decay on vectors).
    """
    members: list[dict[str, Any]] = []
    for group in groups:
        peak = lr * group.scale
        trained = [parameter for parameter in group.parameters if parameter.requires_grad]
        decayed = [parameter for parameter in trained if parameter.ndim > 1]
        free = [parameter for parameter in trained if parameter.ndim <= 1]
        for parameters, decay in ((decayed, training.weight_decay), (free, 0.0)):
            if parameters:
                members.append({"params": parameters, "lr": peak, "peak": peak, "weight_decay": decay})
    if training.optimizer == "sgd":
        return SGD(members, lr=lr, momentum=training.momentum)
    return AdamW(members, lr=lr, fused=True)


def set_learning_rates(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Scale every group's peak step size."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * factor
