from __future__ import annotations

import pytest
import torch

from headstart.training.key_queue import KeyQueue


def keys(*values: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Keys (v, -v) of class v mod 3."""
    column = torch.tensor(values, dtype=torch.float32)[:, None]
    return torch.cat([column, -column], dim=1), torch.tensor([value % 3 for value in values], dtype=torch.int64)


def held(queue: KeyQueue) -> set[tuple[float, int]]:
    found, labels = queue.behind(torch.empty(0, 2), torch.empty(0, dtype=torch.int64))
    return {(float(key[0]), int(label)) for key, label in zip(found, labels, strict=True)}


def test_an_empty_queue_adds_nothing() -> None:
    own, labels = keys(4, 5)
    found, found_labels = KeyQueue(7, 2).behind(own, labels)
    assert torch.equal(found, own)
    assert torch.equal(found_labels, labels)


def test_own_keys_come_first_and_the_latest_others_behind_them() -> None:
    queue = KeyQueue(5, 2)
    for pushed in ((1, 2, 3), (4, 5), (6, 7)):
        queue.push(*keys(*pushed))
    assert held(queue) == {(value, value % 3) for value in (3, 4, 5, 6, 7)}
    found, labels = queue.behind(*keys(8))
    assert found[0].tolist() == [8, -8]
    assert labels[0] == 2
    assert len(found) == len(labels) == 6


@pytest.mark.parametrize("before", [(), (1,), (1, 2, 3)])
def test_of_more_keys_than_fit_the_last_stay(before: tuple[int, ...]) -> None:
    queue = KeyQueue(3, 2)
    queue.push(*keys(*before))
    queue.push(*keys(10, 11, 12, 13, 14))
    assert held(queue) == {(12, 0), (13, 1), (14, 2)}
    queue.push(*keys(15))
    assert held(queue) == {(13, 1), (14, 2), (15, 0)}


def test_a_checkpoint_holds_the_queue_and_no_gradient_is_kept() -> None:
    queue, other = KeyQueue(4, 2), KeyQueue(4, 2)
    own, labels = keys(1, 2)
    queue.push(own.requires_grad_(), labels)
    other.load_state_dict(queue.state_dict())
    other.push(*keys(3))
    assert held(other) == {(1, 1), (2, 2), (3, 0)}
    assert not queue.keys.requires_grad
