"""A run that is fitted again under a server: no request fails, and the answers become those of the new model."""

from __future__ import annotations

import json
import shutil
import threading

import pytest

import headstart
from headstart.serving import service as service_module
from headstart.serving.versions import load_version


@pytest.fixture
def other_run(made_run, tmp_path):
    """The run of the same pictures under other names of classes."""
    data = tmp_path / "other"
    for folder in (made_run.parent / "colors").iterdir():
        shutil.copytree(folder, data / f"{folder.name} light")
    return headstart.fit(data, method="ridge", pretrained="pixels", out=tmp_path / "other_run").folder


def put_in_place(other, folder):
    """As a new fit writes it, which has no manifest until it ends: networks and heads first, and model.json last."""
    (folder / "manifest.json").unlink()
    for path in sorted((other / "model").rglob("*"), key=lambda path: path.name == "model.json"):
        if path.is_file():
            target = folder / "model" / path.relative_to(other / "model")
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary = target.with_name(f".{target.name}")
            shutil.copyfile(path, temporary)
            temporary.replace(target)
    for name in ("task.json", "plan.toml", "evaluation.json"):
        shutil.copyfile(other / name, folder / name)


def test_no_request_fails_while_a_run_is_fitted_again(server_of, picture, run_folder, other_run, monkeypatch):
    monkeypatch.setattr(service_module, "RELOAD_SECONDS", 0.05)
    client = server_of(run_folder)
    before = client.get("/models").json()["models"][0]
    answers, ends = [], threading.Event()

    def asking():
        while not ends.is_set():
            answers.append(client.post("/predict", files=[picture()]))

    threads = [threading.Thread(target=asking) for _ in range(3)]
    for thread in threads:
        thread.start()
    put_in_place(other_run, run_folder)
    is_one_process = hasattr(client, "service")
    in_a_row = 0
    for _ in range(1_000):
        in_a_row = in_a_row + 1 if client.get("/models").json()["models"][0]["version"] != before["version"] else 0
        if in_a_row == (1 if is_one_process else 16):  # of two replicas, the chance that one is asked 16 times is 1 in 30,000
            break
        threading.Event().wait(0.05)
    last = client.post("/predict", files=[picture()]).json()
    ends.set()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {200}
    labels = {(found["version"], found["predictions"][0]["label"]) for found in [answer.json() for answer in answers] + [last]}
    assert labels == {(before["version"], "red"), (last["version"], "red light")}
    assert client.get("/models").json()["models"][0]["classes"] == ["blue light", "green light", "red light"]
    loads = 1 if is_one_process else 2
    for _ in range(100):
        found = f'headstart_loads_total{{model="shades",outcome="loaded"}} {loads}.0' in client.get("/metrics").text
        if found:
            break
        threading.Event().wait(0.1)
    assert found


def test_a_damaged_model_leaves_the_old_one_in_place(serving, picture, run_folder, monkeypatch):
    monkeypatch.setattr(service_module, "RELOAD_SECONDS", 3600)
    client = serving(run_folder)
    (run_folder / "model" / "model.json").write_text("{", encoding="utf-8")
    for _ in range(2):
        client.service.reload()
    assert client.post("/predict", files=[picture()]).status_code == 200
    assert 'headstart_loads_total{model="shades",outcome="refused"} 1.0' in client.get("/metrics").text


def test_a_run_folder_that_is_deleted_goes_on_from_memory(server_of, picture, run_folder, monkeypatch):
    monkeypatch.setattr(service_module, "RELOAD_SECONDS", 3600)
    client = server_of(run_folder)
    shutil.rmtree(run_folder)
    if hasattr(client, "service"):
        client.service.reload()
    assert client.post("/predict", files=[picture()]).json()["predictions"][0]["label"] == "red"
    assert client.get("/models").status_code == 200


def test_the_identity_of_a_version_follows_from_its_files(made_run, run_folder, other_run):
    assert load_version(made_run).identity == load_version(run_folder).identity != load_version(other_run).identity


def test_an_evaluation_that_follows_the_model_renews_the_card_alone(serving, run_folder, monkeypatch):
    monkeypatch.setattr(service_module, "RELOAD_SECONDS", 3600)
    path = run_folder / "evaluation.json"
    text = path.read_text(encoding="utf-8")
    path.unlink()
    client = serving(run_folder)
    model = client.service.served["shades"].current.model

    def card():
        client.service.reload()
        return client.get("/models").json()["models"][0]

    assert card()["metrics"] == {}
    path.write_text(text, encoding="utf-8")
    evaluated = card()
    assert evaluated["metrics"]["accuracy"]["value"] == json.loads(text)["metrics"]["accuracy"]["value"]
    assert client.service.served["shades"].current.model is model
    (run_folder / "plan.toml").write_text("another plan, whose model is being fitted", encoding="utf-8")
    path.unlink()
    assert card() == evaluated
