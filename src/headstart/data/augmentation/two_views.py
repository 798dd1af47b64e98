"""Two views of every picture of a task, for learning without labels."""

from __future__ import annotations

from headstart.data.augmentation.views import View
from headstart.data.streams import Stream
from headstart.data.task import Task


def two_views(task: Task, crop: float, flip: bool) -> Stream:
    """Every picture to learn from, without its label, in two views (the second in `also`): cropped, and changed in color.

    A view shows a share `crop` of the area or more; with `flip`, half of the views are flipped left to right.

    Reference: Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations", ICML 2020, section 3:
        crops and changes of color together are what matters.
    Differs: one of several changes of color at a time, and no blur.
    """
    view = View(name="strong", crop=crop, flip=flip, num_operations=1)
    return Stream(task.pool, view, also=(view,))
