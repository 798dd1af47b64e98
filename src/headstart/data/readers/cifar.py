"""CIFAR-10 and CIFAR-100 as their authors distribute them: Python or binary version, folder or archive."""

from __future__ import annotations

import gzip
import os
import tarfile
import zlib
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np

from headstart.core.errors import DataError
from headstart.core.findings import Finding
from headstart.core.types import Bytes
from headstart.data.images import ArrayImages
from headstart.data.pickled_arrays import load_plain
from headstart.data.raw_dataset import RawDataset
from headstart.data.readers.base import Reader

SIDE = 32
PIXEL_BYTES = 3 * SIDE * SIDE
ARCHIVES = (".tar.gz", ".tgz", ".tar")
MAX_FILE_BYTES = 2**28
MAX_ARCHIVE_BYTES = 2**30

Files = dict[str, bytes]


class Version(NamedTuple):
    """One of the four forms: names of the authors' folder and files; `names` is that of the class names."""

    name: str
    folder: str
    train: tuple[str, ...]
    test: str
    names: str
    pickled: bool


BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
VERSIONS = (
    Version("cifar10", "cifar-10-batches-py", BATCHES, "test_batch", "batches.meta", True),
    Version("cifar10", "cifar-10-batches-bin", tuple(f"{b}.bin" for b in BATCHES), "test_batch.bin", "batches.meta.txt", False),
    Version("cifar100", "cifar-100-python", ("train",), "test", "meta", True),
    Version("cifar100", "cifar-100-binary", ("train.bin",), "test.bin", "fine_label_names.txt", False),
)
NUM_CLASSES = {"cifar10": 10, "cifar100": 100}


class Cifar(Reader):
    """The folder, a folder around it, or the .tar.gz archive; the latter is read in memory and never unpacked to disk.

    CIFAR-100 is read with its 100 fine labels.
    """

    precedence = 50
    summary: ClassVar[str] = "cifar10 | cifar100: the authors' folder or .tar.gz, Python or binary version"

    def recognizes(self, place: str) -> bool:
        if os.path.isfile(place):  # noqa: PTH113  never raises, as Path.is_file may
            return place.lower().endswith(ARCHIVES)
        return _folder_version(place) is not None or bool(_archives_in(place))

    def read(self, place: str) -> RawDataset:
        if not os.path.isfile(place) and _folder_version(place) is None:  # noqa: PTH113
            archives = _archives_in(place)
            if len(archives) > 1:
                raise DataError(f"{place}: holds {archives[0].name} and {archives[1].name}. Point at one of them.")
            place = str(archives[0])
        version, files = _files_of_archive(Path(place)) if os.path.isfile(place) else _files_of_folder(place)  # noqa: PTH113
        names, findings = _class_names(version, files, place)
        pixels: list[Bytes] = []
        labels: list[str] = []
        splits: list[str] = []
        for file in (*version.train, version.test):
            if file not in files:
                findings.append(_missing(file, place))
                continue
            some_pixels, some_labels = _rows(version, files.pop(file), f"{place}: {file}", len(names))
            pixels.append(some_pixels)
            labels.extend(names[label] for label in some_labels)
            splits.extend(["test" if file == version.test else "train"] * len(some_labels))
        joined = np.concatenate(pixels)
        return RawDataset(
            name=version.name,
            images=ArrayImages(joined, version.name, np.arange(len(joined))),
            labels=tuple(labels),
            splits=tuple(splits),
            findings=tuple(findings),
        )


def _folder_version(place: str) -> tuple[str, Version] | None:
    """The folder that holds the files, and their form: the place itself or the authors' folder in it."""
    for version in VERSIONS:
        for folder in (place, os.path.join(place, version.folder)):  # noqa: PTH118
            needed = (version.train[0], version.test, version.names)
            if sum(os.path.isfile(os.path.join(folder, name)) for name in needed) >= 2:  # noqa: PTH113, PTH118
                return folder, version
    return None


def _archives_in(place: str) -> list[Path]:
    try:
        names = sorted(os.listdir(place))  # noqa: PTH208  a place may be no path at all
    except (OSError, ValueError):
        return []
    return [Path(place, name) for name in names if name.startswith("cifar-10") and name.lower().endswith(ARCHIVES)]


def _files_of_folder(place: str) -> tuple[Version, Files]:
    located = _folder_version(place)
    if located is None:
        raise DataError(f"{place}: no longer holds CIFAR's files. Restore the folder.")
    folder, version = located
    files: Files = {}
    for name in (*version.train, version.test, version.names):
        path = Path(folder, name)
        try:
            if path.stat().st_size > MAX_FILE_BYTES:
                raise DataError(f"{path}: is larger than any file of CIFAR ({MAX_FILE_BYTES:,} bytes allowed). Get it again.")
            files[name] = path.read_bytes()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror}). Make it readable.") from None
    return version, files


def _files_of_archive(path: Path) -> tuple[Version, Files]:
    wanted = {name for version in VERSIONS for name in (*version.train, version.test, version.names)}
    files: Files = {}
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                name = member.name.rsplit("/", 1)[-1]
                if member.offset_data + member.size > MAX_ARCHIVE_BYTES:
                    raise DataError(f"{path}: unpacks to more than the {MAX_ARCHIVE_BYTES:,} bytes allowed. Get it again.")
                stream = archive.extractfile(member) if member.isreg() and name in wanted else None
                if stream is not None and member.size <= MAX_FILE_BYTES:
                    files[name] = stream.read()
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error, UnicodeError, RecursionError):
        raise DataError(f"{path}: is not an archive, or a damaged one. Get it again.") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}). Make it readable.") from None
    for version in VERSIONS:
        if any(name in files for name in version.train):
            return version, files
    raise DataError(f"{path}: is not a CIFAR archive. Unpack it and point at the folder.")


def _class_names(version: Version, files: Files, place: str) -> tuple[list[str], list[Finding]]:
    """The class names in label order; numbers where their file is missing."""
    where = f"{place}: {version.names}"
    expected = NUM_CLASSES[version.name]
    if version.names not in files:
        return [str(label) for label in range(expected)], [_missing(version.names, place)]
    content = files.pop(version.names)
    if version.pickled:
        kind = "label_names" if version.name == "cifar10" else "fine_label_names"
        names = _field(load_plain(content, where), kind, where)
        texts = [_text(name) for name in names] if isinstance(names, list) else []
    else:
        texts = [line.strip() for line in content.decode("utf-8", "replace").splitlines() if line.strip()]
    if len(set(texts)) != expected or not all(texts):
        raise DataError(f"{where}: has {len(set(texts))} different class names where {expected} belong. Get it again.")
    return texts, []


def _field(value: object, name: str, where: str) -> object:
    if isinstance(value, dict):
        for key in (name, name.encode()):
            if key in value:
                return value[key]
    raise DataError(f'{where}: has no "{name}". Get the file again.')


def _text(name: object) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else name if isinstance(name, str) else ""


def _rows(version: Version, content: bytes, where: str, num_classes: int) -> tuple[Bytes, list[int]]:
    """Pixels [sample, height, width, channel] and labels of one file."""
    planes, labels = (_pickled if version.pickled else _binary)(version, content, where)
    wrong = next((label for label in labels if not 0 <= label < num_classes), None)
    if wrong is not None:
        raise DataError(f"{where}: has the label {wrong}, and labels go from 0 to {num_classes - 1}. Get the file again.")
    pixels = planes.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(pixels), labels


def _pickled(version: Version, content: bytes, where: str) -> tuple[Bytes, list[int]]:
    value = load_plain(content, where)
    planes = _field(value, "data", where)
    labels = _field(value, "labels" if version.name == "cifar10" else "fine_labels", where)
    if isinstance(labels, np.ndarray) and labels.ndim == 1 and labels.dtype.kind in "iu":
        labels = labels.tolist()
    if not isinstance(planes, np.ndarray) or planes.dtype != np.uint8 or planes.ndim != 2 or planes.shape[1] != PIXEL_BYTES:
        shape = f"{planes.dtype} {planes.shape}" if isinstance(planes, np.ndarray) else type(planes).__name__
        raise DataError(f"{where}: its data is {shape}, and must be uint8 [sample, {PIXEL_BYTES}]. Get the file again.")
    if not isinstance(labels, list) or not all(type(label) is int for label in labels) or len(labels) != len(planes):
        count = len(labels) if isinstance(labels, list) else 0
        raise DataError(f"{where}: has {count} labels for {len(planes)} pictures. Get the file again.")
    return planes, labels


def _binary(version: Version, content: bytes, where: str) -> tuple[Bytes, list[int]]:
    num_labels = 1 if version.name == "cifar10" else 2
    row_bytes = num_labels + PIXEL_BYTES
    if not content or len(content) % row_bytes:
        raise DataError(f"{where}: has {len(content):,} bytes, which is no multiple of {row_bytes:,}. Get the file again.")
    rows = np.frombuffer(content, dtype=np.uint8).reshape(-1, row_bytes)
    return rows[:, num_labels:], rows[:, num_labels - 1].tolist()


def _missing(file: str, place: str) -> Finding:
    title, advice = (
        f"{file} of the CIFAR distribution is missing.",
        "Get the distribution again if its pictures or names are wanted.",
    )
    return Finding.warning("missing-files", title, advice, count=1, paths=[f"{place}: {file}"])
