"""Extraction: what a backbone sees in pictures, each picture looked at once and remembered on disk."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import torch

from headstart.backbones.backbone import Backbone, Outputs
from headstart.backbones.engines.torch_engine import engine_for
from headstart.core.errors import DataError
from headstart.core.folders import cache_folder
from headstart.core.progress import progress
from headstart.core.records import fingerprint_of
from headstart.core.types import Bytes
from headstart.data.images import Images, ImageSet
from headstart.data.transforms import Transform
from headstart.features.feature_set import FeatureSet
from headstart.features.store import CHUNK_ROWS, Arrays, Store, as_floats, store_at

BATCH_ROWS = 32
PIXELS = Transform(pixels=18)
"""The pixel block: every picture squeezed to 18 x 18 RGB (972 values), whatever its size and color, so that a set and a single
picture to predict get the same values. Enlarging smaller pictures costs ridge on 8-pixel digits at most 0.2 points of accuracy;
on 28-pixel pictures 18 gives 0.2 to 0.5 points more than 16."""

_VERSION = 2


def features_of(images: ImageSet, backbone: Backbone) -> FeatureSet:
    """The pooled features of every stage, rows in the order of the images.

    Pictures that the backbone has seen before, in whatever set, are read from the store. Others are extracted in chunks,
    each kept as soon as it is done. Rows that are feature vectors already come back as the only stage.

    Args:
        images: Pictures or feature vectors; labels are not read.
        backbone: What looks at them; its weights are not changed.

    Returns:
        The features.

    Raises:
        DataError: A picture cannot be read, or a backbone of pictures is given vectors, or the other way round.
        ExportError: The store cannot be written.
    """
    _check_kind(images, backbone)
    if images.images.embedded:
        vectors = np.asarray(images.images.vectors(), np.float32)
        return FeatureSet((vectors,), None, None, ("given",))
    store = store_at(cache_folder() / "features" / _address(backbone))
    keys = images.content_keys
    missing = store.missing(keys)
    if missing:
        first_rows = {key: row for row, key in reversed(list(enumerate(keys)))}
        _extract(images.images, [first_rows[key] for key in missing], missing, backbone, store)
    return _feature_set(store.gather(keys), backbone, len(keys))


def _check_kind(images: ImageSet, backbone: Backbone) -> None:
    takes_vectors = backbone.card.architecture == "identity"
    if len(images) and images.images.embedded != takes_vectors:
        given, taken = ("feature vectors", "pictures") if images.images.embedded else ("pictures", "feature vectors")
        raise DataError(
            f"{images.images.name(0)} and the rest are {given}, and {backbone.card.name} takes {taken}. Give it those."
        )


def num_unseen(images: ImageSet, backbone: Backbone) -> int:
    """How many of the pictures the backbone has not looked at yet: those that `features_of` would take time for."""
    if images.images.embedded:
        return 0
    return len(store_at(cache_folder() / "features" / _address(backbone)).missing(images.content_keys))


def _address(backbone: Backbone) -> str:
    """The folder's name: changes with the weights and with anything else that changes the features."""
    card = backbone.card
    rest = [card.architecture, card.mean, card.std, backbone.stage_names, backbone.source_classes, PIXELS.to_dict(), _VERSION]
    return f"{backbone.weights_hash}-{fingerprint_of([backbone.transform.to_dict(), rest])}"


def _feature_set(arrays: Arrays, backbone: Backbone, num_rows: int) -> FeatureSet:
    if num_rows == 0:
        empty = tuple(np.empty((0, backbone.feature_width), np.float32) for _ in backbone.stage_names)
        return FeatureSet(empty, np.empty((0, PIXELS.pixels**2 * 3), np.float32), None, backbone.stage_names)
    stages = tuple(arrays[f"stage.{index}"] for index in range(len(backbone.stage_names)))
    spreads = tuple(arrays[name] for name in sorted(arrays, key=_number) if name.startswith("spread."))
    return FeatureSet(stages, as_floats(arrays["pixels"]), arrays.get("source_logits"), backbone.stage_names, spreads)


def _number(name: str) -> int:
    """The number at the end of an array's name; -1 where there is none."""
    _, _, number = name.partition(".")
    return int(number) if number else -1


def _extract(images: Images, rows: Sequence[int], keys: Sequence[str], backbone: Backbone, store: Store) -> None:
    engine = engine_for(backbone)
    pending: list[Arrays] = []
    begin = done = 0
    with progress(len(rows), f"looking at pictures with {backbone.card.name}") as advance:
        for inputs, pixels in _batches(images, rows, backbone.transform):
            pending.append(_arrays(engine(torch.from_numpy(inputs).permute(0, 3, 1, 2)), pixels))
            done += len(pixels)
            advance(len(pixels))
            if done - begin >= CHUNK_ROWS or done == len(rows):
                joined = {name: np.concatenate([part[name] for part in pending]) for name in pending[0]}
                store.add(keys[begin:done], joined)
                pending, begin = [], done


def _arrays(outputs: Outputs, pixels: Bytes) -> Arrays:
    arrays: dict[str, Any] = {f"stage.{index}": stage.float().cpu().numpy() for index, stage in enumerate(outputs.stages)}
    arrays |= {f"spread.{index}": spread.float().cpu().numpy() for index, spread in enumerate(outputs.spreads)}
    if outputs.source_logits is not None:
        arrays["source_logits"] = outputs.source_logits.float().cpu().numpy()
    arrays["pixels"] = pixels
    return arrays


def _batches(images: Images, rows: Sequence[int], transform: Transform) -> Iterator[tuple[Bytes, Bytes]]:
    """Network inputs and pixel blocks; while one batch is used, the next is read by one thread a core."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:

        def begin(start: int) -> list[Future[tuple[Bytes, Bytes]]]:
            return [pool.submit(_both, images, row, transform) for row in rows[start : start + BATCH_ROWS]]

        ahead = begin(0)
        for start in range(0, len(rows), BATCH_ROWS):
            current, ahead = ahead, begin(start + BATCH_ROWS)
            pairs = [future.result() for future in current]
            yield np.stack([pair[0] for pair in pairs]), np.stack([pair[1] for pair in pairs])


def _both(images: Images, row: int, transform: Transform) -> tuple[Bytes, Bytes]:
    image = images.read(row, at_least=max(transform.pixels, PIXELS.pixels))
    return transform.apply(image), PIXELS.apply(image).reshape(-1)
