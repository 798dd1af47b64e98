"""Wrong labels in inspect and run: what is said, the manifest to correct, and the run on the corrected one."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from PIL import Image

from headstart import fit, inspect, read_task
from headstart.runs.origin import task_of
from headstart.runs.run import Run
from headstart.workflows.label_errors import next_step
from headstart.workflows.run import run as run_all


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder of three kinds of stripes in which three pictures lie in the wrong one."""
    folder = tmp_path_factory.mktemp("wrong") / "stripes"
    generator = np.random.default_rng(0)
    for row in range(90):
        kind = row % 3
        at = np.indices((32, 32))
        wave = (at[0], at[1], at[0] + at[1])[kind]
        pixels = 128 + 90 * np.sin(wave * (0.7 + 0.1 * generator.random())) + 12 * generator.normal(size=(32, 32))
        given = "abc"[(kind + (row < 3)) % 3]
        (folder / given).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / given / f"{row}.png")
    return folder


@pytest.fixture(scope="module")
def run(pictures, tmp_path_factory):
    return fit(pictures, method="ridge", pretrained="efficientnet_lite0", out=tmp_path_factory.mktemp("runs") / "run")


def named(record):
    return {(one.name.rsplit("/", 1)[-1], one.label, one.suggested) for one in record.suspects if one.flagged}


WRONG = {("0.png", "b", "a"), ("1.png", "c", "b"), ("2.png", "a", "c")}


@pytest.mark.slow
def test_a_run_names_wrong_labels_in_its_findings_json_and_report(run):
    assert named(run.label_errors) >= WRONG
    assert "label-noise" in [one.code for one in run.findings]
    result = json.loads((run.folder / "result.json").read_text(encoding="utf-8"))
    assert result["label_errors"]["num_flagged"] == run.label_errors.num_flagged
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert 'id="labels"' in page
    assert "given b<br>suggested a<br>p = " in page


@pytest.mark.slow
def test_the_manifest_is_read_again_once_it_is_corrected(run, pictures):
    file = run.folder / "label_errors.csv"
    with file.open(encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert len(lines) == 90
    assert {line["path"].rsplit("/", 1)[-1] for line in lines[:3]} == {"0.png", "1.png", "2.png"}
    p_values = [float(line["p_value"]) for line in lines]
    assert p_values == sorted(p_values)
    corrected = file.with_name("corrected.csv")
    with corrected.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(lines[0]))
        writer.writeheader()
        writer.writerows(line | {"label": line["suggested"] if line["flagged"] else line["label"]} for line in lines)
    before, after = read_task(pictures), read_task(corrected)
    assert sorted(after.train.content_keys) == sorted(before.train.content_keys)
    assert (after.train.class_counts >= 29).all()
    assert not [one for one in inspect(corrected, label_errors=file.with_name("again.csv")) if one.code == "label-noise"]


@pytest.mark.slow
def test_inspect_assesses_labels_where_a_manifest_is_asked_for(pictures, tmp_path, headstart_command):
    file = tmp_path / "fix.csv"
    answer = headstart_command("inspect", pictures, "--label-errors", file, "--json")
    found = json.loads(answer.out)
    assert found["findings"][0]["code"] == "label-noise"
    assert found["label_errors"]["num_labels"] == 90
    shown = headstart_command("inspect", pictures, "--label-errors", tmp_path / "other.csv")
    assert "labels look wrong" in shown.out
    assert "headstart run" in shown.out
    again = headstart_command("inspect", pictures, "--label-errors", file)
    assert again.code == 2
    assert "is there already, and may hold corrected labels." in again.err.replace("\n", " ")


def test_rows_without_files_are_corrected_where_they_lie(tmp_path, headstart_command):
    generator = np.random.default_rng(0)
    labels = np.arange(60) % 2
    place = tmp_path / "rows.npz"
    np.savez(place, features=(np.eye(2, 5)[labels] * 3 + generator.normal(size=(60, 5))).astype(np.float32), labels=labels)
    answer = headstart_command("inspect", place, "--label-errors", tmp_path / "fix.csv")
    assert answer.code == 0
    task = read_task(place)
    assert next_step(task, tmp_path / "fix.csv") == f"correct the labels of these rows in {place}, and run again"


def test_few_labels_are_said_not_to_be_assessed(tmp_path, headstart_command):
    place = tmp_path / "rows.npz"
    np.savez(place, features=np.eye(8, 5, dtype=np.float32), labels=np.arange(8) % 2)
    answer = headstart_command("inspect", place, "--label-errors", tmp_path / "fix.csv")
    assert "not assessed: it takes 20 labels" in " ".join(answer.out.split())
    assert not (tmp_path / "fix.csv").exists()


@pytest.mark.slow
def test_a_run_leaves_suspects_out_on_request_alone(tmp_path):
    generator = np.random.default_rng(0)
    true = np.arange(150) % 3
    labels = np.where(np.arange(150) < 6, (true + 1) % 3, true)
    place = tmp_path / "rows.npz"
    np.savez(place, features=(np.eye(3, 7)[true] * 4 + generator.normal(size=(150, 7))).astype(np.float32), labels=labels)
    made = run_all(place, without_label_errors=True, out=tmp_path / "run")
    assert made.task_summary.num_train == pytest.approx(144, abs=2)
    assert "label-errors-left-out" in [one.code for one in made.findings]
    assert made.evaluation.protocol.endswith("were left out, as was asked, and judge nothing.")
    assert made.plan.without_label_errors
    assert "without_label_errors = true" in (made.folder / "plan.toml").read_text(encoding="utf-8")
    assert task_of(Run(made.folder)) is not None
    plain = run_all(place, out=tmp_path / "plain")
    assert plain.task_summary.num_train == 150
    assert "without_label_errors" not in (plain.folder / "request.json").read_text(encoding="utf-8")
