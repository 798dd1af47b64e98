"""Parity: whether a bundle predicts what the model predicts, in a process that has the runtime alone."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from headstart.backbones.engines.choice import exact_features
from headstart.core.errors import ExportError
from headstart.core.exported import Parity
from headstart.core.spacing import evenly_spaced
from headstart.core.types import UNLABELED, Floats, Integers
from headstart.data.images import FileImages, Images, ImageSet
from headstart.data.joined import JoinedImages
from headstart.data.task import Task
from headstart.methods.model import Model
from headstart.novelty.detector import UNUSUAL

NUM_PICTURES = 128
"""Pictures of the task that are compared, evenly spaced; all where there are fewer."""
TIED = 1e-3
"""Two classes whose probabilities differ by less count as equally probable: rounding decides which of them comes first."""
EQUAL = 1e-4
"""Probabilities that differ by less are the same for those who read the card: single digits of float32 do not count."""
BATCH = 8
"""Pictures that are computed together in the second pass."""
LARGEST_DIFFERENCES = {"float32": 0.01, "fp16": 0.05, "int8": 1.0}
"""Of the probability of any class, by precision. Float32 stays below 0.002, as the model itself reads features in half precision;
what other precisions lose is measured and said, and 8-bit integers are bounded by `LEAST_SAME` alone."""
LARGEST_P_DIFFERENCES = {"float32": 0.05, "fp16": 0.1, "int8": 1.0}
"""Of the novelty p-value, by precision: where few pictures calibrate it, one of them more or less is as much as that."""
LEAST_SAME = {"float32": 1.0, "fp16": 0.98, "int8": 0.9}
"""Share of pictures that get the same label, ties aside, by precision. Those of fp16 and int8 are chosen, not measured: a bundle
that labels every tenth picture otherwise is another model."""
BLOCKED = ("headstart", "timm", "torchvision", "scipy", "sklearn", "safetensors", "pydantic", "onnx", "torch")
"""Packages that a bundle must do without; its own runtime is left out of them."""
_RUN = (
    "import runpy, sys; del sys.argv[0]; sys.modules.update(dict.fromkeys({blocked!r})); "
    "runpy.run_path(sys.argv[0], run_name='__main__')"
)
"""What the process runs: the script with its arguments, with packages that cannot be imported."""
_DOES_NOT_RUN = "The bundle does not run by itself ({reason}). Nothing was written; choose another format with --to."


@dataclass(frozen=True)
class Expected:
    """What a model says of some pictures.

    Attributes:
        images: The pictures.
        probs: float64 [sample, class].
        p_values: float64 [sample]; None without a detector.
        own_probs: As `probs`, by the engine of the run; None where they are the same.
    """

    images: Images
    probs: Floats
    p_values: Floats | None
    own_probs: Floats | None = None


@dataclass(frozen=True)
class AtOneScale(Images):
    """Pictures read for one side, whatever side is asked for, as a bundle reads them for networks of several sides."""

    images: Images
    pixels: int

    def __len__(self) -> int:
        return len(self.images)

    def name(self, row: int) -> str:
        return self.images.name(row)

    def read(self, row: int, at_least: int | None = None) -> Image.Image:
        return self.images.read(row, self.pixels)

    def content_key(self, row: int) -> str:
        return hashlib.sha256(f"{self.images.content_key(row)} read for {self.pixels}".encode()).hexdigest()

    def take(self, rows: Integers) -> AtOneScale:
        return AtOneScale(self.images.take(rows), self.pixels)


def pictures_to_compare(task: Task) -> Images:
    """Pictures of a task, from all of its parts, evenly spaced; labels are not read."""
    several = tuple(image_set.images for image_set in (task.labeled, task.unlabeled, task.test) if image_set)
    images = JoinedImages(several) if len(several) > 1 else several[0]
    return images.take(evenly_spaced(len(images), NUM_PICTURES))


def expected(exact: Model, own: Model, images: Images) -> Expected:
    """What the model says of the pictures, exactly, and by the engine of the run.

    Args:
        exact: The model; its engines are set to the exact one.
        own: The same model, loaded apart.
        images: The pictures.

    Returns:
        Both.
    """
    sides = {backbone.transform.pixels for backbone in exact.backbones}
    shown = images if len(sides) == 1 else AtOneScale(images, max(sides))
    with exact_features():
        predicted = exact.predict_with_p_values(_unlabeled(shown, exact))
    mine = own.predict(_unlabeled(images, own)).probs
    same = bool(np.abs(mine - predicted.probs).max() < EQUAL)
    return Expected(images, predicted.probs, predicted.p_values, None if same else mine)


def _unlabeled(images: Images, model: Model) -> ImageSet:
    return ImageSet(images, model.classes, np.full(len(images), UNLABELED, np.int64), np.arange(len(images)))


def measured_parity(folder: Path, wanted: Expected, runtime: str) -> Parity:
    """How far the bundle in a folder agrees, run twice in a fresh process: picture by picture, and in batches.

    An `ExportError` says why the bundle does not run there.
    """
    with tempfile.TemporaryDirectory() as place:
        files = files_of(wanted.images, Path(place))
        single, seconds = predicted_rows(folder, files, 1, runtime)
        batched, seconds_batched = predicted_rows(folder, files, BATCH, runtime)
    found = [_compared(rows, wanted) for rows in (single, batched)]
    count = len(files)
    own = None if wanted.own_probs is None else _compared(single, Expected(wanted.images, wanted.own_probs, None))
    p_differences = [one["p"] for one in found if one["p"] is not None]
    return Parity(
        num_pictures=count,
        num_same=min(one["same"] for one in found),
        largest_difference=float(np.max([one["largest"] for one in found])),
        mean_difference=float(np.max([one["mean"] for one in found])),
        largest_p_difference=float(np.max(p_differences)) if p_differences else None,
        num_same_flag=None if wanted.p_values is None else min(one["flags"] for one in found),
        own_same=None if own is None else own["same"],
        own_largest_difference=None if own is None else own["largest"],
        model_milliseconds=1000 * seconds["model"] / count,
        batch_milliseconds=1000 * seconds_batched["model"] / count,
        reading_milliseconds=1000 * seconds["reading"] / count,
    )


def files_of(images: Images, place: Path) -> list[Path]:
    """The pictures as files: their own, or PNG files where they have none."""
    if isinstance(images, FileImages):
        return list(images.paths)
    files = []
    for row in range(len(images)):
        name = Path(images.name(row))
        if not name.is_file():
            name = place / f"{row:04d}.png"
            images.read(row).save(name)
        files.append(name)
    return files


def predicted_rows(
    folder: Path, files: Sequence[Path], batch: int, runtime: str
) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """The rows that `predict.py` prints, and the seconds it took; an `ExportError` where it fails or prints something else."""
    blocked = [name for name in BLOCKED if name != runtime]
    options = ["--timing", "--batch", str(batch)]
    words = [sys.executable, "-I", "-c", _RUN.format(blocked=blocked), str(folder / "predict.py"), *options]
    words += [str(file.absolute()) for file in files]
    done = subprocess.run(words, capture_output=True, check=False, encoding="utf-8", errors="replace")  # noqa: S603
    last = done.stderr.strip().split("\n")[-1] or "no reason given"
    try:
        rows = [json.loads(line) for line in done.stdout.split("\n") if line]
        fault = next((str(row["error"]) for row in rows if "error" in row), "")
        if done.returncode or fault or len(rows) != len(files):
            raise ExportError(_DOES_NOT_RUN.format(reason=fault or last))
        seconds: dict[str, float] = json.loads(last)
    except json.JSONDecodeError as error:
        reason = last if done.returncode else f"what it prints is not JSON: {error}"
        raise ExportError(_DOES_NOT_RUN.format(reason=reason)) from error
    return rows, seconds


def _compared(rows: Sequence[dict[str, Any]], wanted: Expected) -> dict[str, Any]:
    """How far rows agree with what is wanted."""
    probs = np.array([list(row["probs"].values()) for row in rows])
    everyone = np.arange(len(rows))
    labels, given = wanted.probs.argmax(axis=1), probs.argmax(axis=1)
    same = wanted.probs[everyone, given] > wanted.probs[everyone, labels] - TIED
    gaps = np.abs(probs - wanted.probs)
    mean = float(gaps[everyone, labels].mean())
    found = {"same": int(same.sum()), "largest": float(gaps.max()), "mean": mean, "p": None}
    if wanted.p_values is None:
        return found
    p_values = np.array([row["unknown"]["p_value"] for row in rows])
    flags = int(((p_values < UNUSUAL) == (wanted.p_values < UNUSUAL)).sum())
    return found | {"p": float(np.abs(p_values - wanted.p_values).max()), "flags": flags}


def check(parity: Parity, precision: str) -> None:
    """Refuse a bundle that disagrees with its model by more than the precision may lose: an `ExportError` with the figures."""
    bound, least = LARGEST_DIFFERENCES[precision], LEAST_SAME[precision]
    p_gap = parity.largest_p_difference or 0.0
    if not p_gap <= LARGEST_P_DIFFERENCES[precision]:  # a p-value that is no number, too
        raise ExportError(
            f"The bundle is not the model: a novelty p-value differs by up to {p_gap:.3f} on {parity.num_pictures} pictures; "
            f"{precision} allows {LARGEST_P_DIFFERENCES[precision]:g}. Nothing was written. {_advice(precision)}."
        )
    if parity.num_same >= least * parity.num_pictures and parity.largest_difference <= bound:
        return
    allowed = "all" if least == 1 else f"{least:.0%}"
    most = f" and a difference of at most {bound:g}" if bound < 1 else ""
    raise ExportError(
        f"The bundle is not the model: {parity.num_same} of {parity.num_pictures} pictures have the same label, and a "
        f"probability differs by up to {parity.largest_difference:.3f}; {precision} needs {allowed} of the labels{most}. "
        f"Nothing was written. {_advice(precision)}."
    )


def _advice(precision: str) -> str:
    return "Choose another format with --to" if precision == "float32" else "Choose --precision float32"
