from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from headstart.core.errors import TrainingError
from headstart.core.stopping import StoppedError, Stopper, stoppable
from headstart.data.augmentation.views import view_of
from headstart.data.images import ImageSet
from headstart.data.streams import Stream
from headstart.training import history, loop
from headstart.training.batches import Batch
from headstart.training.learner import Classifier
from headstart.training.loop import train
from headstart.training.running_mean import RunningMean
from headstart.training.settings import Training
from headstart.training.watchdog import Watchdog, chance_loss

New = Callable[[], Classifier]
Streams = dict[str, Stream]


class KilledError(Exception):
    """Stands for a kill."""


@pytest.fixture(autouse=True)
def checkpoints_at_any_price(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_PAUSE", 0.0)


def _killing(losses: Any, after: int) -> Any:
    calls = [0]

    def killed(learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        if calls[0] == after:
            raise KilledError
        calls[0] += 1
        return losses(learner, batch, progress)

    return killed


def _breaking(losses: Any, at: int, times: int) -> Any:
    """Gives nan at a step, in the first attempts."""
    left = [times]

    def broken(learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        found = losses(learner, batch, progress)
        if left[0] and progress >= at / 23:
            left[0] -= 1
            return {"cross_entropy": found["cross_entropy"] * float("nan")}
        return found

    return broken


def _same(first: Classifier, second: Classifier) -> bool:
    states = first.state_dict(), second.state_dict()
    return all(torch.equal(states[0][name], states[1][name]) for name in states[0])


@pytest.mark.slow
def test_training_lowers_the_loss_and_learns_the_kinds(
    streams: Streams, settings: Training, new_learner: New, losses: Any, pictures: ImageSet
) -> None:
    longer = settings.model_copy(update={"epochs": 20})
    learner = train(new_learner(), streams, losses, longer)
    pixels = torch.from_numpy(pictures.images.pixels).permute(0, 3, 1, 2)  # type: ignore[attr-defined]
    with torch.inference_mode():
        predicted = learner(pixels).argmax(1).numpy()
    assert (predicted == pictures.labels).mean() > 0.9


@pytest.mark.slow
def test_the_seed_alone_decides_and_the_global_stream_is_left_alone(
    streams: Streams, settings: Training, new_learner: New, losses: Any
) -> None:
    first = train(new_learner(), streams, losses, settings)
    np.random.seed(99)  # noqa: NPY002  a foreign draw between two fits
    learner = new_learner()
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    second = train(learner, streams, losses, settings)
    assert torch.equal(torch.rand(3), expected)
    other = train(new_learner(), streams, losses, settings.model_copy(update={"seed": 3}))
    assert _same(first, second)
    assert not _same(first, other)


@pytest.mark.slow
@pytest.mark.parametrize(("optimizer", "kills"), [("adamw", (1,)), ("sgd", (13,)), ("adamw", (6, 5, 9))])
def test_a_killed_fit_goes_on_to_bit_identical_weights(
    streams: Streams, settings: Training, new_learner: New, losses: Any, tmp_path: Path, optimizer: str, kills: tuple[int, ...]
) -> None:
    training = settings.model_copy(update={"optimizer": optimizer, "checkpoint_seconds": 1e-9})
    undisturbed = train(new_learner(), streams, losses, training)
    for after in kills:
        with pytest.raises(KilledError):
            train(new_learner(), streams, _killing(losses, after), training, tmp_path)
    steps_left = 23 - sum(kills)
    resumed = train(new_learner(), streams, _killing(losses, steps_left), training, tmp_path)
    assert _same(resumed, undisturbed)


@pytest.mark.slow
def test_a_fit_that_time_ends_says_how_far_it_came_and_loses_no_step(
    streams: Streams, settings: Training, new_learner: New, losses: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "MAX_LINES", 5)
    training = settings.model_copy(update={"checkpoint_seconds": 1e6})
    undisturbed = train(new_learner(), streams, losses, training)
    stopper = Stopper()

    def ending(learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        stopper.deadline = 0.0 if progress >= 8 / 23 else None
        return losses(learner, batch, progress)

    with stoppable(stopper), pytest.raises(StoppedError) as stopped:
        train(new_learner(), streams, ending, training, tmp_path)
    assert (stopped.value.reason, stopped.value.steps_done, stopped.value.steps) == ("over", 9, 23)
    assert [line["step"] for line in history.read_history(tmp_path / "history.jsonl")] == [4, 8, 9]
    shutil.copytree(tmp_path, tmp_path / "short")
    short = training.model_copy(update={"stop_after": 9})
    assert _same(
        train(new_learner(), streams, _killing(losses, 0), short, tmp_path / "short"),
        train(new_learner(), streams, losses, short),
    )
    assert _same(train(new_learner(), streams, _killing(losses, 14), training, tmp_path), undisturbed)


@pytest.mark.slow
def test_a_checkpoint_behind_the_last_step_is_not_used(
    streams: Streams, settings: Training, new_learner: New, losses: Any, tmp_path: Path
) -> None:
    train(new_learner(), streams, losses, settings, tmp_path)
    short = settings.model_copy(update={"stop_after": 4})
    assert _same(train(new_learner(), streams, losses, short, tmp_path), train(new_learner(), streams, losses, short))


@pytest.mark.slow
def test_a_kill_between_checkpoints_redoes_the_steps_since(
    streams: Streams, settings: Training, new_learner: New, losses: Any, tmp_path: Path
) -> None:
    training = settings.model_copy(update={"checkpoint_seconds": 1e6})
    undisturbed = train(new_learner(), streams, losses, training)
    with pytest.raises(KilledError):
        train(new_learner(), streams, _killing(losses, 13), training, tmp_path)
    assert _same(train(new_learner(), streams, losses, training, tmp_path), undisturbed)
    steps = [json.loads(line)["step"] for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert steps == list(range(1, 24))


@pytest.mark.slow
def test_a_fit_writes_its_history_and_a_finished_one_is_used_again_but_not_with_other_settings(
    streams: Streams, settings: Training, new_learner: New, losses: Any, tmp_path: Path
) -> None:
    steps: list[int] = []
    first = train(new_learner(), streams, losses, settings, tmp_path, after_step=lambda learner, step: steps.append(step))
    assert steps == list(range(1, 24))
    lines = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == steps
    assert all(set(line) == {"checksum", "step", "attempt", "lr", "seconds", "losses"} for line in lines)
    assert lines[-1]["losses"]["cross_entropy"] < lines[0]["losses"]["cross_entropy"]
    assert [line["lr"] for line in lines[:2]] == pytest.approx([1.5e-3, 3e-3])
    assert _same(train(new_learner(), streams, _killing(losses, 0), settings, tmp_path), first)
    other = settings.model_copy(update={"lr": 1e-3})
    fresh = train(new_learner(), streams, losses, other)
    assert _same(train(new_learner(), streams, losses, other, tmp_path), fresh)


@pytest.mark.slow
def test_a_loss_that_is_not_finite_restarts_at_half_the_step_size(
    streams: Streams, settings: Training, new_learner: New, losses: Any, tmp_path: Path
) -> None:
    restarted = train(new_learner(), streams, _breaking(losses, 8, 2), settings, tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert [max(line["lr"] for line in lines if line["attempt"] == attempt) for attempt in range(3)] == pytest.approx(
        [3e-3, 1.5e-3, 0.75e-3]
    )
    calm = train(new_learner(), streams, losses, settings.model_copy(update={"lr": 0.75e-3}))
    assert _same(restarted, calm)


@pytest.mark.slow
def test_a_kill_in_a_second_attempt_resumes_that_attempt(
    streams: Streams, settings: Training, new_learner: New, losses: Any, tmp_path: Path
) -> None:
    training = settings.model_copy(update={"checkpoint_seconds": 1e-9})
    undisturbed = train(new_learner(), streams, _breaking(losses, 8, 1), training)
    with pytest.raises(KilledError):
        train(new_learner(), streams, _breaking(_killing(losses, 20), 8, 1), training, tmp_path)
    assert _same(train(new_learner(), streams, _killing(losses, 14), training, tmp_path), undisturbed)


@pytest.mark.slow
def test_four_broken_attempts_raise(streams: Streams, settings: Training, new_learner: New, losses: Any) -> None:
    with pytest.raises(TrainingError) as caught:
        train(new_learner(), streams, _breaking(losses, 8, 4), settings)
    assert str(caught.value) == (
        "loss became nan at step 9 of 23 (cross_entropy=nan), and so in 3 restarts, each at half the step size. "
        "Lower training.lr (now 0.003), or check the labels."
    )


@pytest.mark.slow
def test_a_loss_that_stays_at_chance_raises(settings: Training, new_learner: New, pictures: ImageSet) -> None:
    def constant(learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        return {"cross_entropy": 0 * learner(batch["train"].images).sum() + 1.2}

    longer = settings.model_copy(update={"epochs": 20, "warmup": 0.0})
    with pytest.raises(TrainingError) as caught:
        train(new_learner(), {"train": Stream(pictures, view_of("plain", 8))}, constant, longer)
    assert str(caught.value) == (
        "cross_entropy=1.200 was still at chance (1.074) at step 50 of 89, and so in 3 restarts, each at half the step size. "
        "Lower training.lr (now 0.003), or check the labels."
    )


@pytest.mark.slow
def test_dear_checkpoints_are_written_less_often(
    streams: Streams, settings: Training, new_learner: New, losses: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    monkeypatch.setattr(loop, "CHECKPOINT_PAUSE", 1e9)
    monkeypatch.setattr(loop, "write_checkpoint", lambda folder, trained, counters, fingerprint: written.append(counters.step))
    training = settings.model_copy(update={"checkpoint_seconds": 1e-9})
    train(new_learner(), streams, losses, training, tmp_path)
    assert len(written) == 2
    assert written[0] == 1


@pytest.mark.parametrize("sharpness", [0.0, 0.05])
def test_a_step_is_remembered_once_however_often_its_batch_passes(
    streams: Streams, new_learner: New, losses: Any, sharpness: float
) -> None:
    def remembering(learner: Any, batch: Any, progress: float) -> dict[str, Tensor]:
        learner.extra(torch.ones(()))
        return losses(learner, batch, progress)

    learner = new_learner()
    learner.extra = RunningMean(decay=0.5)
    fit = loop.fit_for(learner, streams, remembering, Training(epochs=1, batch_size=31, sharpness=sharpness))
    fit.step(fit.attempt_state(0), 0)
    assert float(learner.extra.weight) == 0.5


def test_a_loss_that_is_not_finite_uphill_is_reported_and_leaves_the_weights(
    streams: Streams, new_learner: New, losses: Any
) -> None:
    calls = [0]

    def broken(learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        calls[0] += 1
        return {name: loss / (calls[0] - 2) for name, loss in losses(learner, batch, progress).items()}

    learner = new_learner()
    fit = loop.fit_for(learner, streams, broken, Training(epochs=1, batch_size=31, sharpness=0.05))
    trained = fit.attempt_state(0)
    before = {name: weight.detach().clone() for name, weight in learner.named_parameters()}
    assert fit.step(trained, 0) == {"cross_entropy": float("inf")}
    assert calls == [2]
    assert all(torch.equal(weight, before[name]) for name, weight in learner.named_parameters())


@pytest.mark.parametrize("smooth", [True, False])
def test_chance_is_that_of_the_labels_as_they_are_shown(
    streams: Streams, new_learner: New, losses: Any, monkeypatch: pytest.MonkeyPatch, smooth: bool
) -> None:
    """Where a method leaves labels as they are, the class shares alone cost less than with the plan's smoothing."""
    seen: list[float | None] = []

    def watching(training: Training, steps: int, num_rows: int, chance: float | None) -> Watchdog:
        seen.append(chance)
        return Watchdog(training, steps, num_rows, chance)

    monkeypatch.setattr(loop, "Watchdog", watching)
    skewed = {name: replace(stream, smooth=smooth) for name, stream in streams.items()}
    train(new_learner(), skewed, losses, Training(epochs=1, batch_size=31, label_smoothing=0.2))
    images = next(iter(streams.values())).images
    assert seen == [chance_loss(images.labels, images.num_classes, 0.2 if smooth else 0.0)]
    assert chance_loss(images.labels, images.num_classes, 0.2) != chance_loss(images.labels, images.num_classes, 0.0)


def test_a_sharpness_aware_step_uses_the_gradient_from_uphill(streams: Streams, new_learner: New, losses: Any) -> None:
    settings = Training(
        epochs=1,
        batch_size=31,
        lr=0.1,
        optimizer="sgd",
        momentum=0.0,
        weight_decay=0.0,
        clip=0.0,
        warmup=0.0,
        ema=0.0,
        precision="float32",
    )
    sharp = settings.model_copy(update={"sharpness": 0.05})
    fit = loop.fit_for(new_learner(), streams, losses, sharp)
    trained = fit.attempt_state(0)
    fit.learner.train()
    start = [parameter.detach().clone() for parameter in fit.learner.parameters()]
    batch = {name: batches.at(0, torch.device("cpu")) for name, batches in fit.streams.items()}
    parameters = list(fit.learner.parameters())

    def gradient() -> list[Tensor]:
        found = torch.autograd.grad(losses(fit.learner, batch, 0.0)["cross_entropy"], parameters, allow_unused=True)
        return [torch.zeros_like(p) if g is None else g for p, g in zip(parameters, found, strict=True)]

    first = gradient()
    norm = torch.sqrt(sum((part**2).sum() for part in first))
    with torch.no_grad():
        for parameter, part in zip(parameters, first, strict=True):
            parameter.add_(0.05 * part / norm)
    second = gradient()
    with torch.no_grad():
        for parameter, value in zip(parameters, start, strict=True):
            parameter.copy_(value)
    fit.step(trained, 0)
    for parameter, value, part in zip(parameters, start, second, strict=True):
        torch.testing.assert_close(parameter.detach(), value - 0.1 * part, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_pictures_grow_where_the_whole_network_is_trained(
    streams: Streams, settings: Training, new_learner: New, losses: Any
) -> None:
    sides: list[int] = []

    def seen(learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        sides.append(batch["train"].images.shape[-1])
        return losses(learner, batch, progress)

    train(new_learner(), streams, seen, settings.model_copy(update={"smallest_side": 0.5}))
    assert sides[0] == 4
    assert sides == sorted(sides)
    assert sides[12:] == [8] * 11


@pytest.mark.slow
@pytest.mark.parametrize("balance", ["sampling", "weights"])
def test_balanced_training_still_learns(
    balance: str, streams: Streams, settings: Training, new_learner: New, losses: Any, pictures: ImageSet
) -> None:
    longer = settings.model_copy(update={"epochs": 20, "balance": balance})
    learner = train(new_learner(), streams, losses, longer)
    pixels = torch.from_numpy(pictures.images.pixels).permute(0, 3, 1, 2)  # type: ignore[attr-defined]
    with torch.inference_mode():
        predicted = learner(pixels).argmax(1).numpy()
    assert all((predicted[pictures.labels == label] == label).mean() > 0.8 for label in range(3))


@pytest.mark.parametrize(
    ("precision", "native", "bf16"), [("auto", True, True), ("auto", False, False), ("float32", True, False)]
)
def test_bf16_is_used_where_the_processor_has_it_and_the_plan_allows_it(
    precision: Any, native: bool, bf16: bool, streams: Streams, new_learner: New, losses: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    met: list[bool] = []
    whole = Classifier.fast_arithmetic
    monkeypatch.setattr(Classifier, "fast_arithmetic", lambda self, bf16: met.append(bf16) or whole(self, bf16))
    monkeypatch.setattr(loop, "has_bf16", lambda: native)
    fit = loop.fit_for(new_learner(), streams, losses, Training(batch_size=7, precision=precision))
    fit.step(fit.attempt_state(0), 0)
    assert met == [bf16]


def test_a_stream_is_drawn_as_often_as_the_steps_say(streams: Streams, pictures: ImageSet, new_learner: New, losses: Any) -> None:
    learner = new_learner()
    learner.freeze_up_to("blocks.0")
    both = streams | {"few": Stream(pictures.take(np.arange(5)), view_of("weak", 8), times=2)}
    fit = loop.fit_for(learner, both, losses, Training(epochs=2, batch_size=7))
    assert fit.steps == 9
    assert {name: batches.num_views for name, batches in fit.streams.items()} == {"train": 3, "few": 8}
