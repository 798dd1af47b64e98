"""Random shears, shifts and rotations, as maps from output to input positions that run from -1 to 1."""

from __future__ import annotations

import math

import torch
from torch import Tensor

SHEAR = 0.3
SHIFT = 0.3
TURN_DEGREES = 30.0
"""Ranges of FixMatch, table 12; see `warp_maps`."""

NUM_WARPS = 5
"""Shear along the width or the height, shift along the width or the height, rotation."""


def warp_maps(chosen: Tensor, strengths: Tensor) -> Tensor:
    """One map a picture, float32 [batch, 3, 3], on homogeneous positions (right, down, 1).

    `chosen` is int64 [batch]: below `NUM_WARPS` for a warp; others leave the picture as it is. `strengths` are float32 [batch] in
    [-1, 1]; 1 shears by 0.3, shifts by 0.3 of the side or rotates by 30 degrees.

    Reference: Cubuk et al., "RandAugment", CVPR 2020 Workshops, figure 2; ranges as in Sohn et al., "FixMatch", NeurIPS 2020,
        table 12.
    """
    angles = math.radians(TURN_DEGREES) * strengths
    entries = (
        {(0, 1): SHEAR * strengths},
        {(1, 0): SHEAR * strengths},
        {(0, 2): 2 * SHIFT * strengths},
        {(1, 2): 2 * SHIFT * strengths},
        {(0, 0): angles.cos(), (0, 1): -angles.sin(), (1, 0): angles.sin(), (1, 1): angles.cos()},
    )
    maps = torch.eye(3).repeat(len(chosen), 1, 1)
    for index, entry in enumerate(entries):
        rows = chosen == index
        for (line, column), values in entry.items():
            maps[rows, line, column] = values[rows]
    return maps
