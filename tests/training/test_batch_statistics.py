from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from headstart.backbones.backbone import Backbone
from headstart.backbones.loading import load_backbone
from headstart.core.errors import DataError, PlanError
from headstart.core.types import UNLABELED
from headstart.data.images import Embeddings, ImageSet
from headstart.features.extract import features_of
from headstart.training import batch_statistics
from headstart.training.batch_statistics import norms_of, with_statistics_of
from headstart.training.pictures import decoded


@pytest.fixture
def backbone() -> Backbone:
    return load_backbone("small_cnn", "none", 8, seed=1)


def first_inputs(backbone: Backbone, images: ImageSet) -> np.ndarray:
    """What the first normalization is given of all pictures, [channel, value]."""
    block = backbone.module.get_submodule("blocks.0")
    pixels = torch.from_numpy(decoded(images, backbone.transform)).permute(0, 3, 1, 2)
    with torch.no_grad():
        shown = block.pool(block.convolution(backbone.normalized(pixels)))
    return shown.transpose(0, 1).flatten(1).double().numpy()


@pytest.mark.parametrize("batch_rows", [64, 11])
def test_the_first_layer_s_are_those_of_all_pictures_in_whatever_batches(
    batch_rows: int, backbone: Backbone, pictures: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_statistics, "BATCH_ROWS", batch_rows)
    norm = norms_of(with_statistics_of(backbone, pictures, 0))[0]
    values = first_inputs(backbone, pictures)
    np.testing.assert_allclose(norm.running_mean, values.mean(axis=1), atol=1e-5)
    np.testing.assert_allclose(norm.running_var, values.var(axis=1), rtol=1e-4)


def test_in_one_batch_every_layer_puts_out_what_it_does_under_the_batch_s_own_statistics(
    backbone: Backbone, pictures: ImageSet
) -> None:
    adapted = with_statistics_of(backbone, pictures, 0)
    pixels = torch.from_numpy(decoded(pictures, backbone.transform)).permute(0, 3, 1, 2)
    with torch.no_grad():
        expected = backbone.copy().train()(pixels)
        np.testing.assert_allclose(adapted(pixels), expected, atol=1e-3)


def test_they_are_blended_with_what_was_there(backbone: Backbone, pictures: ImageSet) -> None:
    whole, part = norms_of(with_statistics_of(backbone, pictures, 0)), norms_of(with_statistics_of(backbone, pictures, 62))
    for before, own, blended in zip(norms_of(backbone), whole, part, strict=True):
        torch.testing.assert_close(blended.running_mean, before.running_mean.lerp(own.running_mean, 1 / 3))
        torch.testing.assert_close(blended.running_var, before.running_var.lerp(own.running_var, 1 / 3))


def test_the_backbone_itself_and_all_weights_stay_and_features_are_read_anew(backbone: Backbone, pictures: ImageSet) -> None:
    before = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    mode, own = backbone.training, backbone.weights_hash
    adapted = with_statistics_of(backbone, pictures)
    assert all(torch.equal(tensor, before[name]) for name, tensor in backbone.state_dict().items())
    assert (backbone.training, backbone.weights_hash) == (mode, own)
    pairs = zip(backbone.parameters(), adapted.parameters(), strict=True)
    assert all(torch.equal(first, second) for first, second in pairs)
    assert adapted.weights_hash != own
    assert not adapted.training
    assert not np.allclose(features_of(pictures, adapted).penultimate, features_of(pictures, backbone).penultimate)


def test_labels_are_not_read_and_the_order_of_rows_hardly_matters(backbone: Backbone, pictures: ImageSet) -> None:
    sealed = replace(pictures, hidden_labels=np.full(31, UNLABELED), sealed=True)
    first, second = (
        norms_of(with_statistics_of(backbone, images))[0] for images in (pictures, sealed.take(np.arange(30, -1, -1)))
    )
    torch.testing.assert_close(first.running_mean, second.running_mean)


def test_nothing_is_dropped_at_random_meanwhile(backbone: Backbone, pictures: ImageSet) -> None:
    expected = with_statistics_of(backbone, pictures, 0).weights_hash
    for block in backbone.module.get_submodule("blocks"):
        block.pool = nn.Sequential(block.pool, nn.Dropout(0.5))
    assert with_statistics_of(backbone, pictures, 0).weights_hash == expected


def test_one_picture_or_vectors_have_no_statistics(backbone: Backbone, pictures: ImageSet) -> None:
    with pytest.raises(DataError) as caught:
        with_statistics_of(backbone, pictures.take([3]))
    assert str(caught.value) == (
        "Statistics inside a network are taken of two pictures or more, and 1 was given. Give more pictures."
    )
    vectors = replace(pictures, images=Embeddings(np.zeros((31, 4), np.float32), "made", np.arange(31)))
    with pytest.raises(DataError, match="two pictures or more, and feature vectors were given"):
        with_statistics_of(backbone, vectors)


def test_a_network_without_batch_normalization_is_refused(backbone: Backbone, pictures: ImageSet) -> None:
    for block in backbone.module.get_submodule("blocks"):
        block.norm = nn.Identity()
    with pytest.raises(PlanError) as caught:
        with_statistics_of(backbone, pictures)
    assert str(caught.value) == (
        f"{backbone.card.name} has no batch normalization whose statistics could follow other pictures. Leave it."
    )
