"""The one training loop: deterministic by seed, resumable in the middle of an epoch, no branch per method."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor

from headstart.backbones.processor import has_bf16
from headstart.backbones.row_shards import RowShards, divided_rows
from headstart.core.errors import TrainingError
from headstart.core.progress import progress
from headstart.core.records import fingerprint_of
from headstart.core.seeds import seed_for
from headstart.core.stopping import StoppedError, stop_if_asked
from headstart.data.streams import Stream
from headstart.training.average import WeightAverage
from headstart.training.batches import Batch, Batches
from headstart.training.checkpoint import Counters, Trained, read_checkpoint, write_checkpoint
from headstart.training.history import History
from headstart.training.learner import Learner
from headstart.training.objective import Gradients, Losses
from headstart.training.optimizers import optimizer_for, set_learning_rates
from headstart.training.processes import Processes, in_step, joined_by_others, processes_of_fit
from headstart.training.schedule import last_step, num_steps, rate_factor, side_share
from headstart.training.settings import Training
from headstart.training.sharpness import memory_of, recall, uphill
from headstart.training.watchdog import MAX_ATTEMPTS, BrokenDownError, Watchdog, chance_loss

AfterStep: TypeAlias = Callable[[Any, int], None]
"""(learner, steps done): what a method changes between steps, such as a teacher's weights."""


CHECKPOINT_PAUSE = 20.0
"""Checkpoints take at most a twentieth of the time: the next one waits this many times as long as the last one took."""


@dataclass
class Fit:
    """One fit under way: everything that a step needs.

    Attributes:
        learner: What is trained, on the device.
        streams: Batches by stream; the first stream sets the length of an epoch.
        losses: The method's losses.
        after_step: The method's hook.
        training: Budget and optimizer.
        workspace: Folder for checkpoints and history; None keeps nothing.
        accelerator: Device and precision.
        initial_state: The weights that each attempt begins with.
        processes: Those that the rows of each batch are divided among; None for one.
    """

    learner: Learner
    streams: dict[str, Batches]
    losses: Losses
    after_step: AfterStep | None
    training: Training
    workspace: Path | None
    accelerator: Accelerator
    fingerprint: str
    steps: int
    initial_state: dict[str, Tensor] = field(repr=False, default_factory=dict)
    processes: Processes | None = None

    @cached_property
    def gradients(self) -> Gradients:
        """What computes the gradients of a batch."""
        return Gradients(self.learner, self.losses, self.training.accumulate, self.processes, self.accelerator)

    @property
    def last_step(self) -> int:
        """Steps that are taken of the schedule's."""
        return last_step(self.training, self.steps)

    def prepare(self) -> None:
        """Decode the pictures of all streams, or compute their activations behind the frozen part."""
        with in_step(self.processes):
            self.gradients.check()
        for batches in self.streams.values():
            batches.prepare()

    def attempt_state(self, attempt: int) -> Trained:
        """The learner at its beginning with a new optimizer at this attempt's step size."""
        self.learner.load_state_dict(self.initial_state)
        optimizer = optimizer_for(self.learner.rate_groups(), self.training, self.training.lr / 2**attempt)
        return Trained(
            self.learner, self.accelerator.prepare_optimizer(optimizer), WeightAverage(self.learner, self.training.ema)
        )

    def step(self, trained: Trained, step: int) -> dict[str, float]:
        """One step; the losses before it, or those that are not finite, whereupon the weights stay as they are."""
        device = self.accelerator.device
        batch = {name: self._sized(batches.at(step, device), step) for name, batches in self.streams.items()}
        set_learning_rates(trained.optimizer, rate_factor(self.training, step, self.steps))
        memory = memory_of(self.learner) if self.training.sharpness > 0 else {}
        trained.optimizer.zero_grad(set_to_none=True)
        values, finite = self._gradients(batch, step)
        if not finite:
            return values
        if self.training.sharpness > 0:
            with uphill(self.learner, self.training.sharpness):
                trained.optimizer.zero_grad(set_to_none=True)
                recall(self.learner, memory)
                moved, finite = self._gradients(batch, step)
            if not finite:
                return moved
        if self.training.clip > 0:
            self.accelerator.clip_grad_norm_(self.learner.parameters(), self.training.clip)
        trained.optimizer.step()
        if self.after_step:
            self.after_step(self.learner, step + 1)
        trained.average.update(self.learner, step)
        return values

    def _gradients(self, batch: dict[str, Batch], step: int) -> tuple[dict[str, float], bool]:
        """Leave the gradients of a batch in the weights; its losses, and whether they are finite."""

        def forward(objective: Any, rows: RowShards | None) -> tuple[dict[str, float], Tensor]:
            # Dropout and its like draw from the global stream, so it too must depend on the step alone.
            torch.manual_seed(seed_for(self.training.seed, "step", step))
            with self._arithmetic(), divided_rows(rows):
                losses, total = objective(batch, min(1.0, step / self.steps))
            return {name: float(loss.detach()) for name, loss in losses.items()}, total

        return self.gradients.leave(forward)

    def _arithmetic(self) -> AbstractContextManager[None]:
        """How a forward pass is computed: as the accelerator says on a GPU, as processors are fast on a processor."""
        if self.accelerator.device.type != "cpu":
            return self.accelerator.autocast()  # type: ignore[no-any-return]
        return self.learner.fast_arithmetic(self.training.precision == "auto" and has_bf16())

    def _sized(self, batch: Batch, step: int) -> Batch:
        """The batch at the side that its pictures have at this step."""
        share = side_share(self.training, step, self.steps)
        return batch if share == 1 or self.learner.boundary else batch.shrunk(share)


def train(
    learner: Learner,
    streams: dict[str, Stream],
    losses: Losses,
    training: Training,
    workspace: Path | None = None,
    after_step: AfterStep | None = None,
) -> Learner:
    """The learner after training, with its averaged weights, on the CPU and in evaluation mode.

    A fit that was killed and is started again with equal arguments goes on from its last checkpoint and ends with
    bit-identical weights (on the same machine with the same number of threads). An attempt that breaks down is repeated from
    the beginning at half the step size, three times at most.

    Args:
        learner: Is changed in place.
        streams: What to draw batches from; the first sets the length of an epoch and the number of steps.
        losses: What to minimize.
        training: Budget and optimizer.
        workspace: Folder for `checkpoint.safetensors`, `history.jsonl` and decoded pictures; None keeps nothing.
        after_step: Called after each step.

    Returns:
        The learner.

    Raises:
        TrainingError: Every attempt broke down.
    """
    with joined_by_others((learner, streams, losses, training, after_step)):
        return trained_by(fit_for(learner, streams, losses, training, workspace, after_step), streams)


def trained_by(fit: Fit, streams: dict[str, Stream]) -> Learner:
    """What `train` returns, by the fit that is made of its arguments, here and in every other process that joins it."""
    learner, training = fit.learner, fit.training
    leading = next(iter(streams.values()))
    first = leading.images
    shown = first.labels if training.balance == "none" else np.unique(first.labels)
    chance = chance_loss(shown, first.num_classes, training.label_smoothing if leading.smooth else 0.0)
    with torch.random.fork_rng(), flushed_denormals():
        trained, counters = _taken_up(fit)
        while True:
            watchdog = Watchdog(training, fit.steps, len(first), chance)
            watchdog.recent.extend(counters.recent)
            try:
                _run_attempt(fit, trained, counters, watchdog)
                break
            except BrokenDownError as error:
                counters = _next_attempt(counters, training, str(error))
                trained = fit.attempt_state(counters.attempt)
    trained.average.write_to(learner)
    _place(learner, torch.device("cpu"), torch.contiguous_format)
    return learner.eval()


def fit_for(
    learner: Learner,
    streams: dict[str, Stream],
    losses: Losses,
    training: Training,
    workspace: Path | None = None,
    after_step: AfterStep | None = None,
) -> Fit:
    """The fit that `train` runs, with its learner on the device; arguments as there."""
    first = next(iter(streams.values()))
    steps = num_steps(training, len(first.images), first.least_steps)
    batches = {
        name: Batches(name, stream, learner.transform(), training, workspace, learner.boundary, _passes(stream, training, steps))
        for name, stream in streams.items()
    }
    accelerator = accelerator_for(training)
    _place(learner, accelerator.device, torch.channels_last)
    initial_state = {name: tensor.detach().clone() for name, tensor in learner.state_dict().items()}
    fingerprint = _fingerprint(learner, streams, training) if workspace else ""
    fixed = (training, workspace, accelerator, fingerprint, steps, initial_state)
    return Fit(learner, batches, losses, after_step, *fixed, processes_of_fit())


def _passes(stream: Stream, training: Training, steps: int) -> int:
    """How often a fit of so many steps draws every row; a last pass that ends early counts."""
    return -(-steps * stream.times * training.batch_size // max(1, len(stream.images)))


def _fingerprint(learner: Learner, streams: dict[str, Stream], training: Training) -> str:
    """Changes when anything changes that the weights to come depend on, but for the losses themselves."""
    weights = {name: [list(tensor.shape), float(tensor.double().sum())] for name, tensor in learner.state_dict().items()}
    drawn = {
        name: [stream.images.fingerprint, stream.times, *(str(view) for view in (stream.view, *stream.also))]
        for name, stream in streams.items()
    } | {f"{name} margins": float(np.abs(stream.margins).sum()) for name, stream in streams.items() if stream.margins is not None}
    scales = [[group.name, group.scale] for group in learner.rate_groups()]
    frozen = learner.boundary.stage if learner.boundary else None
    schedule = training.model_copy(update={"stop_after": 0})  # a fit that stops early is the beginning of the whole one
    return fingerprint_of([schedule.to_dict(), drawn, weights, scales, str(learner.transform()), frozen])


def _taken_up(fit: Fit) -> tuple[Trained, Counters]:
    """The state to go on from: that of the last checkpoint, which the first process reads, or the beginning."""
    if fit.processes is None:
        return _read(fit)
    trained, counters = _read(fit) if fit.processes.leads else (fit.attempt_state(0), Counters())
    counters, tensors = fit.processes.object("state", (counters, trained.tensors() if counters.step else None))
    if counters.attempt and not fit.processes.leads:
        trained = fit.attempt_state(counters.attempt)
    if tensors is not None and not fit.processes.leads:
        with torch.no_grad():
            trained.fill(tensors)
    return trained, counters


def _read(fit: Fit) -> tuple[Trained, Counters]:
    trained = fit.attempt_state(0)
    counters = read_checkpoint(fit.workspace, trained, fit.fingerprint) if fit.workspace else None
    if counters is None or counters.step > fit.last_step:
        return fit.attempt_state(0), Counters()
    if counters.attempt:
        trained = fit.attempt_state(counters.attempt)
        counters = read_checkpoint(fit.workspace, trained, fit.fingerprint) or Counters()  # type: ignore[arg-type]
    return trained, counters


def _run_attempt(fit: Fit, trained: Trained, counters: Counters, watchdog: Watchdog) -> None:
    fit.learner.train()
    path = fit.workspace / "history.jsonl" if fit.workspace else None
    history = History(path, fit.steps, counters.attempt, counters.step, fit.last_step)
    begun = saved = time.perf_counter()
    pause = 0.0
    if counters.step < fit.last_step:
        fit.prepare()
    with progress(fit.last_step, "training") as advance:
        advance(counters.step)
        for step in range(counters.step, fit.last_step):
            seconds = counters.seconds + time.perf_counter() - begun
            _stop_if_asked(fit, trained, Counters(step, counters.attempt, seconds, tuple(watchdog.recent)), history)
            with in_step(fit.processes):
                losses = fit.step(trained, step)
            watchdog.see(step, losses)
            now = time.perf_counter()
            seconds = counters.seconds + now - begun
            history.add(step, counters.attempt, trained.optimizer.param_groups[-1]["lr"], seconds, losses)
            advance(1)
            last = step + 1 == fit.last_step
            if fit.workspace and (last or now - saved >= max(fit.training.checkpoint_seconds, pause)):
                done = Counters(step + 1, counters.attempt, seconds, tuple(watchdog.recent))
                write_checkpoint(fit.workspace, trained, done, fit.fingerprint)
                saved = time.perf_counter()
                pause = CHECKPOINT_PAUSE * (saved - now)


def _stop_if_asked(fit: Fit, trained: Trained, done: Counters, history: History) -> None:
    """Let the fit be stopped between steps; its checkpoint and its history then hold every step done."""
    try:
        stop_if_asked()
    except StoppedError as stopped:
        history.write()
        if fit.workspace and done.step:
            write_checkpoint(fit.workspace, trained, done, fit.fingerprint)
        raise StoppedError(stopped.reason, done.step, fit.steps) from stopped


def _next_attempt(counters: Counters, training: Training, what: str) -> Counters:
    attempt = counters.attempt + 1
    if attempt == MAX_ATTEMPTS:
        raise TrainingError(
            f"{what}, and so in {MAX_ATTEMPTS - 1} restarts, each at half the step size. "
            f"Lower training.lr (now {training.lr:g}), or check the labels."
        )
    return Counters(attempt=attempt)


def accelerator_for(training: Training) -> Accelerator:
    """Device and precision: the first GPU if there is one; bf16 where "auto" is asked and the GPU has it."""
    gpu = torch.cuda.is_available()
    half = training.precision == "auto" and gpu and torch.cuda.is_bf16_supported()
    # The accelerator's precision is state of the process and would refuse to differ from an earlier fit's.
    AcceleratorState._reset_state()
    return Accelerator(cpu=not gpu, mixed_precision="bf16" if half else "no")


@contextmanager
def flushed_denormals() -> Iterator[None]:
    """Tiny numbers count as zero meanwhile: late in training they otherwise slow a CPU down several times."""
    supported = torch.set_flush_denormal(True)
    try:
        yield
    finally:
        if supported:
            torch.set_flush_denormal(False)


def _place(learner: Learner, device: torch.device, memory_format: torch.memory_format) -> None:
    module: Any = learner.to(device)  # releases of PyTorch differ in how they type a memory format
    module.to(memory_format=memory_format)
