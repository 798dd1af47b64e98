"""Predictions of a model for new files, one row an image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.backbones.catalog import provider_of
from headstart.core.errors import DataError, PlanError
from headstart.core.types import UNLABELED
from headstart.data.decoding import IMAGE_SUFFIXES
from headstart.data.images import FileImages, Images, ImageSet
from headstart.data.prefetch import prefetched
from headstart.data.scan import scan
from headstart.methods.model import NO_DETECTOR, Model

if TYPE_CHECKING:
    from headstart.methods.test_time import TestTime

DEFAULT_REFUSE = 0.05
"""Share of images of known classes that are refused by default: the usual level of a test."""

NO_VECTORS = "holds no feature vectors, and the model was fitted on such. Give a .npz or .parquet file."


def image_files(paths: str | Path | Sequence[str | Path]) -> list[Path]:
    """The files that paths name: files, whatever they are, and the images in folders, in alphabetical order.

    A DataError says that no image is among them.
    """
    given = [Path(path) for path in ([paths] if isinstance(paths, str | Path) else paths)]
    files = [file for path in given for file in (_walked(path) if path.is_dir() else [path])]
    if not files:
        where = f" in {', '.join(map(str, given))}" if given else ": no file or folder is named"
        raise DataError(f"No images{where}. Looked for {', '.join(sorted(IMAGE_SUFFIXES))}.")
    return files


def _walked(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)


def predict_files(
    model: Model,
    paths: str | Path | Sequence[str | Path],
    refuse: float | None = None,
    adapt: TestTime | None = None,
    origin: str = "",
) -> list[dict[str, Any]]:
    """One row an image; see `headstart.predict`. `origin` is the model's run folder, for messages."""
    if refuse is not None and not 0.0 <= refuse < 1.0:
        raise PlanError(f"refuse = {refuse:g} is not a share of images. Give 0 or more, and less than 1.")
    if refuse and adapt:
        raise PlanError(
            "--refuse compares images with those that the network was fitted on, and --adapt changes the network. Leave one out."
        )
    if refuse and model.detector_model is None:
        raise DataError(f"{origin}: {NO_DETECTOR}")
    share = DEFAULT_REFUSE if refuse is None else refuse
    if not provider_of(model.backbone.card).takes_pictures:
        from headstart.data.readers.embeddings import Embeddings  # noqa: PLC0415

        given = [str(path) for path in ([paths] if isinstance(paths, str | Path) else paths)]
        if not any(map(Embeddings().recognizes, given)):
            raise DataError(" ".join(map(_no_vectors, given)))
        return [row for path in given for row in _rows_of_vectors(model, path, share, adapt)]
    files = image_files(paths)
    images = FileImages(tuple(files))
    try:
        return _rows_of_files(model, files, images, share, adapt)
    except (DataError, OSError):  # a file that cannot be read, or something else
        problems = scan(images).problems
        if not any(problems):
            raise
    readable = np.flatnonzero([not problem for problem in problems])
    rows: list[dict[str, Any]] = [{"path": str(path), "error": problem} for path, problem in zip(files, problems, strict=True)]
    answers = _answers(model, images.take(readable), share, adapt)
    for row, answer in zip(readable.tolist(), answers, strict=True):
        rows[row] = {"path": str(files[row]), **answer}
    return rows


def _rows_of_files(
    model: Model, files: list[Path], images: FileImages, refuse: float, adapt: TestTime | None
) -> list[dict[str, Any]]:
    """The rows where every file can be read: each is decoded once, by the extraction."""
    answers = _answers(model, images, refuse, adapt)
    return [{"path": str(path), **answer} for path, answer in zip(files, answers, strict=True)]


def _no_vectors(path: str) -> str:
    if not Path(path).exists():
        return f"{path}: does not exist. Give a .npz or .parquet file with feature vectors."
    return f"{path}: {NO_VECTORS}"


def _rows_of_vectors(model: Model, path: str, refuse: float, adapt: TestTime | None) -> list[dict[str, Any]]:
    """The rows of one file of embeddings, named by file and position; one row with the error where it cannot be read."""
    from headstart.data.readers.embeddings import Embeddings  # noqa: PLC0415

    reader = Embeddings()
    if not reader.recognizes(path):
        return [{"path": path, "error": _no_vectors(path)}]
    try:
        images = reader.read_unsorted(path).images
    except DataError as error:
        return [{"path": path, "error": str(error)}]
    return [{"path": f"{path}[{row}]", **answer} for row, answer in enumerate(_answers(model, images, refuse, adapt))]


def _answers(model: Model, images: Images, refuse: float, adapt: TestTime | None) -> Iterator[dict[str, Any]]:
    """The row of each image but for its path; `nearest` is the most probable class, also where the image is refused."""
    if not len(images):
        return
    shown = ImageSet(images, model.classes, np.full(len(images), UNLABELED, np.int64), np.arange(len(images)))
    shown = shown.with_content_keys(prefetched(images.content_key, range(len(images))))
    if adapt:
        from headstart.methods.test_time import adapted_at_test_time  # noqa: PLC0415

        model = adapted_at_test_time(model, shown, adapt)
    predictions = model.predict_with_p_values(shown)
    for row, probs in enumerate(predictions.probs):
        best = int(probs.argmax())
        nearest = predictions.classes[best]
        shares = {name: float(share) for name, share in zip(predictions.classes, probs, strict=True)}
        answer = {"label": nearest, "nearest": nearest, "probability": float(probs[best]), "probs": shares}
        if predictions.p_values is not None:
            p_value = float(predictions.p_values[row])
            refused = p_value <= refuse
            answer |= {"label": None if refused else nearest, "p_value": p_value, "refused": refused}
        yield answer
