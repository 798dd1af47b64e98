"""Wrong labels."""

from __future__ import annotations

from headstart.planning.improving.rules.label_noise import label_noise


def test_rows_confidently_of_another_class_are_listed(make_evidence):
    (said,) = label_noise(make_evidence(held_wrong=(1, 2, 0)))
    assert said.code == "label-noise"
    assert said.evidence["count"] == 3
    listed = [(one["image"], one["label"], one["looks_like"]) for one in said.evidence["suspects"]]
    assert sorted(listed) == [("pets[0]", "cat", "dog"), ("pets[20]", "dog", "fox"), ("pets[21]", "dog", "fox")]
    assert said.title == "3 of 60 labels look wrong: the model is confident of another class."


def test_labels_that_held_out_predictions_agree_with_are_no_finding(make_evidence):
    assert not list(label_noise(make_evidence(held_wrong=(0, 0, 0))))


def test_folds_that_broke_down_suspect_nothing(make_evidence):
    assert not list(label_noise(make_evidence(held_wrong=None)))
