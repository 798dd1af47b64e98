"""Lines of a manifest: what is known of images, by the columns that headstart reads back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from headstart.core.types import UNLABELED
from headstart.data.images import ImageSet
from headstart.data.manifest_files import path_from

MANIFEST_COLUMNS = ("path", "label", "split", "group", "domain")
"""What `manifest_lines` gives, and the split."""


def manifest_lines(images: ImageSet, rows: Iterable[int], folder: Path) -> Iterator[dict[str, str]]:
    """Path, label, group and domain of those rows by column; what is not known is empty.

    Paths are relative to the folder; what is no file keeps its name. The split is left to the caller.
    """
    for row in rows:
        label = int(images.labels[row])
        yield {
            "path": path_from(images.images.name(row), folder),
            "label": "" if label == UNLABELED else images.classes[label],
            "group": images.given_groups[row] if images.given_groups else "",
            "domain": images.domains[row] if images.domains else "",
        }
