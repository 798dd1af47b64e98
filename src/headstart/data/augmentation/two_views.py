"""Two views of every picture of a task: what learning without labels is fed."""

from __future__ import annotations

from headstart.data.augmentation.views import View
from headstart.data.streams import Stream
from headstart.data.task import Task


def two_views(task: Task, crop: float, flip: bool) -> Stream:
    """Every picture that may be learned from, without its label, shown twice: cropped, and changed in color.

    Args:
        task: Whose pictures.
        crop: Smallest share of the area that stays in sight.
        flip: Whether half of the views are mirrored.

    Returns:
        The stream; its second view is in `also`.

    Reference: Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations", ICML 2020, section 3:
        crops and changes of color together are what matters.
    Differs: one of several changes of color at a time, and no blur.
    """
    view = View(name="strong", crop=crop, flip=flip, num_operations=1)
    return Stream(task.pool, view, also=(view,))
