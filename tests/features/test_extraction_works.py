"""Extraction by works gives the files of one process, whatever the pictures come from, and whatever a worker sees."""

from __future__ import annotations

import hashlib
import os
import socket
import tarfile
from pathlib import Path

import fsspec
import numpy as np
import pytest
import torch
from elsewhere import Elsewhere
from PIL import Image

from headstart.backbones.backbone import Backbone
from headstart.backbones.loading import load_backbone
from headstart.core.errors import DataError, ExportError
from headstart.core.executing import Work, executing_on
from headstart.core.types import UNLABELED
from headstart.data.flipped import flipped
from headstart.data.given_images import given_images, pictures_of
from headstart.data.images import ArrayImages, FileImages, Images, ImageSet
from headstart.data.joined import JoinedImages
from headstart.data.mixed_images import MixedImages
from headstart.data.readers import reader_for
from headstart.features import extract, extraction_works
from headstart.features.extract import features_of
from headstart.features.store.store import store_at
from headstart.features.store.transient import transient_features

NUM = 83


@pytest.fixture(autouse=True)
def _small_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(extract, "CHUNK_ROWS", 16)


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return load_backbone("timm/test_resnet", weights="none", input_pixels=32)


def pixels_of(num: int = NUM) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (num, 9, 11, 3), dtype=np.uint8)


def set_of(images: Images) -> ImageSet:
    return ImageSet(images, (), np.full(len(images), UNLABELED, np.int64), np.arange(len(images)))


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    (tmp_path / "data" / "a").mkdir(parents=True)
    paths = [tmp_path / "data" / "a" / f"{row:03}.png" for row in range(NUM)]
    for path, array in zip(paths, pixels_of(), strict=True):
        Image.fromarray(array).save(path)
    return paths


def stored_files() -> dict[str, str]:
    """The SHA-256 of the chunks in the cache, by file name."""
    found = Path(os.environ["HEADSTART_CACHE"]).glob("features/*/*.safetensors")
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def extracted(images: Images, backbone: Backbone, cache: Path, executor: Elsewhere | None) -> dict[str, str]:
    os.environ["HEADSTART_CACHE"] = str(cache)  # which the fixture resets
    store_at.cache_clear()
    if executor is None:
        features_of(set_of(images), backbone)
    else:
        with executing_on(executor):
            features_of(set_of(images), backbone)
    return stored_files()


def kinds_of_images(files: list[Path]) -> dict[str, Images]:
    arrays = ArrayImages(pixels_of(), "noise", np.arange(NUM))
    pictures = MixedImages(tuple(map(Image.fromarray, pixels_of())), np.arange(NUM))
    shuffled = np.random.default_rng(0).permutation(NUM)
    return {
        "files": FileImages(tuple(files)),
        "arrays": arrays,
        "pictures": pictures,
        "bytes and files": MixedImages((*files[:40], *(path.read_bytes() for path in files[40:])), np.arange(NUM)),
        "joined": JoinedImages((FileImages(tuple(files[:31])), arrays.take(np.arange(31, NUM))), shuffled),
        "flipped": flipped(set_of(FileImages(tuple(files)))).images,
    }


@pytest.mark.parametrize("sees_the_store", [True, False])
@pytest.mark.parametrize("kind", ["files", "arrays", "pictures", "bytes and files", "joined", "flipped"])
def test_the_store_has_the_files_of_one_process(
    kind: str, sees_the_store: bool, files: list[Path], backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = kinds_of_images(files)[kind]
    alone = extracted(images, backbone, tmp_path / "alone", None)
    executor = Elsewhere(tmp_path / "other", num_workers=1)
    if not sees_the_store:
        monkeypatch.setattr(os, "access", lambda *_: False)
    together = extracted(images, backbone, tmp_path / "together", executor)
    assert together == alone
    assert len(together) == 6
    assert list(executor.sizes) == ["extraction with timm/test_resnet"]
    assert len(executor.sizes["extraction with timm/test_resnet"]) == 3


def test_few_chunks_are_spread_one_by_one(backbone: Backbone, tmp_path: Path) -> None:
    images = ArrayImages(pixels_of(40), "noise", np.arange(40))
    alone = extracted(images, backbone, tmp_path / "alone", None)
    executor = Elsewhere(tmp_path / "other")
    assert extracted(images, backbone, tmp_path / "together", executor) == alone
    assert len(alone) == len(executor.sizes["extraction with timm/test_resnet"]) == 3


def test_a_work_carries_its_own_pictures_only(files: list[Path], backbone: Backbone, tmp_path: Path) -> None:
    whole = ArrayImages(pixels_of(), "noise", np.arange(NUM))
    small = Elsewhere()
    with executing_on(small):
        features_of(set_of(JoinedImages((FileImages(tuple(files)),))), backbone)
    images = MixedImages(tuple(map(Image.fromarray, pixels_of())), np.arange(NUM))
    weights = max(small.sizes["extraction with timm/test_resnet"])
    monkey = Elsewhere()
    extracted(images, backbone, tmp_path / "more", monkey)
    most = max(monkey.sizes["extraction with timm/test_resnet"])
    assert most - weights < 1.2 * whole.pixels[:32].nbytes + 8_000


def test_pictures_of_shards_are_read_by_workers(tmp_path: Path, backbone: Backbone, files: list[Path]) -> None:
    with tarfile.open(tmp_path / "shard.tar", "w") as shard:
        for path in files:
            shard.add(path, f"{path.stem}.png")
    place = str(tmp_path / "shard.tar")
    images = reader_for(place).read_unsorted(place).images
    assert images.file_paths() == (tmp_path / "shard.tar",)
    alone = extracted(images, backbone, tmp_path / "alone", None)
    assert extracted(images, backbone, tmp_path / "together", Elsewhere(tmp_path / "other")) == alone


def test_pictures_of_a_store_are_fetched_by_each_worker(tmp_path: Path, backbone: Backbone, files: list[Path]) -> None:
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    fs.put(str(tmp_path / "data"), "/bucket/data", recursive=True)
    raw = reader_for("memory://bucket/data").read_unsorted("memory://bucket/data")
    with executing_on(Elsewhere(tmp_path / "other")):
        features_of(set_of(raw.images), backbone)
    assert len(list((tmp_path / "other" / "remote").rglob("*.png"))) == NUM
    fs.store.clear()


def test_a_dataset_of_items_travels_by_rows(backbone: Backbone, tmp_path: Path) -> None:
    class Items(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return 40

        def __getitem__(self, row: int) -> tuple[Image.Image, int]:
            return Image.fromarray(pixels_of(40)[row]), 0

    images = pictures_of(given_images(Items()))
    alone = extracted(images, backbone, tmp_path / "alone", None)
    assert extracted(images, backbone, tmp_path / "together", Elsewhere(tmp_path / "other")) == alone


def test_a_file_that_a_machine_does_not_see_is_named_before_anything_is_sent(
    files: list[Path], backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor = Elsewhere(node="gpu-7")
    is_file = Path.is_file
    monkeypatch.setattr(Path, "is_file", lambda path: path.suffix != ".png" and is_file(path))
    with executing_on(executor), pytest.raises(DataError) as caught:
        features_of(set_of(FileImages(tuple(files))), backbone)
    assert str(caught.value) == (
        f"{files[0]}: the machine gpu-7 does not see this file. Put the data on a disk that all machines of the cluster share, "
        "under the same path, or in a store, and give its address, such as s3://bucket/folder."
    )
    assert executor.sizes == {}


def test_a_worker_that_does_not_see_a_file_says_so(
    files: list[Path], backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_file = Path.is_file
    monkeypatch.setattr(Elsewhere, "on_each_node", lambda *_: {})
    monkeypatch.setattr(Path, "is_file", lambda path: path.suffix != ".png" and is_file(path))
    with executing_on(Elsewhere()), pytest.raises(DataError, match=f"the machine {socket.gethostname()} does not see this file"):
        features_of(set_of(FileImages(tuple(files))), backbone)


def test_a_store_that_cannot_be_written_is_named_before_anything_is_sent(
    backbone: Backbone, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "file"))
    executor = Elsewhere()
    with executing_on(executor), pytest.raises(ExportError, match="cannot be written"):
        features_of(set_of(ArrayImages(pixels_of(), "noise", np.arange(NUM))), backbone)
    assert executor.sizes == {}


def test_work_done_twice_leaves_each_row_once(backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = ArrayImages(pixels_of(), "noise", np.arange(NUM))
    alone = extracted(images, backbone, tmp_path / "alone", None)
    twice = Elsewhere()
    submit = twice.submit

    def submit_twice(work: Work[object]) -> object:
        submit(work).result()  # of a worker that is lost after it has written
        return submit(work)

    monkeypatch.setattr(twice, "submit", submit_twice)
    assert extracted(images, backbone, tmp_path / "together", twice) == alone
    assert not list((tmp_path / "together").rglob("token-*"))


def test_few_pictures_and_those_that_leave_no_trace_stay_here(backbone: Backbone, tmp_path: Path) -> None:
    executor = Elsewhere()
    with executing_on(executor):
        features_of(set_of(ArrayImages(pixels_of(16), "noise", np.arange(16))), backbone)
        with transient_features():
            features_of(set_of(ArrayImages(pixels_of(), "noise", np.arange(NUM))), backbone)
    assert executor.sizes == {}


def test_the_engine_is_that_of_the_driver(backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []
    engine_named = extraction_works.engine_named

    def noted(name: str, *rest: object) -> object:
        names.append(name)
        monkeypatch.setenv("HEADSTART_ENGINE", "torch-bf16")  # a worker's own setting does not count
        return engine_named(name, *rest)

    monkeypatch.setattr(extraction_works, "engine_named", noted)
    with executing_on(Elsewhere()):
        features_of(set_of(ArrayImages(pixels_of(), "noise", np.arange(NUM))), backbone)
    assert set(names) == {"torch-float32"}
