"""Are there fewer images of the target than classes?"""

from __future__ import annotations

from headstart.core.findings import Finding, NotApplicable
from headstart.data.task import Task


def few_target_images(task: Task) -> Finding | NotApplicable | None:
    """A finding when a task with a source has fewer target images to learn from than classes."""
    if not task.source:
        return NotApplicable(reason="there is no source")
    count = len(task.labeled) + (len(task.unlabeled) if task.unlabeled else 0)
    if count >= task.num_classes:
        return None
    return Finding.warning(
        "few-target-images",
        f"The target has fewer images than classes ({count} and {task.num_classes}), so that some classes are not seen there.",
        "Add images of the target, labeled or not; a model that is adapted to so few images does not fit others.",
        images=count,
        classes=task.num_classes,
    )
