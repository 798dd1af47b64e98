"""Wrong labels of a task: found by features or by predictions, left out on request, and whether that helps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headstart.backbones.loading import load_backbone
from headstart.core.findings import NotApplicable
from headstart.core.predictions import Predictions
from headstart.data.images import Embeddings, ImageSet
from headstart.data.task import Task
from headstart.planning import label_errors
from headstart.planning.label_errors import assess_task, without_label_errors


def task_of(num=300, num_wrong=15, seed=0, spread=0.6):
    """Rows of three clusters, and which labels are wrong."""
    generator = np.random.default_rng(seed)
    true = np.arange(num) % 3
    features = (np.eye(3, 11)[true] * 2 + spread * generator.normal(size=(num, 11))).astype(np.float32)
    wrong = generator.permutation(num)[:num_wrong]
    labels = true.copy()
    labels[wrong] = (true[wrong] + 1) % 3
    images = ImageSet(Embeddings(features, "rows", np.arange(num)), ("a", "b", "c"), labels, np.arange(num))
    return Task("rows", ("a", "b", "c"), images), true, np.isin(np.arange(num), wrong)


@pytest.fixture(scope="module")
def backbone():
    return load_backbone("embeddings")


def test_wrong_labels_are_flagged_with_the_right_suggestion(backbone):
    task, true, wrong = task_of()
    assessed = assess_task(task, backbone)
    record = assessed.record()
    assert wrong[assessed.flagged].mean() > 0.85
    assert assessed.flagged[wrong].mean() > 0.85
    assert record.num_flagged == assessed.flagged.sum() == sum(one.flagged for one in record.suspects)
    for one in record.suspects[:10]:
        row = int(one.name.removeprefix("rows[").removesuffix("]"))
        assert (one.label, one.suggested) == (task.classes[task.train.labels[row]], task.classes[true[row]])
    assert record.noise == pytest.approx(0.05, abs=0.02)
    assert record.assessed_by == "leave-one-out predictions of a ridge head on embeddings"
    (finding,) = record.findings
    assert finding.code == "label-noise"
    assert finding.title == record.sentence.replace("\n", " ")


def test_the_gain_of_leaving_them_out_is_judged_on_the_same_rows_that_are_not_flagged(backbone):
    task, _, _ = task_of(num_wrong=30, spread=0.7)
    record = assess_task(task, backbone).record()
    assert record.without.num_images <= 300 - record.num_flagged
    gain = record.without.accuracy_gain
    assert gain.low <= gain.value <= gain.high
    assert gain.value > -0.01
    assert f"on {record.without.num_images} held-out images" in record.gain_sentence


def test_it_is_judged_on_all_held_out_rows_too_and_helps_only_where_both_agree(backbone):
    task, _, _ = task_of(num_wrong=30, spread=0.7)
    found = assess_task(task, backbone).record().without
    assert found.num_all == 300 > found.num_images
    assert found.gain_on_all.value != found.accuracy_gain.value
    good, none = (found.accuracy_gain.model_copy(update={"value": 0.02, "low": low, "high": 0.03}) for low in (0.01, -0.01))
    both = found.model_copy(update={"accuracy_gain": good, "gain_on_all": good})
    assert both.sentence.startswith("Leaving them out helps: ")
    assert "On all 300 held-out images, flagged ones included, it gains +2.0 points (+1.0 to +3.0)." in both.sentence
    one = found.model_copy(update={"accuracy_gain": good, "gain_on_all": none})
    assert one.sentence.startswith("Leaving them out neither helps nor hurts beyond chance: ")


def test_right_labels_are_not_flagged(backbone):
    task, _, _ = task_of(num_wrong=0, spread=1.2)
    record = assess_task(task, backbone).record()
    assert (record.num_flagged, record.without, record.findings) == (0, None, ())
    assert len(record.suspects) == 12
    assert record.sentence == "Of 300 labels none looks wrong beyond chance."


def test_predictions_take_the_place_of_a_ridge_head():
    task, true, wrong = task_of()
    probs = np.full((300, 3), 0.01)
    probs[np.arange(300), true] = 0.98
    names = tuple(f"rows[{row}]" for row in range(200))
    predictions = Predictions(names, task.classes, task.train.labels[:200], probs[:200], probs[:200], np.arange(200))
    assessed = assess_task(task, None, predictions)
    assert len(assessed.rows) == 200
    assert assessed.record().num_unassessed == 100
    assert assessed.record().without is None
    assert assessed.record().gain_sentence == ("Whether leaving them out helps was not tested: there are no features to fit by.")
    assert set(np.flatnonzero(assessed.flagged)) <= set(np.flatnonzero(wrong))


def test_too_little_to_go_by_is_said(backbone):
    few, _, _ = task_of(num=12, num_wrong=0)
    reason = "it takes 20 labels of classes with two images or more to tell wrong ones"
    assert assess_task(few, backbone) == NotApplicable(reason=reason)
    task, _, _ = task_of()
    reason = "there are neither features nor out-of-fold predictions to tell wrong labels by"
    assert assess_task(task, None) == NotApplicable(reason=reason)
    none = task.train.labels[:0]
    empty = Predictions((), task.classes, none, np.empty((0, 3)), np.empty((0, 3)), none)
    assert assess_task(task, None, empty) == NotApplicable(reason="fewer than 20 labeled images were predicted out of fold")


def test_flagged_rows_are_left_out_on_request_and_the_finding_says_so():
    task, _, wrong = task_of()
    task = replace(task, test=replace(task.train.take(np.arange(30)), sealed=True))
    left = without_label_errors(task)
    (finding,) = left.findings
    assert finding.code == "label-errors-left-out"
    assert finding.evidence["count"] == 300 - len(left.train) == pytest.approx(wrong.sum(), abs=3)
    assert len(left.test) == 30
    assert without_label_errors(task).fingerprint == left.fingerprint
    few, _, _ = task_of(num=12, num_wrong=0)
    assert without_label_errors(few).findings[0].title.startswith("No label was left out as wrong: it takes 20 labels")


def test_of_many_labels_some_are_assessed(backbone, monkeypatch):
    task, _, wrong = task_of()
    monkeypatch.setattr(label_errors, "MOST_ASSESSED", 100)
    assessed = assess_task(task, backbone)
    record = assessed.record()
    assert (record.num_labels, record.num_unassessed, record.without) == (100, 200, None)
    assert record.sentence.endswith(" 100 of 300 labels were assessed.")
    assert record.findings[0].title == record.sentence
    assert record.gain_sentence.endswith("was not tested: only 100 of 300 images have features.")
    assert without_label_errors(task).findings[0].advice.endswith(" 100 of 300 labels were assessed.")
    assert wrong[assessed.flagged].mean() > 0.7
    assert 0 < assessed.flagged.sum() < 15
