"""Extraction on the nodes of a cluster: each row once in the store, whatever happens to a worker."""

from __future__ import annotations

import hashlib
import json
import os
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import fsspec
import numpy as np
import psutil
import pytest
from PIL import Image
from s3_server import s3_server

from headstart.backbones.loading import load_backbone
from headstart.cluster.ray_executor import on_cluster
from headstart.core import row_sums, rows
from headstart.core.executing import executor
from headstart.core.types import UNLABELED
from headstart.data.images import ImageSet
from headstart.data.readers import reader_for
from headstart.features.extract import features_of
from headstart.features.representation import Representation
from headstart.features.store import store as store_module
from headstart.features.store.chunks import MadeChunk, read_chunk
from headstart.features.store.store import Store, store_at
from headstart.heads.ridge_leave_one_out import fit_ridge

if TYPE_CHECKING:
    from conftest import Answer
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


@pytest.mark.usefixtures("ray_cluster")
def test_the_file_of_embed_is_that_of_one_process(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, headstart_command: Callable[..., Answer]
) -> None:
    contents = []
    for name, words in (("alone", ()), ("together", ("--cluster", "auto"))):
        monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / name))
        answer = headstart_command("embed", folder, "-o", tmp_path / f"{name}.npz", "--pretrained", "pixels", *words)
        assert answer.code == 0, answer.err
        contents.append(np.load(tmp_path / f"{name}.npz")["features"])
    assert contents[0].shape == (NUM, 192)
    np.testing.assert_array_equal(*contents)


@pytest.mark.usefixtures("ray_cluster")
def test_ridge_on_rows_that_nodes_sum_is_that_of_one_process(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    for module in (rows, row_sums, store_module):
        monkeypatch.setattr(module, "IN_MEMORY_BYTES", 1000)
    monkeypatch.setattr(row_sums, "span_rows", lambda width: 1024)
    images = images_in(folder)
    labels = np.arange(NUM) % 3
    features = features_of(images, load_backbone("timm/test_resnet", weights="none", input_pixels=32))
    seen = Representation.fitted(features, "stages").rows(features)
    alone = fit_ridge(seen, labels, 3)
    with on_cluster("auto"):
        together = fit_ridge(seen, labels, 3)
        names = list(executor().account.costs)  # type: ignore[attr-defined]
    assert names == ["sums over rows"]
    np.testing.assert_allclose(together.weight, alone.weight, rtol=1e-10, atol=1e-10 * np.abs(alone.weight).max())
    np.testing.assert_allclose(together.bias, alone.bias, rtol=1e-10)


@pytest.mark.usefixtures("ray_cluster")
def test_one_fit_of_ridge_takes_the_nodes(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, headstart_command: Callable[..., Answer]
) -> None:
    found = []
    for name, words in (("alone", ()), ("together", ("--cluster", "auto"))):
        monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / name))
        command = ("fit", folder, "--method", "ridge", "--pretrained", "pixels", "--test", "0.2", "-o", tmp_path / f"run-{name}")
        answer = headstart_command(*command, *words, "--json")
        assert answer.code == 0, answer.err
        found.append(json.loads(answer.out)["evaluation"]["metrics"])
    assert found[0] == found[1]


def test_nodes_fill_an_object_store(
    start_cluster: Callable[..., AbstractContextManager[Cluster]], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backbone = load_backbone("pixels")
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "alone"))
    alone = features_of(images_in(folder), backbone).penultimate
    with s3_server(), start_cluster(num_nodes=2):  # the nodes have this process's credentials
        fsspec.filesystem("s3").mkdir("features-of-all")
        monkeypatch.setenv("HEADSTART_STORE", "s3://features-of-all/team")
        monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "together"))
        with on_cluster("auto"):
            together = features_of(images_in(folder), backbone).penultimate
        names = fsspec.filesystem("s3").find("features-of-all")
        monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "later"))
        later = features_of(images_in(folder), backbone).penultimate
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(later, alone)
    assert {name.rpartition("/")[2] for name in names} == set(chunks_in(tmp_path / "alone"))
    assert chunks_in(tmp_path / "later") == chunks_in(tmp_path / "alone")
