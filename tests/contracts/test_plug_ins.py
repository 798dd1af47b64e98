"""Entries from elsewhere: one file each, found by entry points, listed and used like the built-in ones."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from toy_plug_in import ENTRY_POINTS, FILES

from headstart.backbones.catalog import packaged
from headstart.backbones.engines.choice import engine_names, engine_of
from headstart.backbones.loading import load_backbone
from headstart.backbones.programs import Describe
from headstart.checks.inspection import inspection_of
from headstart.data.reading import read_task
from headstart.features.feature_set import LabeledFeatures

pytestmark = pytest.mark.slow


@pytest.fixture
def plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed distribution with one file a plug-in."""
    for name, text in FILES.items():
        (tmp_path / f"{name}.py").write_text(text.lstrip(), encoding="utf-8")
    card = tmp_path / "headstart_toy-1.0.dist-info"
    card.mkdir()
    (card / "METADATA").write_text("Metadata-Version: 2.1\nName: headstart-toy\nVersion: 1.0\n", encoding="utf-8")
    (card / "entry_points.txt").write_text(ENTRY_POINTS, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    """Two well-separated classes of seven numbers, 31 and 22 rows."""
    random = np.random.default_rng(0)
    rows = [("near", random.normal(size=7)) for _ in range(31)] + [("far", random.normal(size=7) + 9) for _ in range(22)]
    path = tmp_path / "data.toylines"
    path.write_text(
        "\n".join(f"{label} {' '.join(f'{number:.4f}' for number in values)}" for label, values in rows), encoding="utf-8"
    )
    return path


def test_without_the_plug_in_nothing_is_listed(headstart_command):
    assert "toy" not in headstart_command("methods").out + headstart_command("datasets").out


@pytest.mark.usefixtures("plug_in")
def test_a_toy_method_and_a_toy_reader_are_listed_and_described(headstart_command):
    assert "class frequencies, whatever" in headstart_command("methods").out
    described = json.loads(headstart_command("methods", "toy_majority", "--json").out)
    assert described["schema"]["properties"]["sharpness"]["default"] == 1.0
    assert json.loads(headstart_command("datasets", "--json").out)["layouts"]["toy_lines"].startswith("FILE.toylines")


@pytest.mark.usefixtures("plug_in")
def test_a_toy_score_is_listed_and_used():
    from headstart.scores import SCORES

    assert "toy_spread" in SCORES.names()
    data = LabeledFeatures(np.array([[0.0], [2.0], [10.0], [12.0]]), np.array([0, 0, 1, 1]))
    assert SCORES.get("toy_spread")(data) == 25.0


@pytest.mark.usefixtures("plug_in")
def test_a_toy_score_that_ranks_is_combined_with_the_others():
    from headstart.features.feature_set import FeatureSet
    from headstart.planning.ranking.rank import scores_of
    from headstart.planning.ranking.rank_aggregation import aggregate, half_samples

    labels, random = np.arange(14) % 2, np.random.default_rng(0)
    halves = half_samples(labels, 0)

    def of(scale: float, shift: float):
        rows = random.normal(size=(14, 3)) + shift * labels[:, None]
        return scores_of(FeatureSet((scale * rows,), None, None, ("only",)), labels, halves)

    found = {"near": of(1, 0), "far": of(1, 9)}
    assert [len(one.by_draw["toy_spread"]) for one in found.values()] == [24, 24]
    assert aggregate(found, halves, 0.5).ranks == {"near": 2.0, "far": 1.0}
    low = found["far"].model_copy(update={"scores": found["far"].scores | {"toy_spread": -1.0}})
    assert aggregate(found | {"far": low}, halves, 0.5).ranks == {"near": 1.75, "far": 1.25}


@pytest.mark.usefixtures("plug_in")
def test_a_toy_score_stands_in_the_ranking(lines, headstart_command):
    answer = headstart_command("rank", lines, "--json")
    assert answer.code == 0, answer.err
    assert all(candidate["scores"]["toy_spread"] > 0 for candidate in json.loads(answer.out)["candidates"])


@pytest.mark.usefixtures("plug_in")
def test_a_toy_reader_is_used(lines):
    task = read_task(lines, seed=0)
    assert (task.classes, len(task.train), task.test) == (("far", "near"), 53, None)


def fitted(headstart_command, data: Path, run: Path) -> dict:
    """What `fit --json` says of the toy method on what the toy reader reads."""
    options = ("--method", "toy_majority", "--pretrained", "embeddings", "--set", "method.sharpness=2", "-o", run, "--json")
    answer = headstart_command("fit", data, *options)
    assert answer.code == 0, answer.err
    return json.loads(answer.out)


@pytest.mark.usefixtures("plug_in")
def test_a_toy_method_and_a_toy_metric_are_used_and_shown_on_what_a_toy_reader_read(lines, tmp_path, headstart_command):
    metrics = fitted(headstart_command, lines, tmp_path / "run")["evaluation"]["metrics"]
    assert metrics["accuracy"]["value"] < 0.9
    assert "sharpness = 2" in (tmp_path / "run" / "plan.toml").read_text(encoding="utf-8")
    rarest = metrics["toy_rarest"]["value"]
    assert list(metrics)[-1] == "toy_rarest"
    assert 0 < rarest < 22
    assert f"toy_rarest {rarest:.3f}" in " ".join(headstart_command("evaluate", tmp_path / "run").out.split())
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert f'>Rarest class</th><td class="n">{rarest:.3f}</td>' in page


def test_a_metric_whose_plug_in_is_gone_is_still_shown(lines, tmp_path, headstart_command, plug_in, monkeypatch):
    options = ("--method", "nearest_mean", "--pretrained", "embeddings", "-o", tmp_path / "run")
    assert headstart_command("fit", lines, *options).code == 0
    monkeypatch.undo()
    assert headstart_command("report", tmp_path / "run").code == 0
    assert ">toy rarest</th>" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("plug_in")
def test_a_toy_provider_is_listed_loaded_and_a_candidate_where_none_is_named(headstart_command):
    assert "toy_quarters" in headstart_command("models").out
    assert [card.name for card in packaged()][-1] == "toy_quarters"
    features = load_backbone("toy_quarters")(torch.zeros(2, 3, 16, 16, dtype=torch.uint8))
    assert features.shape == (2, 12)
    assert features[0, [0, 4, 8]].tolist() == pytest.approx([-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225])


@pytest.mark.usefixtures("plug_in")
def test_a_toy_engine_runs_a_toy_network(monkeypatch):
    assert "toy_runtime-float32" in engine_names()
    monkeypatch.setenv("HEADSTART_ENGINE", "toy_runtime-float32")
    program = Describe(load_backbone("toy_quarters"))
    pictures = np.random.default_rng(0).integers(0, 256, (7, 16, 16, 3), np.uint8)
    engine = engine_of(program, lambda num: pictures[:num])
    found = [np.concatenate(parts) for parts in zip(*engine.run([pictures[:5], pictures[5:]]), strict=True)]
    expected = [output.numpy() for output in program(torch.from_numpy(pictures))]
    assert [one.tolist() for one in found] == [one.tolist() for one in expected]


@pytest.mark.usefixtures("plug_in")
def test_a_toy_check_is_made_of_every_task_and_may_not_apply(lines, headstart_command):
    found = json.loads(headstart_command("inspect", lines, "--json").out)
    task = read_task(lines, seed=0)
    assert ("toy-odd" in [finding["code"] for finding in found["findings"]]) == (len(task.train) % 2 == 1)
    assert "toy_odd" not in found["not_applicable"]
    with_source = inspection_of(replace(task, source=task.train))
    assert with_source.not_applicable["toy_odd"] == "there is a source"


@pytest.mark.usefixtures("plug_in")
def test_a_toy_validator_that_decides_joins_those_that_compare():
    from headstart.evaluation.validators import VALIDATORS, deciding_validators

    assert "toy_first" in VALIDATORS.all()
    assert "toy_first" in deciding_validators()


@pytest.mark.usefixtures("plug_in")
def test_a_toy_command_is_listed_and_run(lines, headstart_command):
    assert "Count the labeled images of a place." in headstart_command("--help").out
    answer = headstart_command("toycount", lines)
    assert answer.code == 0, answer.err
    assert int(answer.out) == len(read_task(lines).labeled)
