from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from torch import Tensor

from headstart.data.images import ImageSet
from headstart.data.streams import Stream
from headstart.training.batches import Batch
from headstart.training.cost import cost_probe, probe_rows
from headstart.training.learner import Classifier
from headstart.training.settings import Training


def test_probe_rows_hold_every_class(pictures: ImageSet) -> None:
    rows = probe_rows(pictures, Training(batch_size=8))
    assert len(rows) == 8
    assert np.bincount(pictures.labels[rows]).tolist() == [3, 3, 2]
    assert len(probe_rows(pictures, Training(batch_size=2))) == 6
    assert len(probe_rows(pictures, Training(batch_size=4096))) == 31


def test_cost_counts_every_step(streams: dict[str, Stream], new_learner: Callable[[], Classifier], losses: Any) -> None:
    def slow(learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        time.sleep(0.05)
        return losses(learner, batch, progress)

    seconds = cost_probe(new_learner(), streams, slow, Training(epochs=100, batch_size=7), 70)
    assert 50 < seconds < 1000
    assert seconds == pytest.approx(1000 * 0.05, rel=5)
