"""Small data for the tests of this folder."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

from headstart.core.types import Bytes


def smooth(number: int, side: int, seed: int = 0, channels: int = 3) -> Bytes:
    """Smooth random pictures that differ as much as photographs do, uint8 [sample, height, width, channel]."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (number, 7, 7, channels), dtype=np.uint8)
    pictures = []
    for one in coarse:
        layers = [Image.fromarray(one[..., at]).resize((side, side), Image.Resampling.BICUBIC) for at in range(channels)]
        pictures.append(np.stack([np.asarray(layer) for layer in layers], axis=-1))
    return np.stack(pictures)


def write_classes(root: Path, counts: dict[str, int], side: int = 40, seed: int = 0) -> Path:
    """A folder of class folders with distinct pictures; a class name may hold a slash, as in "train/cat"."""
    pictures = iter(smooth(sum(counts.values()), side, seed))
    for name, count in counts.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        for at in range(count):
            Image.fromarray(next(pictures)).save(root / name / f"{at:03d}.png")
    return root


def picture(number: int, side: int = 24) -> bytes:
    """A picture as the bytes of a PNG file."""
    stream = io.BytesIO()
    Image.fromarray(smooth(number + 1, side)[number]).save(stream, "PNG")
    return stream.getvalue()


def write_shard(path: Path, members: dict[str, bytes]) -> Path:
    """A tar archive of those members."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def samples(*numbers: int, prefix: str = "") -> dict[str, bytes]:
    """The members of samples of two classes, "0" and "1"."""
    return {
        name: content
        for number in numbers
        for name, content in ((f"{prefix}{number:03d}.png", picture(number)), (f"{prefix}{number:03d}.cls", b"%d" % (number % 2)))
    }
