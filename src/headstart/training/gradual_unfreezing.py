"""Gradual unfreezing: a backbone trained from a late stage on, then from earlier ones, while the loss on held-out rows falls."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from headstart.backbones.machine_speed import slowness
from headstart.backbones.operations import counted
from headstart.core.types import Floats
from headstart.data.folds import Fold
from headstart.data.streams import Stream
from headstart.training.cost import cost_probe
from headstart.training.held_out import HeldOut
from headstart.training.interpolation import SHARES, State, average, best_share, state_of
from headstart.training.learner import Classifier
from headstart.training.loop import AfterStep, train
from headstart.training.objective import Losses
from headstart.training.settings import Training

SETTLING_DIVISOR = 6
"""Epochs of a phase over the epochs on all rows at the end, the held-out ones among them."""
SETTLING_RATE = 0.25
"""Step size of the epochs on all rows at the end, as a multiple of the training's. Chosen, not measured."""


@dataclass(frozen=True)
class Reached:
    """Weights, and how they do on held-out rows.

    Attributes:
        stage: Behind which they differ from the weights at the beginning.
        state: Of the learner.
        share: Of these weights in the average with those at the beginning.
        losses: Log loss of each held-out row by that average with calibrated scores, float64 [sample].
    """

    stage: str
    state: State = field(repr=False)
    share: float
    losses: Floats = field(repr=False)

    def improves_on(self, before: Reached) -> bool:
        """Whether the loss fell by more than the standard error of its fall."""
        fall = before.losses - self.losses
        return float(fall.mean()) > float(fall.std(ddof=1)) / math.sqrt(len(fall))


@dataclass
class GradualUnfreezing:
    """A learner trained behind one stage after the other, each phase starting from the one before.

    Attributes:
        learner: Changed in place; its forward gives logits, and its statistics are frozen.
        stages: Where to cut, the latest first.
        losses: What to minimize.
        training: Budget and optimizer; the phases share the epochs.
        workspace: Folder for a folder a phase; None keeps nothing.
        after_step: Called after each step.
    """

    learner: Classifier
    stages: Sequence[str]
    losses: Losses
    training: Training
    workspace: Path | None = None
    after_step: AfterStep | None = None

    @property
    def _phase(self) -> Training:
        """The training of one phase."""
        return self.training.model_copy(update={"epochs": -(-self.training.epochs // len(self.stages))})

    def trained(self, streams: dict[str, Stream]) -> Classifier:
        """The learner after every phase, on the CPU and in evaluation mode; it takes pictures again."""
        for stage in self.stages:
            self._train_behind(stage, streams, stage, self._phase)
        self.learner.thaw()
        return self.learner

    def trained_while_better(self, streams: dict[str, Stream], fold: Fold) -> Classifier:
        """The learner after the first phase and those that then improve the log loss on held-out rows by more than noise.

        The best weights are trained a little more on all rows, then averaged with those at the beginning in the
        proportion of the lowest loss on held-out rows, which may be the beginning alone.

        Args:
            streams: All rows.
            fold: Of the first stream: rows to train on, and rows to choose by, which the beginning must not know.

        Returns:
            The learner, on the CPU and in evaluation mode; it takes pictures again.

        Reference: Wortsman et al., "Robust fine-tuning of zero-shot models" (WiSE-FT), CVPR 2022, eq. 1; Howard & Ruder,
            "Universal Language Model Fine-tuning", ACL 2018, section 3.3 (late layers first).
        Differs: the share of the average is chosen on held-out rows, with their temperature.
        """
        name, whole = next(iter(streams.items()))
        part = streams | {name: whole.take(fold.fit)}
        held_out = whole.take(fold.held_out)
        initial = state_of(self.learner)
        best: Reached | None = None
        for stage in self.stages:
            self._train_behind(stage, part, stage, self._phase)
            now = self._reached(stage, initial, held_out)
            if best and not now.improves_on(best):
                break
            best = now
        if best is None:
            raise AssertionError("there is a stage to train behind")
        self.learner.load_state_dict(best.state)
        if best.share:
            self._train_behind(best.stage, streams, "settling", settling(self._phase))
        self.learner.load_state_dict(average(initial, self.learner.state_dict(), best.share))
        self.learner.thaw()
        return self.learner

    def predicted_seconds(self, few: dict[str, Stream], num_rows: Mapping[str, int], num_held_out: int = 0) -> float:
        """What all phases will take, those on all rows at the end included where rows are held out; see `cost_probe`.

        Args:
            few: The fit's streams, cut down to a few rows.
            num_rows: Rows of each stream in the fit to come.
            num_held_out: Those of the first stream that are held out.

        Returns:
            Seconds.
        """
        name, whole = next(iter(num_rows.items()))
        trained_on = {**num_rows, name: whole - num_held_out}
        seconds = 0.0
        for stage in self.stages:
            self.learner.freeze_up_to(stage)
            phase = cost_probe(self.learner, few, self.losses, self._phase, trained_on)
            seconds += phase
            if num_held_out:
                seconds += self._seconds_of_judging(few[name]) * num_held_out / len(few[name].images)
        if num_held_out:
            seconds += phase * whole / (whole - num_held_out) * settling(self._phase).epochs / self._phase.epochs
        return seconds

    def _seconds_of_judging(self, few: Stream) -> float:
        """What choosing a share takes on those rows."""
        held_out = HeldOut(few.images, self.learner, few.margins)
        held_out.losses()  # what is made ready once is not counted
        with counted() as found:
            held_out.losses()
        return slowness() * len(SHARES) * found.seconds

    def _train_behind(self, stage: str, streams: dict[str, Stream], folder: str, training: Training) -> None:
        self.learner.freeze_up_to(stage)
        workspace = self.workspace and self.workspace / folder
        train(self.learner, streams, self.losses, training, workspace, self.after_step)
        if workspace:
            shutil.rmtree(workspace / "cache", ignore_errors=True)

    def _reached(self, stage: str, initial: State, held_out: Stream) -> Reached:
        self.learner.freeze_up_to(stage)
        state = state_of(self.learner)
        share, losses = best_share(self.learner, initial, HeldOut(held_out.images, self.learner, held_out.margins))
        return Reached(stage, state, share, losses)


def settling(training: Training) -> Training:
    """The last steps, on all rows: few and small."""
    epochs = max(1, training.epochs // SETTLING_DIVISOR)
    return training.model_copy(update={"epochs": epochs, "lr": SETTLING_RATE * training.lr, "warmup": 0.0})
