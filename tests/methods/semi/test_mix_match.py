from __future__ import annotations

import numpy as np
import pytest
import torch
from scripted import Scripted, batch, logits
from torch import Tensor, nn

from headstart.core.seeds import generator_for
from headstart.methods.semi.mix_match import MixMatch, mean_probs

TRAIN = logits([0.7, 0.2, 0.1], [0.1, 0.8, 0.1])
ONE = logits([0.5, 0.3, 0.2], [0.1, 0.3, 0.6])
OTHER = logits([0.3, 0.5, 0.2], [0.1, 0.2, 0.7])
MEAN = np.array([[0.4, 0.4, 0.2], [0.1, 0.25, 0.65]])
GUESSES = MEAN**2 / (MEAN**2).sum(axis=1, keepdims=True)


def test_guesses_are_means_over_the_views() -> None:
    np.testing.assert_allclose(mean_probs([ONE, OTHER]), MEAN)


def blended(alpha: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets blended by hand, with the draws of that seed."""
    inputs = torch.cat([TRAIN, ONE, OTHER]).numpy()
    targets = np.concatenate([np.eye(3)[[0, 1]], GUESSES, GUESSES])
    draw = generator_for(seed, "pairs")
    partners = draw.permutation(6)
    kept = draw.beta(alpha, alpha, 6)
    kept = np.maximum(kept, 1 - kept)[:, None]
    return kept * inputs + (1 - kept) * inputs[partners], kept * targets + (1 - kept) * targets[partners]


@pytest.mark.parametrize("seed", [3, 4])
@pytest.mark.parametrize(("progress", "share"), [(0.0, 0.0), (0.1, 0.25), (0.4, 1.0), (0.7, 1.0)])
def test_losses_are_those_of_blended_rows(progress: float, share: float, seed: int) -> None:
    torch.manual_seed(seed)
    losses = MixMatch().losses(Scripted(), batch(TRAIN, [0, 1], ONE, OTHER), progress)
    inputs, targets = blended(0.75, seed)
    probs = np.exp(inputs) / np.exp(inputs).sum(axis=1, keepdims=True)
    assert float(losses["cross_entropy"]) == pytest.approx(-(targets * np.log(probs))[:2].sum(axis=1).mean())
    assert float(losses["mix_match"]) == pytest.approx(75 * share * ((probs - targets)[2:] ** 2).mean())


def test_guesses_carry_no_gradient() -> None:
    one, other = ONE.clone().requires_grad_(), OTHER.clone().requires_grad_()
    seen: list[Tensor] = []

    class Watched(nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            seen.append(inputs)
            return inputs.detach()  # what is left of the gradient would come from the targets

    losses = MixMatch().losses(Watched(), batch(TRAIN, [0, 1], one, other), 1.0)  # type: ignore[arg-type]
    assert len(seen) == 2
    assert not losses["mix_match"].requires_grad
