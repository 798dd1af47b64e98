"""The classifier and the features as parts of scikit-learn."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from headstart import Features, TransferClassifier
from headstart.core.errors import DataError, PlanError, TrainingError

RAW = {"pretrained": "pixels", "weights": "none"}
VECTORS, DIGITS = load_digits(return_X_y=True)
PICTURES = np.rint(255 / 16 * VECTORS.reshape(-1, 8, 8)).astype(np.uint8)[..., None]
NAMES = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Sixty digits in files."""
    folder = tmp_path_factory.mktemp("digits")
    for row in range(60):
        Image.fromarray(PICTURES[row, ..., 0]).save(folder / f"{row:02d}.png")
    return sorted(folder.iterdir())


@parametrize_with_checks([TransferClassifier(), TransferClassifier("logistic"), TransferClassifier("nearest_mean")])
def test_scikit_learn_finds_no_fault(estimator, check) -> None:
    check(estimator)


def test_pictures_in_any_form_give_the_same_model(files: list[Path]) -> None:
    arrays = [PICTURES[row, ..., 0] for row in range(60)]
    forms = (PICTURES[:60], arrays, [Image.fromarray(array) for array in arrays], files, list(map(str, files)))
    labels = NAMES[DIGITS[:60]]
    found = [TransferClassifier(**RAW).fit(form, labels) for form in forms]
    probs = [one.predict_proba(form) for one, form in zip(found, forms, strict=True)]
    assert found[0].classes_.tolist() == sorted(NAMES)
    assert set(found[0].predict(forms[0])) <= set(NAMES)
    for other in probs[1:]:
        np.testing.assert_allclose(other, probs[0], atol=1e-6)


def test_it_is_as_accurate_as_the_same_method_in_a_run() -> None:
    classifier = TransferClassifier("kernel_ridge", settings={"blocks": "pixels"}, **RAW).fit(PICTURES[:500], DIGITS[:500])
    assert classifier.score(PICTURES[500:], DIGITS[500:]) > 0.95
    np.testing.assert_allclose(classifier.predict_proba(PICTURES[500:600]).sum(axis=1), 1.0, atol=1e-6)


def test_pipelines_searches_and_calibration_take_it() -> None:
    vectors, labels = VECTORS[:300], NAMES[DIGITS[:300]]
    pipeline = make_pipeline(StandardScaler(), TransferClassifier())
    assert cross_val_score(pipeline, vectors, labels, cv=3).mean() > 0.85
    search = GridSearchCV(TransferClassifier(), {"method": ["nearest_mean", "ridge"]}, cv=3).fit(vectors, labels)
    assert search.best_params_ == {"method": "ridge"}
    calibrated = CalibratedClassifierCV(TransferClassifier(), cv=3).fit(vectors, labels)
    assert calibrated.score(VECTORS[300:600], NAMES[DIGITS[300:600]]) > 0.7


def test_a_search_over_files_takes_settings_of_a_method(files: list[Path]) -> None:
    grid = {"settings": [{"blocks": "pixels"}, {"blocks": "pixels", "views": 4}]}
    search = GridSearchCV(TransferClassifier(**RAW), grid, cv=2, error_score="raise").fit(files, DIGITS[:60])
    assert set(search.cv_results_["param_settings"][1]) == {"blocks", "views"}
    assert search.best_score_ > 0.3


def test_a_network_is_trained_with_the_settings_given() -> None:
    about = {"pretrained": "small_cnn", "weights": "none", "training": {"epochs": 2, "batch_size": 32}}
    classifier = TransferClassifier("fine_tune", **about, random_state=3).fit(PICTURES[:80], DIGITS[:80])
    again = clone(classifier).fit(PICTURES[:80], DIGITS[:80])
    assert np.array_equal(classifier.predict_proba(PICTURES[:9]), again.predict_proba(PICTURES[:9]))


def test_features_are_a_step_before_any_classifier(files: list[Path]) -> None:
    pipeline = make_pipeline(Features("pixels", **RAW, input_pixels=8), LogisticRegression(max_iter=1_000))
    pipeline.fit(files[:40], DIGITS[:40])
    assert pipeline.score(files[40:], DIGITS[40:60]) > 0.4
    features = pipeline[0]
    assert features.transform(files[:3]).shape == (3, features.n_features_out_)
    assert features.get_feature_names_out()[:2].tolist() == ["pixels_0", "pixels_1"]


def test_it_is_kept_by_pickle(files: list[Path]) -> None:
    classifier = TransferClassifier(**RAW).fit(files, DIGITS[:60])
    loaded = pickle.loads(pickle.dumps(classifier))
    assert np.array_equal(loaded.predict_proba(files), classifier.predict_proba(files))


@pytest.mark.parametrize(
    ("arguments", "rows", "labels", "error", "sentence"),
    [
        ({"method": "rigde"}, VECTORS[:9], DIGITS[:9], PlanError, '"rigde" is not a method. Did you mean "ridge"?'),
        ({"settings": {"epocs": 1}}, VECTORS[:9], DIGITS[:9], PlanError, "epocs"),
        ({"method": "fix_match"}, PICTURES[:9], DIGITS[:9], PlanError, "fix_match learns from more than labeled images."),
        ({"method": "lp_ft"}, VECTORS[:9], DIGITS[:9], PlanError, "X holds feature vectors, and lp_ft trains on pictures."),
        (RAW, PICTURES[:9], DIGITS[:8], DataError, "9 images and 8 labels were given. Give a label for each image."),
        (RAW, ["nowhere.png"] * 2, [0, 1], DataError, "nowhere.png"),
        (RAW, PICTURES[:2], [[0], [1]], DataError, "The labels have the shape (2, 1). Give one label an image."),
        ({"training": {"epochs": 2}}, VECTORS[:9], DIGITS[:9], PlanError, "training has no effect: ridge is a closed form."),
        ({"method": "fine_tune", "training": {"epoch": 2}, **RAW}, PICTURES[:9], DIGITS[:9], PlanError, "epoch"),
        ({"pretrained": "pixels"}, VECTORS[:9], DIGITS[:9], PlanError, "pretrained has no effect on feature vectors."),
    ],
)
def test_what_cannot_be_fitted_is_said_in_a_sentence(arguments, rows, labels, error, sentence) -> None:
    with pytest.raises(error) as caught:
        TransferClassifier(**arguments).fit(rows, labels)
    assert sentence in str(caught.value)
    assert not isinstance(caught.value, TrainingError)


def test_images_and_feature_vectors_are_not_mixed() -> None:
    vectors = TransferClassifier().fit(VECTORS[:40], DIGITS[:40])
    with pytest.raises(DataError, match=r"^This classifier was fitted to feature vectors, and images were given\. Give feature"):
        vectors.predict(PICTURES[:3])
    pictures = TransferClassifier(**RAW).fit(PICTURES[:40], DIGITS[:40])
    with pytest.raises(
        DataError, match=r"^This classifier was fitted to images, and feature vectors were given\. Give images\.$"
    ):
        pictures.predict(VECTORS[:3])
    with pytest.raises(DataError, match=r"^No images were given\. Give a list of paths"):
        Features(**RAW).fit(VECTORS[:3])


def test_copies_do_not_make_it_overconfident() -> None:
    draw = np.random.default_rng(0)
    labels = np.arange(60) % 3
    rows = draw.normal(size=(60, 20)) + 0.8 * np.eye(3, 20)[labels]
    doubled = TransferClassifier(settings={"blocks": "penultimate"}).fit(np.tile(rows, (4, 1)), np.tile(labels, 4))
    once = TransferClassifier(settings={"blocks": "penultimate"}).fit(rows, labels)
    new = draw.normal(size=(300, 20))
    assert doubled.predict_proba(new).max(axis=1).mean() < once.predict_proba(new).max(axis=1).mean() + 0.05
