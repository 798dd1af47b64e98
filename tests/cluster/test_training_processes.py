from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import torch

from headstart.backbones.loading import load_backbone
from headstart.cluster import training_processes
from headstart.cluster.connection import Connection, Node, connected
from headstart.cluster.training_processes import check_room, own_address, started_beside
from headstart.core.errors import PlanError
from headstart.data.augmentation.views import view_of
from headstart.data.images import ArrayImages, ImageSet
from headstart.data.streams import Stream
from headstart.methods.finetune.fine_tune import FineTune
from headstart.training.learner import Classifier
from headstart.training.loop import train
from headstart.training.settings import Training
from headstart.workflows.cluster import training_on_cluster
from headstart.workflows.pretrain import pretrain


def losses_of(folder: Path) -> list[float]:
    """The losses of a short fit of a tiny network."""
    pixels = np.random.default_rng(5).integers(0, 255, (31, 8, 8, 1)).astype(np.uint8)
    labels = np.arange(31) % 3
    images = ImageSet(ArrayImages(pixels, "noise", np.arange(31)), ("a", "b", "c"), labels, np.arange(31))
    backbone = load_backbone("small_cnn", "none", 8, seed=1)
    torch.manual_seed(3)
    learner = Classifier(backbone, 3)
    training = Training(epochs=2, batch_size=7, precision="float32")
    train(learner, {"train": Stream(images, view_of("weak", 8))}, FineTune().losses, training, folder)
    return [json.loads(line)["losses"]["cross_entropy"] for line in (folder / "history.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_training_on_a_cluster_gives_the_losses_of_one_process(cluster_address: str, tmp_path: Path) -> None:
    alone = losses_of(tmp_path / "alone")
    with training_on_cluster(cluster_address, 3):
        divided = losses_of(tmp_path / "divided")
        again = losses_of(tmp_path / "again")
    assert len(alone) == 9
    assert divided == again == pytest.approx(alone, abs=2e-6)


def sentence(call: Callable[[], object]) -> str:
    with pytest.raises(PlanError) as refused:
        call()
    return str(refused.value)


def connection_to(*nodes: tuple[float, float]) -> Connection:
    found = tuple(Node(str(place), "a", cores, gpus, 1e9) for place, (cores, gpus) in enumerate(nodes))
    return cast(Connection, SimpleNamespace(nodes=lambda: found))


def test_more_processes_than_there_is_room_for_are_refused() -> None:
    check_room(connection_to((4, 0), (3, 0)), 4, 2, False)
    check_room(connection_to((8, 2)), 3, 2, True)
    assert sentence(lambda: check_room(connection_to((4, 0), (3, 0)), 5, 2, False)) == (
        "5 processes are this one and 4 on the cluster, which has room for 3 of 2 cores each. "
        "Lower --processes to 4, or add nodes."
    )
    assert sentence(lambda: check_room(connection_to((8, 1)), 3, 2, True)).startswith("3 processes are this one and 2 on")


def test_gpus_on_one_side_alone_are_refused() -> None:
    rest = "Start the command on a node with a GPU, or hide the GPUs with CUDA_VISIBLE_DEVICES=."
    assert sentence(lambda: check_room(connection_to((8, 2)), 2, 2, False)) == (
        f"All processes of a training compute alike, and the nodes have 2 GPUs while this process has none. {rest}"
    )
    assert sentence(lambda: check_room(connection_to((8, 0)), 2, 2, True)) == (
        f"All processes of a training compute alike, and this process has a GPU while no node has. {rest}"
    )


def test_processes_that_nothing_would_start_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sentence(lambda: pretrain("emoji", processes=4)) == (
        "processes = 4 needs a cluster to start them on. Name one with --cluster, or start them here with "
        "`torchrun --nproc_per_node 4 -m headstart`."
    )
    for name in ("RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert sentence(lambda: pretrain("emoji", cluster="auto")) == (
        "This is one of several processes already. Leave torchrun out, or --cluster."
    )


def test_the_own_address_is_one_that_all_nodes_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    ways = {"127.0.0.1": "127.0.0.1", "10.0.0.1": "10.0.0.1", "10.0.0.2": "10.0.0.1", "1.2.3.4": "5.6.7.8"}
    assert own_address("ray://127.0.0.1:10001", ["127.0.0.1"]) == "127.0.0.1"
    monkeypatch.setattr(training_processes, "address_towards", lambda host, port: ways[host])
    assert own_address("ray://127.0.0.1:10001", ["10.0.0.1", "10.0.0.2"]) == "10.0.0.1"
    assert own_address("ray://1.2.3.4:10001", ["10.0.0.1"]) == "5.6.7.8"


@pytest.mark.slow
def test_no_other_process_has_the_gpu_of_this_one(
    start_cluster: Callable[..., AbstractContextManager[object]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Ray gives out GPUs that a node is said to have, by their numbers, whether they exist or not."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")

    def serve(host: str, port: int, rank: int, count: int) -> None:
        (tmp_path / f"{rank} of {count}").write_text(os.environ["CUDA_VISIBLE_DEVICES"])

    with (
        start_cluster(num_nodes=1, num_cpus=2, num_gpus=2),
        connected("auto") as connection,
        started_beside(connection, serve, 2, 1, True),
    ):
        pass
    assert {path.name: path.read_text() for path in tmp_path.iterdir() if path.is_file()} == {"1 of 2": "1"}


@pytest.mark.slow
def test_processes_that_end_early_or_find_no_cores_are_said(cluster_address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with connected(cluster_address) as connection:
        monkeypatch.setattr(training_processes, "STARTING_SECONDS", 3.0)
        with pytest.raises(PlanError) as refused, started_beside(connection, print, 4, 1, False):
            pass
        assert re.sub("[123] of 3", "1 of 3", str(refused.value)) == (  # on a busy machine none has started by then
            f"Processes of the training do not start on the cluster at {connection.address}: 1 of 3 have waited for cores or "
            "GPUs for 0.05 minutes. Others use them. End what runs there, or lower --processes."
        )
        monkeypatch.setattr(training_processes, "STARTING_SECONDS", 60.0)
        connection.versions = {**connection.versions, "torch": "0"}
        with pytest.raises(PlanError) as refused, started_beside(connection, print, 2, 1, False):
            pass
        assert str(refused.value).endswith("and where the command runs it is 0. Install the same.")
