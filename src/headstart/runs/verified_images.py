"""Verified images: whether the images that a run used are still there, with the same content."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from headstart.core.errors import DamagedError, DataError, HeadstartError
from headstart.core.progress import progress
from headstart.data.images import Images
from headstart.data.prefetch import prefetched
from headstart.data.readers import reader_for
from headstart.runs.manifest import UsedImages, images_in, listed_images
from headstart.runs.run import Run
from headstart.runs.verification import Mismatch, VerifiedKind

CHANGED = "{name}: has another content than the run saw. Restore the image, or fit the run anew."
ABSENT = "{name}: is no longer there. Restore the image, or fit the run anew."
ABSENT_PLACE = "{name}: cannot be read ({reason}). Put the data back, or name where they lie now: headstart verify RUN DATA."
UNNAMED = "image {key}"

Found = dict[str, set[str]]
"""The content keys of images, by their names; an image that cannot be read has an empty key."""


def verified_images(run: Run, places: Sequence[Any], given: UsedImages | None = None) -> VerifiedKind:
    """Each image that a run used: at these places, or among given ones.

    An image that lies there by another name counts as the same. Where there are no places, none is checked.

    Args:
        run: With its list of images.
        places: As readers take them.
        given: Images that were read already, in place of the places.

    Returns:
        The kind of the verification.
    """
    try:
        listed = images_in(run.folder) if run.manifest is None else listed_images(run.folder, run.manifest)
    except DamagedError:  # which is one of the files, and says nothing about the images
        return VerifiedKind(name="images", num=0 if run.manifest is None else run.manifest.num_images, num_checked=0)
    if given is None and not places:
        return VerifiedKind(name="images", num=len(listed), num_checked=0)
    found, mismatches = (Found(), list[Mismatch]()) if given is None else (_grouped(given.rows), [])
    if given is None:
        every, mismatches = _read(places)
        found = _keys(every, {name for _, name in listed})
    if not found and mismatches:  # one sentence about each place says more than one about each image
        return VerifiedKind(name="images", num=len(listed), num_checked=len(listed), mismatches=tuple(mismatches))
    contents = frozenset(key for keys in found.values() for key in keys)
    mismatches += [_mismatch(key, name, found) for key, name in listed if not _is_there(key, name, found, contents)]
    return VerifiedKind(name="images", num=len(listed), num_checked=len(listed), mismatches=tuple(mismatches))


def _is_there(key: str, name: str, found: Found, contents: frozenset[str]) -> bool:
    """Whether that content is there, by this name or, where no image has this name, by another one."""
    return key in found[name] if name in found else key in contents


def _mismatch(key: str, name: str, found: Found) -> Mismatch:
    shown = name or UNNAMED.format(key=key[:12])
    template = CHANGED if any(found.get(name, ())) else ABSENT
    return Mismatch(name=shown, sentence=template.format(name=shown))


def _grouped(rows: Iterable[tuple[str, str]]) -> Found:
    found = Found()
    for key, name in rows:
        found.setdefault(name, set()).add(key)
    return found


def _read(places: Sequence[Any]) -> tuple[list[Images], list[Mismatch]]:
    """The images at places, and a mismatch for each place that cannot be read."""
    every, mismatches = list[Images](), list[Mismatch]()
    for place in places:
        try:
            every.append(reader_for(place).read(place).images)
        except HeadstartError as error:
            sentence = ABSENT_PLACE.format(name=place, reason=str(error).rstrip("."))
            mismatches.append(Mismatch(name=str(place), sentence=sentence))
    return every, mismatches


def _keys(every: Sequence[Images], wanted: set[str]) -> Found:
    """The content keys that images have now; those with other names are read only where a wanted name is not found."""
    rows = [(images, row, images.name(row)) for images in every for row in range(len(images))]
    if wanted <= {name for _, _, name in rows}:
        rows = [one for one in rows if one[2] in wanted]
    found = Found()
    with progress(len(rows), "Checking images") as advance:
        for (_, _, name), key in zip(rows, prefetched(lambda one: _key(one[0], one[1]), rows), strict=True):
            found.setdefault(name, set()).add(key)
            advance(1)
    return found


def _key(images: Images, row: int) -> str:
    try:
        return images.content_key(row)
    except DataError:
        return ""
