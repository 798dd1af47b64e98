"""Labels so few, or groups so large, that nothing or not everything can be judged: one sentence, or a run with a finding."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from headstart.planning import cross_validation
from headstart.runs.run import Run

pytestmark = pytest.mark.slow


def vectors(place: Path, labels: str, groups: list[str] | None = None) -> Path:
    """A file of feature vectors, one for each letter."""
    rng = np.random.default_rng(7)
    centers = {letter: rng.normal(size=5) * 3 for letter in "abcdef"}
    features = np.stack([centers[letter] + rng.normal(size=5) for letter in labels]).astype(np.float32)
    more = {} if groups is None else {"group": np.array(groups)}
    np.savez(place / "vectors.npz", features=features, labels=np.array(list(labels)), **more)
    return place / "vectors.npz"


@pytest.mark.parametrize("labels", ["ab", "aaaab"])
def test_two_labels_in_all_or_one_class_of_one_are_a_sentence(labels, tmp_path, headstart_command):
    place = vectors(tmp_path, labels)
    answer = headstart_command("run", place, "-o", tmp_path / "run")
    assert answer.code == 2
    assert answer.err == (
        f'error: {place}: "a", "b" are the classes, and fewer than two of them have 2 images to learn from. '
        "Add images until two classes have at least two each.\n"
    )


def found(tmp_path, headstart_command, labels: str, groups: list[str] | None = None) -> tuple[Run, list[str]]:
    place = vectors(tmp_path, labels, groups)
    answer = headstart_command("run", place, "-o", tmp_path / "run", "--json")
    assert answer.code == 0, answer.err
    run = Run.load(tmp_path / "run")
    assert json.loads(answer.out) == run.result
    return run, [finding.code for finding in run.findings]


def test_a_further_class_of_one_label_is_left_out_with_a_finding(tmp_path, headstart_command):
    run, codes = found(tmp_path, headstart_command, "a" * 7 + "b" * 6 + "c")
    assert "tiny-class" in codes
    assert run.model.classes == ("a", "b")
    assert (run.evaluation.split, run.evaluation.num_images) == ("out of fold", 13)


def test_a_head_whose_fold_breaks_down_is_left_out_and_the_others_are_compared(tmp_path, headstart_command, monkeypatch):
    fit_rows = cross_validation.fit_rows

    def breaks_down(task, rows, candidate, *rest):
        if candidate.method["kind"] == "kernel_ridge":
            raise np.linalg.LinAlgError("SVD did not converge")
        return fit_rows(task, rows, candidate, *rest)

    monkeypatch.setattr(cross_validation, "fit_rows", breaks_down)
    run, _ = found(tmp_path, headstart_command, "a" * 9 + "b" * 8)
    results = {one.method["kind"]: one for one in run.decision.results if one.family == "transfer"}
    assert (results["kernel_ridge"].status, results["kernel_ridge"].reason) == ("failed", "SVD did not converge")
    assert run.plan.method["kind"] == "ridge"
    assert run.evaluation.num_images == 17


def test_two_labels_a_class_judge_out_of_fold(tmp_path, headstart_command):
    run, _ = found(tmp_path, headstart_command, "aabb")
    assert (run.evaluation.split, run.evaluation.num_images) == ("out of fold", 4)


def test_a_class_in_one_group_counts_as_wrong_with_a_finding(tmp_path, headstart_command):
    groups = [str(row) for row in range(16)] + ["whole"] * 4
    run, codes = found(tmp_path, headstart_command, "a" * 8 + "b" * 8 + "c" * 4, groups)
    assert "class-in-one-group" in codes
    assert run.evaluation.num_images == 20
    recall = {row.name: row.recall for row in run.evaluation.per_class}
    assert recall["c"] == 0.0
    assert recall["a"] > 0.5


def test_of_two_classes_the_one_in_one_group_judges_nothing(tmp_path, headstart_command):
    run, codes = found(tmp_path, headstart_command, "a" * 8 + "c" * 4, [*map(str, range(8)), *["whole"] * 4])
    assert "class-in-one-group" in codes
    assert [row.support for row in run.evaluation.per_class] == [8, 0]


def test_one_group_a_class_leaves_a_model_that_nothing_judges(tmp_path, headstart_command):
    run, codes = found(tmp_path, headstart_command, "a" * 8 + "c" * 4, [*["first"] * 8, *["whole"] * 4])
    assert "class-in-one-group" in codes
    assert run.evaluation is None
    assert run.decision.sentence.startswith("No class has labels in two groups, so that nothing can be held out")
    assert run.decision.sentence.endswith("is fitted, untested. Label at least two groups of images of a class.")
