"""Bodies: what a request brings, as multipart/form-data or JSON, read within limits and without a file on disk."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import FormParser, parse_options_header
from starlette.requests import Request

from headstart.core.errors import DamagedError
from headstart.core.parsing import json_by_others
from headstart.serving.limits import MEGABYTE, Limits
from headstart.serving.pictures import Upload
from headstart.serving.refusals import RefusedError, busy

ADDRESSES = ("http:", "https:", "ftp:", "file:", "s3:", "gs:")
FORM = "multipart/form-data"
JSON = "application/json"
MOST_FIELDS = 20
"""Fields of a form that are no files."""


@dataclass
class Body:
    """What a request brought.

    Attributes:
        files: The pictures, not yet decoded.
        fields: Texts by name.
    """

    files: list[Upload] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)


class BodyReader:
    """Reads bodies within limits, and knows how many bytes of bodies are in memory.

    Args:
        limits: What a request may bring.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.num_bytes = 0

    async def read(self, request: Request) -> Body:
        """The body of a request; `RefusedError` where it is too large, of another type, damaged or slow."""
        kind, options = parse_options_header(request.headers.get("content-type", ""))
        if kind not in (FORM.encode(), JSON.encode()):
            met = kind.decode("latin-1")[:60] or "of no type"
            sentence = f"The body is {met}. Send {FORM} with files, or {JSON} with base64."
            raise RefusedError(415, "unsupported-type", sentence)
        self._check_length(request.headers.get("content-length", ""))
        chunks = self._chunks(request)
        try:
            async with asyncio.timeout(self.limits.body_seconds):
                if kind == JSON.encode():
                    return await self._read_json(chunks)
                return await self._read_form(chunks, options.get(b"boundary", b""))
        except TimeoutError:
            sentence = f"The body was not complete after {self.limits.body_seconds:g} seconds. Send it faster, or in parts."
            raise RefusedError(408, "slow-body", sentence) from None
        finally:
            await chunks.aclose()

    def _check_length(self, stated: str) -> None:
        if stated.isascii() and stated.isdigit() and int(stated) > self.limits.max_bytes:
            raise self._too_large()

    def _too_large(self) -> RefusedError:
        allowed = f"{self.limits.max_bytes / MEGABYTE:g} MB"
        return RefusedError(413, "too-large", f"The body has more than {allowed}. Send fewer or smaller pictures.")

    def _too_many(self) -> RefusedError:
        count = self.limits.max_files
        return RefusedError(422, "too-many-files", f"There are more than {count:,} pictures. Send them in several requests.")

    async def _chunks(self, request: Request) -> Any:
        """The body in parts, as it comes; all bytes count as in memory until the body was taken apart."""
        taken = 0
        try:
            async for chunk in request.stream():
                taken += len(chunk)
                self.num_bytes += len(chunk)
                if taken > self.limits.max_bytes:
                    raise self._too_large()
                if self.num_bytes > self.limits.total_bytes:
                    raise busy()
                yield chunk
        finally:
            self.num_bytes -= taken

    async def _read_form(self, chunks: AsyncIterator[bytes], boundary: bytes) -> Body:
        body, ended = Body(), []
        if not boundary:
            raise RefusedError(400, "bad-form", "The form names no boundary. Let your client make the Content-Type header.")

        def on_field(one: Any) -> None:
            if len(body.fields) >= MOST_FIELDS:
                raise RefusedError(422, "too-many-fields", f"There are more than {MOST_FIELDS} fields that are no files.")
            body.fields[_text(one.field_name)] = _text(one.value)

        def on_file(one: Any) -> None:
            if len(body.files) >= self.limits.max_files:
                raise self._too_many()
            one.file_object.seek(0)
            body.files.append(Upload.of(_text(one.file_name), one.file_object.read(), len(body.files)))

        config = {"MAX_MEMORY_FILE_SIZE": self.limits.max_bytes + 1}
        try:
            parser = FormParser(FORM, on_field, on_file, on_end=lambda: ended.append(True), boundary=boundary, config=config)
            async for chunk in chunks:
                parser.write(chunk)
            parser.finalize()
        except FormParserError as error:
            raise RefusedError(400, "bad-form", f"The form cannot be read ({str(error).rstrip('.')}). Send it again.") from None
        if not ended:
            raise RefusedError(400, "bad-form", "The form ends before its last boundary. Send it again.")
        return body

    async def _read_json(self, chunks: AsyncIterator[bytes]) -> Body:
        content = b"".join([chunk async for chunk in chunks])
        self.num_bytes += len(content)
        try:
            return await asyncio.to_thread(self._body_of_json, content)
        finally:
            self.num_bytes -= len(content)

    def _body_of_json(self, content: bytes) -> Body:
        try:
            values = json_by_others(content, "body")
        except DamagedError as error:
            raise RefusedError(400, "bad-json", f"The body is not valid JSON ({error.reason}).") from None
        if not isinstance(values, dict):
            raise _no_images("The body is no JSON object")
        images = values.pop("images", [])
        if not isinstance(images, list):
            raise _no_images('"images" is no list')
        if len(images) > self.limits.max_files:
            raise self._too_many()
        fields = {name: value for name, value in values.items() if isinstance(value, str)}
        return Body([_upload(one, position) for position, one in enumerate(images)], fields)


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace")


def _no_images(what: str) -> RefusedError:
    return RefusedError(422, "bad-json", f'{what}. Send {{"images": ["base64 of a picture", ...]}}.')


def _upload(value: Any, position: int) -> Upload:
    """A picture of a JSON body: base64, or an object with `data` and `name`."""
    name, data = (value.get("name"), value.get("data")) if isinstance(value, dict) else (None, value)
    if not isinstance(data, str) or not isinstance(name, str | None):
        raise _no_images(f"images[{position}] is no base64 text")
    if data.lower().startswith(ADDRESSES):
        sentence = f"images[{position}] is an address, and none is fetched. Send the picture itself as base64."
        raise RefusedError(422, "address", sentence)
    if data.startswith("data:"):
        data = data.partition(",")[2]
    try:
        return Upload.of(name, base64.b64decode("".join(data.split()), validate=True), position)
    except (binascii.Error, ValueError):
        raise RefusedError(422, "bad-base64", f"images[{position}] is not valid base64.") from None
