"""Extraction: features of pictures, each computed once and kept on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from headstart.backbones.descriptions import Description
from headstart.backbones.engines.base import Pictures
from headstart.backbones.engines.choice import REFERENCE, engine_of, known_engine, note_reached, settle_engine
from headstart.backbones.engines.kept_engines import RUNTIMES
from headstart.backbones.engines.reached import Meter
from headstart.backbones.extractor import Extractor
from headstart.core.errors import DamagedError, DataError
from headstart.core.executing import executor
from headstart.core.folders import cache_folder
from headstart.core.mirror import mirror
from headstart.core.progress import progress
from headstart.core.records import fingerprint_of
from headstart.core.stopping import stop_if_asked
from headstart.core.types import Integers
from headstart.data.images import Images, ImageSet
from headstart.features.described import PIXELS, described, described_chunks
from headstart.features.extraction_works import Settled, extracted_by_works
from headstart.features.feature_set import FeatureSet
from headstart.features.store.chunks import Arrays
from headstart.features.store.floats import as_floats
from headstart.features.store.store import CHUNK_ROWS, Store, store_at
from headstart.features.store.transient import TransientStore, transient_store

ANEW = "`headstart cache --keep 0` deletes it; it is made again."
_VERSION = 3
"""Part of the features' address; raised whenever the same inputs give other features."""


def features_of(images: ImageSet, backbone: Extractor) -> FeatureSet:
    """The pooled features of every stage, rows in the order of the images.

    Features of pictures that were extracted before, in whatever set, are read from the store. Others are extracted in chunks,
    each kept as soon as it is done. Rows that are feature vectors already come back as the only stage. Labels are not read, and
    the backbone's weights are not changed.

    Args:
        images: Pictures or feature vectors.
        backbone: A network for that kind.

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
    keys = images.content_keys
    store = feature_store(backbone, engine_name_of(images, backbone))
    missing = store.missing(keys)
    if missing:
        first_rows = {key: row for row, key in reversed(list(enumerate(keys)))}
        rows = np.array([first_rows[key] for key in missing], np.int64)
        _extract(images.images, rows, missing, backbone, store)
    return _feature_set(store.gather(keys), backbone, len(keys))


def engine_name_of(images: ImageSet, backbone: Extractor) -> str:
    """The name of the engine for those pictures; it is chosen once and kept with the backbone."""
    pictures = _pictures(images.images, backbone)
    return settle_engine(Description(backbone), pictures, len(images), lambda: num_missing(images, backbone))


def _pictures(images: Images, backbone: Extractor) -> Pictures:
    return lambda count: backbone.transform.decode(images, np.arange(min(count, len(images))))


def _check_kind(images: ImageSet, backbone: Extractor) -> None:
    takes_vectors = backbone.card.architecture == "identity"
    if len(images) and images.images.embedded != takes_vectors:
        given, taken = ("feature vectors", "pictures") if images.images.embedded else ("pictures", "feature vectors")
        raise DataError(
            f"{images.images.name(0)} and the rest are {given}, and {backbone.card.name} takes {taken}. Give it those."
        )


def num_missing(images: ImageSet, backbone: Extractor) -> int:
    """How many of the pictures have no features in the store yet: those that `features_of` takes time for."""
    if images.images.embedded:
        return 0
    return len(feature_store(backbone, known_engine(backbone) or REFERENCE).missing(images.content_keys))


def seconds_an_image(backbone: Extractor) -> float:
    """Predicted seconds to read one picture and run the network on it, by operations at the rates of this machine."""
    if backbone.card.architecture == "identity":
        return 0.0
    from headstart.backbones.machine_speed import slowness  # noqa: PLC0415 - to predict takes no torch
    from headstart.backbones.operations import seconds_of_extraction, seconds_of_reading  # noqa: PLC0415

    program = Description(backbone).loaded()
    return slowness() * (seconds_of_reading(backbone.transform) + seconds_of_extraction(program, backbone.transform))


def feature_store(backbone: Extractor, engine: str) -> Store | TransientStore:
    """The store of the backbone's features: its address changes with everything that changes them."""
    card = backbone.card
    rest = [card.architecture, card.mean, card.std, backbone.stage_names, backbone.source_classes, PIXELS, engine, _VERSION]
    address = f"{backbone.weights_hash}-{fingerprint_of([backbone.transform.to_dict(), rest])}"
    name = f"{card.name} at {backbone.transform.pixels} pixels, {engine}"
    return transient_store(address) or store_at(cache_folder() / "features" / address, name, mirror())


def _feature_set(arrays: Arrays, backbone: Extractor, num_rows: int) -> FeatureSet:
    if num_rows == 0:
        empty = tuple(np.empty((0, backbone.feature_width), np.float32) for _ in backbone.stage_names)
        return FeatureSet(empty, np.empty((0, PIXELS**2 * 3), np.float32), None, backbone.stage_names)
    names = ("pixels", *(f"stage.{index}" for index in range(len(backbone.stage_names))))
    lacking = next((name for name in names if name not in arrays), None)
    if lacking is not None:
        raise DamagedError.of(f"The cache of features of {backbone.card.name}", f"{lacking} is missing", ANEW)
    stages = tuple(arrays[f"stage.{index}"] for index in range(len(backbone.stage_names)))
    stds = tuple(arrays[name] for name in sorted(arrays, key=_number) if name.startswith("spread."))
    return FeatureSet(stages, as_floats(arrays["pixels"]), arrays.get("source_logits"), backbone.stage_names, stds)


def _number(name: str) -> int:
    """The number at the end of an array's name; -1 where there is none."""
    _, _, number = name.partition(".")
    return int(number) if number else -1


def _extract(images: Images, rows: Integers, keys: Sequence[str], backbone: Extractor, store: Store | TransientStore) -> None:
    engine = engine_of(Description(backbone), _pictures(images, backbone))
    with progress(len(rows), f"extracting features with {backbone.card.name}") as advance:
        if isinstance(store, Store) and executor().is_remote and len(rows) > CHUNK_ROWS:
            settled = _settled(images, backbone, -(-CHUNK_ROWS // engine.batch_rows) * engine.batch_rows)
            for num_rows in extracted_by_works(images, rows, keys, store, settled):
                stop_if_asked()
                advance(num_rows)
            return
        meter, begin = Meter(), 0
        batches = _watched(described(images, rows, backbone, engine, meter), advance)
        for arrays in described_chunks(batches, len(rows), CHUNK_ROWS):
            done = begin + len(arrays["pixels"])
            store.add(keys[begin:done], arrays)
            begin = done
        note_reached(backbone, len(rows), meter.rate(len(rows)))


def _settled(images: Images, backbone: Extractor, chunk_rows: int) -> Settled:
    """What workers need to make the chunks that this process would make."""
    name = known_engine(backbone) or REFERENCE
    runtime, _, precision = name.partition("-")
    num_calibration = RUNTIMES.get(runtime)().calibration_rows(precision)
    calibration = _pictures(images, backbone)(num_calibration) if num_calibration else None
    return Settled(backbone, name, chunk_rows, calibration)


def _watched(batches: Iterator[Arrays], advance: Callable[[int], None]) -> Iterator[Arrays]:
    """The batches, counted; trying may end at each."""
    for arrays in batches:
        stop_if_asked()
        yield arrays
        advance(len(arrays["pixels"]))
