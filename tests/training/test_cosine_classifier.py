from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from headstart.losses.episodic import cosine_logits
from headstart.training.cosine_classifier import cosine_classifier


def drawn() -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    support = torch.randn(3, 7, 5, generator=draw) + 0.5
    return support, functional.one_hot(torch.tensor([0, 0, 0, 0, 1, 1, 2]), 3).float().expand(3, -1, -1)


def loss(support: torch.Tensor, targets: torch.Tensor, directions: torch.Tensor) -> torch.Tensor:
    return -(targets * torch.log_softmax(cosine_logits(support, directions, 10.0), dim=-1)).sum(dim=(-1, -2))


def test_without_a_step_directions_are_those_of_class_means_of_unit_rows() -> None:
    support, targets = drawn()
    found = cosine_classifier(support, targets, 10.0, 0, 0.1)
    rows = functional.normalize(support[1], dim=-1)
    np.testing.assert_allclose(found[1, 1], functional.normalize(rows[4:6].mean(dim=0), dim=0), atol=1e-6)
    np.testing.assert_allclose(found[1, 2], rows[6], atol=1e-6)


def test_steps_lower_the_loss_of_every_episode() -> None:
    support, targets = drawn()
    before, after = (loss(support, targets, cosine_classifier(support, targets, 10.0, steps, 0.02)) for steps in (0, 40))
    assert (after < 0.8 * before).all()


def test_many_episodes_at_once_equal_one_by_one() -> None:
    support, targets = drawn()
    together = cosine_classifier(support, targets, 10.0, 20, 0.01)
    alone = [cosine_classifier(support[place], targets[place], 10.0, 20, 0.01) for place in range(3)]
    np.testing.assert_allclose(together, torch.stack(alone), atol=1e-5)
