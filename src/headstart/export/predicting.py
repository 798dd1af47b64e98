"""Classes of pictures, by the model in this folder. Needs numpy, pillow and the runtime that README.md names.

    python predict.py PICTURE_OR_FOLDER...

Prints one JSON object a line: path, label, probability, probs, unknown; or path and error. The exit code is 1 where a picture
could not be read. With `--sets 0.9` each has a set: classes that hold the true one for nine in ten pictures like the labeled
ones. `unknown` has the p-value of the test that the picture is like those learned from, and a flag where it is
small; it is null where the model has no such test.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import itertools
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from headstart.core.printable import printable, printable_json
from headstart.data.flattening import FORMATS, flattened, turn_upright

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")
MOST_PIXELS = 178_956_970
"""Larger pictures are refused: a small file can claim a size that fills the memory."""


def picture_files(paths: Iterable[str]) -> list[Path]:
    """The files that paths name, and the pictures in folders, in alphabetical order."""
    found: list[Path] = []
    for path in map(Path, paths):
        inside = sorted(one for one in path.rglob("*") if one.suffix.lower() in SUFFIXES) if path.is_dir() else [path]
        found += inside
    return found


def read_picture(path: Path, at_least: int) -> np.ndarray:
    """The picture as viewers show it, uint8 [height, width, channel], RGB.

    JPEG files may be decoded at a reduced scale whose sides are at least so many pixels.
    """
    with Image.open(path, formats=FORMATS) as image:
        if image.size[0] * image.size[1] > MOST_PIXELS:
            raise ValueError(f"{image.size[0]} x {image.size[1]} pixels are too many")
        if image.format in ("JPEG", "MPO"):
            image.draft(None, (at_least, at_least))
        image.load()
        turn_upright(image)
        return np.array(flattened(image))


def answers(
    paths: Iterable[Path], run: Callable[[Any], Sequence[Any]], about: dict[str, Any], batch: int
) -> Iterator[dict[str, Any]]:
    """One row a picture. Pictures that follow one another and have one size are computed together, up to `batch` of them."""
    seconds = about.setdefault("seconds", {"reading": 0.0, "model": 0.0})

    def read(path: Path) -> tuple[Path, np.ndarray | str]:
        begun = time.perf_counter()
        try:
            return path, read_picture(path, about["pixels"])
        except Exception as error:  # noqa: BLE001  decoders raise anything on hostile bytes
            return path, f"{path}: cannot be read ({' '.join(str(error).split()) or type(error).__name__})"
        finally:
            seconds["reading"] += time.perf_counter() - begun

    alike = itertools.groupby(map(read, paths), key=lambda one: getattr(one[1], "shape", None))
    for shape, group in alike:
        while rows := list(itertools.islice(group, batch)):
            if shape is None:
                yield from ({"path": str(path), "error": error} for path, error in rows)
                continue
            begun = time.perf_counter()
            outputs = run(np.stack([picture for _, picture in rows]))
            seconds["model"] += time.perf_counter() - begun
            for row, (path, _) in enumerate(rows):
                yield {"path": str(path), **answer([output[row] for output in outputs], about)}


def answer(outputs: Sequence[Any], about: dict[str, Any]) -> dict[str, Any]:
    """What is said about one picture."""
    if about.get("kind") in ("several_labels", "numbers"):
        return answer_of_outputs(outputs[0], about)
    classes, probs = about["classes"], [float(share) for share in outputs[0]]
    best = int(np.argmax(probs))
    p_value = float(outputs[1]) if len(outputs) > 1 else None
    return {
        "label": classes[best],
        "probability": probs[best],
        "probs": dict(zip(classes, probs, strict=True)),
        "unknown": None if p_value is None else {"p_value": p_value, "flag": p_value < about["unusual"]},
        **({"set": prediction_set(classes, probs, about["least"])} if "least" in about else {}),
    }


def answer_of_outputs(values: Any, about: dict[str, Any]) -> dict[str, Any]:
    """What is said about one picture by a model of several labels, or of a number."""
    given = [float(value) for value in values]
    if about["kind"] == "numbers":
        return {"value": given[0]}
    said = [place for place, value in enumerate(given) if value >= about["thresholds"][place]]
    labels = [about["classes"][place] for place in sorted(said, key=lambda place: -given[place])]
    return {"labels": labels, "probs": dict(zip(about["classes"], given, strict=True))}


def prediction_set(classes: Sequence[str], probs: Sequence[float], least: float) -> list[str]:
    """The classes of at least that probability, the most probable first."""
    order = sorted(range(len(classes)), key=lambda label: -probs[label])
    return [classes[label] for label in order if probs[label] >= least]


def least_probability(sets: float, steps: Sequence[Sequence[float]]) -> float:
    """The probability from which on a class is in a set, from levels with their thresholds; ValueError says what is wrong."""
    if not 0 < sets < 1:
        raise ValueError(f"--sets {sets:g} is not a share of pictures. Give more than 0 and less than 1, such as 0.9.")
    if not steps:
        raise ValueError("This model was exported without out-of-fold predictions, and gives no sets. Leave out --sets.")
    thresholds = [threshold for level, threshold in steps if level >= sets - 1e-9]
    if not thresholds:
        raise ValueError(f"--sets {sets:g} needs more labeled pictures than there were. Give {steps[-1][0]:.3f} or less.")
    return 1 - thresholds[0]


def fault_of_bundle(folder: Path, file: str) -> str:
    """Which file of the model is not as it was exported, in one sentence; empty where SHA256SUMS tells of none.

    The runtime loads `file`. Files that were not exported may lie beside it.
    """
    sums = folder / "SHA256SUMS"
    try:
        if not sums.exists():
            return ""
        known = dict(line.split("  ", 1)[::-1] for line in sums.read_text(encoding="utf-8").splitlines() if "  " in line)
        listed = {name for name in known if name.startswith("model.")}
        for name in ("bundle.json", "classes.json", *sorted(listed | {file})):
            if name not in known:
                unknown = "is not one of the files that were exported (SHA256SUMS does not name it)"
                return f"{folder / name} {unknown}. Export the model again."
            digest = hashlib.sha256()
            with (folder / name).open("rb") as stream:
                while piece := stream.read(2**20):
                    digest.update(piece)
            if digest.hexdigest() != known[name]:
                return f"{folder / name} is not as it was exported: SHA256SUMS has another hash. Export the model again."
    except (OSError, UnicodeDecodeError) as error:
        where = error.filename if isinstance(error, OSError) else sums
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        return f"{where} cannot be read ({reason}). Export the model again."
    return ""


def predict(folder: Path, load: Callable[[Path], Callable[[Any], Sequence[Any]]], file: str) -> int:
    """Answer the command line with the model in a folder, of which `load` reads `file`; the exit code comes back."""
    parser = argparse.ArgumentParser(description="Classes of pictures, one JSON object a line.")
    parser.add_argument("paths", nargs="+", metavar="PICTURE_OR_FOLDER")
    parser.add_argument("--batch", type=int, default=8, metavar="N", help="pictures of one size computed together, at most [8]")
    parser.add_argument(
        "--sets", type=float, metavar="SHARE", help="add sets that hold the true class for this share of pictures"
    )
    parser.add_argument("--timing", action="store_true", help="print seconds of reading and of the model to stderr, as JSON")
    given = parser.parse_args()
    if fault := fault_of_bundle(folder, file):
        parser.error(printable(fault))
    about = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    about["classes"] = json.loads((folder / "classes.json").read_text(encoding="utf-8"))
    if given.sets is not None:
        try:
            about["least"] = least_probability(given.sets, about.get("set_steps", ()))
        except ValueError as error:
            parser.error(str(error))
    code, paths, run = 0, picture_files(given.paths), load(folder)
    out = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", errors="backslashreplace", line_buffering=True)
    for row in answers(paths, run, about, max(1, given.batch)):
        code = 1 if "error" in row else code
        out.write(printable_json(json.dumps(row, ensure_ascii=False)) + "\n")
    out.detach()
    if given.timing:
        sys.stderr.write(json.dumps({"pictures": len(paths), **about["seconds"]}) + "\n")
    return code
