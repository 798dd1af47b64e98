"""Do sources and labeled target images show other classes?"""

from __future__ import annotations

import numpy as np

from headstart.core.findings import Finding, NotApplicable
from headstart.data.task import Task


def class_sets_differ(task: Task) -> Finding | NotApplicable | None:
    """A finding when a class is shown by sources alone or by labeled target images alone; none without target labels."""
    if not task.source:
        return NotApplicable(reason="there is no source")
    if not task.labeled.class_counts.any():
        return NotApplicable(reason="no target image has a label")
    in_target, in_source = task.labeled.class_counts > 0, task.source.class_counts > 0
    only_source = [task.classes[label] for label in np.flatnonzero(in_source & ~in_target)]
    only_target = [task.classes[label] for label in np.flatnonzero(in_target & ~in_source)]
    if not only_source and not only_target:
        return None
    return Finding.info(
        "class-sets-differ",
        f"Of {task.num_classes} classes, {len(only_source)} are shown by sources alone and {len(only_target)} by labeled target "
        "images alone.",
        "Rename classes that mean the same; remove those from the sources that the target cannot show.",
        only_source=only_source,
        only_target=only_target,
    )
