"""The embedded set: emoji as two vendors draw them."""

from __future__ import annotations

import io
import zipfile
from importlib.resources import files
from typing import ClassVar

import numpy as np
from PIL import Image

from headstart.core.types import Bytes
from headstart.data.built_in.base import BuiltIn, array_images
from headstart.data.raw_dataset import RawDataset

VENDORS = ("noto", "twemoji")


class Emoji(BuiltIn):
    """Emoji of Noto (Apache-2.0) and Twemoji (CC-BY 4.0), 64x64, in 22 classes made of Unicode subcategories.

    An emoji that both vendors draw is one thing: its code points are its group, so both drawings stay on one side of every
    split. Transparent pixels are white. `scripts/build_emoji.py` rebuilds the two archives.
    """

    names: ClassVar[dict[str, str]] = {
        "emoji": "1,408 emoji of two vendors (domains noto, twemoji), 64x64 color, 22 classes (embedded)",
        "emoji-noto": "704 emoji as Noto draws them, 64x64 color, 22 classes (embedded)",
        "emoji-twemoji": "704 emoji as Twemoji draws them, 64x64 color, 22 classes (embedded)",
    }
    licenses: ClassVar[dict[str, str]] = {
        "emoji": "Apache-2.0 and CC-BY-4.0",
        "emoji-noto": "Apache-2.0",
        "emoji-twemoji": "CC-BY-4.0",
    }

    def read(self, name: str) -> RawDataset:
        wanted = VENDORS if name == "emoji" else (name.removeprefix("emoji-"),)
        drawn = [(vendor, path, picture) for vendor in wanted for path, picture in _pictures(vendor).items()]
        return RawDataset(
            name,
            array_images(name, np.stack([picture for _, _, picture in drawn])),
            tuple(path.split("/")[0] for _, path, _ in drawn),
            groups=tuple(path.split("/")[1].removesuffix(".png") for _, path, _ in drawn),
            domains=tuple(vendor if len(wanted) > 1 else "" for vendor, _, _ in drawn),
        )


def _pictures(vendor: str) -> dict[str, Bytes]:
    packed = files("headstart.data.built_in").joinpath("emoji_pictures", f"{vendor}.zip").read_bytes()
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        return {path: _over_white(archive.read(path)) for path in archive.namelist()}


def _over_white(data: bytes) -> Bytes:
    picture = Image.open(io.BytesIO(data)).convert("RGBA")
    white = Image.new("RGBA", picture.size, "white")
    return np.asarray(Image.alpha_composite(white, picture).convert("RGB"))
