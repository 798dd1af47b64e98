"""The network that is trained from scratch: small, and as deep as the side of its pictures asks for."""

from __future__ import annotations

from torch import Tensor, nn

FIRST_WIDTH = 32
WIDEST = 256
"""Channels of the first block and at most. Chosen, not measured."""
POOLED_STEM_PIXELS = 16
"""From this side on the first block halves the side at once: most of the time goes into the first blocks."""
SMALLEST_POOLED_PIXELS = 8
"""Blocks halve the side while it is this large, so that the last maps have 4 to 7 pixels. Chosen, not measured."""


def plan_of(pixels: int) -> list[tuple[int, bool]]:
    """Width of each block, and whether it halves the side, for an input square of that side.

    >>> plan_of(8)
    [(32, False), (64, True), (128, False)]
    >>> plan_of(28)
    [(32, True), (64, True), (128, False), (128, True), (256, False)]

    The blocks are a stem, blocks that double the width and halve the side while it is 8 or more, and a last block that doubles
    the width. Where a side of 5 to 7 is reached at a width of 64, as from 28, two more convolutions and a halving come before it.
    """
    width, side = FIRST_WIDTH, pixels
    blocks = [(width, side >= POOLED_STEM_PIXELS)]
    side = side // 2 if side >= POOLED_STEM_PIXELS else side
    while side >= SMALLEST_POOLED_PIXELS:
        width, side = min(2 * width, WIDEST), side // 2
        blocks.append((width, True))
    width = min(2 * width, WIDEST)
    if side > SMALLEST_POOLED_PIXELS // 2 and pixels >= POOLED_STEM_PIXELS and width < WIDEST:
        blocks += [(width, False), (width, True)]
        width = min(2 * width, WIDEST)
    return [*blocks, (width, False)]


class Block(nn.Module):
    """Convolution 3x3, max pooling where asked, batch normalization, ReLU.

    The maximum is taken before the normalization: three quarters of the normalization and of the ReLU are saved.
    """

    def __init__(self, width_in: int, width_out: int, halve: bool) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(width_in, width_out, 3, padding=1, bias=False)
        self.pool = nn.MaxPool2d(2) if halve else nn.Identity()
        self.norm = nn.BatchNorm2d(width_out)
        self.relu = nn.ReLU(inplace=True)
        nn.init.kaiming_normal_(self.convolution.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.relu(self.norm(self.pool(self.convolution(images))))
        return features


class SmallCnn(nn.Module):
    """A plain stack of blocks, mean pooling and a classifier.

    Plain convolutions with batch normalization follow Simonyan & Zisserman, "Very Deep Convolutional Networks", ICLR 2015
    (configuration B and its doubling widths) and Ioffe & Szegedy, "Batch Normalization", ICML 2015. Brigato et al., "A Close
    Look at Deep Learning with Small Data", ICPR 2021, find low-capacity plain networks to be the ones to use on few rows.

    Args:
        pixels: Side of the input square that it is built for.
        num_classes: Width of the classifier.
    """

    def __init__(self, pixels: int, num_classes: int = 2) -> None:
        super().__init__()
        plan = plan_of(pixels)
        widths = [3, *(width for width, _ in plan)]
        self.blocks = nn.Sequential(*(Block(widths[index], width, halve) for index, (width, halve) in enumerate(plan)))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.classifier = nn.Linear(widths[-1], num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Scores of float images [batch, 3, height, width]."""
        logits: Tensor = self.classifier(self.flatten(self.pool(self.blocks(images))))
        return logits
