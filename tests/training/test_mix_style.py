from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from headstart.training.learner import Classifier
from headstart.training.mix_style import mixing_styles, styles_mixed

MAPS = torch.randn(5, 3, 4, 7, generator=torch.Generator().manual_seed(1)) * 2 + 3
PARTNERS = torch.tensor([3, 0, 2, 4, 1])


def style(maps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return maps.mean(dim=(2, 3)), maps.std(dim=(2, 3))


def test_a_row_that_keeps_all_of_its_style_stays() -> None:
    torch.testing.assert_close(styles_mixed(MAPS, PARTNERS, torch.ones(5)), MAPS, rtol=1e-4, atol=1e-4)


def test_a_row_that_keeps_none_looks_like_its_partner_and_shows_what_it_showed() -> None:
    mixed = styles_mixed(MAPS, PARTNERS, torch.zeros(5))
    for found, expected in zip(style(mixed), style(MAPS[PARTNERS]), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    for row in range(5):
        both = torch.stack([mixed[row, 1].flatten(), MAPS[row, 1].flatten()])
        assert float(torch.corrcoef(both)[0, 1]) == pytest.approx(1, abs=1e-5)


def test_styles_are_blended_in_their_proportion() -> None:
    shares = torch.tensor([0.1, 0.25, 0.5, 0.75, 0.9])
    for found, own in zip(style(styles_mixed(MAPS, PARTNERS, shares)), style(MAPS), strict=True):
        expected = shares[:, None] * own + (1 - shares[:, None]) * own[PARTNERS]
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("layout", ["channels last", "tokens"])
def test_channels_may_come_last(layout: str) -> None:
    shares = torch.rand(5, generator=torch.Generator().manual_seed(2))
    last = MAPS.permute(0, 2, 3, 1) if layout == "channels last" else MAPS.flatten(2).permute(0, 2, 1)
    first = MAPS if layout == "channels last" else MAPS.flatten(2)
    back = (0, 3, 1, 2) if layout == "channels last" else (0, 2, 1)
    mixed = styles_mixed(last, PARTNERS, shares, layout)  # type: ignore[arg-type]
    torch.testing.assert_close(mixed.permute(back), styles_mixed(first, PARTNERS, shares))


def test_gradients_reach_what_is_shown_and_not_the_styles() -> None:
    maps = MAPS.clone().requires_grad_()
    styles_mixed(maps, PARTNERS, torch.zeros(5)).sum().backward()
    _, std = style(MAPS)
    expected = (std[PARTNERS] / std)[:, :, None, None].expand_as(MAPS)
    torch.testing.assert_close(maps.grad, expected, rtol=1e-2, atol=1e-3)


def test_a_learner_mixes_meanwhile_alone(new_learner: Callable[[], Classifier]) -> None:
    learner, images = new_learner().eval(), torch.rand(5, 3, 8, 8)
    with torch.no_grad():
        before = learner(images)
        torch.manual_seed(1)
        with mixing_styles(learner, 1.0, 0.5):
            mixed = learner(images)
        assert not torch.allclose(mixed, before)
        assert torch.equal(learner(images), before)
        with mixing_styles(learner, 0.0, 0.5):
            assert torch.equal(learner(images), before)


def test_a_cut_behind_all_mixed_stages_is_an_error(
    new_learner: Callable[[], Classifier], monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = new_learner()
    learner.freeze_up_to("blocks.1")
    monkeypatch.setattr("headstart.training.mix_style.mixed_stages", lambda backbone: ("blocks.0",))
    with (
        pytest.raises(AssertionError, match="the cut lies behind every stage where styles are mixed"),
        mixing_styles(learner, 1, 1),
    ):
        pass


def test_behind_a_cut_styles_are_mixed_of_what_is_fed(new_learner: Callable[[], Classifier]) -> None:
    learner = new_learner().eval()
    boundary = learner.freeze_up_to("blocks.1")
    fed = torch.rand(5, *boundary.shape)
    with torch.no_grad():
        torch.manual_seed(1)
        with mixing_styles(learner, 1.0, 0.5):
            found = learner(fed)
        torch.manual_seed(1)
        torch.rand(())
        partners = torch.randperm(5)
        shares = torch.distributions.Beta(0.5, 0.5).sample((5,))
        torch.testing.assert_close(found, learner(styles_mixed(fed, partners, shares)))
