"""What is written to a local MLflow, read back by its client."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tracking_made import CURVE, lines_of

import headstart
from headstart.runs.run import Run

pytest.importorskip("mlflow")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
"""MLflow uses what SQLAlchemy is about to remove."""


@pytest.fixture(scope="module")
def tracked(trained, tmp_path_factory):
    """A run that is tracked, and MLflow's client."""
    home = tmp_path_factory.mktemp("mlflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{home}/mlflow.db")
        patch.chdir(home)
        run = Run(Path(shutil.copytree(trained.folder, home / "trained")))
        (told,) = headstart.track(run, to="mlflow")
        from mlflow import MlflowClient

        yield run, told, MlflowClient()


def test_parameters_metrics_and_the_end(tracked):
    run, told, client = tracked
    found = client.get_run(told.identity)
    assert found.info.status == "FINISHED"
    assert found.info.run_name == "trained"
    assert client.get_experiment(found.info.experiment_id).name == "headstart"
    assert found.data.params["method.kind"] == "fine_tune"
    assert found.data.params["training.epochs"] == "3"
    assert found.data.params["task.num_classes"] == "2"
    for name, one in run.evaluation.metrics.items():
        assert [found.data.metrics[f"{name}{end}"] for end in ("", "_low", "_high")] == [one.value, one.low, one.high]
    assert found.data.metrics["fit_seconds"] == run.seconds["fit"]
    assert found.data.tags["protocol"] == run.evaluation.protocol


def test_the_curve_is_the_history(tracked):
    run, told, client = tracked
    points = [(one.step, one.value) for one in client.get_metric_history(told.identity, f"{CURVE}/cross_entropy")]
    assert sorted(points) == [(line["step"], line["losses"]["cross_entropy"]) for line in lines_of(run.folder)]


def test_the_report_is_an_artifact(tracked):
    run, told, client = tracked
    names = {one.path for one in client.list_artifacts(told.identity)}
    assert names == {"report.html", "result.json", "plan.toml", "evaluation.json", "env.json"}
    report = Path(client.download_artifacts(told.identity, "report.html"))
    assert report.read_bytes() == (run.folder / "report.html").read_bytes()


def test_the_same_run_goes_on_and_a_deleted_one_is_made_anew(tracked):
    run, told, client = tracked
    assert headstart.track(run, to=["mlflow"]) == (told,)
    assert client.get_run(told.identity).info.status == "FINISHED"
    client.delete_run(told.identity)
    (again,) = headstart.track(run, to="mlflow")
    assert again.identity != told.identity
    assert client.get_run(again.identity).data.metrics["accuracy"] == run.evaluation.accuracy.value
    client.restore_run(told.identity)
