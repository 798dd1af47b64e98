from dataclasses import replace

import numpy as np
import pytest

from headstart.core.errors import DataError
from headstart.core.evaluation import Evaluation
from headstart.data.images import Embeddings, ImageSet
from headstart.evaluation.protocols import evaluate, evaluation_of


class Oracle:
    """Predicts from the labels that it can read."""

    def __init__(self, predictions):
        self.predictions = predictions

    def predict(self, images):
        return replace(self.predictions, labels=images.labels)


def test_a_sealed_set_is_opened(make_predictions):
    predictions = make_predictions(0, (13, 17))
    features = Embeddings(np.zeros((30, 2), np.float32), "set", np.arange(30))
    sealed = ImageSet(features, predictions.classes, predictions.labels, predictions.groups, sealed=True)
    evaluation, made = evaluate(Oracle(predictions), sealed)
    assert evaluation.split == "test"
    assert evaluation.num_images == 30
    assert np.array_equal(made.labels, predictions.labels)
    with pytest.raises(DataError):
        _ = sealed.labels


def test_rows_without_labels_are_left_out(make_predictions):
    predictions = make_predictions(0, (13, 17))
    labels = np.where(np.arange(30) < 11, -1, predictions.labels)
    evaluation = evaluation_of(replace(predictions, labels=labels), "validation")
    assert evaluation.num_images == 19
    assert sum(map(sum, evaluation.confusion.counts)) == 19
    assert sum(each.count for each in evaluation.reliability) == 19


def test_no_label_at_all_is_refused(make_predictions):
    predictions = make_predictions(0, (2, 3))
    with pytest.raises(DataError) as caught:
        evaluation_of(replace(predictions, labels=np.full(5, -1)), "test")
    assert str(caught.value) == "None of the 5 images of test has a label. Evaluate on labeled images."


def test_the_protocol_says_how_intervals_were_made(make_predictions):
    assert evaluation_of(make_predictions(0, (13, 0, 17)), "test").protocol == (
        "One pass over the 30 labeled images of test; 95% intervals: Wilson's for shares, bootstrap with 1,000 draws "
        "for the rest. Macro averages leave out classes without images (1)."
    )
    assert evaluation_of(make_predictions(0, (13, 17), group_size=3), "test").protocol == (
        "One pass over the 30 labeled images of test; 95% intervals: bootstrap over the 10 groups of images, 1,000 draws."
    )


def test_an_evaluation_survives_json(make_predictions):
    evaluation = evaluation_of(make_predictions(0, (13, 17)), "test")
    assert Evaluation.from_json(evaluation.to_json()) == evaluation
