"""Whole batch: a network that runs on a shard of the rows, with those of its operations that depend on the whole batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from headstart.backbones.row_shards import Section, inside, section_of
from headstart.core.errors import PlanError

DROPOUTS = {functional.dropout, functional.dropout1d, functional.dropout2d, functional.dropout3d}


def on_own_rows(run: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
    """What `run` gives for all rows; it is called with the rows of the own shard where rows are divided.

    `run` makes one output of each row, [batch, ...]. What it calls may call this again, which then changes nothing.
    """
    section = section_of(len(inputs))
    if section is None:
        return run(inputs)
    with inside(section), WholeBatchOperations(section):
        made = run(section.own(inputs))
    return section.whole(made)


class WholeBatchOperations(TorchFunctionMode):
    """Lets batch normalization use the statistics of the whole batch, and dropout draw for it, as in one process.

    PyTorch's `SyncBatchNorm` does the first on GPUs alone, and as a module that takes the place of others. Functions are replaced
    here, so that networks, their checkpoints and whatever looks for batch normalization stay as they are. Random draws that are
    made for rows in other ways than `dropout`, `bernoulli_` and `rand` are those of the shard.

    Args:
        section: The forward pass.
    """

    def __init__(self, section: Section) -> None:
        super().__init__()
        self.section = section

    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        named = kwargs or {}
        if func is functional.batch_norm:
            return self._normalized(*args, **named)
        if func in DROPOUTS:
            return self._dropped(func, *args, **named)
        if func is torch.Tensor.bernoulli_ and self._is_drawn_for_rows(args[0].shape):
            drawn = func(args[0].new_empty(self._whole_shape(args[0].shape)), *args[1:], **named)
            return args[0].copy_(self.section.own(drawn))
        if func is torch.rand and self._is_drawn_for_rows(shape := _shape_of(args)):
            return self.section.own(func(self._whole_shape(shape), **named))
        return func(*args, **named)

    def _is_drawn_for_rows(self, shape: tuple[int, ...]) -> bool:
        """Whether random numbers of that shape are drawn for each row apart."""
        return len(shape) > 1 and shape[0] == self.section.run_rows

    def _whole_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (shape[0] // self.section.run_rows * self.section.num_rows, *shape[1:])

    def _dropped(self, func: Any, input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:  # noqa: A002
        """`torch.nn.functional.dropout` and its like, whose arguments these are."""
        if not training or p == 0:
            return input
        axis = next((axis for axis, size in enumerate(input.shape[:2]) if size % self.section.run_rows == 0), None)
        if axis is None:  # of a tensor without rows, such as a position embedding, every process draws the same
            return func(input, p, True, inplace)  # type: ignore[no-any-return]
        by_row = input.transpose(0, axis)  # axis 1 is that of rows in [sequence, batch, ...]
        ones = input.new_ones(self._whole_shape(tuple(by_row.shape))).transpose(0, axis).contiguous()
        if input.ndim == 4 and input.is_contiguous(memory_format=torch.channels_last):
            ones = ones.contiguous(memory_format=torch.channels_last)
        factors = self.section.own(func(ones, p, True).transpose(0, axis)).transpose(0, axis)
        return input.mul_(factors) if inplace else input * factors

    def _normalized(
        self,
        input: Tensor,  # noqa: A002
        running_mean: Tensor | None,
        running_var: Tensor | None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor:
        """`torch.nn.functional.batch_norm`, whose arguments these are; standardized weights are no batch and stay as they are."""
        if not training or (running_mean is None and momentum == 0):
            return functional.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
        normalized, mean, variance, number = _Normalized.apply(input, weight, bias, eps, self.section)  # type: ignore[no-untyped-call]
        if running_mean is not None and running_var is not None:
            unbiased = variance * (number / (number - 1).clamp_min(1))
            with torch.no_grad():
                running_mean.lerp_(mean.to(running_mean.dtype), momentum)
                running_var.lerp_(unbiased.to(running_var.dtype), momentum)
        return normalized  # type: ignore[no-any-return]


def _shape_of(args: tuple[Any, ...]) -> tuple[int, ...]:
    """The shape that a factory of tensors was asked for."""
    return tuple(args[0]) if args and isinstance(args[0], tuple | list) else tuple(size for size in args if isinstance(size, int))


class _Normalized(torch.autograd.Function):
    """Batch normalization of the rows of a shard by mean and variance of all shards.

    The gradients of weight and bias are those of the own rows; their sum over the shards is taken with that of all weights.
    """

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float, section: Section) -> Any:
        """The normalized rows, and mean, biased variance and number of the values of the whole batch, by channel."""
        mean, variance, number = _moments(inputs[: _num_own(inputs, section)], section)
        ctx.save_for_backward(inputs, weight, mean, variance, number)
        ctx.eps, ctx.section, ctx.has_bias = eps, section, bias is not None
        normalized = functional.batch_norm(inputs, mean, variance, weight, bias, False, 0.0, eps)
        ctx.mark_non_differentiable(mean, variance, number)
        return normalized, mean, variance, number

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
        """The gradients of the rows that were run, of weight and of bias.

        Reference: Ioffe & Szegedy, "Batch Normalization", ICML 2015, section 3, with sums over the whole batch.
        """
        inputs, weight, mean, variance, number = ctx.saved_tensors
        section: Section = ctx.section
        scale = torch.ones_like(mean) if weight is None else weight.to(mean.dtype)
        by_fixed, to_weight, to_bias = torch.ops.aten.native_batch_norm_backward(
            gradient, inputs, scale, mean, variance, mean, variance, False, ctx.eps, [True, True, True]
        )
        sums = section.shards.total(torch.stack([to_bias, to_weight]).double()) / number
        inverse = (variance.double() + ctx.eps).rsqrt()
        slope = scale.double() * inverse.square() * sums[1]
        constant = scale.double() * inverse * sums[0] - slope * mean.double()
        shape = (1, -1, *[1] * (inputs.ndim - 2))
        found = by_fixed - torch.addcmul(constant.to(mean.dtype).view(shape), inputs, slope.to(mean.dtype).view(shape))
        found[_num_own(inputs, section) :] = 0  # a row that stands in for none is no row of the batch
        return found.to(inputs.dtype), None if weight is None else to_weight, to_bias if ctx.has_bias else None, None, None


def _num_own(inputs: Tensor, section: Section) -> int:
    """The entries of the own rows, which have one each, or several that follow each other."""
    each, more = divmod(len(inputs), section.run_rows)
    if more:
        raise PlanError(
            f"A batch normalization of this network takes {len(inputs)} entries of {section.run_rows} pictures, which cannot be "
            "divided among processes. Train it in one process."
        )
    return section.size * each


def _moments(own: Tensor, section: Section) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and biased variance of the whole batch by channel, float32 or finer [channel], and the number of values."""
    axes, precision = [axis for axis in range(own.ndim) if axis != 1], torch.promote_types(own.dtype, torch.float32)
    if len(own):
        variance, mean = torch.var_mean(own.to(precision), axes, correction=0)
    else:
        variance = mean = own.new_zeros(own.shape[1], dtype=precision)
    number = torch.full_like(mean, own.numel() / own.shape[1], dtype=torch.float64)
    mean, variance = mean.double(), variance.double()
    total, sums = section.shards.total(torch.stack([number, number * mean]))
    whole_mean = sums / total
    squares = section.shards.total(number * (variance + (mean - whole_mean).square()))
    return whole_mean.to(precision), (squares / total).to(precision), total[:1]
