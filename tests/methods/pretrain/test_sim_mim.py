from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from headstart.backbones.backbone import Backbone
from headstart.backbones.loading import load_backbone
from headstart.core.errors import PlanError
from headstart.data.task import Task
from headstart.methods.pretrain.sim_mim import Decoder, SimMim, hidden_patches
from headstart.training.batches import Batch, Batches
from headstart.training.embedder import Embedder
from headstart.training.loop import train
from headstart.training.settings import Training

TRAINING = Training(epochs=30, batch_size=23, lr=3e-3, ema=0.0, seed=5)


def batch_of(method: SimMim, few: Task, learner: Embedder) -> dict[str, Batch]:
    (stream,) = method.streams(few).values()
    return {"pool": Batches("pool", stream, learner.transform(), TRAINING).at(0, torch.device("cpu"))}


@pytest.mark.parametrize(
    ("share", "patches", "side", "count"), [(0.6, 6, 30, 22), (0.5, 2, 8, 2), (0.01, 3, 9, 1), (0.99, 3, 9, 9)]
)
def test_every_picture_hides_the_same_number_of_whole_patches(share: float, patches: int, side: int, count: int) -> None:
    torch.manual_seed(3)
    hidden = hidden_patches(5, patches, share, side)
    assert hidden.shape == (5, 1, side, side)
    tiles = hidden.view(5, patches, side // patches, patches, side // patches).transpose(2, 3).flatten(3).float().mean(dim=3)
    assert set(tiles.unique().tolist()) <= {0.0, 1.0}
    assert tiles.sum(dim=(1, 2)).tolist() == [count] * 5
    if 0.1 < share < 0.9:
        assert len({tuple(picture.flatten().tolist()) for picture in tiles}) > 1


def test_patches_that_do_not_divide_the_side_cover_it(few: Task) -> None:
    hidden = hidden_patches(7, 6, 0.6, 28)
    shares = hidden.float().mean(dim=(1, 2, 3))
    assert 0.5 < float(shares.min()) <= float(shares.max()) < 0.7


def test_hidden_pixels_do_not_reach_the_network(few: Task, backbone: Backbone) -> None:
    method = SimMim(patches=4)
    learner = method._built(few, backbone, TRAINING).eval()
    batch = batch_of(method, few, learner)
    torch.manual_seed(3)
    hidden = hidden_patches(23, 4, 0.6, 8)
    seen: list[torch.Tensor] = []
    learner.backbone.module.register_forward_pre_hook(lambda _, args: seen.append(args[0].detach().clone()))
    with torch.no_grad():
        learner.extra.token.copy_(torch.tensor([5.0, 6.0, 7.0]).view(1, 3, 1, 1))
    torch.manual_seed(3)
    method.losses(learner, batch, 0.0)
    pictures = learner.backbone.normalized(batch["pool"].images)
    assert torch.equal(seen[0][:, 1][hidden[:, 0]], torch.full((int(hidden.sum()),), 6.0))
    assert torch.equal(torch.where(hidden, 0.0, seen[0]), torch.where(hidden, 0.0, pictures))


@pytest.mark.slow
def test_it_learns_to_fill_in_what_is_hidden(few: Task, backbone: Backbone) -> None:
    method = SimMim(patches=4, crop=1.0)
    learner = method._built(few, backbone, TRAINING)
    batch = batch_of(method, few, learner)
    pictures = learner.backbone.normalized(batch["pool"].images)

    def distance(of: Embedder) -> float:
        torch.manual_seed(11)
        with torch.no_grad():
            return float(method.losses(of, batch, 0.0)["masked_distance"])

    before = distance(learner.eval())
    after = distance(train(learner, method.streams(few), method.losses, TRAINING))
    by_one_gray = float((pictures - pictures.median()).abs().mean())
    assert after < 0.8 * before
    assert after < 0.9 * by_one_gray


def test_the_decoder_puts_each_place_above_its_pixels() -> None:
    decoder = Decoder(3, 2, 8, 1)
    assert decoder.scale == 4
    with torch.no_grad():
        decoder.layer.weight.zero_()
        decoder.layer.weight[:, 0] = 1.0
        decoder.layer.bias.zero_()
        pixels = decoder(torch.tensor([[1.0, 2.0], [3.0, 4.0]]).expand(1, 3, 2, 2))
    expected = np.kron([[1.0, 2.0], [3.0, 4.0]], np.ones((4, 4)))
    np.testing.assert_allclose(pixels[0, 0].numpy(), expected)


@pytest.mark.parametrize(("map_side", "side"), [(3, 28), (7, 224), (5, 8)])
def test_the_decoder_meets_the_picture_s_side(map_side: int, side: int) -> None:
    decoder = Decoder(5, map_side, side, 3)
    assert decoder.scale == math.ceil(side / map_side)
    assert decoder(torch.zeros(2, 5, map_side, map_side)).shape == (2, 3, side, side)


@pytest.mark.slow  # to import timm
def test_a_network_without_a_map_is_refused(few: Task) -> None:
    transformer = load_backbone("timm/test_vit", "none", seed=1)
    with pytest.raises(PlanError) as caught:
        SimMim().fit(few, transformer, TRAINING)
    assert str(caught.value) == "timm/test_vit ends in no map of places. Choose a convolutional network, or sim_clr."
