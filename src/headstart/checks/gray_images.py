"""Is there no color?"""

from __future__ import annotations

from headstart.core.findings import Finding
from headstart.data.task import Task


def gray_images(task: Task) -> Finding | None:
    """A finding when every picture is gray; never for feature vectors."""
    if task.channels != 1 or task.native_pixels == 0:
        return None
    return Finding(
        code="gray-images",
        severity="info",
        title="All images are gray.",
        evidence={"channels": 1},
        advice="Pretrained networks are given three equal channels; nothing needs doing.",
    )
