"""The status of a cluster is that of nodes that a run would use."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.slow


def test_nodes_and_what_is_in_use_are_shown(cluster_address, headstart_command):
    shown = headstart_command("cluster", "status", cluster_address, "--json")
    assert shown.code == 0, shown.err
    found = json.loads(shown.out)
    assert found["address"] == cluster_address
    assert [node["cores"] for node in found["nodes"]] == [1.0, 1.0]
    assert (found["used_cores"], found["used_gpus"]) == (0.0, 0.0)
    table = headstart_command("cluster", "status", "auto")
    assert "0 of 2 cores" in table.out
    assert table.out.count("127.0.0.1 (") == 2


def test_a_cluster_that_is_not_there_is_one_sentence(headstart_command):
    shown = headstart_command("cluster", "status", "ray://127.0.0.1:1")
    assert shown.code == 2
    assert shown.err.count("\n") == 1
    assert shown.err.startswith("error: No Ray cluster answers at ray://127.0.0.1:1 ([Errno 111] Connection refused). ")
