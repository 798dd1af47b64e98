"""The process that started a server on a cluster: it watches and ends it while the owner, or the cluster, comes and goes."""

from __future__ import annotations

import importlib.util
import threading
from types import SimpleNamespace

import pytest

from headstart.core.errors import DataError, PlanError
from headstart.serving import on_cluster
from headstart.serving.at_owner import ClusterGoneError, asking
from headstart.serving.on_cluster import ServerOnCluster, Told, _await_generation, _drain, _signals
from headstart.serving.owner import Report
from headstart.serving.placing import Scale
from headstart.serving.refusals import RefusedError, out_of_reach

GONE = r"^The cluster does not answer any more \((ClusterGone|Connection)Error\)\. Is its head still there\?$"
needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")


def report(*, generation=1, failed=0, fault=None, draining=True, num_begun=0):
    return Report("a", 7, generation, failed, fault, draining, num_begun, (), None)


class Answers:
    """Stands for the owner: gives one answer after the other to each method, the last one again and again.

    Args:
        **answers: By method; errors are raised, and None ends the watching.
    """

    def __init__(self, **answers):
        self.answers, self.asked, self.told = answers, [], Told()

    def __call__(self, method, *arguments):
        self.asked.append((method, *arguments))
        given = self.answers.get(method, [{}])
        answer = given.pop(0) if len(given) > 1 else given[0]
        if answer is None:
            self.told.again(15, None)
            return {"generation": 1}
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def owner(monkeypatch):
    """Makes an owner with answers, and what was begun and noted beside it."""
    monkeypatch.setattr(on_cluster, "LOOK_SECONDS", 0.0)

    def make(**answers):
        made = Answers(**answers)
        made.begun, made.notes = [], []
        monkeypatch.setattr(on_cluster, "asking", lambda *_: made)
        monkeypatch.setattr(on_cluster, "_begin_owner", made.begun.append)
        monkeypatch.setattr(on_cluster, "note", made.notes.append)
        return made

    return make


@pytest.fixture
def server(monkeypatch):
    """A server on two nodes; nothing of it runs."""
    nodes = [SimpleNamespace(identity=name, cores=1.0, memory_bytes=1e9) for name in ("a", "b")]
    connection = SimpleNamespace(address="ray://127.0.0.1:10001", nodes=lambda: nodes)
    monkeypatch.setattr(on_cluster, "_there", lambda function, *_, **__: (("127.0.0.1", 8000), True))
    return ServerOnCluster(connection, "127.0.0.1", 0, Scale(1, 1, 1.0, 0))


def placed(**placement):
    return {"runs": {}, "galleries": {}, "shown": None, "generation": 1, "placement": {"node": "a", **placement}}


def test_the_end_waits_for_an_owner_that_knows_no_replica_yet(owner):
    made = owner(drain=[None, {}], living=[[], out_of_reach(), [report(num_begun=1)], [report(draining=False)], [report()]])
    _drain(60.0, Told())
    assert [method for method, *_ in made.asked] == ["drain", "living"] * 5


def test_the_end_waits_no_longer_than_it_may_for_an_owner_that_is_gone(owner):
    owner(drain=[out_of_reach()])
    _drain(0.2, Told())


def test_an_owner_without_settings_gets_them(owner, server):
    made = owner(newest=[{"generation": 0}, None])
    assert server._watched(placed(), made.told)
    assert made.asked == [("newest",), ("renew", placed()), ("newest",)]
    assert not made.begun


def test_an_owner_whose_node_is_lost_is_started_on_another_one(owner, server, monkeypatch):
    monkeypatch.setattr(on_cluster, "node_with_folders", lambda *_: "b")
    made = owner(newest=[out_of_reach(), None])
    server._watched(placed(node="lost"), made.told)
    [(_, renewed)] = [asked for asked in made.asked if asked[0] == "renew"][:1]
    assert (made.begun, renewed["placement"]["node"]) == (["b"], "b")
    assert renewed["generation"] > 1
    assert made.notes == ["The node of the owner of the folders is lost; the owner is started on another one."]


def test_that_no_other_node_has_the_folders_is_said_once(owner, server, monkeypatch):
    def none(*_):
        raise PlanError("No node of the cluster sees x.")

    monkeypatch.setattr(on_cluster, "node_with_folders", none)
    made = owner(newest=[out_of_reach(), out_of_reach(), None])
    server._watched(placed(node="lost"), made.told)
    assert made.notes == ["The node of the owner of the folders is lost. No node of the cluster sees x."]


@pytest.mark.parametrize("error", [ClusterGoneError(), ConnectionError("x")])
def test_a_cluster_that_went_away_ends_the_watching_in_one_sentence(owner, server, monkeypatch, error):
    owner(newest=[error])
    monkeypatch.setattr(server, "place", lambda *_: placed())
    with pytest.raises(PlanError, match=GONE):
        server.answer({}, SimpleNamespace(deadline_seconds=1.0), lambda: None)


def test_a_cluster_that_went_away_ends_the_end_too(owner, server, monkeypatch):
    made = owner(newest=[None], drain=[ClusterGoneError()])
    monkeypatch.setattr(server, "place", lambda _, told: setattr(made, "told", told) or placed())
    with pytest.raises(PlanError, match=GONE):
        server.answer({}, SimpleNamespace(deadline_seconds=1.0), lambda: None)


@needs_ray
def test_what_ray_raises_is_a_refusal(monkeypatch):
    import ray

    actor = SimpleNamespace(ask=SimpleNamespace(remote=lambda *_: None))
    raised = []

    def found(*_, **__):
        raise raised.pop()

    monkeypatch.setattr(ray, "get_actor", lambda *_, **__: actor)
    monkeypatch.setattr(ray, "get", found)
    ask = asking(2.0)
    statuses = []
    for error in (
        ConnectionError("x"),
        ray.exceptions.GetTimeoutError("x"),
        ray.exceptions.ActorUnavailableError("x", b"x" * 16),
    ):
        raised.append(error)
        with pytest.raises(RefusedError) as refused:
            ask("newest")
        statuses.append((refused.value.status, refused.value.code, type(refused.value) is ClusterGoneError))
    assert statuses == [(503, "out-of-reach", True), (504, "deadline", False), (503, "out-of-reach", False)]


def test_a_fault_of_earlier_settings_is_not_that_of_the_newest():
    answers = Answers(living=[[report(generation=1, failed=2, fault="old")], [report(generation=3)]])
    _await_generation(answers, 3, 1, Told())
    answers = Answers(living=[[report(generation=1, failed=3, fault="The run is damaged.")]])
    with pytest.raises(DataError, match=r"^A replica cannot load what is to be served\. The run is damaged\.$"):
        _await_generation(answers, 3, 1, Told())


def test_a_thread_cannot_start_a_server_on_a_cluster():
    refused = []

    def enter():
        try:
            with _signals():
                pass
        except PlanError as error:
            refused.append(str(error))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert refused == ["A server on a cluster is ended by a signal, which threads do not get. Start it from the main thread."]


def test_settings_that_could_not_be_placed_are_taken_back(owner, server, monkeypatch):
    before = placed(node="b", deployed=True)
    made = owner(newest=[before])

    def there(function, *given, **_):
        made.asked.append((function.__name__, *given))
        raise KeyboardInterrupt

    monkeypatch.setattr(on_cluster, "_there", there)
    monkeypatch.setattr(server, "_node", lambda *_: "a")
    with pytest.raises(KeyboardInterrupt):
        server.place({"runs": {"new": "x"}}, Told())
    renewed = [given for method, *given in made.asked if method == "renew"]
    assert [(one["runs"], one["placement"]["deployed"], one["placement"]["node"]) for [one] in renewed] == [
        ({"new": "x"}, False, "a"),
        ({}, False, "b"),
    ]
    assert made.begun == ["a", "b"]
    assert renewed[1][0]["generation"] > renewed[0][0]["generation"]


def test_what_was_placed_is_known_as_such_once_it_is(owner, server, monkeypatch):
    made = owner(newest=[placed()], living=[[]])
    monkeypatch.setattr(server, "_node", lambda *_: "a")
    monkeypatch.setattr(on_cluster, "_await_generation", lambda *_: None)
    settings = server.place({"runs": {}}, Told())
    assert settings["placement"]["deployed"]
    assert made.asked[-1] == ("renew", settings)
    count = len(made.begun)
    made.answers["newest"] = [settings]
    assert server.place({"runs": {}}, Told())["placement"] == settings["placement"]
    assert len(made.begun) == count
