"""Batch rows: how many pictures an engine takes at a time, where its usual number does not fit into memory."""

from __future__ import annotations

from headstart.backbones.extractor import Extractor
from headstart.core.memory import available_bytes

MOST_BYTES_A_PIXEL = 1_000
"""Bytes of activations a pixel of the input that are taken for granted: EfficientNet-Lite0 has 280 at 224 pixels, the small
network 240. Only where these do not fit are those of the network itself counted, which takes up to half a second."""
LITTLE_BYTES = 1_000_000_000
"""So much is taken for granted without asking the machine: a process that trains takes as much by itself."""
USED_SHARE = 0.5
"""Of the memory that is available, for the activations of a batch: several are under way, and pictures are read meanwhile."""


def rows_that_fit(extractor: Extractor, wanted: int) -> int:
    """Pictures a batch that fit into the memory of the machine, `wanted` at most, and one at least.

    Where even one does not fit, it is tried all the same: the plan was refused before, see `headstart.planning.limits`.
    """
    granted = wanted * MOST_BYTES_A_PIXEL * extractor.transform.pixels**2
    if granted <= LITTLE_BYTES or granted <= USED_SHARE * available_bytes():
        return wanted
    from headstart.backbones.activation_memory import available_to_networks, bytes_of_picture  # noqa: PLC0415  with PyTorch

    each = bytes_of_picture(extractor.network)
    return wanted if not each else max(1, min(wanted, int(USED_SHARE * available_to_networks() / each)))


def largest_side(pixels: int, share: float) -> int:
    """The side, a multiple of 16, at which pictures take that share of the memory that they take at a side of `pixels`."""
    return max(16, int(pixels * share**0.5) // 16 * 16)
