"""Placing a server on a cluster: what is refused before anything is started."""

from __future__ import annotations

import pytest

from headstart.cluster.connection import Node
from headstart.core.errors import PlanError
from headstart.serving import on_cluster
from headstart.serving.on_cluster import ServerOnCluster
from headstart.serving.placing import REPLICA_BYTES, Scale, check_size, marks_of, node_with_folders


class Nodes:
    """A connection to two nodes with two cores each, of which the second has this machine's disk."""

    address = "ray://127.0.0.1:10001"

    def __init__(self, *seen):
        self.seen = seen

    def nodes(self):
        return tuple(Node(name, "127.0.0.1", 2.0, 0.0, 4e9) for name in ("a", "b"))

    def on_each_node(self, function, *arguments):
        first, second = self.nodes()
        return {first: dict.fromkeys(arguments[0]), second: function(*self.seen or arguments)}


@pytest.mark.parametrize(("given", "least", "most"), [("2", 2, 2), ("1..4", 1, 4), ("3..3", 3, 3)])
def test_replicas_are_one_number_or_two(given, least, most):
    assert Scale.of(given, 0.5, 10) == Scale(least, most, 0.5, REPLICA_BYTES + 30)


@pytest.mark.parametrize("given", ["0", "-1", "4..1", "1..2..3", "x", "", "1..", "²"])
def test_what_is_no_number_of_replicas_is_refused(given):
    with pytest.raises(PlanError) as refused:
        Scale.of(given, 1.0, 0)
    assert str(refused.value) == f'--replicas "{given}" is no number of replicas. Write one, such as 2, or two, such as 1..4.'


@pytest.mark.parametrize(
    ("scale", "message"),
    [
        (Scale(3, 3, 2.0, 0), "3 replicas need 6 cores, and the cluster has 4."),
        (Scale(3, 9, 1.0, 3 * 10**9), "3 replicas need 9 GB, and the cluster has 8."),
    ],
)
def test_more_than_the_cluster_has_is_refused(scale, message):
    with pytest.raises(PlanError) as refused:
        check_size(Nodes(), scale)
    assert str(refused.value) == f"{message} Lower --replicas or --replica-cores, or add nodes."


def settings_of(run):
    return {"runs": {"shades": str(run)}, "galleries": {}, "shown": None}


def test_the_owner_is_on_a_node_that_has_the_folders(made_run):
    assert node_with_folders(Nodes(), settings_of(made_run)) == "b"


def test_a_copy_of_a_folder_is_not_the_folder(run_folder, made_run):
    assert set(marks_of([str(run_folder)]).values()) != set(marks_of([str(made_run)]).values())


def test_folders_that_no_node_has_are_refused(made_run, tmp_path):
    with pytest.raises(PlanError) as refused:
        node_with_folders(Nodes([str(tmp_path / "gone")]), settings_of(made_run))
    assert str(refused.value) == (
        f"No node of the cluster sees {made_run}. Run the command on a node of the cluster, or put the folders on a disk that "
        "one of its nodes has at the same path."
    )


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 8001), ("0.0.0.0", 8000)])
def test_another_address_than_that_of_ray_serve_is_refused(monkeypatch, host, port):
    monkeypatch.setattr(on_cluster, "_there", lambda function: (("127.0.0.1", 8000), False))
    with pytest.raises(PlanError) as refused:
        ServerOnCluster(Nodes(), host, port, Scale(1, 1, 1.0, 0))
    assert str(refused.value) == (
        "Ray Serve of this cluster listens on port 8000 of 127.0.0.1 already. Use --host 127.0.0.1 --port 8000, or end it with "
        "`serve shutdown`."
    )


def test_the_address_of_ray_serve_is_taken_where_no_port_is_asked_for(monkeypatch):
    monkeypatch.setattr(on_cluster, "_there", lambda function: (("127.0.0.1", 8000), False))
    assert ServerOnCluster(Nodes(), "127.0.0.1", 0, Scale(1, 1, 1.0, 0)).address == "http://127.0.0.1:8000"


def test_a_port_in_use_is_refused(monkeypatch):
    import socket

    monkeypatch.setattr(on_cluster, "_there", lambda function: (None, False))
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(PlanError, match=r"^Port \d+ of 127\.0\.0\.1 is in use\."),
    ):
        ServerOnCluster(Nodes(), "127.0.0.1", taken.getsockname()[1], Scale(1, 1, 1.0, 0))


def test_the_address_on_another_machine_is_that_of_its_head_and_needs_a_port(monkeypatch):
    monkeypatch.setattr(on_cluster, "_there", lambda function: (None, False))
    monkeypatch.setattr(Nodes, "address", "ray://head.example:10001")
    monkeypatch.setattr(Nodes, "on_each_node", lambda *_: {})
    assert ServerOnCluster(Nodes(), "0.0.0.0", 8123, Scale(1, 1, 1.0, 0)).address == "http://head.example:8123"
    with pytest.raises(PlanError, match=r"^The nodes of a cluster need the same port\. Choose one with --port\.$"):
        ServerOnCluster(Nodes(), "0.0.0.0", 0, Scale(1, 1, 1.0, 0))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_an_address_that_only_the_clusters_machines_reach_is_refused(monkeypatch, host):
    monkeypatch.setattr(on_cluster, "_there", lambda function: (None, False))
    monkeypatch.setattr(Nodes, "address", "ray://head.example:10001")
    with pytest.raises(PlanError) as refused:
        ServerOnCluster(Nodes(), host, 8000, Scale(1, 1, 1.0, 0))
    assert str(refused.value) == (
        f"{host} is each machine's own address, and the cluster's head is on head.example. Use --host 0.0.0.0."
    )
