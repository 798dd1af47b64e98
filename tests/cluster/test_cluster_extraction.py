"""Extraction on the nodes of a cluster: each row once in the store, whatever happens to a worker."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pytest
from PIL import Image

from headstart.backbones.loading import load_backbone
from headstart.cluster.ray_executor import on_cluster
from headstart.core.types import UNLABELED
from headstart.data.images import ImageSet
from headstart.data.readers import reader_for
from headstart.features.extract import features_of
from headstart.features.store.chunks import MadeChunk, read_chunk
from headstart.features.store.store import Store, store_at

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

NUM = 3000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """3,000 different pictures of 8 pixels in three class folders."""
    root = tmp_path_factory.mktemp("pictures")
    pixels = np.random.default_rng(0).integers(0, 256, (NUM, 8, 8, 3), dtype=np.uint8)
    for row, array in enumerate(pixels):
        path = root / "abc"[row % 3] / f"{row:04}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(array).save(path)
    return root


def images_in(folder: Path) -> ImageSet:
    images = reader_for(str(folder)).read_unsorted(str(folder)).in_name_order().images
    return ImageSet(images, (), np.full(len(images), UNLABELED, np.int64), np.arange(len(images)))


def chunks_in(cache: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in cache.glob("features/*/*.safetensors")}


def workers_of(cluster: Cluster) -> list[psutil.Process]:
    """The processes that run an extraction now."""
    raylets = [psutil.Process(node.all_processes["raylet"][0].process.pid) for node in cluster.list_all_nodes()]
    return [child for one in raylets for child in one.children() if "extraction" in " ".join(child.cmdline())]


def test_each_row_is_once_in_the_store_when_a_worker_is_killed(
    start_cluster: Callable[..., AbstractContextManager[Cluster]], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backbone = load_backbone("timm/test_resnet", weights="none", input_pixels=32)
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "alone"))
    alone = features_of(images_in(folder), backbone).penultimate
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "together"))
    store_at.cache_clear()
    killed: list[int] = []
    adopt = Store.adopt
    with start_cluster(num_nodes=2) as cluster:

        def adopt_and_kill(store: Store, chunk: MadeChunk) -> None:
            adopt(store, chunk)
            busy = [] if killed else workers_of(cluster)
            if busy:
                killed.append(busy[-1].pid)
                os.kill(busy[-1].pid, signal.SIGKILL)

        monkeypatch.setattr(Store, "adopt", adopt_and_kill)
        with on_cluster("auto"):
            together = features_of(images_in(folder), backbone).penultimate
    assert len(killed) == 1
    np.testing.assert_array_equal(together, alone)
    assert chunks_in(tmp_path / "together") == chunks_in(tmp_path / "alone")
    keys = [key for path in (tmp_path / "together").glob("features/*/*.safetensors") for key in read_chunk(path).keys]
    assert len(keys) == len(set(keys)) == NUM
