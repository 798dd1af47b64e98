"""Predictions of a model for new files, one row an image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.backbones.catalog import provider_of
from headstart.core.errors import DataError, PlanError
from headstart.core.types import UNLABELED, Floats
from headstart.data.decoding import IMAGE_SUFFIXES
from headstart.data.images import FileImages, Images, ImageSet
from headstart.data.prefetch import prefetched
from headstart.data.scan import scan
from headstart.methods.model import NO_DETECTOR, Model
from headstart.novelty.detector import UNUSUAL

if TYPE_CHECKING:
    from headstart.methods.test_time import TestTime

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
    if refuse and model.detector_model is None:
        raise DataError(f"{origin}: {NO_DETECTOR}")
    if not provider_of(model.backbone.card).takes_pictures:
        from headstart.data.readers.embeddings import Embeddings  # noqa: PLC0415

        given = [str(path) for path in ([paths] if isinstance(paths, str | Path) else paths)]
        if not any(map(Embeddings().recognizes, given)):
            raise DataError(" ".join(map(_no_vectors, given)))
        return [row for path in given for row in _rows_of_vectors(model, path, refuse, adapt)]
    files = image_files(paths)
    images = FileImages(tuple(files))
    try:
        return _rows_of_files(model, files, images, refuse, adapt)
    except (DataError, OSError):  # a file that cannot be read, or something else
        problems = scan(images).problems
        if not any(problems):
            raise
    readable = np.flatnonzero([not problem for problem in problems])
    rows: list[dict[str, Any]] = [{"path": str(path), "error": problem} for path, problem in zip(files, problems, strict=True)]
    answers = _answers(model, images.take(readable), refuse, adapt)
    for row, answer in zip(readable.tolist(), answers, strict=True):
        rows[row] = {"path": str(files[row]), **answer}
    return rows


def _rows_of_files(
    model: Model, files: list[Path], images: FileImages, refuse: float | None, adapt: TestTime | None
) -> list[dict[str, Any]]:
    """The rows where every file can be read: each is decoded once, by the extraction."""
    answers = _answers(model, images, refuse, adapt)
    return [{"path": str(path), **answer} for path, answer in zip(files, answers, strict=True)]


def _no_vectors(path: str) -> str:
    if not Path(path).exists():
        return f"{path}: does not exist. Give a .npz or .parquet file with feature vectors."
    return f"{path}: {NO_VECTORS}"


def _rows_of_vectors(model: Model, path: str, refuse: float | None, adapt: TestTime | None) -> list[dict[str, Any]]:
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


def _answers(model: Model, images: Images, refuse: float | None, adapt: TestTime | None) -> Iterator[dict[str, Any]]:
    """The row of each image but for its path. The p-values are those of the model as it was fitted, adapted or not."""
    if not len(images):
        return
    shown = ImageSet(images, model.classes, np.full(len(images), UNLABELED, np.int64), np.arange(len(images)))
    shown = shown.with_content_keys(prefetched(images.content_key, range(len(images))))
    p_values = None if model.detector_model is None else model.p_values(shown)
    if adapt:
        from headstart.methods.test_time import adapted_at_test_time  # noqa: PLC0415

        model = adapted_at_test_time(model, shown, adapt)
    for row, probs in enumerate(model.predict(shown).probs):
        yield _answer(model.classes, probs, None if p_values is None else float(p_values[row]), refuse)


def _answer(classes: tuple[str, ...], probs: Floats, p_value: float | None, refuse: float | None) -> dict[str, Any]:
    """What is said about one image; with `refuse`, `best_guess` says what the label is or would have been."""
    best = int(probs.argmax())
    answer: dict[str, Any] = {"label": classes[best]}
    if refuse is not None:
        refused = p_value is not None and p_value < refuse
        answer = {"label": None if refused else classes[best], "best_guess": classes[best]}
    return answer | {
        "probability": float(probs[best]),
        "probs": {name: float(share) for name, share in zip(classes, probs, strict=True)},
        "unknown": None if p_value is None else {"p_value": p_value, "flag": p_value < UNUSUAL},
    }
