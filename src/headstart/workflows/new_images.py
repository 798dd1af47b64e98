"""New images for a model that is there: those that can be read, without labels."""

from __future__ import annotations

import numpy as np

from headstart.backbones.catalog import provider_of
from headstart.core.errors import DataError
from headstart.core.types import UNLABELED
from headstart.data.given_images import AnyImages, given_images, pictures_of
from headstart.data.given_vectors import given_vectors
from headstart.data.images import Images, ImageSet
from headstart.data.scan import scan
from headstart.methods.model import Model


def new_images(model: Model, images: AnyImages) -> tuple[ImageSet, dict[str, str]]:
    """The images that can be read, and why the others cannot, by name; `DataError` where none can.

    They are pictures or feature vectors, as the model takes them, given as for `headstart.predict`.
    """
    given, unreadable = given_images(images), dict[str, str]()
    if provider_of(model.backbone.card).takes_pictures:
        readable, unreadable = readable_images(pictures_of(given))
    else:
        readable = given_vectors(given)
    return without_classes(readable, model.classes), unreadable


def without_classes(images: Images, classes: tuple[str, ...]) -> ImageSet:
    """Images as rows without labels."""
    return ImageSet(images, classes, np.full(len(images), UNLABELED, np.int64), np.arange(len(images)))


def readable_images(images: Images) -> tuple[Images, dict[str, str]]:
    """The images that can be read, and why the others cannot, by name; `DataError` where none can."""
    problems = scan(images).problems
    rows = np.flatnonzero([not problem for problem in problems])
    if not len(rows):
        raise DataError(f"None of the {len(images)} images can be read: {problems[0] if problems else 'there is none'}")
    return images.take(rows), {images.name(row): problem for row, problem in enumerate(problems) if problem}
