"""Shards of the WebDataset format: tar archives that hold pictures, each with its label in a file of the same name."""

from __future__ import annotations

import re
import tarfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

from headstart.core.errors import DamagedError, DataError
from headstart.core.findings import MOST_EXAMPLES, Finding
from headstart.core.parsing import json_by_others
from headstart.core.types import UNLABELED
from headstart.data.addresses import shown_name
from headstart.data.class_names import check_distinct
from headstart.data.column_names import columns_meant
from headstart.data.decoding import IMAGE_SUFFIXES
from headstart.data.images import Images
from headstart.data.raw_dataset import RawDataset
from headstart.data.readers.base import Reader
from headstart.data.shard_files import expanded, name_of_set, shards_of, split_of
from headstart.data.split_names import split_and_label
from headstart.data.stored_images import Stored, StoredImages
from headstart.data.tables import label_text, text_of

SUFFIXES = (".tar",)
NAME = re.compile(r"((?:.*/)?[^/.]+)\.([^/]+)", re.DOTALL)
"""A member: the key of its sample up to the first dot of the file name, and what the file is."""
COLUMNS = ("label", "split", "group", "domain")
MAX_TEXT_BYTES = 2**20
"""Of a label, or of what else is told of a sample."""
FIRST = 20
"""Members by which a tar archive is known for a shard."""
BLOCK = 512
NO_PICTURES = "{place}: holds no pictures. Each sample needs one, such as 0001.jpg beside 0001.cls."

Told: TypeAlias = dict[str, str]
"""What is told of a sample, by the name of the column."""


class TarShards(Reader):
    """One .tar, a folder of them, or a pattern such as `shards-{000..009}.tar`: pictures with `.cls` or `.json` beside them.

    Nothing is unpacked: pictures are read where they lie. A split is read from the names of shards, as in train-000.tar.
    """

    precedence = 60
    of_containers = True
    summary: ClassVar[str] = (
        "shards/*.tar or shards-{000..009}.tar: pictures with .cls or .json beside them, as WebDataset has them"
    )

    def recognizes(self, place: str) -> bool:
        return bool(shards_of(place, SUFFIXES, _is_shard))

    def read(self, place: str) -> RawDataset:
        return self._read(place, needs_labels=True)

    def read_unsorted(self, place: str) -> RawDataset:
        return self._read(place, needs_labels=False)

    def pictures(self, place: str) -> Images:
        samples = [(shard, sample) for shard in _shards_in(place) for sample in _samples_of(shard).values()]
        if not any(sample.picture for _, sample in samples):
            raise DataError(NO_PICTURES.format(place=place))
        return StoredImages.of(sample.picture or Stored(shard, 0, -1, sample.name) for shard, sample in samples)

    def _read(self, place: str, *, needs_labels: bool) -> RawDataset:
        pictures: list[Stored] = []
        told: list[Told] = []
        missing: list[str] = []
        for shard in _shards_in(place):
            for sample in _samples_of(shard).values():
                if sample.picture is None:
                    missing.append(sample.name)
                    continue
                pictures.append(sample.picture)
                told.append({"split": split_of(shard, place), **sample.told})
        if not pictures:
            raise DataError(NO_PICTURES.format(place=place))
        if needs_labels and not any(one.get("label") for one in told):
            raise DataError(
                f"{place}: no picture has a label (the first is {pictures[0].name}). Put its class into a file of the same name "
                'that ends in .cls, or as "label" into one that ends in .json.'
            )
        known = [split_and_label(one["split"], one.get("label", ""), at.name) for one, at in zip(told, pictures, strict=True)]
        check_distinct((label for _, label in known if label is not None), place)
        return RawDataset(
            name=name_of_set(place),
            images=StoredImages.of(pictures),
            labels=tuple(label for _, label in known),
            splits=tuple(split for split, _ in known),
            groups=tuple(one.get("group", "") for one in told),
            domains=tuple(one.get("domain", "") for one in told),
            findings=_without_picture(missing),
        )


def _shards_in(place: str) -> list[Path]:
    shards = shards_of(place, SUFFIXES, _is_shard)
    return shards if len(shards) != 1 else [Path(name) for name in expanded(str(shards[0]))]


@dataclass
class _Sample:
    """The members of one key."""

    name: str
    picture: Stored | None = None
    told: Told = field(default_factory=dict)


def _is_shard(path: Path) -> bool:
    """Whether the first members of a tar archive hold a picture."""
    try:
        with tarfile.open(path, "r:") as archive:
            for _ in range(FIRST):
                member = archive.next()
                if member is None:
                    return False
                if member.isreg() and f".{member.name.rsplit('.', 1)[-1].lower()}" in IMAGE_SUFFIXES:
                    return True
    except (tarfile.TarError, OSError, ValueError, EOFError, RecursionError, zlib.error):
        return False
    return False


def _samples_of(shard: Path) -> dict[str, _Sample]:
    """The samples of a shard by their keys, in order."""
    samples: dict[str, _Sample] = {}
    where = shown_name(shard)
    try:
        with tarfile.open(shard, "r:") as archive:
            for member in archive:
                found = NAME.fullmatch(member.name)
                if found is None or not member.isreg() or member.issparse():
                    continue
                key, kind = found[1], found[2].lower()
                sample = samples.setdefault(key, _Sample(f"{where}/{key}"))
                if f".{kind.rsplit('.', 1)[-1]}" in IMAGE_SUFFIXES:
                    if sample.picture is not None:
                        raise DataError(
                            f'{where}: the key "{key}" has two pictures ({sample.picture.name} and {where}/{member.name}). '
                            "Give each picture a key of its own."
                        )
                    sample.picture = Stored(shard, member.offset_data, member.size, f"{where}/{member.name}")
                elif kind in KINDS:
                    _tell(sample, KINDS[kind](_text(archive, member, where), f"{where}/{member.name}"))
            _check_end(archive, shard)
    except FileNotFoundError:
        raise DataError(f"{where}: does not exist. Get this shard, or correct the pattern.") from None
    except (tarfile.TarError, EOFError, ValueError, RecursionError, zlib.error) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{where}: is cut off or damaged, or is compressed. Get it again; only plain .tar shards are read."
        ) from None
    except OSError as error:
        raise DataError(f"{where}: cannot be read ({error.strerror or error}). Make it readable.") from None
    return samples


def _check_end(archive: tarfile.TarFile, shard: Path) -> None:
    """Refuse an archive that lacks its end of zeros: `tarfile` takes one that is cut off, or has a broken header, for whole."""
    with shard.open("rb") as stream:
        stream.seek(archive.offset)
        if stream.read(BLOCK) != bytes(BLOCK):
            raise tarfile.ReadError("no end")


def _text(archive: tarfile.TarFile, member: tarfile.TarInfo, where: str) -> str:
    if member.size > MAX_TEXT_BYTES:
        raise DataError(
            f"{where}/{member.name}: has {member.size:,} bytes, more than the {MAX_TEXT_BYTES:,} allowed of a label. Shorten it."
        )
    stream = archive.extractfile(member)
    content = b"" if stream is None else stream.read()
    try:
        return content.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise DataError(f"{where}/{member.name}: is not UTF-8 text. Write its label as text.") from None


def _tell(sample: _Sample, told: Told) -> None:
    for name, value in told.items():
        before = sample.told.setdefault(name, value)
        if before != value:
            raise DataError(
                f'{sample.name}: has two values of {name}, "{before}" and "{value}". Keep one of its files, or make them agree.'
            )


def _class(text: str, where: str) -> Told:
    del where
    return {} if text in ("", str(UNLABELED)) else {"label": text}


def _fields(text: str, where: str) -> Told:
    """What a JSON object tells of its sample, by the headings that tables have; others are not read."""
    try:
        content = json_by_others(text, where)
    except DamagedError:
        raise DataError(f"{where}: is not valid JSON. Mend or delete it.") from None
    if not isinstance(content, dict):
        return _class(label_text(content, where), where) if isinstance(content, str | int | float) else {}
    meant = columns_meant(list(content), COLUMNS, where, lambda name: [content[name]])
    told = {word: _field(word, content[name], where) for name, word in meant.items()}
    return {word: value for word, value in told.items() if value}


def _field(word: str, value: Any, where: str) -> str:
    if isinstance(value, list | dict):
        raise DataError(f"{where}: {word} = {str(value)[:60]} is not a name or a whole number. Give each picture one.")
    return label_text(value, where) if word == "label" else text_of(value)


KINDS = {"cls": _class, "json": _fields}


def _without_picture(names: list[str]) -> tuple[Finding, ...]:
    if not names:
        return ()
    title = f"Samples without a picture are left out ({len(names)})."
    advice = "Nothing needs doing, if these samples are of another kind."
    return (Finding.warning("missing-files", title, advice, count=len(names), paths=names[:MOST_EXAMPLES]),)
