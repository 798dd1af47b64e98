"""What each stage of a network predicts alone."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.core.estimate import Estimate
from headstart.features.feature_set import FeatureSet, LabeledFeatures
from headstart.features.representation import Representation
from headstart.planning.ranking.stage_scores import StageScore, depth_sentence, stage_scores
from headstart.scores.ridge_loo import ridge_head, ridge_loo

LABELS = np.arange(67) % 3


def features(*strengths, std_strength=0.0):
    """A stage for each strength with which the label shows in its mean; the first has standard deviations, too."""
    draw = np.random.default_rng(4)
    stages = [draw.normal(size=(len(LABELS), 5 + 2 * place)) for place in range(len(strengths))]
    for stage, strength in zip(stages, strengths, strict=True):
        stage[:, :3] += strength * np.eye(3)[LABELS] + 7.0
    std = draw.normal(size=(len(LABELS), 5))
    std[:, :3] += std_strength * np.eye(3)[LABELS]
    names = tuple(f"block.{place}" for place in range(len(strengths)))
    return FeatureSet(tuple(stage.astype(np.float32) for stage in stages), None, None, names, (std.astype(np.float32),))


def test_each_stage_is_scored_as_a_ridge_head_on_it_alone_predicts():
    made = features(0.5, 4.0, 1.0)
    found = stage_scores(made, LABELS)
    assert [(one.name, one.num_features) for one in found] == [("block.0", 10), ("block.1", 7), ("block.2", 9)]
    alone = FeatureSet((made.stages[1],), None, None, ("block.1",))
    labeled = LabeledFeatures(Representation.fitted(alone, "stages").matrix(alone), LABELS)
    right = (ridge_head(labeled).loo_scores.argmax(axis=1) == LABELS).mean()
    assert found[1].accuracy.value == pytest.approx(right)
    assert found[1].scores["ridge_loo"] == pytest.approx(ridge_loo(labeled))
    assert set(found[1].scores) == {"knn", "logme", "ridge_loo"}
    assert [one.among_best for one in found] == [False, True, False]


def test_standard_deviations_belong_to_their_stage():
    with_std, without = (stage_scores(features(0.0, 0.0, std_strength=strength), LABELS) for strength in (5.0, 0.0))
    assert with_std[0].accuracy.value > 0.9 > without[0].accuracy.value
    assert with_std[1] == without[1].model_copy(update={"among_best": with_std[1].among_best})


def test_stages_that_do_not_differ_are_all_among_the_best():
    made = features(1.0)
    twice = FeatureSet(made.stages * 2, None, None, ("a", "b"))
    assert [one.among_best for one in stage_scores(twice, LABELS)] == [True, True]


def test_features_of_one_stage_have_no_depth():
    assert stage_scores(features(1.0), LABELS) == ()
    assert depth_sentence("net", (), Estimate(value=0.9, low=0.8, high=1.0)) == ""


def stage(accuracy, among_best):
    estimate = Estimate(value=accuracy, low=0.0, high=1.0)
    return StageScore(name="x", num_features=3, accuracy=estimate, scores={"ridge_loo": accuracy - 1}, among_best=among_best)


@pytest.mark.parametrize(
    ("among", "text"),
    [
        ((1, 1, 1, 1), "These labels cannot tell at which depth the knowledge of net lies: "),
        ((1, 1, 0, 0), "The knowledge of net lies early, up to stage 2 of 4: "),
        ((0, 0, 1, 1), "The knowledge of net lies late, from stage 3 of 4 on: "),
        ((0, 1, 1, 0), "The knowledge of net lies in the middle, in stages 2 to 3 of 4: "),
        ((0, 0, 1, 0), "The knowledge of net lies in the middle, in stage 3 of 4: "),
    ],
)
def test_the_sentence_names_the_stages_that_are_not_told_apart_from_the_best(among, text):
    stages = [stage(accuracy, bool(good)) for accuracy, good in zip((0.4, 0.5, 0.7, 0.6), among, strict=True)]
    assert depth_sentence("net", stages, Estimate(value=0.8, low=0.7, high=0.9)) == (
        text + "leave-one-out accuracy is 40.0% by stage 1, 70.0% by stage 3, 60.0% by stage 4, each alone, and 80.0% by all "
        "together."
    )
