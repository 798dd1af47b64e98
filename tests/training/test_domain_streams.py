from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from headstart.core.errors import PlanError
from headstart.core.types import UNLABELED
from headstart.data.images import ImageSet
from headstart.data.task import Task
from headstart.training.cost import probe_rows
from headstart.training.domain_streams import (
    check_rows_a_step,
    domains_of,
    features_by_domain,
    joined,
    losses_by_domain,
    streams_by_domain,
)
from headstart.training.settings import Training

DOMAINS = ("photo",) * 5 + ("sketch",) * 17 + ("photo",) * 3


@pytest.fixture
def task(pictures: ImageSet) -> Task:
    """Twenty-five source rows of two domains, six labeled target rows."""
    order = np.random.default_rng(1).permutation(31)
    source = replace(pictures.take(order[:25]), domains=DOMAINS)
    return Task("kinds", pictures.classes, pictures.take(order[25:]), source=source, native_pixels=8)


def test_source_rows_come_first_with_their_domains(task: Task) -> None:
    seen = joined(task)
    assert seen.source is None
    assert seen.train.domains == (*DOMAINS, *("target",) * 6)
    assert task.source is not None
    np.testing.assert_array_equal(seen.train.labels, np.concatenate([task.source.labels, task.train.labels]))
    assert joined(seen) is seen


def test_without_labeled_target_rows_the_source_is_all(task: Task) -> None:
    bare = joined(replace(task, train=task.train.take([])))
    assert bare.train.domains == DOMAINS


def test_a_source_and_a_target_without_names_are_told_apart(task: Task) -> None:
    assert task.source is not None
    unnamed = replace(task, source=replace(task.source, domains=()))
    assert joined(unnamed).train.domains == ("source",) * 25 + ("target",) * 6


def test_domains_are_named_by_their_number_of_rows(task: Task) -> None:
    assert domains_of(task) == ("sketch", "photo", "target")
    assert domains_of(joined(task)) == ("sketch", "photo", "target")


def test_each_domain_has_a_stream_of_its_own(task: Task) -> None:
    seen = joined(task)
    streams = streams_by_domain(seen, flip=True)
    assert list(streams) == ["domain 0", "domain 1", "domain 2"]
    assert [set(stream.images.domains) for stream in streams.values()] == [{"sketch"}, {"photo"}, {"target"}]
    assert [len(stream.images) for stream in streams.values()] == [17, 8, 6]
    assert all(stream.view.flip for stream in streams.values())


def test_rows_for_a_price_hold_every_class_of_every_domain(task: Task) -> None:
    seen = joined(task)
    few = seen.train.take(probe_rows(seen.train, Training(batch_size=8)))
    pairs = set(zip(seen.train.domains, seen.train.labels.tolist(), strict=True))
    assert set(zip(few.domains, few.labels.tolist(), strict=True)) == pairs


def test_a_step_looks_at_all_domains_in_one_pass() -> None:
    from headstart.training.batches import Batch

    class Halved(torch.nn.Module):
        calls = 0
        head = torch.nn.Identity()

        def features(self, inputs: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            return inputs / 2

    first, second = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 4.0], [6.0, 0.0]])
    batch = {
        "a": Batch(first, torch.tensor([0]), torch.tensor([[1.0, 0.0]]), torch.arange(1)),
        "b": Batch(second, torch.tensor([1, UNLABELED]), torch.tensor([[0.0, 1.0], [0.0, 0.0]]), torch.arange(2)),
    }
    learner = Halved()
    found = features_by_domain(learner, batch)  # type: ignore[arg-type]
    assert [features.tolist() for features in found] == [[[1.0, 0.0]], [[0.0, 2.0], [3.0, 0.0]]]
    assert learner.calls == 1
    losses = losses_by_domain(learner, batch)  # type: ignore[arg-type]
    np.testing.assert_allclose(losses, [np.log(1 + np.exp(-1)), np.log(1 + np.exp(-2)) / 2], rtol=1e-6)


def test_batches_of_one_row_are_refused() -> None:
    check_rows_a_step("dan", Training(batch_size=2))
    with pytest.raises(PlanError) as caught:
        check_rows_a_step("dan", Training(batch_size=1))
    assert str(caught.value) == (
        "dan takes statistics of batches, and training.batch_size = 1 leaves none. Set it to 2 or more, better 32."
    )
