"""Corruption: one way in which a picture gets worse, at several strengths."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal, TypeAlias, get_args

import numpy as np
from PIL import Image
from scipy.signal import fftconvolve

from headstart.core.types import Floats

Family: TypeAlias = Literal["noise", "blur", "weather", "digital", "everyday"]
FAMILIES: tuple[Family, ...] = get_args(Family)
"""Those of the paper, then changes that users make."""
PAPER_PIXELS = 224
"""Side of the pictures whose strengths the paper gives; lengths in pixels are scaled to a picture's shorter side."""


class Corruption(ABC):
    """One way in which a picture gets worse.

    Attributes:
        title: What a table calls it.
        family: Its kind: one of the four of the paper, or an everyday change.
        levels: What each strength means, the weakest first; see the class for units.
        keeps_class: Whether a picture of any class stays one; where not, no model is fitted to such pictures.

    Reference: Hendrycks & Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations", ICLR
        2019, section 3.1 and appendix B (the fifteen corruptions and their five strengths).
    Differs: lengths are in units of the picture's shorter side over 224, so that small pictures are not wiped out.
    """

    title: ClassVar[str]
    family: ClassVar[Family]
    levels: ClassVar[tuple[Any, ...]]
    keeps_class: ClassVar[bool] = True

    @abstractmethod
    def apply(self, picture: Floats, level: Any, generator: np.random.Generator) -> Floats:
        """The picture made worse, float [height, width, 3]; values outside of [0, 1] are cut off later.

        Args:
            picture: float32 [height, width, 3] in [0, 1].
            level: One of `levels`.
            generator: Of the picture's own random stream.

        Returns:
            A picture of the same size or another one.
        """


def scale_of(picture: Floats) -> float:
    """How long a pixel of the paper's pictures is in this one."""
    return float(min(picture.shape[:2]) / PAPER_PIXELS)


def to_image(picture: Floats) -> Image.Image:
    """The picture of values in [0, 1], float [height, width, 3], in RGB; other values are cut off."""
    return Image.fromarray(np.rint(np.clip(picture, 0.0, 1.0) * 255).astype(np.uint8))


def from_image(image: Image.Image) -> Floats:
    """The values of an RGB picture, float32 [height, width, 3] in [0, 1]."""
    return np.asarray(image, np.float32) / 255


def convolved(picture: Floats, kernel: Floats) -> Floats:
    """The picture convolved with a kernel, float [height, width] with odd sides and sum 1; edges are repeated outside."""
    down, right = (side // 2 for side in kernel.shape)
    wide = np.pad(picture, ((down, down), (right, right), (0, 0)), mode="edge")
    return np.asarray(fftconvolve(wide, kernel[:, :, None], mode="valid", axes=(0, 1)))


def clouds(height: int, width: int, decay: float, generator: np.random.Generator) -> Floats:
    """A random field whose amplitudes fall with the power `decay` of the frequency, in [0, 1], float32 [height, width].

    It stands for the plasma fractals of the paper, which are made by midpoint displacement.
    """
    frequency = np.hypot(np.fft.fftfreq(height)[:, None] * height, np.fft.rfftfreq(width)[None] * width)
    amplitude = np.where(frequency > 0, np.maximum(frequency, 1.0) ** -decay, 0.0)
    phases = np.exp(2j * np.pi * generator.random(frequency.shape))
    field = np.fft.irfft2(amplitude * phases, (height, width))
    return np.asarray((field - field.min()) / max(float(np.ptp(field)), 1e-12), np.float32)
