"""A cosine classifier on fixed rows, trained by gradient; many of them at once where there are many episodes."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from headstart.losses.episodic import cosine_logits, prototypes


def cosine_classifier(support: Tensor, targets: Tensor, scale: float, num_steps: int, lr: float) -> Tensor:
    """Class directions [..., way, feature] that minimize the cross-entropy of the support rows, from class means on, by Adam.

    `support` is float [..., shot row, feature] with episodes as leading axes, `targets` float [..., shot row, way], one-hot;
    every way has a row. The step size is for directions of unit length.

    Reference: Chen et al., "A Closer Look at Few-shot Classification", ICLR 2019, section 3.2 (Baseline++).
    Differs: directions start at class means instead of random ones, so that few steps suffice.
    """
    rows = functional.normalize(support, dim=-1)
    directions = functional.normalize(prototypes(rows, targets), dim=-1).requires_grad_()
    optimizer = torch.optim.Adam([directions], lr=lr)
    for _ in range(num_steps):
        logs = torch.log_softmax(cosine_logits(rows, directions, scale), dim=-1)
        loss = -(targets * logs).sum(dim=(-1, -2)).sum()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return functional.normalize(directions.detach(), dim=-1)
