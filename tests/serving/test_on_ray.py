"""A server on Ray Serve under load: a replica is killed, the owner is killed, other runs take the place of old ones."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import threading
import time
from collections import Counter

import pytest

import headstart
from headstart.core.errors import DataError

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed"),
    pytest.mark.filterwarnings("ignore:.*ray.*:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.*"),
    pytest.mark.filterwarnings("ignore::FutureWarning:ray.*"),
]
SECONDS = 300.0
"""In which a process that was killed is there again, on a machine whose cores are all busy."""


class Asking:
    """Clients that ask one after the other until the end; what came of each request is kept.

    Args:
        client: Of the server.
        files: Of each request.
        count: How many clients.
    """

    def __init__(self, client, files, count=4):
        self.client, self.files = client, files
        self.done = []
        self.ends = threading.Event()
        self.threads = [threading.Thread(target=self._ask) for _ in range(count)]

    def _ask(self):
        while not self.ends.is_set():
            begun = time.monotonic()
            answer = self.client.post("/predict", files=self.files)
            self.done.append((begun, answer.status_code, answer.json() if answer.status_code == 200 else answer.text))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        while len(self.done) < 20:
            time.sleep(0.05)
        return self

    def __exit__(self, *_):
        self.ends.set()
        for thread in self.threads:
            thread.join(60)


@pytest.fixture
def asked(on_ray):
    """Asks the owner."""
    from headstart.serving.at_owner import asking

    return asking()


def until(condition):
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def pairs(asking):
    """Statuses of requests, and the label of each answer."""
    return Counter((status, found["predictions"][0]["label"] if status == 200 else found) for _, status, found in asking.done)


def test_a_replica_that_is_killed_takes_no_request_with_it_but_those_in_its_hands(ray_server_of, picture, asked):
    client = ray_server_of()
    before = {one.process for one in asked("living")}
    victim = min(before)
    with Asking(client, [picture()]) as asking:
        killed = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        until(lambda: {one.process for one in asked("living")} - before)
        time.sleep(1.0)
    failed = [begun for begun, status, _ in asking.done if status != 200]
    assert len(failed) <= len(asking.threads)
    assert all(begun <= killed for begun in failed)
    assert sum(begun > killed for begun, _, _ in asking.done) > 20


def test_an_owner_that_is_killed_is_started_again_and_has_the_settings_of_the_replicas(ray_server_of, picture, run_folder, asked):
    client = ray_server_of(run_folder)
    sent = {"files": [picture()], "data": {"label": "red"}}
    assert client.post("/corrections", **sent).json()["num_corrections"] == 1
    os.kill(asked("process"), signal.SIGKILL)
    answers = []
    assert client.post("/predict", files=[picture()]).status_code == 200

    def works():
        answers.append(client.post("/corrections", files=[picture(seed=2)], data={"label": "red"}))
        return answers[-1].status_code == 201

    until(works)
    assert {answer.status_code for answer in answers} <= {201, 503}
    assert answers[-1].json()["num_corrections"] == 2


def test_no_request_fails_while_other_runs_take_the_place_of_old_ones(ray_server_of, picture, made_run, tmp_path):
    data = tmp_path / "other"
    for folder in (made_run.parent / "colors").iterdir():
        shutil.copytree(folder, data / f"{folder.name} light")
    other = headstart.fit(data, method="ridge", pretrained="pixels", out=tmp_path / "other_run").folder
    with Asking(ray_server_of(), [picture()]) as asking:
        assert ray_server_of(other).get("/models").json()["models"][0]["name"] == "other_run"
        count = len(asking.done)
        until(lambda: len(asking.done) > count + 20)
    assert {status for status, _ in pairs(asking)} == {200}
    assert {label for _, label in pairs(asking)} == {"red", "red light"}


def test_what_cannot_be_loaded_leaves_in_place_what_is_served(ray_server_of, picture, run_folder):
    client = ray_server_of()
    (run_folder / "model" / "head.safetensors").write_bytes(b"damaged")
    with pytest.raises(DataError, match=r"^A replica cannot load what is to be served\. .*head\.safetensors"):
        ray_server_of(run_folder, service={"read_only": True})
    answers = [client.post("/predict", files=[picture()]) for _ in range(4)]
    assert {answer.status_code for answer in answers} == {200}
    assert client.post("/corrections").status_code == 415  # not that nothing may be changed


def test_metrics_are_those_of_all_replicas(ray_server_of, picture, run_folder):
    client = ray_server_of(run_folder)

    def counts():
        lines = [line.rpartition(" ") for line in client.get("/metrics").text.splitlines()]
        values = {name: float(value) for name, _, value in lines if not name.startswith("#")}
        names = ('headstart_requests_total{route="/predict",status="200"}', 'headstart_pictures_total{model="shades"}')
        return [values.get(name, 0.0) for name in names]

    time.sleep(3.0)  # until each replica has reported what it answered by earlier settings, whose counts stay
    before = counts()
    for _ in range(12):
        assert client.post("/predict", files=[picture()]).status_code == 200
    until(lambda: counts() == [count + 12 for count in before])


def test_replicas_keep_corrections_in_one_list(ray_server_of, picture, run_folder):
    client = ray_server_of(run_folder)
    counts = [
        client.post("/corrections", files=[picture(seed=seed)], data={"label": "red"}).json()["num_corrections"]
        for seed in range(8)
    ]
    assert counts == list(range(1, 9))
    assert len(list(run_folder.with_name("shades-corrections").glob("images/*.png"))) == 8


def test_a_large_body_without_a_length_is_refused_before_all_of_it_came(ray_server_of):
    client = ray_server_of(limits={"max_bytes": 100_000})
    sent = []

    def chunks():
        for number in range(2_000):
            sent.append(number)
            yield b"A" * 50_000

    answer = client.post("/predict", content=chunks(), headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
