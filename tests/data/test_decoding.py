from __future__ import annotations

import io
import os
import struct
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from headstart.core.errors import DataError
from headstart.data.decoding import decode_image, open_image

RNG = np.random.default_rng(7)
PIXELS = RNG.integers(0, 256, (11, 17, 3), dtype=np.uint8)


def saved(folder: Path, image: Image.Image, name: str, **options: object) -> Path:
    path = folder / name
    image.save(path, **options)
    return path


def color(path: Path) -> tuple[int, ...]:
    """The only color of a picture."""
    (only,) = {tuple(pixel) for pixel in np.asarray(open_image(path)).reshape(-1, 3).tolist()}
    return only


@pytest.mark.parametrize("ending", ["png", "bmp", "tiff", "webp"])
def test_lossless_formats_come_back_pixel_by_pixel(tmp_path, ending):
    options = {"lossless": True} if ending == "webp" else {}
    path = saved(tmp_path, Image.fromarray(PIXELS), f"a.{ending}", **options)
    seen = open_image(path)
    assert seen.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(seen), PIXELS)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", ["jpg", "png", "tiff", "webp"])
def test_exif_orientation_is_applied(tmp_path, orientation, ending):
    """Oracle: the pixel that the EXIF standard calls the visual top left."""
    pixels = np.zeros((16, 32, 3), dtype=np.uint8)
    rows, columns = {1: (0, 0), 2: (0, 1), 3: (1, 1), 4: (1, 0), 5: (0, 0), 6: (1, 0), 7: (1, 1), 8: (0, 1)}[orientation]
    pixels[rows * 8 : rows * 8 + 8, columns * 16 : columns * 16 + 16] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    seen = open_image(saved(tmp_path, Image.fromarray(pixels), f"a.{ending}", exif=exif))
    assert seen.size == ((16, 32) if orientation > 4 else (32, 16))
    array = np.asarray(seen).astype(int)
    assert array[2, 2].min() > 200
    assert array[-3, -3].max() < 60
    assert array[2, -3].max() < 60


def test_a_broken_exif_block_leaves_the_picture_unturned(tmp_path):
    path = saved(tmp_path, Image.fromarray(PIXELS), "a.jpg", exif=b"Exif\x00\x00garbage that is no TIFF header")
    assert open_image(path).size == (17, 11)


def test_alpha_lies_over_white(tmp_path):
    assert color(saved(tmp_path, Image.new("RGBA", (3, 5), (255, 0, 0, 0)), "clear.png")) == (255, 255, 255)
    assert color(saved(tmp_path, Image.new("RGBA", (3, 5), (0, 0, 0, 51)), "veil.png")) == (204, 204, 204)
    assert color(saved(tmp_path, Image.new("LA", (3, 5), (0, 51)), "gray.png")) == (204, 204, 204)


def test_palette_and_its_transparent_entry_are_resolved(tmp_path):
    image = Image.new("P", (3, 5), 1)
    image.putpalette([9, 9, 9, 10, 200, 30])
    assert color(saved(tmp_path, image, "palette.png")) == (10, 200, 30)
    assert color(saved(tmp_path, image, "one.png", transparency=1)) == (255, 255, 255)
    assert color(saved(tmp_path, image, "many.png", transparency=b"\xff\x00")) == (255, 255, 255)
    assert color(saved(tmp_path, Image.new("RGB", (3, 5), (1, 2, 3)), "key.png", transparency=(1, 2, 3))) == (255, 255, 255)


def test_sixteen_bit_gray_is_scaled_not_clipped(tmp_path):
    values = np.array([[0, 255, 256], [32_768, 65_279, 65_535]], dtype=np.uint16)
    for ending in ("png", "tiff"):
        seen = np.asarray(open_image(saved(tmp_path, Image.fromarray(values), f"a.{ending}")))
        np.testing.assert_array_equal(seen[..., 0], [[0, 0, 1], [128, 254, 255]])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0.0, 0.5, 1.0]], dtype=np.float32), [0, 128, 255]),
        (np.array([[0.0, 100.0, 255.0]], dtype=np.float32), [0, 100, 255]),
        (np.array([[0.0, 512.0, 65_535.0]], dtype=np.float32), [0, 2, 255]),
        (np.array([[-3.0, 0.0, 3.0]], dtype=np.float32), [0, 128, 255]),
        (np.array([[0.0, np.nan, np.inf]], dtype=np.float32), [0, 0, 0]),
        (np.array([[1, 7, 200]], dtype=np.int32), [1, 7, 200]),
        (np.array([[-(2**31), 0, 2**31 - 1]], dtype=np.int32), [0, 128, 255]),
    ],
)
def test_floats_and_wide_integers_get_a_visible_range(tmp_path, values, expected):
    seen = np.asarray(open_image(saved(tmp_path, Image.fromarray(values), "a.tiff")))
    np.testing.assert_array_equal(seen[0, :, 0], expected)


def test_cmyk_becomes_rgb(tmp_path):
    red, green, blue = color(saved(tmp_path, Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "a.jpg", quality=100))
    assert red > 245
    assert max(green, blue) < 10


@pytest.mark.parametrize("ending", ["gif", "png", "webp", "tiff"])
def test_the_first_frame_of_an_animation_is_taken(tmp_path, ending):
    frames = [Image.new("RGB", (8, 8), name) for name in ("red", "blue", "lime")]
    red, green, blue = color(saved(tmp_path, frames[0], f"a.{ending}", save_all=True, append_images=frames[1:]))
    assert (red > 245, green < 10, blue < 10) == (True, True, True)


def test_a_bilevel_picture_and_a_single_pixel_are_pictures(tmp_path):
    assert color(saved(tmp_path, Image.new("1", (7, 3), 1), "a.png")) == (255, 255, 255)
    assert color(saved(tmp_path, Image.new("L", (1, 1), 77), "b.png")) == (77, 77, 77)


def test_only_jpeg_is_reduced_and_never_below_what_suffices(tmp_path):
    smooth = Image.linear_gradient("L").resize((640, 480))
    jpeg = saved(tmp_path, smooth, "a.jpg")
    assert open_image(jpeg).size == (640, 480)
    assert open_image(jpeg, at_least=100).size == (160, 120)
    assert open_image(jpeg, at_least=500).size == (640, 480)
    assert open_image(saved(tmp_path, smooth, "a.png"), at_least=100).size == (640, 480)
    with jpeg.open("rb") as stream:
        assert decode_image(stream, "a", at_least=100).shorter_side == 480


def test_the_ending_does_not_matter(tmp_path):
    path = saved(tmp_path, Image.fromarray(PIXELS), "a.png").rename(tmp_path / "a.jpg")
    np.testing.assert_array_equal(np.asarray(open_image(path)), PIXELS)


def claims(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header claims a size."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 3) + b"IDATabc"


MESSAGES = {
    "text.jpg": (
        b"hello, I am a text",
        "is not a JPEG, PNG, WebP, BMP, TIFF or GIF picture, as it starts with b'hello, I'. Convert or delete it.",
    ),
    "empty.png": (b"", "is empty (0 bytes). Restore or delete it."),
    "bomb.png": (claims(30_000, 20_000), "has 30000 x 20000 pixels, more than the 178,956,970 allowed. Shrink or delete it."),
    "header.jpg": (b"\xff\xd8\xffgarbage", "is a JPEG file with a damaged header. Restore or delete it."),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_a_file_that_is_no_picture_is_named(tmp_path, name):
    content, message = MESSAGES[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        open_image(tmp_path / name)
    assert str(caught.value) == f"{tmp_path / name}: {message}"


def test_what_is_not_a_regular_file_is_named(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "link.png").symlink_to(tmp_path / "nothing.png")
    expected = {
        tmp_path: f"{tmp_path}: is not a regular file. Remove it, or put the picture itself there.",
        tmp_path / "pipe.png": f"{tmp_path}/pipe.png: is not a regular file. Remove it, or put the picture itself there.",
        tmp_path / "link.png": (
            f"{tmp_path}/link.png: does not exist, or is a link to nothing. Restore the file or remove it from the data."
        ),
        Path("a\0b.png"): "'a\\x00b.png': is not a file name. Correct the path.",
    }
    for path, message in expected.items():
        with pytest.raises(DataError) as caught:
            open_image(path)
        assert str(caught.value) == message


def test_a_file_without_permission_is_named(tmp_path, monkeypatch):
    path = saved(tmp_path, Image.fromarray(PIXELS), "a.png")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError) as caught:
        open_image(path)
    assert str(caught.value) == f"{path}: cannot be read (Permission denied). Make it readable or remove it."


@pytest.mark.parametrize("ending", ["jpeg", "png", "webp", "bmp", "tiff", "gif"])
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fraction=st.floats(0.01, 0.9))
def test_a_truncated_file_raises_wherever_it_was_cut(ending, fraction):
    stream = io.BytesIO()
    Image.fromarray(RNG.integers(0, 256, (64, 48, 3), dtype=np.uint8)).save(stream, ending)
    content = stream.getvalue()
    with pytest.raises(DataError, match=r"^cut: "):
        decode_image(io.BytesIO(content[: int(len(content) * fraction)]), "cut")


def test_a_damaged_picture_says_what_the_decoder_met(tmp_path):
    path = saved(tmp_path, Image.fromarray(np.tile(PIXELS, (9, 9, 1))), "a.bmp")
    path.write_bytes(path.read_bytes()[:5_000])
    with pytest.raises(DataError) as caught:
        open_image(path)
    assert str(caught.value).startswith(f"{path}: cannot be decoded (")
    assert str(caught.value).endswith("). Restore it, convert it to PNG, or delete it.")
    assert "truncated" in str(caught.value)


@settings(max_examples=60, deadline=None)
@given(flips=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=8), data=st.data())
def test_flipped_bytes_give_a_picture_or_a_sentence(flips, data):
    stream = io.BytesIO()
    image = Image.fromarray(PIXELS)
    image.save(stream, data.draw(st.sampled_from(["jpeg", "png", "webp", "bmp", "gif"])))
    content = bytearray(stream.getvalue())
    for position, value in flips:
        content[position % len(content)] = value
    with suppress(DataError):
        assert decode_image(io.BytesIO(bytes(content)), "hurt").image.mode == "RGB"
