"""A cluster that cannot be used is refused in one sentence, before anything is spent."""

from __future__ import annotations

import socket
import sys

import pytest

from headstart.cluster.connection import Connection, Node, client_address, connected
from headstart.cluster.ray_executor import MOST_REOPENED, RayExecutor
from headstart.core.errors import MissingExtraError, PlanError
from headstart.core.executing import Resources, Work

HERE = {"Python": "3.11", "headstart": "1 (files 0)", "torch": "2", "timm": "1", "numpy": "2"}


def refused(call, kind=PlanError):
    with pytest.raises(kind) as caught:
        call()
    return str(caught.value)


def test_auto_is_the_head_on_this_machine_unless_a_client_port_is_named(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert client_address("auto") == "ray://127.0.0.1:10001"
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert client_address("auto") == "ray://127.0.0.1:10001"
    monkeypatch.setenv("RAY_ADDRESS", "ray://head:9")
    assert client_address("auto") == "ray://head:9"


@pytest.mark.parametrize("address", ["", "head", "10.0.0.1:10001", "ray://head", "ray://:1", "http://head:1"])
def test_other_addresses_are_refused(address):
    sentence = f'--cluster "{address}" is no address. Write auto, or ray://HOST:PORT with the client port of the head.'
    assert refused(lambda: client_address(address)) == sentence


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setattr("headstart.cluster.connection.find_spec", lambda name: None)
    sentence = '--cluster needs Ray. Install it with `pip install "headstart[cluster]"`.'
    assert refused(lambda: connected("auto").__enter__(), MissingExtraError) == sentence


def test_an_address_that_nobody_listens_at_is_refused_at_once():
    pytest.importorskip("ray")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    address = f"ray://127.0.0.1:{port}"
    assert refused(lambda: connected(address).__enter__()) == (
        f"No Ray cluster answers at {address} ([Errno 111] Connection refused). Check the address, that the head runs, and that "
        "its client port can be reached from here."
    )


class Probed(Connection):
    """A connection to nodes that answer what the test says."""

    answers: dict[Node, dict] = {}

    def on_each_node(self, function, *arguments, importable=True):
        return self.answers


def node(name="abcdef123", cores=4.0):
    return Node(name, "10.0.0.7", cores, 0.0, 1e9)


@pytest.fixture
def probed(monkeypatch):
    monkeypatch.setattr("headstart.cluster.connection.probe_function", lambda: lambda: {"versions": HERE, "fault": ""})

    def make(*versions, fault=""):
        connection = Probed("ray://10.0.0.1:10001")
        connection.answers = {
            node(f"{number}bcdef123"): {"versions": HERE | one, "fault": fault} for number, one in enumerate(versions)
        }
        return connection

    return make


def test_nodes_like_this_machine_are_taken(probed):
    probed({}, {}).check()


def test_a_cluster_without_cores_is_refused(probed):
    assert refused(probed().check) == "The cluster at ray://10.0.0.1:10001 has no processor cores to work on. Add a node to it."


@pytest.mark.parametrize(
    ("versions", "sentence"),
    [
        ({"torch": "1"}, "torch 1, and here it is 2"),
        ({"headstart": ""}, "headstart not installed, and here it is 1 (files 0)"),
        ({"headstart": "1 (files 9)"}, "headstart 1 (files 9), and here it is 1 (files 0)"),
    ],
)
def test_a_node_with_other_versions_or_other_code_is_named(probed, versions, sentence):
    assert refused(probed({}, versions).check) == f"Node 10.0.0.7 (1bcdef) of the cluster has {sentence}. Install the same."


def test_a_node_that_cannot_write_its_cache_is_named(probed):
    assert refused(probed({}, fault="/cache: Read-only file system").check) == (
        "Node 10.0.0.7 (0bcdef) of the cluster cannot write its cache (/cache: Read-only file system). Free it, or set "
        "HEADSTART_CACHE there."
    )


def test_the_probe_of_this_machine_knows_its_versions_and_finds_no_fault():
    from headstart.cluster.connection import probe_function

    found = probe_function()()
    assert found["fault"] == ""
    assert found["versions"]["Python"] == f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert " (files " in found["versions"]["headstart"]


def test_a_cache_that_cannot_be_written_is_a_fault(monkeypatch, tmp_path):
    from headstart.cluster.connection import probe_function

    (tmp_path / "file").touch()
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "file"))
    assert probe_function()()["fault"] == f"{tmp_path / 'file'}: File exists"


def test_a_connection_that_ends_at_the_same_call_again_and_again_is_given_up(monkeypatch):
    pytest.importorskip("ray")

    class Reopened:
        address, epoch, versions, opened = "ray://head:1", 0, {}, 0

        def nodes(self):
            return (node(),)

        def reopen(self):
            self.opened += 1

    running = RayExecutor(Reopened())

    def fails():
        raise ConnectionError("the function cannot be imported. And more.")

    sentence = refused(lambda: running._while_reachable(fails))
    assert running.connection.opened == MOST_REOPENED
    assert sentence == (
        "The cluster at ray://head:1 ended the connection 5 times at the same work (the function cannot be imported). Are its "
        "functions installed there?"
    )


def test_work_that_fits_no_node_with_a_gpu_is_refused_and_a_node_that_was_lost_counts(monkeypatch):
    class Listed:
        address, epoch, versions = "ray://head:1", 0, {}
        there = (Node("a", "cpu", 8.0, 0.0, 256e9), Node("b", "gpu", 8.0, 1.0, 16e9))

        def nodes(self):
            return self.there

    running = RayExecutor(Listed())
    large = Work(len, ((),), "fold 1", Resources(gpus=1.0, memory_bytes=int(64e9)))
    assert running.why_no_room(large) == (
        "fold 1 takes about 64.0 GB of memory, and the largest node of the cluster of those with 1 GPUs has 16.0 GB. Add a "
        "larger node, or choose a smaller network."
    )
    assert running.why_no_room(Work(len, ((),), "fold 1", Resources(memory_bytes=int(64e9)))) == ""
    running.connection.there = ()
    monkeypatch.setattr("headstart.cluster.ray_executor.NODES_SECONDS", 0.0)
    assert running.why_no_room(Work(len, ((),), "fold 1", Resources(memory_bytes=int(64e9)))) == ""
    assert running.num_workers == 1
