"""Feature extraction of 2,000 picture files, against a usual loop: ImageFolder, two workers, eager timm.

Both sides start from the same files with the same EfficientNet-Lite0. Each measurement runs in a process of its own on all
cores, one after the other. headstart starts with an empty cache, so that hashing, starting the engine and writing the features
count; importing and loading weights count on neither side. "first" also tries the engines of the machine and makes the chosen
one, which is done once per network; "headstart" reads what that has kept, and nothing about the pictures. The loop resizes
pictures to 224 pixels, as is usual. headstart resizes to the size that it chooses, and small pictures also to 224, which
separates the effect of the engine from that of the size.

Expected, medians: from JPEG files of about 400 pixels at least 6 times the loop's images a second, and at least 85 % of what
reading alone and the engine alone allow together, 1 / (1/decode only + 1/engine only); from 64-pixel PNG files at least 8
times the loop's.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

import timm
import torch
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

from benchmarks.limits import arithmetic_rows, decode_only_rate, engine_only_rate
from benchmarks.pictures import image_set_of, jpegs, pngs
from benchmarks.protocol import alone, arguments, empty_cache, show
from headstart.backbones.backbone import Backbone
from headstart.backbones.catalog import card_of
from headstart.backbones.input_size import input_pixels_for
from headstart.backbones.loading import load_backbone
from headstart.data.images import ImageSet
from headstart.data.reading import read_task
from headstart.features.extract import features_of

NAME = "efficientnet_lite0"
LOOP_SIDE = 224
KEPT = ("engines", "graphs")
"""Folders of the cache that know the network and no picture."""


def loop_rate(folder: Path) -> float:
    """Images a second of what users write today."""
    network = timm.create_model(f"tf_{NAME}", num_classes=0).eval()
    weights = load_backbone(NAME).module.state_dict()
    network.load_state_dict({name: value for name, value in weights.items() if not name.startswith("classifier.")})
    half = (0.5, 0.5, 0.5)
    preparation = transforms.Compose(
        [transforms.Resize(256), transforms.CenterCrop(LOOP_SIDE), transforms.ToTensor(), transforms.Normalize(half, half)]
    )
    begun = time.perf_counter()
    rows = []
    with torch.inference_mode():
        for images, _ in DataLoader(ImageFolder(folder, preparation), batch_size=32, num_workers=2):
            rows.append(network(images))
    features = torch.cat(rows)
    return len(features) / (time.perf_counter() - begun)


def first_rate(folder: Path, side: int, engines: Path) -> tuple[float, str]:
    """Images a second on a machine that has never run headstart, and the engine found; what is kept of it goes to that folder."""
    images, backbone = image_set_of(folder), load_backbone(NAME, input_pixels=side)
    with empty_cache() as cache:
        rate = _rate(images, backbone)
        for kind in KEPT:
            (cache / kind).mkdir(exist_ok=True)  # nothing is tried for few pictures
            shutil.copytree(cache / kind, engines / kind)
    return rate, str(backbone.engine)


def headstart_rate(folder: Path, side: int, engines: Path) -> float:
    """Images a second on a machine that has run the network on other pictures."""
    images, backbone = image_set_of(folder), load_backbone(NAME, input_pixels=side)
    with empty_cache() as cache:
        shutil.copytree(engines, cache, dirs_exist_ok=True)
        return _rate(images, backbone)


def _rate(images: ImageSet, backbone: Backbone) -> float:
    begun = time.perf_counter()
    features = features_of(images, backbone)
    return len(features) / (time.perf_counter() - begun)


def decode_rate(folder: Path, side: int, engine: str) -> float:
    """Images a second of reading alone."""
    return decode_only_rate(image_set_of(folder), load_backbone(NAME, input_pixels=side), engine)


def engine_rate(folder: Path, side: int, engine: str) -> float:
    """Images a second of the engine alone."""
    return engine_only_rate(image_set_of(folder), load_backbone(NAME, input_pixels=side), engine)


def chosen_side(folder: Path) -> int:
    """The side to which headstart resizes these pictures."""
    with empty_cache():
        return input_pixels_for(card_of(NAME), read_task(folder))


def measured(folder: Path, side: int, loop: float, repetition: int) -> dict[str, object]:
    """Everything at one side, in turn."""
    with tempfile.TemporaryDirectory() as place:
        engines = Path(place) / "engines"
        first, engine = alone(first_rate, folder, side, engines)
        whole = alone(headstart_rate, folder, side, engines)
    decode, network = (alone(rate, folder, side, engine) for rate in (decode_rate, engine_rate))
    allowed = 1 / (1 / decode + 1 / network)
    return {
        "repetition": repetition,
        "side": side,
        "engine": engine,
        "loop": loop,
        "first": first,
        "headstart": whole,
        "decode only": decode,
        "engine only": network,
        "allowed": allowed,
        "first / loop": first / loop,
        "headstart / loop": whole / loop,
        "headstart / allowed": whole / allowed,
    }


def rows_of(folder: Path, sides: list[int], repetitions: int) -> list[dict[str, object]]:
    """One row a repetition and side, the loop before each repetition."""
    rows = []
    for repetition in range(repetitions):
        loop = alone(loop_rate, folder)
        rows += [measured(folder, side, loop, repetition) for side in sides]
    return rows


KINDS = {"jpeg": ("JPEG files of about 400 pixels", jpegs), "png": ("PNG files of 64 pixels", pngs)}


def main() -> None:
    """Print a table a kind of files and side, and the arithmetic limits; without --sides the chosen side and the loop's."""
    options = arguments(__doc__ or "", seeds=3, images=2000, files=tuple(KINDS), sides=(0,))
    for title, make in (KINDS[kind] for kind in options.files):
        folder = make(options.out / "pictures", options.images)
        sides = sorted(
            {side or alone(chosen_side, folder) for side in options.sides} | ({LOOP_SIDE} if 0 in options.sides else set())
        )
        rows = rows_of(folder, sides, options.seeds)
        for side in sides:
            part = [row for row in rows if row["side"] == side]
            show(f"{title}, headstart at {side} pixels, images/s", part, [], [name for name in part[0] if "/" in name])
            limits = alone(arithmetic_rows, side, [row["engine only"] for row in part])
            show(f"arithmetic at {side} pixels", limits, [])


if __name__ == "__main__":
    main()
