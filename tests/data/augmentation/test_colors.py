from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps
from torch import Tensor

from headstart.data.augmentation import colors
from headstart.data.augmentation.colors import COLORS, cut_out, recolored

STRENGTHS = torch.tensor([-0.7, 0.37, 0.9])


@pytest.fixture
def pictures() -> Tensor:
    return torch.randint(30, 200, (3, 3, 7, 11), generator=torch.Generator().manual_seed(5)).float() / 255


def _in_pillow(pictures: Tensor, change: Callable[[Image.Image, float], Image.Image]) -> np.ndarray:
    arrays = (pictures * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    changed = [change(Image.fromarray(array), float(s)) for array, s in zip(arrays, STRENGTHS, strict=True)]
    return np.stack([np.asarray(picture) for picture in changed]).transpose(0, 3, 1, 2)


@pytest.mark.parametrize(
    ("name", "enhance"),
    [
        ("brightness", ImageEnhance.Brightness),
        ("contrast", ImageEnhance.Contrast),
        ("saturation", ImageEnhance.Color),
        ("sharpness", ImageEnhance.Sharpness),
    ],
)
def test_a_factor_does_what_pillow_does(pictures: Tensor, name: str, enhance: type[ImageEnhance.Brightness]) -> None:
    got = getattr(colors, name)(pictures, STRENGTHS.view(-1, 1, 1, 1)) * 255
    expected = _in_pillow(pictures, lambda picture, strength: enhance(picture).enhance(1 + 0.9 * strength))
    inner = (slice(None), slice(None), slice(1, -1), slice(1, -1))  # Pillow does not smooth the border
    np.testing.assert_allclose(got.numpy()[inner], expected[inner], atol=2.1)


def test_solarize_inverts_what_is_brighter_than_pillow_s_threshold(pictures: Tensor) -> None:
    got = colors.solarize(pictures, STRENGTHS.view(-1, 1, 1, 1)) * 255
    expected = _in_pillow(pictures, lambda picture, strength: ImageOps.solarize(picture, 255 * (1 - abs(strength))))
    np.testing.assert_allclose(got.numpy(), expected, atol=0.01)


def test_posterize_leaves_sixteen_levels_at_most_strength_and_hardly_acts_at_none() -> None:
    ramp = torch.linspace(0, 0.999, 1000).view(1, 1, 25, 40).repeat(2, 1, 1, 1)
    got = colors.posterize(ramp, torch.tensor([-1.0, 0.0]).view(-1, 1, 1, 1))
    np.testing.assert_allclose(got[0].unique().numpy(), np.arange(16) / 16, atol=1e-6)
    assert float((got[1] - ramp[1]).abs().max()) <= 1 / 256 + 1e-6


def test_stretch_reaches_both_ends_and_leaves_constant_pictures() -> None:
    pictures = torch.tensor([[0.2, 0.3, 0.6], [0.4, 0.4, 0.4]]).view(2, 1, 1, 3)
    got = colors.stretch(pictures, torch.zeros(2, 1, 1, 1))
    np.testing.assert_allclose(got.view(2, 3).numpy(), [[0, 0.25, 1], [0.4, 0.4, 0.4]], atol=1e-6)


@pytest.mark.parametrize("change", COLORS, ids=lambda change: change.__name__)
@pytest.mark.parametrize("strength", [-1.0, -0.3, 0.0, 0.6, 1.0])
def test_values_stay_in_range_and_gray_stays_gray(change: Callable[[Tensor, Tensor], Tensor], strength: float) -> None:
    gray = torch.rand(5, 1, 6, 9, generator=torch.Generator().manual_seed(1)).expand(-1, 3, -1, -1)
    got = change(gray, torch.full((5, 1, 1, 1), strength))
    assert torch.equal(got[:, 0], got[:, 1])
    assert torch.equal(got[:, 0], got[:, 2])
    assert float(got.min()) >= 0
    assert float(got.max()) <= 1


def test_every_picture_gets_its_own_change_and_one_without_stays(pictures: Tensor) -> None:
    chosen = torch.tensor([5, len(COLORS), 0])
    got = recolored(pictures.clone(), chosen, STRENGTHS)
    assert torch.equal(got[0], colors.solarize(pictures[:1], STRENGTHS[:1].view(-1, 1, 1, 1))[0])
    assert torch.equal(got[1], pictures[1])
    assert torch.equal(got[2], colors.brightness(pictures[2:], STRENGTHS[2:].view(-1, 1, 1, 1))[0])


def test_cutout_hides_a_square_of_the_given_place_and_size() -> None:
    pictures = torch.zeros(2, 3, 10, 20)
    got = cut_out(pictures, torch.tensor([[0.5, 0.25], [0.0, 1.0]]), torch.tensor([0.4, 0.2]))
    expected = torch.zeros(2, 3, 10, 20)
    expected[0, :, 3:7, 1:9] = 0.5
    expected[1, :, :1, 18:] = 0.5
    assert torch.equal(got, expected)
