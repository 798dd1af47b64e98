"""What holds for every closed-form head."""

import numpy as np
import pytest
from scipy.special import softmax

from headstart.backbones.loading import load_backbone
from headstart.core import rows as rows_module
from headstart.core.rows import LazyRows
from headstart.features.feature_set import FeatureSet
from headstart.heads.temperature import row_losses
from headstart.methods import METHODS, method_from
from headstart.methods.model import Model
from headstart.training.settings import Training

KINDS = ("kernel_ridge", "knn", "lda", "logistic", "nearest_mean", "ridge")


@pytest.mark.parametrize("kind", KINDS)
def test_new_rows_are_predicted_far_above_chance(kind, draw):
    features, labels = draw(num=120)
    head, temperature = METHODS.get(kind)().head_of(features, labels, 3)
    new, truth = draw(num=200, seed=1)
    scores = head.scores(new)
    assert scores.shape == (200, 3)
    assert scores.dtype == np.float64
    assert (scores.argmax(axis=1) == truth).mean() > 0.75
    assert row_losses(scores, truth, temperature).mean() < 0.75 * np.log(3)


@pytest.mark.parametrize("kind", KINDS)
def test_confidence_on_new_rows_is_about_right(kind, draw):
    features, labels = draw(num=150, signal=1.5)
    head, temperature = METHODS.get(kind)().head_of(features, labels, 3)
    new, truth = draw(num=2000, signal=1.5, seed=1)
    probs = softmax(head.scores(new) / temperature, axis=1)
    assert abs(probs.max(axis=1).mean() - (probs.argmax(axis=1) == truth).mean()) < 0.08


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("num", [2, 3, 5])
def test_one_row_or_two_a_class_work(kind, num, draw):
    features, labels = draw(num=num, num_classes=2)
    labels = np.arange(num) % 2
    head, temperature = METHODS.get(kind)().head_of(features, labels, 2)
    assert (head.scores(features).argmax(axis=1) == labels).all()
    assert np.isfinite(temperature)
    assert temperature > 0


@pytest.mark.parametrize("kind", KINDS)
def test_classes_without_rows_are_never_predicted(kind, draw):
    features, labels = draw()
    head, temperature = METHODS.get(kind)().head_of(features, labels * 2, 6)
    probs = softmax(head.scores(features) / temperature, axis=1)
    assert np.isfinite(probs).all()
    assert set(probs.argmax(axis=1)) <= {0, 2, 4}


@pytest.mark.parametrize("kind", KINDS)
def test_one_class_alone_is_predicted(kind, draw):
    features, labels = draw(num=7)
    head, temperature = METHODS.get(kind)().head_of(features, np.zeros_like(labels), 3)
    assert (head.scores(features).argmax(axis=1) == 0).all()
    assert np.isfinite(temperature)


@pytest.mark.parametrize("kind", KINDS)
def test_constant_features_work(kind):
    features = FeatureSet((np.ones((11, 5), np.float32),), None, None, ("only",))
    head, temperature = METHODS.get(kind)().head_of(features, np.arange(11) % 3, 3)
    assert np.isfinite(head.scores(features)).all()
    assert np.isfinite(temperature)


@pytest.mark.parametrize("kind", KINDS)
def test_fit_makes_a_model_that_saves_and_loads(kind, task, tmp_path):
    method = method_from({"kind": kind})
    model = method.fit(task, load_backbone("embeddings"), Training())
    predictions = model.predict(task.test)
    assert predictions.probs.shape == (17, 4)
    assert (predictions.labels == -1).all()
    assert (predictions.predicted == task.test.hidden_labels).mean() > 0.6
    model.save(tmp_path / "model")
    again = Model.load(tmp_path / "model").predict(task.test)
    np.testing.assert_allclose(again.probs, predictions.probs, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("num", [211, 47])
def test_rows_read_when_asked_for_give_the_same_head(kind, num, draw, monkeypatch):
    features, labels = draw(num=num)
    late = FeatureSet(
        tuple(LazyRows(stage.shape, stage.__getitem__) for stage in features.stages),
        LazyRows(features.pixels.shape, features.pixels.__getitem__),
        None,
        features.stage_names,
    )
    expected, expected_temperature = METHODS.get(kind)().head_of(features, labels, 3)
    monkeypatch.setattr(rows_module, "IN_MEMORY_BYTES", 0)
    head, temperature = METHODS.get(kind)().head_of(late, labels, 3)
    np.testing.assert_allclose(head.scores(late), expected.scores(features), atol=1e-6 if kind != "lda" else 1e-4)
    assert temperature == pytest.approx(expected_temperature, rel=1e-4)
