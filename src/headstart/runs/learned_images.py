"""Images that a run's model has learned from, among those that it is to be judged by."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from headstart.backbones.label_contamination import labels_learned_in
from headstart.data.images import ImageSet

LEARNED = (
    "The model has learned from {learned:,} of these {count:,} images, and looks better on them than it is: `headstart evaluate "
    "{folder}` says how good it is on new ones."
)


def learned_warning(folder: Path, images: ImageSet, names: Collection[str] = (), *, in_place: bool) -> str:
    """That the model has learned from some of the images, in one sentence; empty where it has not, as far as is known.

    Images are told by their content where the run kept that, and by their names. Names of pictures in memory, such as "frame[3]",
    tell nothing: those of another frame have the same ones.

    Args:
        folder: The run's.
        images: Those that the model is to be judged by.
        names: Of images that it has learned from.
        in_place: Whether names tell images apart, as they do where both were read from a place.

    Returns:
        The sentence.
    """
    own = frozenset(names) if images.images.stamps() is not None or in_place else frozenset()
    keys = labels_learned_in(folder)
    contents = images.content_keys if keys else ("",) * len(images)
    learned = sum(images.images.name(row) in own or key in keys for row, key in enumerate(contents))
    return LEARNED.format(learned=learned, count=len(images), folder=folder) if learned else ""
