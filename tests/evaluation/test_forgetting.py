from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from headstart.backbones.backbone import Backbone
from headstart.backbones.loading import load_backbone
from headstart.core.errors import DataError
from headstart.core.types import UNLABELED
from headstart.data.images import ArrayImages, ImageSet
from headstart.evaluation.forgetting import Forgetting, forgetting


@pytest.fixture
def backbone() -> Backbone:
    return load_backbone("small_cnn", "none", 16, seed=1).eval()


@pytest.fixture
def source(backbone: Backbone) -> ImageSet:
    """Nineteen pictures labeled by what the network says of them, the last five the other way round."""
    pixels = np.random.default_rng(3).integers(0, 255, (19, 16, 16, 3)).astype(np.uint8)
    with torch.no_grad():
        shown = backbone.normalized(torch.from_numpy(pixels).permute(0, 3, 1, 2))
        said = backbone.module(shown)
        leads = (said[:, 0] - said[:, 1]).sort().values
        widest = int((leads[6:14] - leads[5:13]).argmax()) + 5  # far from a tie
        lift = float(leads[widest] + leads[widest + 1]) / 2
        backbone.module.get_submodule("classifier").bias.add_(torch.tensor([0.0, lift]))
        labels = backbone.module(shown).argmax(dim=1).numpy().astype(np.int64)
    labels[-5:] = 1 - labels[-5:]
    assert len(set(labels)) == 2
    return ImageSet(ArrayImages(pixels, "source", np.arange(19)), ("old", "older"), labels, np.arange(19))


def test_what_was_lost_is_the_fall_of_accuracy_by_the_own_classifier(backbone: Backbone, source: ImageSet) -> None:
    after = backbone.copy()
    own = after.module.get_submodule("classifier")
    with torch.no_grad():
        own.weight.mul_(-1)
        own.bias.mul_(-1)
    after.weights_hash = after._hash()
    found = forgetting(backbone, after, source)
    assert found.before == pytest.approx(14 / 19)
    assert found.after == pytest.approx(5 / 19)
    assert found.lost == pytest.approx(9 / 19)


def test_an_unchanged_network_forgets_nothing(backbone: Backbone, source: ImageSet) -> None:
    assert forgetting(backbone, backbone.copy(), source).lost == 0


def test_unlabeled_images_do_not_count_and_sealed_ones_are_opened(backbone: Backbone, source: ImageSet) -> None:
    labels = source.labels.copy()
    labels[:4] = UNLABELED
    part = replace(source, hidden_labels=labels, sealed=True)
    assert forgetting(backbone, backbone, part).before == pytest.approx(10 / 15)
    assert part.sealed


def test_learning_more_than_was_known_is_a_negative_loss() -> None:
    assert Forgetting(before=0.5, after=0.75).lost == -0.25


def test_images_without_labels_are_refused(backbone: Backbone, source: ImageSet) -> None:
    with pytest.raises(DataError) as error:
        forgetting(backbone, backbone, replace(source, hidden_labels=np.full(19, UNLABELED)))
    assert str(error.value) == "None of the 19 images of the source has a label. Give labeled images."


def test_images_of_other_classes_are_refused(backbone: Backbone, source: ImageSet) -> None:
    with pytest.raises(DataError) as error:
        forgetting(backbone, backbone, replace(source, classes=("a", "b", "c")))
    assert str(error.value) == (
        "The images of the source have 3 classes, and small_cnn was trained on 2. Give images labeled by the classes of that "
        "network."
    )
