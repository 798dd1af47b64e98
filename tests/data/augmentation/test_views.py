from __future__ import annotations

import pytest
import torch
from torch import Tensor

from headstart.data.augmentation.views import View, ViewName, view_of


def _stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def pictures() -> Tensor:
    return torch.randint(0, 256, (5, 3, 7, 7), generator=_stream(7), dtype=torch.uint8)


def test_plain_only_scales(pictures: Tensor) -> None:
    assert torch.equal(View().apply(pictures, _stream()), pictures.float() / 255)


@pytest.mark.parametrize("pixels", [8, 224])
def test_weak_repeats_with_the_same_draws_and_stays_in_range(pictures: Tensor, pixels: int) -> None:
    view = view_of("weak", pixels)
    first, again, other = (view.apply(pictures, _stream(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.shape == pictures.shape
    assert float(first.min()) >= 0
    assert float(first.max()) <= 1


def test_flip_alone_flips_left_to_right_or_does_nothing(pictures: Tensor) -> None:
    shown = View(name="weak", flip=True).apply(pictures, _stream(3))
    plain = pictures.float() / 255
    kept = [torch.allclose(shown[row], plain[row], atol=1e-5) for row in range(5)]
    mirrored = [torch.allclose(shown[row], plain[row].flip(-1), atol=1e-5) for row in range(5)]
    assert all(left != right for left, right in zip(kept, mirrored, strict=True))
    assert any(kept)
    assert any(mirrored)


def test_without_flip_a_picture_is_never_flipped() -> None:
    ramp = torch.linspace(0, 1, 16).expand(64, 1, 16, 16)
    shown = view_of("weak", 16).apply(ramp, _stream())
    assert bool((shown[..., -1].mean(-1) > shown[..., 0].mean(-1)).all())


def test_a_quarter_turn_agrees_with_rot90() -> None:
    square = torch.rand(1, 2, 5, 5, generator=_stream())
    view = View(name="weak", turn_degrees=90.0)
    seen = [view.apply(square, _stream(seed)) for seed in range(40)]
    nearest = min(float((shown - square.rot90(k, (2, 3))).abs().max()) for shown in seen for k in (1, 3))
    assert nearest < 0.2


def test_crops_keep_at_least_the_named_share_of_the_area() -> None:
    columns = torch.linspace(0, 1, 101).expand(200, 1, 101, 101)
    shown = View(name="weak", crop=0.5).apply(columns, _stream())
    widths = shown[:, 0, 50, -1] - shown[:, 0, 50, 0]
    assert float(widths.min()) >= 0.5**0.5 - 0.02
    assert float(widths.min()) < 0.75
    assert float(widths.max()) <= 1.0


def test_gray_pictures_stay_gray_in_three_channels(pictures: Tensor) -> None:
    gray = pictures[:, :1].expand(-1, 3, -1, -1)
    shown = view_of("weak", 64, flip=True).apply(gray, _stream())
    assert torch.equal(shown[:, 0], shown[:, 2])


def test_small_pictures_are_cropped_less_and_turned() -> None:
    assert str(view_of("weak", 32)) == "weak(crop=0.7, shift=0.05, turn=10, flip=false)"
    assert str(view_of("weak", 33, flip=True)) == "weak(crop=0.5, shift=0.02, flip=true)"
    assert str(view_of("plain", 8)) == "plain"
    assert len({view_of("weak", 8), view_of("weak", 8), view_of("weak", 64)}) == 2


@pytest.mark.parametrize("name", ["strong", "rand", "trivial"])
@pytest.mark.parametrize("pixels", [8, 224])
def test_random_operations_repeat_with_the_same_draws_stay_in_range_and_keep_gray(
    pictures: Tensor, name: ViewName, pixels: int
) -> None:
    gray = pictures[:, :1].expand(-1, 3, -1, -1)
    view = view_of(name, pixels)
    first, again, other = (view.apply(gray, _stream(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(first[:, 0], first[:, 2])
    assert 0 <= float(first.min()) <= float(first.max()) <= 1
    assert gray.dtype == torch.uint8


@pytest.mark.parametrize("name", ["strong", "rand", "trivial"])
def test_operations_go_on_from_the_weak_view(pictures: Tensor, name: ViewName) -> None:
    pictures = pictures.repeat(20, 1, 1, 1)
    weak, more = view_of("weak", 8).apply(pictures, _stream()), view_of(name, 8).apply(pictures, _stream())
    same = (weak - more).abs().amax((1, 2, 3)) < 1e-4
    assert same.any() == (name == "trivial")  # one operation of thirteen, none, and no cutout
    assert not same.all()


def test_only_views_with_warps_turn_and_shear() -> None:
    ramp = torch.linspace(0, 1, 33).expand(400, 3, 33, 33)
    strong = view_of("strong", 33).model_copy(update={"cutout": 0.0})
    views = {"strong": strong, "rand": view_of("rand", 33), "trivial": view_of("trivial", 33)}
    tilted = {
        name: (view.apply(ramp, _stream(4))[:, 0].diff(dim=1).abs().amax((1, 2)) > 1e-4).float().mean()
        for name, view in views.items()
    }
    # Of thirteen outcomes, one shear and the turn tilt the columns.
    assert tilted["strong"] == 0
    assert float(tilted["rand"]) == pytest.approx(1 - (11 / 13) ** 2, abs=0.08)
    assert float(tilted["trivial"]) == pytest.approx(2 / 13, abs=0.06)


def test_views_with_operations_say_so() -> None:
    assert str(view_of("strong", 33)) == "strong(crop=0.5, shift=0.02, flip=false, 2 colors, cutout=0.5)"
    assert str(view_of("rand", 8)) == "rand(crop=0.7, shift=0.05, turn=10, flip=false, 2 warps or colors)"
    assert str(view_of("trivial", 33, flip=True)) == "trivial(crop=0.5, shift=0.02, flip=true, 1 warps or colors)"
    assert len({view_of(name, 33) for name in ("strong", "rand", "trivial", "strong")}) == 3
    assert not View(name="strong", num_operations=1).is_plain
    assert not View(name="strong", cutout=0.1).is_plain
