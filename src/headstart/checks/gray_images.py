"""Is there no color?"""

from __future__ import annotations

from headstart.core.findings import Finding, NotApplicable
from headstart.data.task import Task


def gray_images(task: Task) -> Finding | NotApplicable | None:
    """A finding when every picture is gray; never for feature vectors."""
    if task.native_pixels == 0:
        return NotApplicable(reason="the rows are feature vectors")
    if task.channels != 1:
        return None
    advice = "Pretrained networks are given three equal channels; nothing needs doing."
    return Finding.info("gray-images", "All images are gray.", advice, channels=1)
