from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from headstart.backbones.loading import load_backbone
from headstart.training.learner import Classifier
from headstart.training.stage_maps import StageMap, watched_stages

IMAGES = torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(2))


def test_the_maps_are_what_the_stages_put_out(new_learner: Callable[[], Classifier]) -> None:
    learner = new_learner().eval()
    with watched_stages(learner) as maps:
        logits = learner(IMAGES)
    assert list(maps) == list(learner.backbone.stage_names)
    blocks = learner.backbone.module.get_submodule("blocks")
    shown = learner.backbone.normalized(IMAGES)
    for block, seen in zip(blocks, maps.values(), strict=True):
        shown = block(shown)
        torch.testing.assert_close(seen.output, shown)
    torch.testing.assert_close(learner.head(shown.mean(dim=(2, 3))), logits)


def test_the_maps_are_part_of_the_graph_to_the_logits(new_learner: Callable[[], Classifier]) -> None:
    learner = new_learner().eval()
    with watched_stages(learner) as maps:
        logits = learner(IMAGES)
    for seen in maps.values():
        (gradient,) = torch.autograd.grad(logits.sum(), seen.output, retain_graph=True)
        assert gradient.shape == seen.output.shape
        assert float(gradient.abs().sum()) > 0


def test_frozen_stages_are_not_among_them(new_learner: Callable[[], Classifier]) -> None:
    learner = new_learner().eval()
    boundary = learner.freeze_up_to("blocks.1")
    shown = boundary.prefix(torch.round(IMAGES * 255).to(torch.uint8).permute(0, 2, 3, 1))[0]
    with watched_stages(learner) as maps:
        learner(shown)
    assert list(maps) == ["penultimate"]
    assert maps["penultimate"].output.shape == (5, 128, 4, 4)


def test_nothing_is_watched_afterwards_nor_after_an_error(new_learner: Callable[[], Classifier]) -> None:
    learner = new_learner().eval()
    with pytest.raises(ZeroDivisionError), watched_stages(learner):
        raise ZeroDivisionError
    with watched_stages(learner) as maps:
        pass
    learner(IMAGES)
    assert not maps
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in learner.modules())


def test_a_network_without_a_last_map_shows_its_penultimate_features() -> None:
    backbone = load_backbone("timm/test_vit", "none")
    learner = Classifier(backbone, 3).eval()
    pixels = backbone.transform.pixels
    with watched_stages(learner) as maps:
        learner(torch.rand(2, 3, pixels, pixels))
    last = maps[backbone.stage_names[-1]]
    assert set(maps) == set(backbone.stage_names)
    assert last.by_channel().shape[:2] == (2, backbone.feature_width) or last.layout != "flat"
    assert all(seen.by_channel().ndim == 3 for seen in maps.values())


@pytest.mark.parametrize(
    ("shape", "layout", "place", "expected"),
    [
        ((2, 3, 4, 5), "channels first", (1, 2, 3, 4), (1, 2, 3 * 5 + 4)),
        ((2, 4, 5, 3), "channels last", (1, 3, 4, 2), (1, 2, 3 * 5 + 4)),
        ((2, 7, 3), "tokens", (1, 6, 2), (1, 2, 6)),
        ((2, 3), "flat", (1, 2), (1, 2, 0)),
    ],
)
def test_channels_come_second_and_places_last(shape: tuple, layout: str, place: tuple, expected: tuple) -> None:
    output = torch.zeros(shape)
    output[place] = 1.0
    seen = StageMap(output, layout).by_channel()  # type: ignore[arg-type]
    assert seen.shape[:2] == (2, 3)
    assert torch.nonzero(seen).tolist() == [list(expected)]
    gradient = torch.randn(shape)
    torch.testing.assert_close(StageMap(output, layout).by_channel(gradient).sum(), gradient.sum())  # type: ignore[arg-type]
