from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from headstart.training import convolutions
from headstart.training.convolutions import FastConvolutions


def _gradients(inputs: Tensor, conv: nn.Module) -> list[Tensor]:
    conv.zero_grad()
    given = inputs.clone().requires_grad_()
    outputs = conv(given)
    outputs.float().square().sum().backward()
    return [outputs.detach(), given.grad, *(weight.grad.clone() for weight in conv.parameters())]


@pytest.fixture
def pieces(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The first column of each piece that a weight's gradient is taken in."""
    met: list[int] = []
    whole = convolutions._of_columns

    def noted(ctx: object, gradient: Tensor, start: int) -> Tensor:
        met.append(start)
        return whole(ctx, gradient, start)

    monkeypatch.setattr(convolutions, "_of_columns", noted)
    monkeypatch.setattr(convolutions, "_on_x86", lambda: True)
    return met


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "starts"),
    [
        (5, 1, 2, [0, 3]),
        (5, 2, 2, [0, 3]),
        (7, 1, 3, [0, 3, 6]),
        ((3, 5), (1, 2), (1, 0), [0, 3]),
        (4, 3, 1, [0, 3]),
        (3, 1, 1, []),
    ],
)
@pytest.mark.parametrize("sides", [(11, 13), (5, 6)])
def test_wide_depthwise_gradients_are_the_same_in_pieces(
    kernel: object, stride: object, padding: object, starts: list[int], sides: tuple[int, int], pieces: list[int]
) -> None:
    _compare(nn.Conv2d(7, 7, kernel, stride, padding, groups=7), sides)  # type: ignore[arg-type]
    assert pieces == starts


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(7, 1, 3), (7, 2, 3), (9, 1, 4), (5, 9, 4), (5, 1, 6)])
@pytest.mark.parametrize("sides", [(1, 1), (2, 1), (1, 2), (3, 2)])
def test_gradients_of_maps_that_are_narrower_than_the_kernel(
    kernel: int, stride: int, padding: int, sides: tuple[int, int], pieces: list[int]
) -> None:
    _compare(nn.Conv2d(7, 7, kernel, stride, padding, groups=7), sides)
    assert pieces


def _compare(conv: nn.Conv2d, sides: tuple[int, int]) -> None:
    """Gradients in pieces and in one piece are equal, with float64 inputs of these sides."""
    torch.manual_seed(1)
    conv = conv.double()
    inputs = torch.randn(3, 7, *sides, dtype=torch.float64)
    expected = _gradients(inputs, conv)
    with FastConvolutions():
        found = _gradients(inputs, conv)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize(("kernel", "stride"), [(5, 1), (3, 2), (5, 2)])
def test_bf16_gradients_are_rounded_alone(kernel: int, stride: int, pieces: list[int]) -> None:
    torch.manual_seed(1)
    conv = nn.Conv2d(7, 7, kernel, stride, kernel // 2, groups=7, bias=False)
    inputs = torch.randn(3, 7, 11, 13)
    expected = _gradients(inputs, conv)
    with FastConvolutions(), torch.autocast("cpu", torch.bfloat16):
        found = _gradients(inputs, conv)
    assert pieces
    assert found[0].dtype == torch.bfloat16
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.float(), other, rtol=0.03, atol=0.03 * float(other.abs().max()))


@pytest.mark.parametrize(
    "options", [{"groups": 1}, {"groups": 8, "dilation": 2}, {"groups": 8, "padding": "same"}, {"groups": 4}]
)
def test_other_convolutions_run_as_always(options: dict[str, object], pieces: list[int]) -> None:
    conv = nn.Conv2d(8, 8, 5, **options)  # type: ignore[arg-type]
    inputs = torch.randn(2, 8, 11, 11)
    expected = _gradients(inputs, conv)
    with FastConvolutions():
        found = _gradients(inputs, conv)
    assert pieces == []
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


def test_elsewhere_than_on_x86_nothing_changes(pieces: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convolutions, "_on_x86", lambda: False)
    conv = nn.Conv2d(7, 7, 5, groups=7)
    with FastConvolutions():
        _gradients(torch.randn(2, 7, 9, 9), conv)
    assert pieces == []


def test_second_derivatives_exist(pieces: list[int]) -> None:
    weight = torch.randn(3, 1, 5, 5, dtype=torch.float64, requires_grad=True)
    inputs = torch.randn(2, 3, 6, 6, dtype=torch.float64)
    with FastConvolutions():
        assert torch.autograd.gradgradcheck(lambda kernel: functional.conv2d(inputs, kernel, padding=2, groups=3) ** 2, weight)
    assert pieces
