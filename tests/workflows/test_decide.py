"""The chain with sources: what is used of them, and how a target without labels gets its model."""

from __future__ import annotations

import json

import numpy as np
import pytest

from headstart.core.errors import DataError, PlanError
from headstart.planning.fitting import task_of_plan
from headstart.runs.run import Run
from headstart.workflows.run import run as headstart_run

pytestmark = pytest.mark.slow

CENTERS = np.array([[0.0, 0.0, 0.0], [4.0, 0.0, 0.0], [0.0, 4.0, 0.0]])
NAMES = np.array(["cat", "dog", "owl"])


def domain(path, num, seed, shift=0.0, told=None, tested=0, permuted=False, noise=0):
    """Rows of three classes, moved; labels of all but the first `told` are hidden, and the last `tested` rows are test rows."""
    rng = np.random.default_rng(seed)
    labels = np.arange(num) % 3
    features = CENTERS[labels] + rng.normal(size=(num, 3)) + shift
    features = np.concatenate([features, 2 * rng.normal(size=(num, noise))], axis=1)
    shown = NAMES[rng.permutation(labels) if permuted else labels].astype(object)
    split = np.array(["train"] * (num - tested) + ["test"] * tested)
    if told is not None:
        shown[told : num - tested] = ""
    np.savez(path, features=features.astype(np.float32), labels=shown.astype(str), split=split)
    return str(path)


@pytest.fixture
def source(tmp_path):
    return domain(tmp_path / "source.npz", 150, 1)


def test_a_target_without_labels_is_adapted_to_and_tested(tmp_path, source):
    target = domain(tmp_path / "target.npz", 180, 2, shift=[9.0, -7.0, 0.0], told=0, tested=60)
    run = headstart_run(target, source=[source], out=tmp_path / "run")
    assert run.decision is None
    assert run.adaptation is not None
    assert run.adaptation.adapted
    assert run.sources is not None
    assert run.sources.used == ("source",)
    assert run.plan.method["kind"] == run.adaptation.chosen[0]
    assert (run.plan.sources, run.plan.domains) == ((source,), ("source",))
    assert run.evaluation is not None
    assert run.evaluation.metrics["accuracy"].value > 0.85
    unadapted = headstart_run(target, source=[source], method="source_only", out=tmp_path / "unadapted")
    assert unadapted.adaptation is None
    assert unadapted.evaluation is not None
    assert unadapted.evaluation.metrics["accuracy"].value < 0.6
    assert task_of_plan(run.plan).fingerprint == run.task_summary.task_fingerprint
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["adaptation"]["chosen"] == result["decision"]["adapted_by"] == list(run.adaptation.chosen)
    assert result["verdict"] == run.verdict == run.plan.verdict == "transfer"
    assert (result["decision"]["sentence"], result["decision"]["gain"]) == (run.adaptation.sentence, None)
    assert result["decision"]["estimated_accuracy"] == run.adaptation.likely_accuracy.to_dict()
    assert (unadapted.verdict, unadapted.verdict_sentence) == (None, "")


def test_without_any_label_the_run_has_an_estimate_and_no_evaluation(tmp_path, source):
    target = domain(tmp_path / "target.npz", 120, 3, told=0)
    run = headstart_run(target, source=[source], out=tmp_path / "run")
    assert run.evaluation is None
    assert run.adaptation is not None
    assert 0.8 < run.adaptation.accuracy.value <= 1
    again = headstart_run(target, source=[source], out=tmp_path / "run")
    assert again.result == run.result
    other = headstart_run(target, source=[source], method="source_only", out=tmp_path / "other")
    (made,) = run.compare(other)
    differing = (run.unlabeled.predicted != other.unlabeled.predicted).mean()
    assert (made.verdict, made.paired, made.most_gain) == ("not judged", None, pytest.approx(differing))
    assert made.outcomes[0].estimated_accuracy == run.adaptation.likely_accuracy
    assert (made.outcomes[0].verdict, made.outcomes[1].verdict) == (run.verdict, None)
    assert Run.load(tmp_path / "run").model.predict(task_of_plan(run.plan).unlabeled).probs.shape == (120, 3)


def test_target_labels_decide_about_a_source_and_joint_ridge_uses_it(tmp_path):
    source = domain(tmp_path / "source.npz", 900, 1, noise=60)
    target = domain(tmp_path / "target.npz", 45 + 90, 4, tested=90, noise=60)
    run = headstart_run(target, source=[source], out=tmp_path / "run")
    assert run.adaptation is None
    assert run.sources is not None
    assert run.sources.used == ("source",), run.sources.sentence
    assert run.decision is not None
    assert "joint_ridge" in {result.method["kind"] for result in run.decision.results}


def test_a_source_with_permuted_labels_is_left_out(tmp_path):
    wrong = domain(tmp_path / "wrong.npz", 240, 5, permuted=True)
    target = domain(tmp_path / "target.npz", 60 + 90, 6, tested=90)
    run = headstart_run(target, source=[wrong], out=tmp_path / "run")
    assert run.sources is not None
    assert run.sources.used == ()
    assert run.decision is not None
    assert "joint_ridge" not in {result.method["kind"] for result in run.decision.results}
    assert task_of_plan(run.plan).fingerprint == run.task_summary.task_fingerprint
    alone = headstart_run(target, out=tmp_path / "alone")
    assert run.evaluation is not None
    assert alone.evaluation is not None
    assert run.evaluation.metrics["accuracy"] == alone.evaluation.metrics["accuracy"]


def test_a_plan_without_target_labels_is_read_without_them(tmp_path, source):
    target = domain(tmp_path / "target.npz", 300, 2, shift=[9.0, -7.0, 0.0], tested=90)
    run = headstart_run(target, source=[source], per_class=0, method="source_only", out=tmp_path / "run")
    again = task_of_plan(Run.load(tmp_path / "run").plan)
    assert (len(again.labeled), len(again.unlabeled)) == (0, 210)
    assert again.fingerprint == run.task_summary.task_fingerprint


def test_a_plan_that_uses_none_of_its_place_s_other_domains_is_read_without_them(tmp_path):
    files = domain(tmp_path / "one.npz", 150, 3), domain(tmp_path / "other.npz", 150, 4, permuted=True)
    parts = [np.load(file) for file in files]
    both = {name: np.concatenate([part[name] for part in parts]) for name in ("features", "labels")}
    np.savez(tmp_path / "both.npz", **both, domain=np.repeat(["one", "other"], 150))
    run = headstart_run(str(tmp_path / "both.npz"), target_domain=["one"], out=tmp_path / "run")
    again = task_of_plan(Run.load(tmp_path / "run").plan)
    assert run.sources.used == ()
    assert again.source is None
    assert again.fingerprint == run.task_summary.task_fingerprint


def test_nothing_is_learned_from_wrong_labels_alone(tmp_path):
    wrong = domain(tmp_path / "wrong.npz", 240, 5, permuted=True)
    target = domain(tmp_path / "target.npz", 120, 7, told=0)
    with pytest.raises(DataError, match=r"The target has no labels either: label some of its images, or name another source\.$"):
        headstart_run(target, source=[wrong], out=tmp_path / "run")


def test_labels_of_one_class_alone_are_not_learned_from(tmp_path):
    wrong = domain(tmp_path / "wrong.npz", 240, 5, permuted=True)
    target = domain(tmp_path / "target.npz", 120, 7, told=0)
    with np.load(target) as parts:
        kept = {**parts, "labels": np.where(np.arange(120) < 6, "cat", "")}
    np.savez(target, **kept)
    sentence = r'The target labels show "cat" alone: label some of its images, or name another source\.$'
    with pytest.raises(DataError, match=sentence):
        headstart_run(target, source=[wrong], out=tmp_path / "run")


def test_a_method_that_learns_from_target_labels_is_refused_where_there_are_none(tmp_path, source):
    target = domain(tmp_path / "target.npz", 120, 8, told=0)
    with pytest.raises(DataError) as caught:
        headstart_run(target, source=[source], method="knn", out=tmp_path / "run")
    assert str(caught.value) == "knn needs labeled target images, and target has none. Label some, or choose source_only."


def test_a_method_that_needs_a_source_says_why_none_is_used(tmp_path):
    wrong = domain(tmp_path / "wrong.npz", 240, 5, permuted=True)
    target = domain(tmp_path / "target.npz", 60 + 90, 6, tested=90)
    with pytest.raises(PlanError) as caught:
        headstart_run(target, source=[wrong], method="joint_ridge", out=tmp_path / "run")
    assert str(caught.value).startswith(
        "By 60 labeled target images, no source is used: wrong, the nearest: its labels do not fit"
    )
    assert str(caught.value).endswith("joint_ridge needs one: leave out --method, or name another source.")


def test_nothing_is_trained_from_scratch_without_labels(tmp_path, source):
    target = domain(tmp_path / "target.npz", 120, 8, told=0)
    with pytest.raises(PlanError, match="scratch"):
        headstart_run(target, source=[source], only="scratch", out=tmp_path / "run")


def test_settings_of_a_training_want_time_for_what_is_trained(tmp_path, source):
    target = domain(tmp_path / "target.npz", 120, 8, told=0)
    with pytest.raises(PlanError) as caught:
        headstart_run(target, source=[source], settings={"training.lr": 0.3}, out=tmp_path / "run")
    assert str(caught.value) == (
        "--set training.lr has no effect: without --minutes nothing but closed forms adapts to the target. "
        "Give --minutes, or leave it out."
    )
