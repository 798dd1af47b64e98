from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from torch import Tensor

from headstart.data.augmentation.views import view_of
from headstart.data.images import ImageSet
from headstart.data.streams import Stream
from headstart.training import cost
from headstart.training.batches import Batch
from headstart.training.cost import WHOLE_FITS, cost_probe, probe_rows
from headstart.training.learner import Classifier
from headstart.training.settings import Training


def test_probe_rows_hold_every_class(pictures: ImageSet) -> None:
    rows = probe_rows(pictures, Training(batch_size=8))
    assert len(rows) == 8
    assert np.bincount(pictures.labels[rows]).tolist() == [3, 3, 2]
    assert len(probe_rows(pictures, Training(batch_size=2))) == 6
    assert len(probe_rows(pictures, Training(batch_size=4096))) == 31


@pytest.fixture
def priced(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Replaces counting: what each counted step takes, by the seconds that are put into it, the last one again and again."""
    seconds = [0.05]

    @contextmanager
    def counted() -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(seconds=seconds[0] if len(seconds) == 1 else seconds.pop(0))

    monkeypatch.setattr(cost, "counted", counted)
    monkeypatch.setattr(cost, "slowness", lambda: 2.0)
    monkeypatch.setattr(cost, "seconds_of_reading", lambda transform: 0.01)
    return seconds


def test_cost_counts_every_step_and_every_row_at_the_speed_of_the_machine(
    streams: dict[str, Stream], new_learner: Callable[[], Classifier], losses: Any, priced: list[float]
) -> None:
    seconds = cost_probe(new_learner(), streams, losses, Training(epochs=100, batch_size=7), {"train": 70})
    assert seconds == pytest.approx(2 * WHOLE_FITS * (1000 * 0.05 + 70 * 0.01))


def test_rows_of_every_stream_are_read(
    pictures: ImageSet, streams: dict[str, Stream], new_learner: Callable[[], Classifier], losses: Any, priced: list[float]
) -> None:
    both = streams | {"unlabeled": Stream(pictures.take(np.arange(11)), view_of("weak", 8), times=3)}
    seconds = cost_probe(new_learner(), both, losses, Training(epochs=3, batch_size=7), {"train": 70, "unlabeled": 5000})
    assert seconds == pytest.approx(2 * WHOLE_FITS * (0.01 * (70 + 5000) + 30 * 0.05))


def test_the_median_of_steps_all_along_the_training_counts(
    streams: dict[str, Stream], new_learner: Callable[[], Classifier], losses: Any, priced: list[float]
) -> None:
    seen = []

    def seeing(learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        seen.append(progress)
        return losses(learner, batch, progress)

    priced[:] = [1.0, 9.0, 5.0]
    seconds = cost_probe(new_learner(), streams, seeing, Training(epochs=5, batch_size=7), {"train": 70})
    assert seen == [0, 11 / 23, 22 / 23]
    assert seconds == pytest.approx(2 * WHOLE_FITS * (50 * 5.0 + 0.7))


def test_no_clock_is_read(
    streams: dict[str, Stream], new_learner: Callable[[], Classifier], losses: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cost, "slowness", lambda: 1.0)

    def slow(learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        time.sleep(0.02)
        return losses(learner, batch, progress)

    idle, busy = (
        cost_probe(new_learner(), streams, each, Training(epochs=100, batch_size=7), {"train": 70}) for each in (losses, slow)
    )
    assert idle == busy > 0
