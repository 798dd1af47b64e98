"""Sent features: those that are here already go with a work, so that its machine neither extracts nor rounds them again.

The same picture in another batch may get features that differ in the last bit, and a network that starts from a head fitted to
them comes out visibly different after some hundred steps.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from headstart.backbones.engines.choice import REFERENCE, known_engine
from headstart.backbones.extractor import Extractor
from headstart.core.executing import Shared, executor
from headstart.core.records import fingerprint_of
from headstart.data.images import ImageSet
from headstart.features.extract import engine_name_of, feature_store, num_missing
from headstart.features.store.chunks import Arrays
from headstart.features.store.store import CHUNK_ROWS

MOST_BYTES = 1_000_000_000
"""Features of more bytes are not sent: each machine extracts them once, or finds them in a store that all share."""


@dataclass(frozen=True)
class SentFeatures:
    """Rows of a store.

    Attributes:
        keys: Content keys of the pictures.
        arrays: The arrays of the store, one row a key.
    """

    keys: tuple[str, ...]
    arrays: Arrays = field(repr=False)


def shared_features(image_sets: Iterable[ImageSet], backbone: Extractor) -> Shared[SentFeatures | None]:
    """The features of those sets that are all here, as an argument of works; None where there are none, or too many.

    They are gathered once. The backbone's engine is settled, so that no machine chooses another one.
    """
    here = []
    for images in image_sets:
        if len(images) and not images.images.embedded:
            engine_name_of(images, backbone)
            if not num_missing(images, backbone):
                here.append(images)
    network = [backbone.weights_hash, backbone.transform.to_dict(), known_engine(backbone)]
    key = fingerprint_of(["features", network, [images.fingerprint for images in here]])
    return executor().shared(key, lambda: _features_of(here, backbone))


def _features_of(image_sets: list[ImageSet], backbone: Extractor) -> SentFeatures | None:
    keys = tuple(dict.fromkeys(key for images in image_sets for key in images.content_keys))
    if not keys:
        return None
    rows = feature_store(backbone, known_engine(backbone) or REFERENCE).gather(keys)
    if sum(one.dtype.itemsize * math.prod(one.shape) for one in rows.values()) > MOST_BYTES:
        return None
    return SentFeatures(keys, {name: np.asarray(one) for name, one in rows.items()})


def receive(sent: SentFeatures | None, backbone: Extractor) -> None:
    """Put the features that came with a work into the store of this machine."""
    if sent is None:
        return
    store = feature_store(backbone, known_engine(backbone) or REFERENCE)
    missing = set(store.missing(sent.keys))
    rows = np.array([row for row, key in enumerate(sent.keys) if key in missing], np.int64)
    for start in range(0, len(rows), CHUNK_ROWS):
        part = rows[start : start + CHUNK_ROWS]
        store.add([sent.keys[row] for row in part], {name: array[part] for name, array in sent.arrays.items()})
