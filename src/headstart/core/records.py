"""Record: the frozen base of everything that is written to disk or shown as JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Self, TypeAlias

import tomli_w
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from headstart.core.checksums import KEY, checksum_of_values
from headstart.core.errors import ExportError, PlanError, did_you_mean
from headstart.core.parsing import json_document, json_from, sealed_toml, text_in, toml_from
from headstart.core.printable import on_one_line
from headstart.core.unfinished import UNFINISHED, taking_place

Migration: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]
"""Turns the plain values of a record as one format wrote them into those of the next; leaves newer values as they are."""

MOST_LETTERS = 200
"""Of a value in a message."""


def renamed(old: str, new: str) -> Migration:
    """A migration for a field that was called `old` and is called `new` now."""

    def migrate(values: dict[str, Any]) -> dict[str, Any]:
        if old not in values or new in values:
            return values
        return {new if name == old else name: value for name, value in values.items()}

    return migrate


class Record(BaseModel):
    """A frozen, validated bag of values with a JSON and a TOML form and a content fingerprint.

    Attributes:
        migrations: One for each change of the written form, oldest first. JSON and TOML texts of a class that has some carry
            `format`, which is 1 + len(migrations); a newer format is refused. A record inside another one carries no format,
            so every migration is applied to whatever is read, and must leave newer values alone.
        gone: Fields of earlier versions whose values no migration can turn into others, each with the sentence that says what to
            do about it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings", allow_inf_nan=True)
    migrations: ClassVar[tuple[Migration, ...]] = ()
    gone: ClassVar[Mapping[str, str]] = {}

    @model_validator(mode="before")
    @classmethod
    def _migrate(cls, values: Any) -> Any:
        if isinstance(values, dict):
            with suppress(KeyError, TypeError, ValueError, AttributeError):  # malformed values are refused by the validation
                for migration in cls.migrations:
                    values = migration(values)
        return values

    def to_dict(self) -> dict[str, Any]:
        """The record as plain JSON types, without its format."""
        return self.model_dump(mode="json")

    def to_json(self) -> str:
        """The record as indented JSON text, behind its checksum."""
        values = json.loads(json.dumps(self.to_dict()), parse_constant=str)  # pydantic's own JSON refuses surrogates
        written = {"format": 1 + len(self.migrations)} if self.migrations else {}
        return json_document({KEY: checksum_of_values(written | values), **written, **values})

    def to_toml(self) -> str:
        """The record as TOML text; absent values are left out, as TOML has no null."""
        written = {"format": 1 + len(self.migrations)} if self.migrations else {}
        return tomli_w.dumps(written | self.model_dump(mode="json", exclude_none=True))

    def to_sealed_toml(self) -> str:
        """As `to_toml`, with the checksum of its values as a comment at the end."""
        return sealed_toml(self.to_toml())

    def content_fingerprint(self) -> str:
        """Sixteen hexadecimal digits that change when any field changes."""
        return fingerprint_of(self.to_dict())

    @classmethod
    def from_dict(cls, values: dict[str, Any], where: str = "", inside: str = "") -> Self:
        """The record made from plain values, of this format or an older one.

        Args:
            values: Field names and values; `format` says how they were written, 1 where it is absent.
            where: File or option that the values come from, for the message.
            inside: Part of that file that they are, for the message.

        Returns:
            The validated record.

        Raises:
            PlanError: Fields are unknown, missing or out of range (the message lists all of them), or the format is newer.
        """
        if isinstance(values, dict) and "format" in values:
            values, written, known = dict(values), values["format"], 1 + len(cls.migrations)
            if not isinstance(written, int) or written > known:
                raise PlanError(
                    f"{where or cls.__name__} was written by a newer headstart (format {written}; this one reads up to {known}). "
                    "Update headstart."
                )
            del values["format"]
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise PlanError(_sentence(cls, error, where, f"{inside}." if inside else "")) from None

    @classmethod
    def read(cls, path: Path) -> Self:
        """The record in a JSON file; a PlanError that names it if it holds another text than was written, or none that fits.

        `OSError` where the file is absent or cannot be read.
        """
        return cls.from_json(text_in(path), str(path))

    @classmethod
    def from_json(cls, text: str, where: str = "") -> Self:
        """The record read from JSON text; a PlanError that names `where` if the text is no JSON, is damaged or does not fit."""
        return cls.from_dict(json_from(text, where or cls.__name__), where)

    @classmethod
    def from_toml(cls, text: str, where: str = "") -> Self:
        """The record read from TOML text; a PlanError that names `where` if the text is no TOML or does not fit."""
        return cls.from_dict(toml_from(text, where or cls.__name__), where)


def _sentence(cls: type[Record], error: ValidationError, where: str, inside: str) -> str:
    sentences, advice = [], []
    for item in error.errors():
        steps = ".".join(on_one_line(str(step)) for step in item["loc"])
        path = f"{inside}{steps}" if steps else "the content"
        if item["type"] == "extra_forbidden":
            name = str(item["loc"][-1])
            sentences.append(f"{path} is not a field.{did_you_mean(name, _fields_at(cls, item['loc'][:-1]))}")
            advice += [cls.gone[name]] if len(item["loc"]) == 1 and name in cls.gone else []
        elif item["type"] == "missing":
            sentences.append(f"{path} is missing.")
        else:
            sentences.append(f"{path} = {_shown(item['input'])}: {item['msg'][:1].lower()}{item['msg'][1:]}.")
    prefix = f"{where}: " if where else f"{cls.__name__}: "
    return prefix + " ".join([*sentences, *dict.fromkeys(advice)])


def _shown(value: Any) -> str:
    """A value that was met, as a message can have it."""
    text = repr(value)
    return text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]}..."


def _fields_at(cls: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    for step in place:
        field = cls.model_fields.get(str(step))
        inner = None if field is None else field.annotation
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        cls = inner
    return list(cls.model_fields)


def fingerprint_of(value: Any) -> str:
    """Sixteen hexadecimal digits of the SHA-256 of a JSON value with sorted keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def write_atomically(path: Path, content: str | bytes, *, durable: bool = True) -> None:
    """Write text (UTF-8) or bytes so that a reader, or a restart after a kill, sees the old content or the new, never a part.

    Names of files that are no text are written as the bytes that they are. The folder is created.

    An ExportError says that the place cannot be written or the disk is full. For `durable` see `atomic_file`.
    """
    with atomic_file(path, durable=durable) as stream:
        stream.write(content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content)


@contextmanager
def atomic_file(path: Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """A file to write to, which takes the path's place once all is written; see `write_atomically`.

    A durable one is also whole after a power failure: its bytes reach the disk before it takes its place, and its name before the
    next thing is done. That takes some milliseconds a file (`benchmarks/durable_writes.py`), a second of a run. Files need not be
    durable where a checksum protects them, where they are made again if they are damaged, and where somebody waits or they
    are written many times over: chunks of features, scans, copies in the cache, the note of progress.

    Args:
        path: The folder is created.
        durable: Whether a power failure leaves the old content or the new.

    Yields:
        The file.

    Raises:
        ExportError: The place cannot be written, or the disk is full.
    """
    try:
        with taking_place(path, durable=durable) as stream:
            yield stream
    except OSError as error:
        raise ExportError(
            f"{path}: cannot be written ({error.strerror or error}). Free space or choose another folder with --out."
        ) from error


def holds_anything(folder: Path) -> bool:
    """Whether a folder is there and holds anything but files that a kill, or a disk that failed, has left half-written."""
    return folder.exists() and any(UNFINISHED.fullmatch(entry.name) is None for entry in folder.iterdir())
