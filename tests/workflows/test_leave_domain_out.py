"""`headstart run --leave-domain-out`: chosen and judged on domains that were not learned from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import headstart
from headstart.core.language import language_named
from headstart.data.reading import read_task
from headstart.planning.fitting import task_of_plan
from headstart.runs.run import Run

pytestmark = pytest.mark.slow

COMPARED = "The candidates were compared by the mean over all images."
COUNTS = {"fog": 23, "noon": 31, "snow": 19}


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """Vectors of three classes, whose first direction tells classes apart in every domain, and the second otherwise in each."""
    draw = np.random.default_rng(5)
    folder = tmp_path_factory.mktemp("domains")
    features, labels, domains = [], [], []
    for place, (name, count) in enumerate(COUNTS.items()):
        own = np.arange(count) % 3
        rows = draw.normal(size=(count, 6))
        rows[:, 0] += 4 * own
        rows[:, 1] += 9 * np.roll(np.arange(3), place)[own]
        features.append(rows)
        labels += [f"class {label}" for label in own]
        domains += [name] * count
    rows = np.concatenate(features).astype(np.float32)
    np.savez(folder / "vectors.npz", features=rows, labels=np.array(labels), domain=np.array(domains))
    return folder / "vectors.npz"


@pytest.fixture(scope="module")
def run(place, tmp_path_factory) -> Run:
    return headstart.run(place, leave_domain_out=True, out=tmp_path_factory.mktemp("runs") / "run")


def test_the_result_tells_the_worst_domain_and_the_mean_and_by_which_it_was_chosen(run):
    evaluation = run.evaluation
    assert (evaluation.split, evaluation.num_images) == ("out of fold", 73)
    assert {row.name: row.num_images for row in evaluation.per_domain} == COUNTS
    found = run.result["left_out_domains"]
    lowest = min(evaluation.per_domain, key=lambda row: row.accuracy.value)
    assert found == {"mean": evaluation.domain_mean.to_dict(), "worst": lowest.to_dict(), "chosen_by": "mean over all images"}
    assert evaluation.protocol.endswith(
        "Each image was predicted without any of its domain; intervals are over domains. " + COMPARED
    )
    assert COMPARED in (run.folder / "report.html").read_text(encoding="utf-8")


def test_where_nothing_was_compared_nothing_says_so(place, tmp_path):
    task = read_task(place, leave_domain_out=True)
    fitted = headstart.fit(task, method="ridge", out=tmp_path / "fitted")
    assert set(fitted.result["left_out_domains"]) == {"mean", "worst"}
    assert fitted.evaluation.protocol.endswith("Each image was predicted without any of its domain; intervals are over domains.")
    assert COMPARED not in (fitted.folder / "report.html").read_text(encoding="utf-8")


def test_its_accuracy_is_that_of_unseen_domains_which_is_lower_here(run, place, tmp_path):
    plain = headstart.run(place, out=tmp_path / "plain")
    assert plain.evaluation.accuracy.value > run.evaluation.domain_mean.value + 0.05
    assert "left_out_domains" not in plain.result
    assert {row.name for row in plain.evaluation.per_domain} == set(COUNTS)
    assert (
        "leave_domain_out"
        not in (tmp_path / "plain" / "plan.toml").read_text() + (tmp_path / "plain" / "request.json").read_text()
    )


def test_its_plan_reads_the_same_task_again(run):
    assert run.plan.leave_domain_out
    assert task_of_plan(run.plan).fingerprint == run.task_summary.task_fingerprint


def test_the_command_prints_it(place, run, headstart_command):
    words = ("run", place, "--leave-domain-out", "-o", run.folder)
    answer = headstart_command(*words, "--json")
    assert (answer.code, json.loads(answer.out)) == (0, run.result)
    shown = " ".join(headstart_command(*words).out.split())
    mean, worst = run.evaluation.domain_mean, run.evaluation.worst_domain
    assert f"mean of 3 domains {mean.value:.1%} [{mean.low:.1%}, {mean.high:.1%}]; worst {worst.name}" in shown
    table = headstart_command("evaluate", run.folder).out
    assert all(name in table for name in COUNTS)


def test_the_report_has_a_table_of_domains(run):
    text = (run.folder / "report.html").read_text(encoding="utf-8")
    assert 'id="domains"' in text
    assert "Each domain was predicted by models that had learned from the other domains alone." in text
    worst = run.evaluation.worst_domain
    assert f"the worst is {worst.name} with {worst.accuracy.value:.1%}" in text


def test_other_places_are_domains_too_and_the_plan_names_them(place, tmp_path):
    with np.load(place) as held:
        arrays = dict(held)
    for name in COUNTS:
        own = arrays["domain"] == name
        np.savez(tmp_path / f"{name}.npz", features=arrays["features"][own], labels=arrays["labels"][own])
    run = headstart.run(
        tmp_path / "fog.npz", source=[tmp_path / "noon.npz", tmp_path / "snow.npz"], leave_domain_out=True, method="ridge",
        out=tmp_path / "run",
    )  # fmt: skip
    assert [row.name for row in run.evaluation.per_domain] == list(COUNTS)
    assert task_of_plan(run.plan).fingerprint == run.task_summary.task_fingerprint


def test_a_bad_request_is_one_sentence_with_code_2(place, tmp_path, headstart_command):
    answer = headstart_command("run", place, "--leave-domain-out", "--target-domain", "fog", "-o", tmp_path / "run")
    assert (answer.code, answer.err) == (
        2,
        "error: --leave-domain-out leaves out each domain in turn, and --target-domain fog names one that is never learned from. "
        "Leave out one of the two.\n",
    )
    assert "--target-domain fog" in language_named("zh").sentence(answer.err.removeprefix("error: ").strip())
