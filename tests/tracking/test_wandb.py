"""What Weights & Biases is told: the calls of a recorded module, as none of its servers can be reached."""

from __future__ import annotations

import shutil

import pytest
from tracking_made import CURVE, lines_of

import headstart
from headstart.core.errors import PlanError


def test_a_run_is_told_whole_and_goes_on_under_its_identity(wandb, trained, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_PROJECT", "shades")
    run = shutil.copytree(trained.folder, tmp_path / "trained")
    (told,) = headstart.track(run, to="wandb")
    assert wandb.told[0] == ("init", "shades", {"id": told.identity, "name": "trained", "resume": "allow"})
    assert told.place == "shades"
    assert ("define_metric", f"{CURVE}/*", f"{CURVE}/step") in wandb.told
    logged = [one[1] for one in wandb.told if one[0] == "log" and f"{CURVE}/step" in one[1]]
    wanted = [(line["step"], line["losses"]["cross_entropy"]) for line in lines_of(trained.folder)]
    assert [(one[f"{CURVE}/step"], one[f"{CURVE}/cross_entropy"]) for one in logged] == wanted
    summary = wandb.runs[0].summary
    assert summary["accuracy_low"] == trained.evaluation.accuracy.low
    assert ("log_artifact", f"headstart-{told.identity}", "run") == wandb.told[-2][:3]
    assert wandb.told[-2][3][0] == "report.html"
    assert wandb.told[-1] == ("finish", 0)
    assert headstart.track(run, to="wandb") == (told,)
    assert wandb.told[-2:] == [("init", "shades", {"id": told.identity, "name": "trained", "resume": "allow"}), ("finish", 0)]


def test_who_is_not_logged_in_is_refused_before_any_work(wandb, trained, monkeypatch):
    def refuse():
        raise wandb.Error("No API key configured. Use `wandb login` to log in.")

    monkeypatch.setattr(wandb, "login", refuse)
    with pytest.raises(PlanError) as refused:
        headstart.track(trained, to="wandb")
    assert str(refused.value) == ("wandb: No API key configured. Use `wandb login` to log in. Log in, or set WANDB_MODE=offline.")
