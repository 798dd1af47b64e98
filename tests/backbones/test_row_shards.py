from __future__ import annotations

import contextvars
import copy
import threading
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from headstart.backbones.row_shards import RowShards, Section, divided_rows, num_whole_rows, own_rows, whole_rows
from headstart.backbones.whole_batch import on_own_rows
from headstart.core.errors import PlanError


class Exchange:
    """What shards that run in threads give each other."""

    def __init__(self, count: int) -> None:
        self.barrier = threading.Barrier(count, timeout=20)
        self.given: list[Tensor | None] = [None] * count

    def all_of(self, index: int, own: Tensor) -> list[Tensor]:
        """What every shard gave."""
        self.given[index] = own.detach().clone()
        self.barrier.wait()
        found = [tensor for tensor in self.given if tensor is not None]
        self.barrier.wait()
        return found


class ThreadRows(RowShards):
    """A shard for each thread."""

    def __init__(self, index: int, count: int, exchange: Exchange) -> None:
        self.index, self.count, self.exchange = index, count, exchange

    def whole(self, own: Tensor, section: Section) -> Tensor:
        return torch.cat(self.exchange.all_of(self.index, own))

    def total(self, own: Tensor) -> Tensor:
        return torch.stack(self.exchange.all_of(self.index, own)).sum(dim=0)


def in_shards(count: int, work: Callable[[int], object]) -> list[object]:
    """What the work gives in each shard, all at once."""
    exchange, found = Exchange(count), [None] * count

    def run(index: int) -> None:
        with divided_rows(ThreadRows(index, count, exchange)):
            found[index] = work(index)  # type: ignore[call-overload]

    threads = [threading.Thread(target=contextvars.copy_context().run, args=(run, index)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return found


def network() -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        made = nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.ReLU(), nn.Flatten(), nn.Linear(45, 4), nn.BatchNorm1d(4))
        made[1].weight.data.uniform_(0.5, 2)
    return made.train()


def images(count: int) -> Tensor:
    return 3 + torch.randn(count, 3, 5, 5, generator=torch.Generator().manual_seed(2))


def compared(outputs: Tensor) -> Tensor:
    """A loss that compares all rows with each other."""
    return torch.cdist(outputs, outputs).square().mean() + (outputs.mean(dim=0) - 0.3).square().sum()


@pytest.mark.parametrize("rows", [7, 6, 2])
def test_shards_give_outputs_losses_and_gradients_of_the_whole_batch(rows: int) -> None:
    whole = network()
    copies = [copy.deepcopy(whole) for _ in range(3)]
    expected = whole(images(rows))
    compared(expected).backward()

    def work(index: int) -> nn.Module:
        own = copies[index]
        outputs = on_own_rows(own, images(rows))
        torch.testing.assert_close(outputs, expected, rtol=1e-5, atol=1e-5)
        compared(outputs).backward()
        return own

    found = in_shards(3, work)
    assert None not in found
    for name, weight in whole.named_parameters():
        mean = torch.stack([dict(own.named_parameters())[name].grad for own in found]).mean(dim=0)  # type: ignore[attr-defined]
        torch.testing.assert_close(mean, weight.grad, rtol=1e-4, atol=1e-4)  # two rows leave gradients near 0
    for name, buffer in whole.named_buffers():
        torch.testing.assert_close(dict(found[2].named_buffers())[name], buffer, rtol=1e-5, atol=1e-6)  # type: ignore[attr-defined]


class Tokens(nn.Module):
    """Batch normalization of [batch * tokens, channels], as in LeViT."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(5)

    def forward(self, rows: Tensor) -> Tensor:
        return self.norm(rows.flatten(0, 1)).reshape_as(rows)


@pytest.mark.parametrize("rows", [7, 2])
def test_batch_normalization_of_several_entries_a_row_is_that_of_the_whole_batch(rows: int) -> None:
    whole, inputs = Tokens(), torch.randn(rows, 4, 5, generator=torch.Generator().manual_seed(3)) * 2 + 1
    copies = [copy.deepcopy(whole) for _ in range(3)]
    target = torch.randn(rows, 20, generator=torch.Generator().manual_seed(4))
    leaf = inputs.clone().requires_grad_()
    expected = whole(leaf)
    (expected.flatten(1) * target).sum().backward()

    def work(index: int) -> Tensor:
        own = inputs.clone().requires_grad_()
        outputs = on_own_rows(copies[index], own)
        torch.testing.assert_close(outputs, expected, rtol=1e-5, atol=1e-5)
        (outputs.flatten(1) * target).sum().backward()
        assert own.grad is not None
        return own.grad

    found = in_shards(3, work)
    assert None not in found
    torch.testing.assert_close(torch.stack(found).mean(dim=0), leaf.grad, rtol=1e-4, atol=1e-5)  # type: ignore[arg-type]
    torch.testing.assert_close(copies[2].norm.running_var, whole.norm.running_var)


def test_batch_normalization_of_entries_that_rows_do_not_share_equally_is_refused() -> None:
    def run(own: Tensor) -> Tensor:
        with pytest.raises(PlanError) as refused:
            functional.batch_norm(torch.ones(3, 5), None, None, training=True)
        assert str(refused.value) == (
            "A batch normalization of this network takes 3 entries of 2 pictures, which cannot be divided among processes. "
            "Train it in one process."
        )
        return own

    assert None not in in_shards(2, lambda index: on_own_rows(run, torch.ones(4, 2)))


def test_standardized_weights_are_no_batch() -> None:
    weight = torch.randn(1, 6, 9)

    def run(own: Tensor) -> Tensor:
        torch.testing.assert_close(functional.batch_norm(weight, None, None, training=True, momentum=0.0), expected)
        return own

    expected = functional.batch_norm(weight, None, None, training=True, momentum=0.0)
    assert None not in in_shards(2, lambda index: on_own_rows(run, torch.ones(4, 2)))


def test_random_draws_for_rows_are_those_of_the_whole_batch() -> None:
    """A single shard of two at a time, as threads share the random stream."""
    draws: list[Callable[[Tensor], Tensor]] = [
        lambda rows: functional.dropout(rows, 0.4),
        lambda rows: functional.dropout(rows.repeat_interleave(3, dim=0), 0.4).view(len(rows), -1),
        lambda rows: rows * rows.new_empty(len(rows), 1).bernoulli_(0.7),
        lambda rows: rows * torch.rand((len(rows), 1)),
        lambda rows: rows * functional.dropout(torch.ones(1, 4), 0.4),
        lambda rows: functional.dropout(rows.repeat(5, 1, 1), 0.4)[2],
        lambda rows: functional.dropout(rows.repeat(2, 1, 1), 0.4, inplace=True)[1],
    ]

    class Own(RowShards):
        index, count = 1, 2

        def whole(self, own: Tensor, section: Section) -> Tensor:
            return own

        def total(self, own: Tensor) -> Tensor:
            return own

    for draw in draws:
        torch.manual_seed(5)
        expected = draw(torch.ones(7, 4))
        following = torch.rand(3)
        torch.manual_seed(5)
        with divided_rows(Own()):
            found = on_own_rows(draw, torch.ones(7, 4))
        torch.testing.assert_close(found, expected[4:])
        torch.testing.assert_close(torch.rand(3), following)


def test_a_hook_inside_sees_whole_batches_and_gradients_reach_own_rows_alone() -> None:
    inputs = torch.arange(10.0).view(5, 2)

    def work(index: int) -> Tensor:
        leaf = inputs.clone().requires_grad_()

        def run(own: Tensor) -> Tensor:
            assert num_whole_rows(own) == 5
            torch.testing.assert_close(own_rows(inputs), own.detach())
            torch.testing.assert_close(whole_rows(own).detach(), inputs)
            return on_own_rows(lambda again: again * 2, own)

        on_own_rows(run, leaf).sum().backward()
        assert leaf.grad is not None
        return leaf.grad

    first, second = in_shards(2, work)
    torch.testing.assert_close(first, torch.tensor([[4.0] * 2] * 3 + [[0.0] * 2] * 2))
    torch.testing.assert_close(second, torch.tensor([[0.0] * 2] * 3 + [[4.0] * 2] * 2))


def test_outside_of_shards_nothing_changes() -> None:
    rows = torch.ones(3, 2)
    assert on_own_rows(lambda own: own, rows) is rows
    assert whole_rows(rows) is rows
    assert own_rows(rows) is rows
    assert num_whole_rows(rows) == 3
