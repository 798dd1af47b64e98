from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from torch import Tensor

from headstart.data.augmentation.views import view_of
from headstart.data.images import ImageSet
from headstart.data.streams import Stream
from headstart.data.transforms import Transform
from headstart.training import cost
from headstart.training.batches import Batch, Batches
from headstart.training.cost import cost_probe, probe_rows
from headstart.training.learner import Classifier
from headstart.training.settings import Training


def test_probe_rows_hold_every_class(pictures: ImageSet) -> None:
    rows = probe_rows(pictures, Training(batch_size=8))
    assert len(rows) == 8
    assert np.bincount(pictures.labels[rows]).tolist() == [3, 3, 2]
    assert len(probe_rows(pictures, Training(batch_size=2))) == 6
    assert len(probe_rows(pictures, Training(batch_size=4096))) == 31


def test_cost_counts_every_step(
    streams: dict[str, Stream], new_learner: Callable[[], Classifier], losses: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]

    def slow(learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        now[0] += 0.05
        return losses(learner, batch, progress)

    monkeypatch.setattr(cost, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    seconds = cost_probe(new_learner(), streams, slow, Training(epochs=100, batch_size=7), {"train": 70})
    assert seconds == pytest.approx(1000 * 0.05)


def test_rows_of_every_stream_are_read_and_batches_are_no_part_of_reading(
    pictures: ImageSet,
    streams: dict[str, Stream],
    new_learner: Callable[[], Classifier],
    losses: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    decode, at = Transform.decode, Batches.at

    def read(self: Transform, images: Any, rows: Any) -> Any:
        now[0] += 2.0 * len(rows)
        return decode(self, images, rows)

    def drawn(self: Batches, *args: Any) -> Batch:
        now[0] += 100.0
        return at(self, *args)

    monkeypatch.setattr(cost, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    monkeypatch.setattr(Transform, "decode", read)
    monkeypatch.setattr(Batches, "at", drawn)
    both = streams | {"unlabeled": Stream(pictures.take(np.arange(11)), view_of("weak", 8), times=3)}
    seconds = cost_probe(new_learner(), both, losses, Training(epochs=3, batch_size=7), {"train": 70, "unlabeled": 5000})
    assert seconds == pytest.approx(2.0 * (70 + 5000) + 30 * 200.0)


def test_steps_are_timed_all_along_the_training(
    streams: dict[str, Stream], new_learner: Callable[[], Classifier], losses: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cost, "SECONDS_A_PLACE", 0.0)
    now, seen = [0.0], []

    def later(learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        seen.append(progress)
        now[0] += 1.0 if progress < 0.5 else 5.0
        return losses(learner, batch, progress)

    monkeypatch.setattr(cost, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    seconds = cost_probe(new_learner(), streams, later, Training(epochs=5, batch_size=7), {"train": 70})
    assert seen == [0, *(place for place in (7 / 23, 14 / 23, 22 / 23) for _ in range(2))]
    assert seconds == pytest.approx(50 * 5.0)


def test_a_pause_of_the_machine_is_not_counted(
    streams: dict[str, Stream], new_learner: Callable[[], Classifier], losses: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, steps = [0.0], [0]

    def interrupted(learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        steps[0] += 1
        now[0] += 0.05 if steps[0] % 2 else 9.0
        return losses(learner, batch, progress)

    monkeypatch.setattr(cost, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    seconds = cost_probe(new_learner(), streams, interrupted, Training(epochs=100, batch_size=7), {"train": 70})
    assert seconds == pytest.approx(1000 * 0.05)


def test_short_steps_are_timed_more_often(
    streams: dict[str, Stream], new_learner: Callable[[], Classifier], losses: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, steps = [0.0], [0]

    def first_ones_slow(learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        steps[0] += 1
        now[0] += 0.03 if steps[0] < 4 else 0.01
        return losses(learner, batch, progress)

    monkeypatch.setattr(cost, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    seconds = cost_probe(new_learner(), streams, first_ones_slow, Training(epochs=100, batch_size=7), {"train": 70})
    assert seconds == pytest.approx(1000 * 0.01)
    assert steps[0] == 1 + 7 + 10 + 10
