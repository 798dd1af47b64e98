"""Is the test set too small to tell much?"""

from __future__ import annotations

import math

from headstart.core.findings import Finding, NotApplicable
from headstart.data.task import Task

ENOUGH = 100
"""With 100 images an accuracy near one half is known to within 0.10 either way."""


def small_test(task: Task) -> Finding | NotApplicable | None:
    """A finding when there are fewer than a hundred test images; the labels are not read."""
    if task.test is None:
        return NotApplicable(reason="there is no test set")
    if len(task.test) >= ENOUGH:
        return None
    count = len(task.test)
    margin = 1.96 * math.sqrt(0.25 / count)
    return Finding.warning(
        "small-test",
        f"There are only {count} test images: an accuracy near one half is known to within {margin:.2f} either way.",
        "Read the intervals rather than the values, or set more images aside.",
        num_images=count,
        margin=round(margin, 4),
    )
