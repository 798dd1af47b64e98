"""Convolutions in training on a processor: the gradients of depthwise ones, computed as the processor is fast at."""

from __future__ import annotations

import platform
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

WIDEST_FAST = 3
"""Columns of a depthwise kernel up to which oneDNN has a fast gradient of the weights on x86. For 672 channels of side 14 and 32
rows, 5 x 5 takes 16.9 ms, and 5 x 3 and 5 x 2 one after the other 7.3 ms (`python -m benchmarks.convolutions`)."""


class FastConvolutions(TorchFunctionMode):
    """Lets depthwise convolutions inside the block have gradients that are computed fast; those differ by rounding alone.

    Kernels wider than three columns get the gradient of their weights in pieces. Under autocast to bf16, the gradient of the
    inputs of a convolution with a stride is computed in float32, for which there is a kernel.
    """

    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        if func is torch.conv2d:
            return _convolution(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def _convolution(
    input: Tensor,  # noqa: A002
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """`torch.conv2d`, whose arguments these are."""
    if _is_depthwise(input, weight, groups) and _on_x86() and not isinstance(padding, str) and _pair(dilation) == (1, 1):
        half = torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16
        if weight.shape[3] > WIDEST_FAST or (half and _pair(stride) != (1, 1)):
            given = [each if each is None or not half else each.bfloat16() for each in (input, weight, bias)]
            made: Tensor = _Depthwise.apply(*given, _pair(stride), _pair(padding))  # type: ignore[no-untyped-call]
            return made
    return torch.conv2d(input, weight, bias, stride, padding, dilation, groups)


def _is_depthwise(images: Tensor, weight: Tensor, groups: int) -> bool:
    one_each = groups == weight.shape[0] and weight.shape[1] == 1
    return one_each and weight.requires_grad and images.device.type == "cpu"


def _on_x86() -> bool:
    return platform.machine().lower() in ("x86_64", "amd64")


def _pair(given: Any) -> tuple[int, int]:
    first, last = (given, given) if isinstance(given, int) else (*given, *given)[:2]
    return int(first), int(last)


class _Depthwise(torch.autograd.Function):
    """A depthwise convolution with the gradient of its weights taken three columns at a time.

    Each weight's gradient is a sum over the same products as in one piece, so that only the order of additions differs.
    """

    @staticmethod
    def forward(images: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any) -> Tensor:
        """What `torch.conv2d` gives."""
        return torch.conv2d(images, weight, bias, stride, padding, 1, len(weight))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Keep what `backward` needs."""
        images, weight, bias, ctx.stride, ctx.padding = inputs
        ctx.has_bias = bias is not None
        ctx.save_for_backward(images, weight)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
        """The gradients of images, weight and bias; None for stride and padding."""
        images, weight = ctx.saved_tensors
        to_images = of_bias = None
        if ctx.needs_input_grad[0]:
            slow = ctx.stride != (1, 1) and images.dtype == torch.bfloat16  # oneDNN takes fifty times as long for it
            slopes, read, kernel = (each.float() if slow else each for each in (gradient, images, weight))
            to_images = _backward(slopes, read, kernel, ctx.stride, ctx.padding, (True, False, False))[0].to(images.dtype)
        if ctx.has_bias and ctx.needs_input_grad[2]:
            of_bias = gradient.sum(dim=(0, 2, 3))
        of_weight = torch.cat([_of_columns(ctx, gradient, start) for start in range(0, weight.shape[3], WIDEST_FAST)], dim=3)
        return to_images, of_weight, of_bias, None, None


def _of_columns(ctx: Any, gradient: Tensor, start: int) -> Tensor:
    """The gradient of the next columns of the weight."""
    images, weight = ctx.saved_tensors
    columns = weight[..., start : start + WIDEST_FAST]
    width = ctx.stride[1] * (gradient.shape[3] - 1) + columns.shape[3]
    begin = start - ctx.padding[1]  # of what these columns read, in the images, which may be narrower than what is left out
    read = images[..., max(begin, 0) : max(begin + width, 0)]
    left = min(max(-begin, 0), width)
    read = functional.pad(read, (left, width - read.shape[3] - left))
    found: Tensor = _backward(gradient, read, columns, ctx.stride, (ctx.padding[0], 0), (False, True, False))[1]
    return found


def _backward(gradient: Tensor, images: Tensor, weight: Tensor, stride: Any, padding: Any, wanted: Any) -> Any:
    return torch.ops.aten.convolution_backward(
        gradient, images, weight, None, stride, padding, (1, 1), False, (0, 0), len(weight), wanted
    )
