"""Every odd or broken picture a folder may hold: one sentence in a finding, or a picture like any other; never a stop."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from headstart.data.reading import read_task

RNG = np.random.default_rng(13)
ODD = Image.fromarray(np.kron(RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8), np.ones((9, 9, 1), dtype=np.uint8)))


def good_set(root: Path) -> Path:
    """Seven different pictures in each of two classes."""
    for name in ("cat", "dog"):
        (root / name).mkdir(parents=True)
        for number in range(7):
            Image.fromarray(RNG.integers(0, 256, (40, 41, 3), dtype=np.uint8)).save(root / name / f"{number}.png")
    return root


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def png_of_size(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 3) + b"IDATabc"


def turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(ODD, "jpeg", exif=exif)


def cut(kind: str) -> bytes:
    content = encoded(Image.fromarray(RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)), kind)
    return content[: len(content) // 2]


def without_crc(content: bytes) -> bytes:
    """A PNG whose header's checksum is wrong."""
    return content[:29] + bytes([content[29] ^ 255]) + content[30:]


UNREADABLE: dict[str, tuple[bytes, str]] = {
    "zero bytes": (b"", "is empty (0 bytes). Restore or delete it."),
    "one byte": (b"\xff", "is not a JPEG, PNG, WebP, BMP, TIFF or GIF picture, as it starts with b'\\xff'."),
    "text renamed to .jpg": (
        b"just a text",
        "is not a JPEG, PNG, WebP, BMP, TIFF or GIF picture, as it starts with b'just a t'.",
    ),
    "web page saved as picture": (b"<!DOCTYPE html>", "as it starts with b'<!DOCTYP'. Convert or delete it."),
    "drawing in SVG": (b"<svg xmlns='x'/>", "as it starts with b'<svg xml'. Convert or delete it."),
    "camera's HEIC": (b"\0\0\0\x18ftypheic", "as it starts with b'\\x00\\x00\\x00\\x18ftyp'. Convert or delete it."),
    "zip renamed": (b"PK\x03\x04....", "as it starts with b'PK\\x03\\x04....'. Convert or delete it."),
    "pickle renamed": (b"\x80\x04\x95K\x00", "is not a JPEG, PNG, WebP, BMP, TIFF or GIF picture"),
    "truncated JPEG": (cut("jpeg"), "cannot be decoded ("),
    "truncated PNG": (cut("png"), "cannot be decoded ("),
    "truncated WebP": (cut("webp"), ". Restore"),
    "truncated BMP": (cut("bmp"), "cannot be decoded ("),
    "truncated TIFF": (cut("tiff"), ". Restore"),
    "truncated GIF": (cut("gif"), "cannot be decoded ("),
    "JPEG of a header alone": (b"\xff\xd8\xff\xe0", ". Restore"),
    "PNG with a wrong checksum": (without_crc(encoded(ODD, "png")), ". Restore"),
    "decompression bomb": (png_of_size(50_000, 50_000), "has 50000 x 50000 pixels, more than the 178,956,970 allowed."),
    "picture of no pixels": (png_of_size(0, 0), ". Restore"),
    "bomb of one line": (png_of_size(2**31 - 1, 1), "has 2147483647 x 1 pixels, more than the 178,956,970 allowed."),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_an_unreadable_picture_is_left_out_and_reported(tmp_path, kind):
    content, words = UNREADABLE[kind]
    bad = good_set(tmp_path) / "cat" / "bad.jpg"
    bad.write_bytes(content)
    task = read_task(tmp_path)
    (found,) = [finding for finding in task.findings if finding.code == "unreadable-images"]
    assert (found.evidence["count"], found.evidence["total"]) == (1, 15)
    assert found.evidence["paths"] == [str(bad)]
    (problem,) = found.evidence["problems"]
    assert problem.startswith(f"{bad}: ")
    assert words in problem
    assert not any(word in problem for word in ("Traceback", "Error", "\n", "0x7f"))
    assert len(task.train) == 14


def refuse(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Permissions do not stop the superuser, who may run the tests."""
    path.write_bytes(encoded(ODD, "png"))
    real = Path.open

    def opening(self: Path, *arguments: object, **options: object) -> object:
        if self == path:
            raise PermissionError(13, "Permission denied")
        return real(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", opening)


def test_a_picture_without_permission_is_left_out_and_reported(tmp_path, monkeypatch):
    bad = good_set(tmp_path) / "cat" / "bad.png"
    refuse(bad, monkeypatch)
    (found,) = [finding for finding in read_task(tmp_path).findings if finding.code == "unreadable-images"]
    assert found.evidence["problems"] == [f"{bad}: cannot be read (Permission denied). Make it readable or remove it."]


def test_a_pipe_among_pictures_is_left_out_and_does_not_hang(tmp_path):
    bad = good_set(tmp_path) / "cat" / "bad.png"
    os.mkfifo(bad)
    (found,) = [finding for finding in read_task(tmp_path).findings if finding.code == "unreadable-images"]
    assert found.evidence["problems"] == [f"{bad}: is not a regular file. Remove it, or put the picture itself there."]


def test_when_no_picture_is_readable_one_sentence_says_so(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number in range(3):
            (tmp_path / name / f"{number}.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"no readable image has a label to learn from") as caught:
        read_task(tmp_path)
    assert "\n" not in str(caught.value)


SIXTEEN_BIT = (np.asarray(ODD)[..., 0].astype(np.uint16) << 8) + 3
READABLE: dict[str, tuple[str, bytes]] = {
    "one pixel": ("a.png", encoded(Image.new("RGB", (1, 1), "teal"), "png")),
    "one row": ("a.png", encoded(ODD.resize((500, 1)), "png")),
    "wrong ending": ("a.jpg", encoded(ODD, "png")),
    "ending in capitals": ("a.JPEG", encoded(ODD, "jpeg")),
    "CMYK": ("a.jpg", encoded(ODD.convert("CMYK"), "jpeg")),
    "gray": ("a.jpg", encoded(ODD.convert("L"), "jpeg")),
    "black and white": ("a.png", encoded(ODD.convert("1"), "png")),
    "16-bit gray": ("a.png", encoded(Image.fromarray(SIXTEEN_BIT), "png")),
    "32-bit floats": ("a.tif", encoded(Image.fromarray(np.asarray(ODD)[..., 0] / np.float32(255)), "tiff")),
    "32-bit integers": ("a.tif", encoded(Image.fromarray(np.asarray(ODD)[..., 0].astype(np.int32)), "tiff")),
    "palette": ("a.gif", encoded(ODD.quantize(16), "gif")),
    "alpha": ("a.png", encoded(Image.merge("RGBA", (*ODD.split(), ODD.convert("L"))), "png")),
    "gray with alpha": ("a.png", encoded(Image.merge("LA", (ODD.convert("L"), ODD.convert("L"))), "png")),
    "transparent color": ("a.png", encoded(ODD.quantize(16), "png", transparency=3)),
    "animated GIF": ("a.gif", encoded(ODD, "gif", save_all=True, append_images=[ODD.rotate(180)])),
    "animated WebP": ("a.webp", encoded(ODD, "webp", save_all=True, append_images=[ODD.rotate(180)])),
    "several pages": ("a.tiff", encoded(ODD, "tiff", save_all=True, append_images=[ODD.rotate(180)])),
    "turned by EXIF": ("a.jpg", turned(6)),
    "EXIF orientation of no meaning": ("a.jpg", turned(77)),
    "broken EXIF": ("a.jpg", encoded(ODD, "jpeg", exif=b"Exif\0\0garbage, no TIFF header")),
    "progressive JPEG": ("a.jpg", encoded(ODD, "jpeg", progressive=True)),
    "bytes after the end": ("a.png", encoded(ODD, "png") + b"trailing" * 99),
    "YCbCr in TIFF": ("a.tif", encoded(ODD.convert("YCbCr"), "tiff")),
    "very long name": ("n" * 240 + ".png", encoded(ODD, "png")),
    "name in another script": ("写真 №1 ✓.png", encoded(ODD, "png")),
}


@pytest.mark.parametrize("kind", READABLE)
def test_an_odd_picture_is_a_picture_like_any_other(tmp_path, kind):
    name, content = READABLE[kind]
    (good_set(tmp_path) / "cat" / name).write_bytes(content)
    task = read_task(tmp_path)
    assert [finding.code for finding in task.findings if finding.code == "unreadable-images"] == []
    assert len(task.train) == 15
    for row in range(15):
        assert task.train.images.read(row).mode == "RGB"
