from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax

from headstart.core.errors import DataError, PlanError
from headstart.core.predictions import Predictions
from headstart.evaluation.conformal import Calibration, conformal_quantile, set_rule, set_sizes, units_needed
from headstart.evaluation.conformity import CONFORMITY, never_empty

CLASSES = ("a", "b", "c", "d", "e", "f", "g")


def predictions(count: int, seed: int = 0, groups: np.ndarray | None = None) -> Predictions:
    """Calibrated predictions of seven classes."""
    generator = np.random.default_rng(seed)
    probs = softmax(2 * generator.normal(size=(count, len(CLASSES))), axis=1)
    labels = np.array([generator.choice(len(CLASSES), p=row) for row in probs])
    groups = np.arange(count) if groups is None else groups
    return Predictions(tuple(map(str, range(count))), CLASSES, labels, probs, probs, groups)


def test_scores_are_those_of_the_papers():
    probs = np.array([[0.5, 0.2, 0.3, 0.0, 0.0, 0.0, 0.0]])
    assert CONFORMITY.get("lac")(probs)[0, :3] == pytest.approx([0.5, 0.8, 0.7])
    aps, raps = CONFORMITY.get("aps")(probs)[0], CONFORMITY.get("raps")(probs)[0]
    part = aps[0] / 0.5
    assert 0 <= part < 1
    assert aps == pytest.approx([0.5 * part, 0.8 + 0.2 * part, 0.5 + 0.3 * part, 1, 1, 1, 1])
    assert raps == pytest.approx(aps + np.array([0, 0, 0, 0, 0, 0.01, 0.02]))


def test_the_random_part_of_an_image_does_not_depend_on_what_comes_with_it_and_is_uniform():
    probs = predictions(3_001).probs
    aps = CONFORMITY.get("aps")
    assert aps(probs[[7]])[0] == pytest.approx(aps(probs)[7], abs=0)
    parts = np.sort((aps(probs).min(axis=1)) / probs.max(axis=1))
    assert np.abs(parts - (np.arange(3_001) + 0.5) / 3_001).max() < 1.36 / math.sqrt(3_001)  # Kolmogorov's bound at 5 %


@pytest.mark.parametrize("score", CONFORMITY.names())
@pytest.mark.parametrize("level", [0.8, 0.9, 0.95])
def test_sets_hold_the_truth_as_often_as_was_asked_for(score, level):
    shares = []
    for seed in range(60):
        rule = set_rule(Calibration.of(predictions(101, seed)), CLASSES, level, score)
        new = predictions(400, 1_000 + seed)
        shares.append(rule.holds(new.probs)[np.arange(400), new.labels].mean())
    assert level - 0.01 < np.mean(shares) < level + 0.02
    if never_empty(score):
        assert rule.holds(new.probs).any(axis=1).all()


def test_the_threshold_is_the_order_statistic_of_split_conformal_prediction():
    scores = np.random.default_rng(0).normal(size=53)
    for level in (0.5, 0.8, 0.9, 0.95):
        assert conformal_quantile(scores, np.arange(53), level) == np.sort(scores)[math.ceil(54 * level) - 1]


def test_groups_count_once_however_many_rows_they_have():
    scores = np.array([0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.5, 0.7, 0.2])
    groups = np.array([4, 4, 4, 4, 4, 4, 1, 2, 2])
    # three groups and the new one weigh a quarter each: 0.1 -> 1/4, 0.2 -> 3/8, 0.5 -> 5/8, 0.7 -> 3/4
    assert [conformal_quantile(scores, groups, level) for level in (0.25, 0.26, 0.6, 0.63, 0.75)] == [0.1, 0.2, 0.5, 0.7, 0.7]
    assert conformal_quantile(scores, groups, 0.76) == math.inf


def test_rows_of_large_groups_that_are_alike_do_not_spoil_the_coverage():
    covered = []
    for seed in range(150):
        one = predictions(30, seed)
        rows = np.repeat(np.arange(30), np.random.default_rng(seed).permutation([1] * 20 + [15] * 10))
        grouped = replace(one.take(rows), groups=rows)
        rule = set_rule(Calibration.of(grouped), CLASSES, 0.9)
        new = predictions(200, 5_000 + seed)
        covered.append(rule.holds(new.probs)[np.arange(200), new.labels].mean())
    assert np.mean(covered) >= 0.89


def test_sets_by_class_hold_the_truth_for_each_class_and_sets_for_all_do_not():
    covered = {True: np.zeros(2), False: np.zeros(2)}
    for seed in range(20):
        first, new = (biased(400, seed + offset) for offset in (0, 500))
        for by_class, shares in covered.items():
            hits = set_rule(Calibration.of(first), ("a", "b"), 0.9, by_class=by_class).holds(new.probs)[
                np.arange(400), new.labels
            ]
            np.add(shares, [hits[new.labels == label].mean() / 20 for label in range(2)], out=shares)
    assert covered[True] == pytest.approx([0.9, 0.9], abs=0.02)
    assert covered[False][1] < 0.8


def biased(count: int, seed: int) -> Predictions:
    """Two classes, of which the rare one seldom gets a high probability."""
    generator = np.random.default_rng(seed)
    labels = (generator.random(count) < 0.2).astype(np.int64)
    second = np.where(labels == 1, generator.beta(3, 3, count), generator.beta(1, 6, count))
    probs = np.stack([1 - second, second], axis=1)
    return Predictions(tuple(map(str, range(count))), ("a", "b"), labels, probs, probs, np.arange(count))


def test_a_calibration_is_read_as_it_was_written(tmp_path):
    made = Calibration.of(predictions(40, groups=np.arange(40) // 2))
    made.write(tmp_path / "c.safetensors")
    read = Calibration.read(tmp_path / "c.safetensors")
    assert read.num_units == 20
    assert all(np.array_equal(getattr(read, name), getattr(made, name)) for name in ("labels", "groups", "confidence", "correct"))
    assert {name: list(one) for name, one in read.scores.items()} == {name: list(one) for name, one in made.scores.items()}
    (tmp_path / "c.safetensors").write_bytes(b"no")
    with pytest.raises(DataError, match=r"c.safetensors is damaged \(.*\). Delete it: out-of-fold predictions take its place."):
        Calibration.read(tmp_path / "c.safetensors")


def test_scores_of_many_rows_are_made_a_part_at_a_time(monkeypatch):
    whole = Calibration.of(predictions(53)).scores
    monkeypatch.setattr("headstart.evaluation.conformal.MOST_NUMBERS", 70)
    assert {name: list(one) for name, one in Calibration.of(predictions(53)).scores.items()} == {
        name: list(one) for name, one in whole.items()
    }


def test_rows_without_a_label_do_not_calibrate():
    labels = predictions(20).labels.copy()
    labels[3:] = -1
    assert len(Calibration.of(replace(predictions(20), labels=labels)).labels) == 3


@pytest.mark.parametrize("level", [0.0, 1.0, 1.5, -0.1, math.nan])
def test_a_level_is_a_share(level):
    with pytest.raises(PlanError) as error:
        set_rule(Calibration.of(predictions(40)), CLASSES, level)
    assert str(error.value) == f"sets = {level:g} is not a share of images. Give more than 0 and less than 1, such as 0.9."


def test_a_level_that_the_labels_cannot_give_is_refused_with_one_that_they_can():
    with pytest.raises(DataError) as error:
        set_rule(Calibration.of(predictions(40, groups=np.arange(40) // 4)), CLASSES, 0.95)
    assert str(error.value) == (
        "Prediction sets of 0.95 need out-of-fold predictions of 19 independent labeled images (those of a group count once), "
        "and this run has 10. Ask for 0.909 or less, or label more images."
    )
    assert set_rule(Calibration.of(predictions(40, groups=np.arange(40) // 4)), CLASSES, 0.909).thresholds.max() < 1
    assert [units_needed(level) for level in (0.5, 0.8, 0.9, 0.95, 0.99, 0.999)] == [1, 4, 9, 19, 99, 999]


def test_a_class_with_too_few_images_for_sets_by_class_is_named():
    found = biased(60, 3)
    rare = np.flatnonzero(found.labels == 1)[:2]
    few = found.take(np.sort(np.concatenate([np.flatnonzero(found.labels == 0), rare])))
    with pytest.raises(DataError) as error:
        set_rule(Calibration.of(few), ("a", "b"), 0.9, by_class=True)
    assert str(error.value) == (
        'Prediction sets of 0.9 by class need 9 independent labeled images of each class (those of a group count once), and "b" '
        "has 2. Sets that are not by class need fewer. Ask for 0.666 or less, or label more images."
    )


def test_a_score_that_the_calibration_lacks_is_named():
    made = Calibration.of(predictions(40))
    with pytest.raises(DataError, match=r'The run was calibrated without the conformity score "raps"\. Fit it again\.'):
        set_rule(replace(made, scores={"lac": made.scores["lac"]}), CLASSES, 0.9, "raps")
    with pytest.raises(PlanError, match="lacc"):
        set_rule(made, CLASSES, 0.9, "lacc")


def test_sizes_of_sets_are_told_for_the_levels_that_the_rows_allow():
    found = {one.level: one for one in set_sizes(predictions(200))}
    assert list(found) == [0.8, 0.9, 0.95]
    assert found[0.8].mean_size < found[0.9].mean_size < found[0.95].mean_size
    assert [one.level for one in set_sizes(predictions(12))] == [0.8, 0.9]
    assert set_sizes(replace(predictions(60), probs=np.full((60, 7), 1 / 7)))[2].full == 1
