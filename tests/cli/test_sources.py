"""Sources on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from headstart.runs.run import Run

pytestmark = pytest.mark.slow

CENTERS = np.random.default_rng(0).normal(size=(3, 8)) * 2


def write(path: Path, labels: list[str], domains: list[str] | None = None, seed: int = 0) -> Path:
    order = ["ant", "bee", "cat"]
    at = np.array([order.index(label) if label in order else row % 3 for row, label in enumerate(labels)])
    features = CENTERS[at] + np.random.default_rng(seed).normal(size=(len(labels), 8))
    arrays = {"features": features, "labels": np.array(labels)}
    np.savez(path, **arrays, **({"domain": np.array(domains)} if domains else {}))
    return path


@pytest.fixture
def place(tmp_path) -> Path:
    write(tmp_path / "source.npz", ["ant", "bee", "cat"] * 20, seed=1)
    write(tmp_path / "other.npz", ["dog", "emu"] * 10, seed=2)
    write(tmp_path / "target.npz", ["ant", "bee", "cat"] * 15, seed=3)
    write(tmp_path / "free.npz", [""] * 30, seed=4)
    write(tmp_path / "both.npz", ["ant", "bee", "cat"] * 20, ["day"] * 30 + ["night"] * 30, seed=5)
    return tmp_path


def test_rank_judges_the_sources(place, headstart_command):
    words = ("rank", place / "target.npz", "--source", place / "source.npz", "--source", place / "other.npz")
    answer = headstart_command(*words)
    assert answer.code == 0, answer.err
    assert "Sources" in answer.out
    assert 'Source "other" is left out' in answer.out
    assert max(map(len, answer.out.splitlines())) <= 80
    found = json.loads(headstart_command(*words, "--json").out)
    assert set(found) >= {"candidates", "chosen", "sources"}
    assert [one["name"] for one in found["sources"]["sources"]] == ["source"]
    assert found["sources"]["choice"] in {"none", "one"}
    (row,) = found["sources"]["matrix"]
    assert [cell["source"] for cell in row["cells"]] == ["source"]
    assert "Points of accuracy that a source adds" in answer.out
    assert "sources" not in json.loads(headstart_command("rank", place / "target.npz", "--json").out)


def test_rank_goes_by_the_source_where_the_target_has_no_labels(place, headstart_command):
    words = ("rank", place / "free.npz", "--source", place / "source.npz")
    found = json.loads(headstart_command(*words, "--json").out)
    assert found["sources"]["used"] == ["source"]
    assert found["sources"]["num_labeled"] == 0
    assert found["candidates"][0]["estimate"]["value"] > 0.8
    assert "The target has too few labels to rank by: the labels of the sources are used." in headstart_command(*words).out


def test_inspect_shows_what_joining_noticed(place, headstart_command):
    words = ("inspect", place / "both.npz", "--target-domain", "night", "--per-class", "0")
    found = json.loads(headstart_command(*words, "--json").out)
    assert (found["task"]["num_source"], found["task"]["source_domains"]) == (30, ["day"])
    assert "target-labels-hidden" in [one["code"] for one in found["findings"]]
    assert "30 labeled images of day" in headstart_command(*words).out


def test_no_labels_without_sources_are_refused(place, headstart_command):
    answer = headstart_command("inspect", place / "target.npz", "--per-class", "0")
    assert answer.code == 2
    assert answer.err.strip() == "error: per_class = 0: at least 1 labeled image a class is needed. Raise it."


def test_decide_takes_sources_and_its_plan_is_fitted_with_them(place, headstart_command):
    words = ("decide", place / "target.npz", "--source", place / "source.npz", "-o", place / "plan.toml")
    found = json.loads(headstart_command(*words, "--json").out)
    assert set(found) == {"decision", "sources", "plan"}
    assert found["plan"]["sources"] == [str(place / "source.npz")]
    shown = headstart_command(*words).out
    assert "Sources" in shown
    assert "".join(shown.split()).endswith(f"Next:headstartfit{place / 'plan.toml'}-oRUN")
    answer = headstart_command("fit", place / "plan.toml", "-o", place / "run", "--json")
    assert answer.code == 0, answer.err


def test_decide_adapts_to_a_target_without_labels(place, headstart_command):
    words = ("decide", place / "free.npz", "--source", place / "source.npz")
    found = json.loads(headstart_command(*words, "--json").out)
    assert set(found) == {"sources", "adaptation", "plan"}
    assert found["plan"]["method"]["kind"] == found["adaptation"]["chosen"][0]
    assert " ".join(found["plan"]["reasons"][0].split()) in " ".join(headstart_command(*words).out.split())


def test_fit_and_search_take_sources(place, headstart_command):
    source = ("--source", place / "source.npz")
    answer = headstart_command("fit", place / "free.npz", "--method", "source_only", *source, "-o", place / "run", "--json")
    assert answer.code == 0, answer.err
    plan = Run.load(place / "run").plan
    assert (plan.sources, plan.method["kind"]) == ((str(place / "source.npz"),), "source_only")
    words = ("search", place / "both.npz", "--method", "knn", "--target-domain", "night", "--trials", "2")
    answer = headstart_command(*words, "-o", place / "study", "--json")
    assert answer.code == 0, answer.err
    assert json.loads(answer.out)["plan"]["target_domains"] == ["night"]
    answer = headstart_command("fit", place / "run" / "plan.toml", *source)
    assert answer.err == f"error: {place / 'run' / 'plan.toml'} names its own data, method and model. Leave out --source.\n"


def test_an_adapted_run_says_its_verdict_wherever_runs_are_shown(place, headstart_command):
    words = ("run", place / "free.npz", "--source", place / "source.npz", "--out", place / "runs" / "adapted", "--json")
    found = json.loads(headstart_command(*words).out)
    verdict, sentence = found["verdict"], found["decision"]["sentence"]
    assert verdict in {"transfer", "no difference", "not judged"}
    words = (
        "fit",
        place / "free.npz",
        "--method",
        "source_only",
        "--source",
        place / "source.npz",
        "-o",
        place / "runs" / "plain",
    )
    assert headstart_command(*words).code == 0
    shown = headstart_command("runs", place / "runs").out
    assert verdict in shown
    assert f"~{found['adaptation']['accuracy']['value']:.3f}" in shown
    assert "~ is estimated from the confidence of predictions, without target labels." in " ".join(shown.split())
    words = ("compare", place / "runs" / "adapted", place / "runs" / "plain")
    compared = json.loads(headstart_command(*words, "--json").out)
    (pair,) = compared["pairs"]
    assert (compared["outcome"]["verdict"], compared["outcome"]["sentence"]) == (verdict, sentence)
    assert (pair["verdict"], pair["outcome"]["verdict"]) == ("not judged", None)
    assert 0.0 <= pair["most_gain"] <= 1.0
    text = " ".join(headstart_command(*words).out.split())
    assert sentence in text
    assert f"\N{PLUS-MINUS SIGN}{pair['most_gain']:.3f}" in text
    assert "accuracies cannot differ by more" in text
