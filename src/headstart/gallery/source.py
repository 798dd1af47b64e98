"""A source of many classes to meta-train on: every labeled image outside of given test splits, however few a class has."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from headstart.core.errors import DataError
from headstart.data.class_names import labels_of
from headstart.data.images import ImageSet
from headstart.data.joined import concatenate
from headstart.data.sources.labeled_rows import SourceRows, cleaned_sources, raw_sources
from headstart.data.split_assignment import image_set


@dataclass(frozen=True)
class Source:
    """A labeled set of other classes.

    Attributes:
        images: Its rows, with a domain each where it has several.
        native_pixels: Median of the pictures' shorter sides.
    """

    images: ImageSet
    native_pixels: int


def source_at(place: str) -> Source:
    """The source in a place: a path or the name of a built-in set.

    `DataError` if the place cannot be used, holds feature vectors, or has no labeled image that can be read.
    """
    raw_datasets = raw_sources(place)
    if raw_datasets[0].images.embedded:
        raise DataError(f"{place} holds feature vectors, and a gallery takes pictures. Name a source of pictures.")
    sources = cleaned_sources([(), raw_datasets])
    classes = tuple(sorted(set[str]().union(*(source.class_names for source in sources))))
    if not classes:
        raise DataError(f"{place} has no labeled image that can be read. Name another source.")
    sides = np.concatenate([source.rows.scan.shorter_sides[source.rows.usable] for source in sources])
    return Source(reduce(concatenate, (_rows(source, classes) for source in sources)), int(np.median(sides)))


def _rows(source: SourceRows, classes: tuple[str, ...]) -> ImageSet:
    made = image_set(source.rows, classes, labels_of(source.rows.raw.labels, classes), source.rows.usable)
    return replace(made, domains=(source.name,) * len(made))
