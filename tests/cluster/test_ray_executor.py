"""Works run on the nodes of a cluster: in order, once, elsewhere where a node is lost, and refused in one sentence."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from benchmarks._ray_nodes import Nodes

from headstart.cluster.ray_executor import MOST_CRASHES, RayExecutor, on_cluster
from headstart.core.errors import DataError, TrainingError
from headstart.core.executing import Resources, Work, executor
from headstart.core.stopping import StoppedError, Stopper, stoppable

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster

pytestmark = pytest.mark.slow


def noted(place, number, seconds=0.0):
    """The number; a line of a file says that it was made."""
    time.sleep(seconds)
    with Path(place).open("a", encoding="utf-8") as stream:
        stream.write(f"{number}\n")
    return number


def total(array, number):
    return float(array.sum()) + number


def threads():
    import torch

    return torch.get_num_threads(), os.environ["HEADSTART_ENGINE"], os.environ["HEADSTART_QUIET"]


def refused():
    raise DataError("a.png cannot be read.")


def ends_its_process(place):
    with Path(place).open("a", encoding="utf-8") as stream:
        stream.write("x")
    os.kill(os.getpid(), signal.SIGKILL)


def ends_its_first_process(place):
    if not Path(place).exists():
        ends_its_process(place)
    return "done"


def sleeps():
    time.sleep(600)


@pytest.fixture(scope="module", autouse=True)
def _functions_travel_whole():
    """The nodes do not see the tests."""
    from ray import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    yield
    cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


@pytest.fixture
def running(cluster_address):
    with on_cluster(cluster_address) as chosen:
        assert executor() is chosen
        yield chosen


def test_results_come_in_order_each_made_once_under_the_settings_of_the_driver(running: RayExecutor, tmp_path):
    assert running.is_remote
    assert running.num_workers == 2
    place = tmp_path / "made"
    works = (Work(noted, (place, number), f"number {number}", group="numbers") for number in range(13))
    assert list(running.results(works)) == list(range(13))
    assert sorted(map(int, place.read_text().split())) == list(range(13))
    assert running.submit(Work(threads, (), "threads")).result() == (1, os.environ["HEADSTART_ENGINE"], "1")
    use = running.use
    assert [(cost.name, cost.num) for cost in use.costs] == [("numbers", 13), ("threads", 1)]
    assert sum(use.nodes.values()) == 14
    assert not running.outstanding


def test_a_shared_value_is_received_by_every_work(running: RayExecutor):
    shared = running.shared("ones", lambda: np.ones(1_000))
    assert running.shared("ones", lambda: np.zeros(1)) is shared
    assert list(running.results(Work(total, (shared, number)) for number in range(3))) == [1000.0, 1001.0, 1002.0]


def test_what_a_work_raises_names_the_work(running: RayExecutor):
    with pytest.raises(DataError) as raised:
        running.submit(Work(refused, (), "fold 2 of 5")).result()
    assert str(raised.value) == "fold 2 of 5: a.png cannot be read."


def test_work_that_ends_its_process_once_is_done_again_and_then_counted(running: RayExecutor, tmp_path):
    assert running.submit(Work(ends_its_first_process, (tmp_path / "tried",), "fold 1")).result() == "done"
    assert running.use.num_repeated == 1


def test_work_that_always_ends_its_process_is_given_up_with_its_name(running: RayExecutor, tmp_path):
    with pytest.raises(TrainingError) as raised:
        running.submit(Work(ends_its_process, (tmp_path / "tried",), "fold 1 of lp_ft")).result()
    assert len((tmp_path / "tried").read_text()) == MOST_CRASHES
    assert str(raised.value).startswith(f"fold 1 of lp_ft ended its process {MOST_CRASHES} times, the last time with: ")
    assert str(raised.value).endswith("Give the nodes more memory, or lower training.batch_size.")


def test_the_end_of_the_time_ends_the_waiting_and_the_work(running: RayExecutor):
    begun = time.monotonic()
    with stoppable(Stopper(deadline=time.monotonic() + 1.0)), pytest.raises(StoppedError):
        running.submit(Work(sleeps)).result()
    assert time.monotonic() - begun < 30
    assert running.submit(Work(total, (np.ones(2), 1))).result() == 3.0


def test_a_work_that_no_node_has_room_for_says_so(running: RayExecutor):
    with pytest.raises(TrainingError) as raised:
        running.submit(Work(total, (np.ones(2), 1), "fold 1", Resources(memory_bytes=10**15))).result()
    most = max(node.memory_bytes for node in running.connection.nodes()) / 1e9
    assert str(raised.value) == (
        f"fold 1 takes about 1,000,000.0 GB of memory, and the largest node of the cluster has {most:,.1f} GB. Add a larger "
        "node, or choose a smaller network."
    )


def test_works_of_a_lost_node_run_elsewhere_and_finished_ones_are_not_done_again(start_cluster, tmp_path):
    cluster: Cluster
    with start_cluster(num_nodes=3) as cluster, on_cluster("auto") as running:
        place = tmp_path / "made"
        works = [Work(noted, (place, number, 0.5), f"number {number}") for number in range(12)]
        pending = [running.submit(work) for work in works]
        assert pending[0].result() == 0
        cluster.remove_node(cluster.list_all_nodes()[-1], allow_graceful=False)
        assert [one.result() for one in pending[1:]] == list(range(1, 12))
    made = list(map(int, place.read_text().split()))
    assert set(made) == set(range(12))
    assert len(made) <= 13


def test_where_the_head_is_lost_what_was_not_finished_runs_once_it_is_back(tmp_path):
    place = tmp_path / "made"
    with tempfile.TemporaryDirectory(prefix="ray", dir="/tmp") as home:
        nodes = Nodes(2, Path(home))
        with on_cluster(nodes.address) as running:
            pending = [running.submit(Work(noted, (place, number, 1.0), f"number {number}")) for number in range(4)]
            later = running.submit(Work(total, (running.share(np.ones(3)), 1), "later"))
            assert pending[0].result() == 0
            nodes.tell("stop")
            nodes.start()
            assert [one.result() for one in pending[1:]] == [1, 2, 3]
            assert later.result() == 4.0
            assert running.connection.epoch == 1
        nodes.tell("stop")
    assert place.read_text().split().count("0") == 1
