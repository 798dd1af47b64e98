from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.modules.batchnorm import _BatchNorm

from headstart.backbones.loading import load_backbone
from headstart.core.errors import DataError, PlanError
from headstart.core.types import TestTime
from headstart.data.images import ArrayImages, ImageSet
from headstart.data.task import Task
from headstart.evaluation.protocols import evaluate
from headstart.features.extract import features_of
from headstart.methods.heads import LinearHead, ridge_head
from headstart.methods.model import Model
from headstart.methods.test_time import adapted_at_test_time
from headstart.novelty.detector import fit_detector
from headstart.training.batch_statistics import with_statistics_of

CLASSES = ("left", "right", "above")
COUNTS = (43, 37, 29)


def pictures(seed: int, dark: bool) -> ImageSet:
    """Gray pictures of side 16, bright at the left, at the right or above; dark ones have less contrast, on gray."""
    draw = np.random.default_rng(seed)
    labels = draw.permutation(np.repeat(np.arange(3), COUNTS))
    pixels = draw.integers(0, 120, (len(labels), 16, 16, 1)).astype(np.float64)
    pixels[labels == 0, :, :8] += 100
    pixels[labels == 1, :, 8:] += 100
    pixels[labels == 2, :8] += 100
    pixels = (40 + pixels * 0.7 if dark else pixels).astype(np.uint8)
    rows = np.arange(len(labels))
    return ImageSet(ArrayImages(pixels, "sides", rows), CLASSES, labels.astype(np.int64), rows)


@pytest.fixture(scope="module")
def model() -> Model:
    """A network of random weights that knows the statistics of bright pictures, with ridge on its last features."""
    bright = pictures(1, dark=False)
    backbone = with_statistics_of(load_backbone("small_cnn", "none", 16, seed=1), bright, 0)
    head, temperature = ridge_head(features_of(bright, backbone), bright.labels, 3, "penultimate")
    mean = head.representation.means[0]
    own = LinearHead(None, head.weight, np.asarray(head.bias - mean @ head.weight))
    return Model(backbone, own, temperature, CLASSES)


def accuracy(model: Model, images: ImageSet) -> float:
    return evaluate(model, images)[0].metrics["balanced_accuracy"].value


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["batch_norm", "tent"])
def test_it_is_right_where_the_model_is_lost_and_labels_are_not_read(kind: TestTime, model: Model) -> None:
    bright, dark = pictures(2, dark=False), pictures(3, dark=True)
    assert accuracy(model, bright) > 0.9
    assert accuracy(model, dark) < 0.7
    sealed = replace(dark, hidden_labels=np.full(len(dark), 99), sealed=True)
    assert accuracy(adapted_at_test_time(model, sealed, kind), dark) > accuracy(model, dark) + 0.2


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["batch_norm", "tent"])
def test_the_given_model_is_what_one_goes_back_to(kind: TestTime, model: Model) -> None:
    dark = pictures(3, dark=True)
    before = {name: tensor.clone() for name, tensor in model.backbone.state_dict().items()}
    probs = model.predict(dark).probs
    first, again = adapted_at_test_time(model, dark, kind), adapted_at_test_time(model, dark, kind)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.backbone.state_dict().items())
    np.testing.assert_array_equal(model.predict(dark).probs, probs)
    np.testing.assert_array_equal(first.predict(dark).probs, again.predict(dark).probs)
    assert not np.allclose(first.predict(dark).probs, probs)
    assert first.classes == model.classes
    assert first.head is model.head


@pytest.mark.slow
def test_tent_moves_scales_and_shifts_of_normalizations_alone_and_makes_predictions_surer(model: Model) -> None:
    dark = pictures(3, dark=True)
    plain = replace(model, backbone=with_statistics_of(model.backbone, dark, 0))
    surer = adapted_at_test_time(model, dark, "tent", passes=8)
    free = {id(weight) for part in surer.backbone.modules() if isinstance(part, _BatchNorm) for weight in part.parameters()}
    before = dict(model.backbone.named_parameters())
    moved = {name: not torch.equal(weight, before[name]) for name, weight in surer.backbone.named_parameters()}
    assert all(id(weight) in free for name, weight in surer.backbone.named_parameters() if moved[name])
    assert sum(moved.values()) == len(free)

    def entropy(one: Model) -> float:
        probs = one.predict(dark).probs
        return float(-(probs * np.log(probs)).sum(axis=1).mean())

    assert entropy(surer) < 0.8 * entropy(plain)


@pytest.mark.parametrize("kind", ["batch_norm", "tent"])
def test_what_the_network_remembered_as_it_was_is_forgotten(kind: TestTime, model: Model) -> None:
    dark = pictures(3, dark=True)
    rows = Task("sides", CLASSES, dark)
    knowing = replace(model, novelty_detector=fit_detector(rows, model.backbone))
    assert adapted_at_test_time(knowing, dark, kind).detector_model is None


def test_an_adapted_model_survives_its_folder(model: Model, tmp_path: pytest.TempPathFactory) -> None:
    dark = pictures(3, dark=True)
    adapted = adapted_at_test_time(model, dark, "batch_norm")
    adapted.save(tmp_path)
    np.testing.assert_allclose(Model.load(tmp_path).predict(dark).probs, adapted.predict(dark).probs, rtol=1e-5)


def test_what_cannot_be_done_is_said_in_one_sentence(model: Model) -> None:
    dark = pictures(3, dark=True)
    with pytest.raises(PlanError) as unknown:
        adapted_at_test_time(model, dark, "tend")  # type: ignore[arg-type]
    assert str(unknown.value) == '"tend" is nothing that is done at test time. Did you mean "tent"? Known: batch_norm, tent.'
    with pytest.raises(DataError) as few:
        adapted_at_test_time(model, dark.take(np.arange(63)), "tent")
    assert str(few.value) == "tent takes steps on 64 pictures, and 63 were given. Give more at once, or choose batch_norm."
    head, _ = ridge_head(features_of(dark, model.backbone), dark.labels, 3)
    with pytest.raises(PlanError) as other:
        adapted_at_test_time(replace(model, head=head), dark, "tent")
    assert str(other.value) == (
        "tent trains through a linear head on the network's last features, and this model has another one. Choose batch_norm."
    )
    assert adapted_at_test_time(replace(model, head=head), dark, "batch_norm").head is head
