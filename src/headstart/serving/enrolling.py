"""Enrolling: classes of a gallery that are added and removed over HTTP, and what the gallery says of pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from PIL import Image

from headstart.core.errors import DataError, ExportError, did_you_mean
from headstart.data.class_names import canonical
from headstart.gallery import Gallery
from headstart.serving.pictures import DecodedImages, DecodedPicture
from headstart.serving.refusals import RefusedError, without_folders

LONGEST_CLASS = 200
"""Characters of a class name."""
EMPTY = "The gallery holds no class yet. Enroll one first."
DAMAGED = "A class of the gallery cannot be read. Restore its file, or delete it and enroll the class again."


@dataclass(frozen=True, eq=False)
class Matching:
    """What a gallery says about pictures; two that are equal are computed together.

    Attributes:
        gallery: The gallery; its classes are read anew for each batch.
        refuse: Whether pictures that are unlike every class get no label.
    """

    gallery: Gallery
    refuse: bool

    def __call__(self, pictures: Sequence[DecodedPicture]) -> list[dict[str, Any]]:
        """One row a picture, as `headstart fewshot predict --json` prints it."""
        with _disk_can_refuse():
            enrolled = self.gallery.class_store.read()
        if not enrolled:
            raise RefusedError(409, "empty-gallery", EMPTY)
        answers = self.gallery.answers_of(DecodedImages(tuple(pictures)), self.refuse, enrolled)
        return [{"path": picture.name, **answer} for picture, answer in zip(pictures, answers, strict=True)]

    def __hash__(self) -> int:
        return hash((self.gallery.folder, self.refuse))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Matching) and (self.gallery is other.gallery and self.refuse == other.refuse)


def card_of_gallery(gallery: Gallery) -> dict[str, Any]:
    """What users may know of a gallery; of one with a damaged class, no class but that there is one."""
    made, sentence = gallery.state.card, gallery.state.card.sentence
    try:
        classes = gallery.classes()
    except DataError:
        classes, sentence = {}, DAMAGED
    return {
        "kind": "gallery",
        "version": version_of_gallery(gallery),
        "classes": list(classes),
        "num_images": classes,
        "pretrained": [without_folders(made.pretrained)],
        "sentence": without_folders(sentence) if sentence else None,
        "novelty": True,
    }


def version_of_gallery(gallery: Gallery) -> str:
    """Changes with the enrolled classes; their files are not read."""
    names = [path.name for path in gallery.class_store.paths()]
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:12]


def enroll(gallery: Gallery, name: str, images: Sequence[Image.Image]) -> dict[str, Any]:
    """Add a class; a refusal says that the gallery has it already, or has one of the pictures in another class."""
    name = class_name(name)
    with _disk_can_refuse():
        gallery.classes()
        taken = gallery.class_store.taken([name])
    if taken is not None:
        sentence = f'"{taken[0]}" is enrolled already, with {taken[1]} image{"s" * (taken[1] != 1)}. Forget it first.'
        raise RefusedError(409, "class-exists", sentence)
    with _disk_can_refuse():
        try:
            gallery.enroll({name: list(images)})
        except DataError as error:
            raise RefusedError(409, "not-enrolled", without_folders(str(error), (str(gallery.folder),))) from None
        classes = gallery.classes()
    return {"class": name, "num_images": classes[name], "num_classes": len(classes)}


def forget(gallery: Gallery, name: str) -> dict[str, Any]:
    """Remove a class; a refusal says that there is none of that name."""
    if gallery.class_store.path_of(name) is None:
        with _disk_can_refuse():
            known = list(gallery.classes())
        sentence = f'The gallery has no class "{name}".{did_you_mean(name, known)} `GET /models` lists its classes.'
        raise RefusedError(404, "no-class", sentence)
    with _disk_can_refuse():
        gallery.forget(name)
    return {"forgotten": name, "num_classes": len(gallery.class_store.paths())}


@contextmanager
def _disk_can_refuse() -> Iterator[None]:
    """Inside, a damaged class and a disk that takes no change are refusals, which name no file."""
    try:
        yield
    except DataError:
        raise RefusedError(409, "damaged-gallery", DAMAGED) from None
    except (ExportError, OSError) as error:
        cause = error if isinstance(error, OSError) else error.__cause__
        reason = getattr(cause, "strerror", None) or "no reason given"
        raise RefusedError(507, "not-kept", f"The folder of the gallery cannot be read or written ({reason}).") from None


def class_name(name: str) -> str:
    """The name in its composed form, without white space around it; what is no name of a class is refused."""
    name = canonical(name)
    if not name or len(name) > LONGEST_CLASS or not name.isprintable():
        sentence = f"A class needs a name of 1 to {LONGEST_CLASS} printable characters."
        raise RefusedError(422, "bad-class-name", sentence)
    return name
