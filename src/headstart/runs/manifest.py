"""Manifest: what a run used and what it wrote, by hashes, so that `headstart verify` can check all of it again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from headstart.core.errors import DamagedError
from headstart.core.parsing import RESTORE
from headstart.core.records import Record, write_atomically
from headstart.runs.in_progress import PROGRESS
from headstart.runs.run import file_of

IMAGES = "images.sha256"
"""The images, one a line as `sha256sum` writes them: `KEY  NAME`. Of pictures in files the key is the SHA-256 of the file."""
TRACKING = "tracking"
"""The folder with what is known of its trackers, and the event files of TensorBoard; they go on after the run has ended."""
EXPLAINED = "explained"
"""The folder with explanations of new images, which are made after the run has ended."""
DERIVED = ("report.html", "stress.html", "stress_part.html")
"""Pages that are made of the other files, in the language that is spoken."""
ESCAPED = {"\\": "\\\\", "\n": "\\n", "\r": "\\r"}


class UsedWeights(Record):
    """The weights that a network of a run started from.

    Attributes:
        name: Of the model.
        weights: "pretrained", "none" for a random initialization, or a file.
        input_pixels: Side of the input square, where the plan says it.
        weights_hash: Of the network before it is trained; None where it was not on this machine when the run ended.
        license: Of the weights, as the model's card has it.
        source: What they were trained on.
        engine: That computed features with them; empty where the network takes feature vectors, and in earlier versions.
    """

    name: str
    weights: str
    input_pixels: int | None = None
    weights_hash: str | None = None
    license: str = "unknown"
    source: str = ""
    engine: str = ""


class Manifest(Record):
    """`manifest.json`.

    Attributes:
        seed: Of splits, folds and training.
        plan: Fingerprint of the plan.
        task: Fingerprint of the images, their labels and their splits.
        places: Where the images can be read again; none where they lay in memory.
        num_images: Images in `images.sha256`.
        versions: Of Python and of packages.
        weights: What each network started from.
        files: SHA-256 of each file of the run, by its path from the folder; of those in `NOT_HASHED` there is none.
    """

    seed: int
    plan: str
    task: str
    places: tuple[str, ...]
    num_images: int
    versions: dict[str, str]
    weights: tuple[UsedWeights, ...]
    files: dict[str, str] = {}

    def check(self, folder: Path, name: str) -> None:
        """Refuse a file of the run that is there and is not the one that is known: a `DamagedError` that names it."""
        path, known = folder / name, self.files.get(name)
        if known is not None and path.is_file() and hash_of_file(path) != known:
            raise DamagedError.of(path, "its SHA-256 is not that of the manifest", RESTORE)

    def with_files(self, folder: Path, names: Iterable[str] | None = None) -> Manifest:
        """The manifest with the hashes of these files as they are now, or of all; other hashes stay."""
        if names is None:
            return self.model_copy(update={"files": hashes_in(folder)})
        paths = {name: folder / name for name in names}
        found = {name: hash_of_file(path) for name, path in paths.items() if path.exists()}
        others = {name: known for name, known in self.files.items() if name not in paths}
        return self.model_copy(update={"files": dict(sorted((others | found).items()))})


NOT_HASHED = (file_of(Manifest), *DERIVED, PROGRESS, TRACKING, EXPLAINED, "steps")
"""`steps` are intermediate results, which later commands add to and which are made again where they are missing."""


class UsedImages(NamedTuple):
    """Images of a run.

    Attributes:
        places: Where they can be read again; none where they lay in memory.
        rows: Content key and name of each; the name is empty where only the content was kept.
    """

    places: tuple[str, ...]
    rows: tuple[tuple[str, str], ...]

    def joined(self, other: UsedImages) -> UsedImages:
        """Both, each place and image once."""
        return UsedImages(tuple(dict.fromkeys(self.places + other.places)), tuple(dict.fromkeys(self.rows + other.rows)))


def hash_of_file(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def hashes_in(folder: Path) -> dict[str, str]:
    """SHA-256 of each file of a run, by its path from the folder, in the order of the paths."""
    return {name: hash_of_file(folder / name) for name in files_in(folder)}


def files_in(folder: Path) -> list[str]:
    """The paths, from the folder, of the files of a run that have a hash; hidden ones have none."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(
        path.as_posix() for path in found if path.parts[0] not in NOT_HASHED and not any(part[0] == "." for part in path.parts)
    )


SUMS = "SHA256SUMS"
"""The hashes of the files of a bundle, in the form of `sha256sum`."""


def write_sums(folder: Path) -> None:
    """Write the hash of each file of a folder, which `sha256sum -c` checks, into the folder."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and path.name != SUMS)
    write_atomically(folder / SUMS, lines_of_images((hash_of_file(folder / name), name) for name in names))


def sums_in(folder: Path) -> dict[str, str]:
    """The hash of each file that `write_sums` listed, by its path from the folder."""
    return {name: key for key, name in images_in(folder, SUMS)}


def lines_of_images(rows: Iterable[tuple[str, str]]) -> bytes:
    """Content keys and names as text, one image a line, in the form of `sha256sum`."""
    return "".join(f"{_line(key, name)}\n" for key, name in rows).encode("utf-8", "surrogateescape")


def images_in(folder: Path, file: str = IMAGES) -> tuple[tuple[str, str], ...]:
    """Content key and name of each image that a run used, or of what is listed in another file; none where no list is there."""
    path = folder / file
    lines = path.read_bytes().decode("utf-8", "surrogateescape").split("\n")[:-1] if path.exists() else []
    return tuple(_parsed(line) for line in lines)


def listed_images(folder: Path, manifest: Manifest) -> tuple[tuple[str, str], ...]:
    """As `images_in`, of a run that has ended; a `DamagedError` where the list is not the one that its manifest knows."""
    manifest.check(folder, IMAGES)
    return images_in(folder)


def _line(key: str, name: str) -> str:
    escaped = "".join(ESCAPED.get(letter, letter) for letter in name)
    return f"\\{key}  {escaped}" if escaped != name else f"{key}  {name}"


def _parsed(line: str) -> tuple[str, str]:
    key, _, name = line.partition("  ")
    if not key.startswith("\\"):
        return key, name
    between = name.split(ESCAPED["\\"])
    return key[1:], "\\".join(part.replace("\\n", "\n").replace("\\r", "\r") for part in between)
