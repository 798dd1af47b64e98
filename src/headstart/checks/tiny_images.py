"""Are the pictures far smaller than what pretrained networks have seen?"""

from __future__ import annotations

from headstart.core.findings import Finding, NotApplicable
from headstart.data.task import Task

SMALL = 64
"""Pixels of the shorter side. Chosen, not measured."""


def tiny_images(task: Task) -> Finding | NotApplicable | None:
    """A finding when the median of the shorter sides is under 64 pixels; never for feature vectors."""
    if task.native_pixels == 0:
        return NotApplicable(reason="the rows are feature vectors")
    if task.native_pixels >= SMALL:
        return None
    return Finding.info(
        "tiny-images",
        f"The images are small: the median of their shorter sides is {task.native_pixels} pixels.",
        "Networks pretrained at 224 pixels see them enlarged; training from scratch may well win, so let both be tried.",
        native_pixels=task.native_pixels,
    )
