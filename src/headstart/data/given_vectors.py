"""Feature vectors to predict for, as they were given: arrays, or files of such."""

from __future__ import annotations

from pathlib import Path

from headstart.core.errors import DataError
from headstart.data.given_images import vectors_of
from headstart.data.images import Images
from headstart.data.joined import JoinedImages
from headstart.data.pixel_arrays import Given
from headstart.data.readers.embeddings import Embeddings


def given_vectors(given: Images | list[Given]) -> Images:
    """The feature vectors of arrays or files, of which labels are not read; `DataError` where a file holds none."""
    if isinstance(given, Images) or not all(isinstance(item, str | Path) for item in given):
        return vectors_of(given)
    reader, paths = Embeddings(), [str(path) for path in given]
    unknown = next((path for path in paths if not reader.recognizes(path)), None)
    if unknown is not None:
        raise DataError(f"{unknown} holds no feature vectors, and the model was fitted on such. Give a .npz or .parquet file.")
    several = tuple(reader.pictures(path) for path in paths)
    return several[0] if len(several) == 1 else JoinedImages(several)
