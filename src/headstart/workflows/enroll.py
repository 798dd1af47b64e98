"""Enroll: a class for a gallery, from a few images; the first one makes the gallery."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from headstart.core.errors import PlanError
from headstart.gallery import Gallery
from headstart.gallery.gallery import scan_by_class
from headstart.runs.predicting import image_files


def enroll(
    gallery: str | Path,
    name: str,
    images: str | Path | Sequence[str | Path],
    *,
    pretrained: str | None = None,
    source: str | None = None,
    method: str | None = None,
    seed: int = 0,
) -> tuple[Gallery, list[dict[str, Any]]]:
    """The gallery with a class more, and one row for each image that could not be read.

    The gallery is a folder, which the first class makes: with the backbone `pretrained`, meta-trained on the many other classes
    of `source` if that pays, or by `method` in any case. A gallery that is there refuses to be made otherwise.
    """
    folder = Path(gallery)
    paths = image_files(images)
    scan_by_class({name: paths})
    if (folder / "gallery.json").exists():
        opened = Gallery.open(folder)
        _check_same(opened, pretrained, source, method)
    else:
        opened = Gallery.create(folder, pretrained, paths, source, method, seed)
    return opened, opened.enroll({name: paths})


def _check_same(opened: Gallery, pretrained: str | None, source: str | None, method: str | None) -> None:
    made = opened.state.card
    if pretrained not in (None, made.pretrained):
        raise PlanError(
            f"{opened.folder} was made with {made.pretrained}, and {pretrained} was asked. Leave out --pretrained, or enroll "
            "into a new folder."
        )
    if source not in (None, made.source) or method is not None:
        given = "--source" if method is None else "--method"
        raise PlanError(
            f"{given} is for a new gallery, and {opened.folder} is there already. Leave it out, or name a new folder."
        )
