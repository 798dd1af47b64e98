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
    return Finding(
        code="gray-images",
        severity="info",
        title="All images are gray.",
        evidence={"channels": 1},
        advice="Pretrained networks are given three equal channels; nothing needs doing.",
    )
