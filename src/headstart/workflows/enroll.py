"""Enroll: a class for a gallery, from a few images; the first one makes the gallery."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from headstart.backbones.pretrained import Name, name_of
from headstart.core.arguments import AnyPath, checked
from headstart.core.errors import PlanError
from headstart.data.given_images import AnyImages, given_images
from headstart.gallery import Gallery
from headstart.gallery.gallery import scan_by_class
from headstart.workflows.arguments import Place


@checked
def enroll(
    gallery: Gallery | AnyPath,
    name: str,
    images: AnyImages,
    *,
    pretrained: Name | None = None,
    source: Place | None = None,
    method: str | None = None,
    seed: int = 0,
) -> tuple[Gallery, list[dict[str, Any]]]:
    """The gallery with a class more, and one row for each image that could not be read.

    Images are those that `headstart.predict` takes. The gallery is a folder, which the first class makes: with the backbone
    `pretrained`, meta-trained on the many other classes of `source` if that pays, or by `method` in any case. A gallery that is
    there refuses to be made otherwise.
    """
    folder = gallery.folder if isinstance(gallery, Gallery) else Path(gallery)
    given = given_images(images)
    card, place = None if pretrained is None else name_of(pretrained), None if source is None else str(source)
    scan_by_class({name: given})
    if (folder / "gallery.json").exists():
        opened = Gallery.open(folder)
        _check_same(opened, card, place, method)
    else:
        opened = Gallery.create(folder, card, given, place, method, seed)
    return opened, opened.enroll({name: given})


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
