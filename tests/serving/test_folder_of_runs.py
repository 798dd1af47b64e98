"""The runs of a folder over HTTP: listed with metrics and costs, compared in pairs, and live; nothing of it unless asked for."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time

import pytest

from headstart.core.errors import DataError, PlanError
from headstart.core.estimate import Estimate
from headstart.core.language import language_named
from headstart.core.parsing import json_in, json_text
from headstart.core.progress import stage
from headstart.evaluation.compare import compare
from headstart.planning.results import FirstModel
from headstart.runs.in_progress import noted_in
from headstart.runs.run import Run
from headstart.runs.workspace import Workspace
from headstart.serving.folder_of_runs import FolderOfRuns
from headstart.serving.service import Service


@pytest.fixture
def folder(run_folder):
    """A folder with the run, and a copy of it under another name."""
    shutil.copytree(run_folder, run_folder.with_name("other"))
    return run_folder.parent


@pytest.fixture
def shown(server_of, run_folder, folder):
    return server_of(run_folder, service={"folder": folder})


@pytest.fixture
def shown_here(serving, run_folder, folder):
    """Of a server in this process, of which a test changes something."""
    return serving(run_folder, service={"folder": folder})


def row_of(listing, name):
    return next(run for run in (*listing["finished"], *listing["unfinished"]) if run["name"] == name)


def until_costs_are_known(client):
    """The list once no cost of a run is looked for any more: a thread finds them out."""
    for _ in range(600):
        found = client.get("/runs/list").json()
        if all(run["cost"] != "not yet" for run in found["finished"]):
            return found
        time.sleep(0.1)
    pytest.fail("the costs are not known after a minute")


def test_no_folder_is_shown_unless_asked_for(server_of):
    client = server_of()
    for address in ("/runs", "/runs/list", "/runs/compare?first=shades&second=shades"):
        assert client.get(address).status_code == 404
    assert "/runs/list" not in client.get("/openapi.json").json()["paths"]
    assert '"/runs' not in client.get("/").text


def test_finished_runs_have_metrics_cost_and_date_and_no_path(shown, run_folder):
    found = shown.get("/runs/list").json()
    assert (found["folder"], {run["name"] for run in found["finished"]}, found["unfinished"]) == ("runs", {"shades", "other"}, [])
    run = row_of(found, "shades")
    metrics = json.loads((run_folder / "evaluation.json").read_text(encoding="utf-8"))["metrics"]
    assert run["metrics"] == {name: metrics[name] for name in ("accuracy", "balanced_accuracy", "ece", "log_loss")}
    assert (run["chosen"], run["verdict"], run["num_images"]) == ("ridge on raw pixels", None, 33)
    assert run["seconds"] > 0
    assert run["date"].startswith("20")
    assert str(run_folder.parent.parent) not in json.dumps(found)
    costed = until_costs_are_known(shown)
    run = row_of(costed, "shades")
    assert run["cost"] == "known"
    assert run["megabytes"] == 0.0  # there is no network
    assert 0.0 < run["milliseconds"] < 1.0


def test_two_runs_are_compared_as_the_command_compares_them(shown, run_folder):
    found = shown.get("/runs/compare?first=shades&second=other").json()
    predictions = Run(run_folder).predictions
    expected = compare(predictions, predictions, 0).to_dict()
    assert found == {"first": "shades", "second": "other", "verdict": "no difference", **expected}


@pytest.mark.parametrize("name", ["shade", "../runs/shades", "/etc", ""])
def test_a_run_that_is_not_there_is_not_compared(shown, name):
    answer = shown.get("/runs/compare", params={"first": "shades", "second": name})
    assert (answer.status_code, answer.json()["code"]) == (404, "no-run")
    assert answer.json()["error"].startswith(f'There is no finished run "{name}".')


def test_runs_without_shared_images_are_refused_without_a_path(shown, run_folder):
    (run_folder / "predictions.parquet").unlink()
    answer = shown.get("/runs/compare?first=shades&second=other")
    sentence = "runs/shades has no predictions to compare: no labeled image could be held out. Add labels and fit again."
    assert (answer.status_code, answer.json()) == (409, {"code": "not-comparable", "error": sentence})


def test_a_run_that_cannot_be_read_says_so_and_the_others_are_listed(shown, run_folder):
    (run_folder / "plan.toml").write_text("[", encoding="utf-8")
    found = shown.get("/runs/list").json()
    assert row_of(found, "shades")["damage"].startswith("runs/shades/plan.toml: not valid TOML")
    assert row_of(found, "other")["metrics"]


def test_damage_that_is_mended_is_forgotten(shown, run_folder):
    plan = (run_folder / "plan.toml").read_text(encoding="utf-8")
    (run_folder / "plan.toml").write_text("[", encoding="utf-8")
    assert row_of(shown.get("/runs/list").json(), "shades")["damage"]
    (run_folder / "plan.toml").write_text(plan, encoding="utf-8")
    run = row_of(shown.get("/runs/list").json(), "shades")
    assert ("damage" in run, run["num_images"]) == (False, 33)


def test_files_that_cannot_be_read_take_no_other_run_with_them(shown, run_folder, folder):
    (run_folder / "plan.toml").unlink()
    (run_folder / "plan.toml").mkdir()
    for name, file, content in [
        ("bytes", "failure.txt", b"loss \xff"),
        ("null", "request.json", b'{"request": {"place": "x", "settings": null}}'),
        ("list", "request.json", b'{"request": {"place": "x", "settings": [1]}}'),
    ]:
        (folder / name).mkdir()
        (folder / name / file).write_bytes(content)
    (folder / "odd" / "failure.txt").mkdir(parents=True)
    found = shown.get("/runs/list").json()
    assert row_of(found, "shades")["damage"] == "plan.toml: cannot be read (Is a directory)."
    assert row_of(found, "other")["num_images"] == 33
    assert {run["name"]: run["advice"] for run in found["unfinished"]} == {
        "bytes": "loss \N{REPLACEMENT CHARACTER}",
        "null": "headstart run x -o null",
        "list": "the same command as before",
        "odd": "failure.txt: cannot be read (Is a directory).",
    }


def test_a_run_that_is_deleted_while_it_is_read_is_left_out(folder, monkeypatch):
    from headstart.serving import folder_of_runs

    stamps = folder_of_runs.stamp_of
    shown, english = FolderOfRuns(folder), language_named("en")

    def gone_afterwards(place):
        stamp = stamps(place)
        shutil.rmtree(place, ignore_errors=True)
        return stamp

    monkeypatch.setattr(folder_of_runs, "stamp_of", gone_afterwards)
    monkeypatch.setattr(shown, "_begin_measuring", lambda: None)
    assert shown.all_runs(english)["finished"] == []


def test_the_first_model_of_an_interrupted_run_tells_no_path_and_is_said_in_chinese(folder):
    place = folder / "moths"
    (place / "first_model").mkdir(parents=True)
    (place / "steps").mkdir()
    accuracy, name = Estimate(value=0.5, low=0.4, high=0.6), "ridge on stages of run:/home/me/own"
    first = FirstModel(
        name=name, accuracy=accuracy, num_rows=9, pretrained="run:/home/me/own", input_pixels=32, method={"kind": "ridge"}
    )
    (place / "first_model.json").write_text(first.to_json(), encoding="utf-8")
    for language in map(language_named, ("en", "zh")):
        found = row_of(FolderOfRuns(folder).all_runs(language), "moths")
        assert found["best"] == language.sentence("ridge on stages of run:own")


def test_a_cost_that_cannot_be_found_is_unknown_and_not_looked_for_again(shown_here, monkeypatch):
    monkeypatch.setattr("headstart.serving.folder_of_runs.prediction_cost", lambda networks: 1 / 0)
    found = until_costs_are_known(shown_here)
    assert {(run["cost"], run["megabytes"]) for run in found["finished"]} == {("unknown", None)}


def test_the_end_waits_for_the_run_whose_cost_is_found_and_for_no_other(folder, monkeypatch):
    begun, goes_on, asked = threading.Event(), threading.Event(), []

    def cost(run):
        asked.append(run.folder.name)
        begun.set()
        assert goes_on.wait(20)
        return {}

    monkeypatch.setattr("headstart.serving.folder_of_runs._cost_of", cost)
    service = Service([], folder=folder)
    service.folder.all_runs(language_named("en"))
    assert begun.wait(20)
    closing = threading.Thread(target=service.close)
    closing.start()
    closing.join(0.05)
    assert closing.is_alive()
    goes_on.set()
    closing.join(20)
    assert len(asked) == 1
    assert "costs of runs" not in {thread.name for thread in threading.enumerate()}


def test_comparisons_wait_for_few_others_and_for_the_deadline(serving, run_folder, folder, monkeypatch):
    goes_on = threading.Event()
    client = serving(run_folder, service={"folder": folder}, limits={"deadline_seconds": 0.2})
    monkeypatch.setattr(client.service.folder, "compared", lambda first, second: {"found": goes_on.wait(20)})
    address = "/runs/compare?first=shades&second=other"
    assert client.get(address).status_code == 504
    client.service._comparisons.update(range(3))
    answer = client.get(address)
    sentence = "4 comparisons are waiting already. Try again in 5 seconds."
    assert (answer.status_code, answer.json(), answer.headers["retry-after"]) == (429, {"code": "busy", "error": sentence}, "5")
    assert client.get(f"{address}&lang=zh").json()["error"] == "已有 4 个比较在等待。请您 5 秒后再试。"
    goes_on.set()


def test_comparisons_of_models_that_were_replaced_are_not_kept(folder):
    shown = FolderOfRuns(folder)
    shown.compared("shades", "other")
    model = folder / "other" / "model" / "model.json"
    os.utime(model, (1, 1))
    shown.compared("shades", "other")
    assert len(shown._compared) == 1


def test_a_run_is_live_while_it_is_made_and_says_how_to_go_on_when_it_is_gone(shown, folder):
    place = folder / "moths"
    place.mkdir()
    (place / "request.json").write_text(json.dumps({"request": {"place": str(folder / "data"), "minutes": 3}}), encoding="utf-8")
    with noted_in(place), stage("ridge on stages of efficientnet_lite0"):
        run = row_of(shown.get("/runs/list").json(), "moths")
        assert (run["state"], run["stage"], run["accuracy"]) == ("in progress", "ridge on stages of efficientnet_lite0", None)
        assert run["left_seconds"] is None
        assert 0 <= run["silent_seconds"] <= run["running_seconds"] + 1
        chinese = row_of(shown.get("/runs/list?lang=zh").json(), "moths")
        assert chinese["stage"] == language_named("zh").sentence("ridge on stages of efficientnet_lite0") != run["stage"]
    with pytest.raises(KeyboardInterrupt), noted_in(place):
        raise KeyboardInterrupt
    run = row_of(shown.get("/runs/list").json(), "moths")
    assert (run["state"], run["ended"]) == ("interrupted", "interrupted")
    assert run["advice"] == "headstart run data --minutes 3 -o moths"


def test_a_run_that_is_fitted_again_is_read_anew(run_folder):
    shown = FolderOfRuns(run_folder.parent)
    english = language_named("en")
    assert shown.all_runs(english)["finished"][0]["num_images"] == 33
    path = run_folder / "evaluation.json"
    path.write_text(json_text(json_in(path) | {"num_images": 34}), encoding="utf-8")
    Workspace(run_folder).vouch_for(path.name)
    assert shown.all_runs(english)["finished"][0]["num_images"] == 34


def test_a_server_of_runs_alone_leads_to_their_page_and_predicts_nothing(folder, picture):
    from fastapi.testclient import TestClient

    from headstart.serving.application import application

    with TestClient(application(Service([], folder=folder))) as client:
        answer = client.get("/?lang=zh", follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (307, "/runs?lang=zh")
        assert client.get("/ready").status_code == 200
        assert client.get("/models").json()["models"] == []
        answer = client.post("/predict", files=[picture()])
        sentence = "This server shows runs and serves no model. Start it with the folder of a run."
        assert (answer.status_code, answer.json()) == (404, {"code": "no-model", "error": sentence})


def test_the_folder_needs_a_key_where_one_is_needed_and_its_page_does_not(server_of, run_folder, folder):
    client = server_of(run_folder, service={"folder": folder}, keys=["k"])
    assert client.get("/runs/list").status_code == client.get("/runs/compare?first=a&second=b").status_code == 401
    assert client.get("/runs").status_code == 200
    assert client.get("/runs/list", headers={"x-api-key": "k"}).status_code == 200


def test_a_place_that_is_no_folder_is_refused(run_folder):
    place = run_folder / "plan.toml"
    with pytest.raises(DataError, match=r" is not a folder\. Give the folder that contains the runs to --show-runs\.$"):
        Service([run_folder], folder=place)
    with pytest.raises(PlanError, match=r"^Nothing to serve\. "):
        Service([])
