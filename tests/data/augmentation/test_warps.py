from __future__ import annotations

import math

import numpy as np
import torch

from headstart.data.augmentation.warps import NUM_WARPS, warp_maps


def test_each_warp_moves_a_point_as_it_should() -> None:
    strengths = torch.tensor([0.5, -0.5, 0.5, -0.5, 1.0, 1.0])
    maps = warp_maps(torch.arange(NUM_WARPS + 1), strengths)
    moved = (maps @ torch.tensor([0.2, 0.6, 1.0])).numpy()
    cosine, sine = math.cos(math.pi / 6), math.sin(math.pi / 6)
    expected = [
        [0.2 + 0.15 * 0.6, 0.6, 1],
        [0.2, 0.6 - 0.15 * 0.2, 1],
        [0.2 + 0.3, 0.6, 1],
        [0.2, 0.6 - 0.3, 1],
        [0.2 * cosine - 0.6 * sine, 0.2 * sine + 0.6 * cosine, 1],
        [0.2, 0.6, 1],
    ]
    np.testing.assert_allclose(moved, expected, atol=1e-6)


def test_no_strength_moves_nothing() -> None:
    maps = warp_maps(torch.arange(NUM_WARPS), torch.zeros(NUM_WARPS))
    assert torch.equal(maps, torch.eye(3).expand(NUM_WARPS, 3, 3))
