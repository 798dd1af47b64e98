from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import headstart
from headstart.core.errors import DataError
from headstart.core.steps import Steps
from headstart.multioutput.candidate import OutputCandidate
from headstart.multioutput.comparing import compared_outputs
from headstart.multioutput.cross_validation import cross_validated
from headstart.multioutput.fitting import fitted_outputs
from headstart.multioutput.reading import read_outputs
from headstart.multioutput.run import OutputRun
from headstart.training.settings import Training


def candidate(family: str = "scratch", **settings) -> OutputCandidate:
    training = Training(epochs=30, batch_size=16, lr=2e-3, **settings)
    return OutputCandidate(
        family=family, fit="network", pretrained="small_cnn", weights="none", input_pixels=8, training=training
    )


@pytest.fixture(scope="module")
def runs(pictures, tmp_path_factory) -> dict[str, OutputRun]:
    """Runs whose budget has room for a head on raw pixels alone."""
    from headstart.multioutput.making import OutputRequest, run_outputs

    found = {}
    for name in ("labels", "share"):
        task = read_outputs(str(pictures / f"{name}.csv"))
        request = OutputRequest(place=task.images.place, kind=task.kind.name(), only="scratch", targets=task.fingerprint)
        found[name] = run_outputs(task, [], request, tmp_path_factory.mktemp("runs") / name, 0.26)
    return found


@pytest.mark.slow
def test_a_network_from_scratch_learns_labels_and_numbers(pictures, tmp_path):
    from headstart.backbones.loading import load_backbone

    for name, metric in (("labels", "mean_average_precision"), ("share", "r2")):
        task = read_outputs(str(pictures / f"{name}.csv"))
        backbone = load_backbone("small_cnn", "none", 8)
        folds = task.images.folds[:2]
        found = cross_validated(task, candidate(), backbone, folds, Steps(tmp_path / name))
        chance = cross_validated(task, OutputCandidate(family="chance"), None, folds, Steps(tmp_path / name))
        made = compared_outputs(task, found, chance)
        assert made.significant, name
        assert made.primary_gain.value > 0.3, (name, metric)
        model = fitted_outputs(task, found, backbone, Steps(tmp_path / name), tmp_path)
        assert len(model.averaged) == 2  # the models of the folds, none of which is trained again
        again = cross_validated(task, candidate(), backbone, folds, Steps(tmp_path / name))
        np.testing.assert_array_equal(again.values, found.values)


@pytest.mark.slow
def test_the_decision_names_what_was_left_out(runs):
    decision = runs["labels"].decision
    names = [one.name for one in decision.results]
    assert names[:2] == ["no image at all", "ridge on pixels"]
    assert decision.verdict == "not judged"
    assert decision.chosen in names


@pytest.mark.slow
def test_an_export_predicts_what_the_model_predicts(runs, pictures):
    for name, run in runs.items():
        made = headstart.export(run, "onnx" if importlib.util.find_spec("onnxruntime") else "torch")
        assert made.parity.num_same == made.parity.num_pictures == 61
        words = [sys.executable, str(Path(made.folder) / "predict.py"), str(pictures / "3.png")]
        row = json.loads(subprocess.run(words, capture_output=True, check=True, text=True).stdout)
        wanted = headstart.predict(run, pictures / "3.png")[0]
        if name == "labels":
            assert row["labels"] == wanted["labels"]
        else:
            assert row["value"] == pytest.approx(wanted["value"], abs=0.5)


@pytest.mark.slow
def test_a_server_answers_for_such_runs(runs, pictures):
    pytest.importorskip("fastapi")
    from starlette.testclient import TestClient

    from headstart.serving.application import application
    from headstart.serving.service import Service

    service = Service([run.folder for run in runs.values()])
    try:
        with TestClient(application(service)) as client:
            content = (pictures / "3.png").read_bytes()

            def ask(query: str):
                return client.post(f"/predict?{query}", files={"files": ("3.png", content, "image/png")})

            row = ask("model=labels").json()["predictions"][0]
            assert row["labels"] == headstart.predict(runs["labels"], pictures / "3.png")[0]["labels"]
            row = ask("model=share").json()["predictions"][0]
            assert row["interval"]["low"] < row["value"] < row["interval"]["high"]
            refused = ask("model=share&sets=0.9")
            assert (refused.status_code, refused.json()["error"]) == (
                422,
                "This model predicts numbers; sets, a wanted accuracy and p-values are for one class an image. Leave them out.",
            )
            card = client.get("/models").json()["models"][0]
            assert (card["kind"], card["classes"]) == ("outputs", ["blue", "green", "red"])
            explained = client.post("/explain?model=labels", files={"files": ("3.png", content, "image/png")})
            assert explained.json()["error"] == '"labels" predicts several labels or numbers. Name a run of classes.'
    finally:
        service.close()


def test_data_that_changed_are_not_exported(vectors, tmp_path):
    run = headstart.run(vectors["numbers"], out=tmp_path / "run")
    with pytest.raises(DataError, match="was fitted on feature vectors, and a bundle takes pictures"):
        headstart.export(run)
