"""The cluster that the tests of this folder share is one: nodes, their folders, and functions of this file run there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster

pytestmark = pytest.mark.slow


def where() -> tuple[str, str, str]:
    """The node, the cache and the engine of the worker."""
    import ray

    import headstart.core.seeds  # the package is there

    assert headstart.core.seeds.seed_for(1, "a") != 0
    return ray.get_runtime_context().get_node_id(), os.environ["HEADSTART_CACHE"], os.environ["HEADSTART_ENGINE"]


def test_two_nodes_run_functions_of_the_package_with_caches_of_their_own(ray_cluster: Cluster):
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    with ray.init(ray_cluster.address, log_to_driver=False):
        nodes = [node["NodeID"] for node in ray.nodes()]
        there = [NodeAffinitySchedulingStrategy(node, soft=False) for node in nodes]
        found = ray.get([ray.remote(num_cpus=1, scheduling_strategy=one)(where).remote() for one in there])
    assert [node for node, _, _ in found] == nodes
    assert len({cache for _, cache, _ in found} | {os.environ["HEADSTART_CACHE"]}) == 3
    assert {engine for _, _, engine in found} == {os.environ["HEADSTART_ENGINE"]}


def test_a_client_and_auto_reach_the_cluster_of_the_tests(ray_cluster: Cluster, cluster_address: str):
    import ray

    for address in (cluster_address, "auto"):
        with ray.init(address, log_to_driver=False):
            assert ray.get_runtime_context().gcs_address == ray_cluster.address
            assert len(ray.nodes()) == 2
