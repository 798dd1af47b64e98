from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from headstart.core.errors import PlanError
from headstart.data.streams import Stream
from headstart.training.batches import Batch
from headstart.training.learner import Classifier
from headstart.training.loop import fit_for, train
from headstart.training.running_mean import RunningMean
from headstart.training.settings import Training

Streams = dict[str, Stream]


@pytest.fixture
def keeping(new_learner: Callable[[], Classifier]) -> Callable[[], Classifier]:
    """A learner that keeps its statistics, and remembers a running mean."""

    def make() -> Classifier:
        learner = new_learner()
        learner.frozen_statistics = True
        learner.extra = RunningMean(0.9)
        return learner

    return make


def of_the_whole_batch(learner: Any, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
    """Losses that no mean over slices gives."""
    features = learner.features(batch["train"].images)
    again = learner(batch["train"].images.flip(0))
    distances = torch.cdist(features, features).square()
    return {"spread": distances.mean().exp(), "mean": (again.mean(dim=0) - learner.extra(again.detach().mean())).square().sum()}


def gradients(learner: Classifier, streams: Streams, training: Training) -> tuple[dict[str, float], dict[str, Tensor]]:
    """The losses and gradients of the first step, and what is remembered after it."""
    fit = fit_for(learner, streams, of_the_whole_batch, training.model_copy(update={"precision": "float32", "clip": 0.0}))
    trained = fit.attempt_state(0)
    learner.train()
    values = fit.step(trained, 0)
    found = {name: weight.grad for name, weight in learner.named_parameters() if weight.grad is not None}
    return values, found | dict(learner.extra.named_buffers())  # type: ignore[union-attr]


@pytest.mark.parametrize("slices", [2, 3, 9])
def test_slices_give_losses_and_gradients_of_the_whole_batch(
    slices: int, streams: Streams, settings: Training, keeping: Callable[[], Classifier]
) -> None:
    values, expected = gradients(keeping(), streams, settings)
    in_slices, found = gradients(keeping(), streams, settings.model_copy(update={"accumulate": slices}))
    assert in_slices == pytest.approx(values, rel=1e-5)
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-4, atol=1e-6)


def test_slices_and_sharpness_go_together(streams: Streams, settings: Training, keeping: Callable[[], Classifier]) -> None:
    sharp = settings.model_copy(update={"sharpness": 0.05})
    _, expected = gradients(keeping(), streams, sharp)
    _, found = gradients(keeping(), streams, sharp.model_copy(update={"accumulate": 3}))
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-3, atol=1e-5)


def test_slices_are_refused_where_batch_statistics_are_learned(
    streams: Streams, settings: Training, new_learner: Callable[[], Classifier], losses: Any
) -> None:
    with pytest.raises(PlanError) as refused:
        train(new_learner(), streams, losses, settings.model_copy(update={"accumulate": 4}))
    assert str(refused.value) == (
        "training.accumulate = 4 needs a network that keeps the statistics of its batch normalization, and this one learns them "
        "from whole batches. Set it to 1, and divide the batch among processes."
    )


def test_one_slice_is_left_out_of_what_is_written() -> None:
    assert "accumulate" not in Training().to_dict()
    assert Training.from_dict(Training(accumulate=3).to_dict()).accumulate == 3
