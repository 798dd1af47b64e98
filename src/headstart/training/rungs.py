"""Rungs: a backbone trained from a late stage on, then from earlier ones, as long as held-out rows say that it helps."""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from headstart.core.types import Floats
from headstart.data.folds import Fold, stratified_folds
from headstart.data.images import ImageSet
from headstart.data.streams import Stream
from headstart.data.views import View
from headstart.features.temperature import fit_temperature, row_losses
from headstart.training.activations import Activations
from headstart.training.cost import cost_probe
from headstart.training.learner import Classifier
from headstart.training.loop import AfterStep, Losses, train
from headstart.training.settings import Training

HELD_PART = 8
"""One row in eight is held out to tell whether a rung helps, but no more than"""
MOST_HELD = 1_000
FEWEST_HELD = 100
"""With fewer, chance would tell, and the rows are missed: of 352 rows of the embedded set, holding out 44 cost 0.08 and 0.10 in
calibrated log loss at two step sizes (EfficientNet-Lite0, one seed)."""
SETTLING_PART = 6
"""Epochs on all rows at the end, the held-out ones among them, as a part of a rung's."""
SETTLING_RATE = 0.25
SHARES = np.linspace(0.0, 1.0, 11).tolist()
"""Of the trained weights in the average with those at the beginning."""
BATCH_ROWS = 64

State = dict[str, Tensor]


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


def held_out(images: ImageSet, seed: int) -> Fold | None:
    """Rows to train on and rows to choose by, groups kept whole; None where there are too few to choose by."""
    num_parts = max(HELD_PART, -(-len(images) // MOST_HELD))
    fold = stratified_folds(images.labels, images.groups, num_parts, seed)[0]
    return fold if FEWEST_HELD <= len(fold.held) <= 2 * len(images) / HELD_PART else None


@dataclass
class Rungs:
    """A learner trained behind one stage after the other, each rung starting from the one before.

    Attributes:
        learner: Changed in place; its forward gives logits, and its statistics are frozen.
        stages: Where to cut, the latest first.
        losses: What to minimize.
        training: Budget and optimizer; the rungs share the epochs.
        workspace: Folder for a folder a rung; None keeps nothing.
        after_step: Called after each step.
    """

    learner: Classifier
    stages: Sequence[str]
    losses: Losses
    training: Training
    workspace: Path | None = None
    after_step: AfterStep | None = None

    @property
    def _share(self) -> Training:
        """The training of one rung."""
        return self.training.model_copy(update={"epochs": -(-self.training.epochs // len(self.stages))})

    def climbed(self, streams: dict[str, Stream]) -> Classifier:
        """The learner after every rung, on the CPU and in evaluation mode; it takes pictures again."""
        for stage in self.stages:
            self._climb(stage, streams, stage, self._share)
        self.learner.thaw()
        return self.learner

    def climbed_while_better(self, streams: dict[str, Stream], fold: Fold) -> Classifier:
        """The learner after the first rung and those that then improve the log loss on held-out rows by more than noise.

        The best weights are trained a little more on all rows, then averaged with those at the beginning in the proportion
        that held-out rows like best; where they like none of it, the beginning stays.

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
        part = streams | {name: Stream(whole.images.take(fold.fit), whole.view)}
        held = whole.images.take(fold.held)
        beginning = _state_of(self.learner)
        best: Reached | None = None
        for stage in self.stages:
            self._climb(stage, part, stage, self._share)
            now = self._reached(stage, beginning, held)
            if best and not now.improves_on(best):
                break
            best = now
        if best is None:
            raise AssertionError("there is a stage to train behind")
        self.learner.load_state_dict(best.state)
        if best.share:
            self._climb(best.stage, streams, "settling", settling(self._share))
        self.learner.load_state_dict(average(beginning, self.learner.state_dict(), best.share))
        self.learner.thaw()
        return self.learner

    def predicted_seconds(self, few: dict[str, Stream], num_rows: int) -> float:
        """What all rungs will take, settling included; see `cost_probe`."""
        seconds = 0.0
        for stage in self.stages:
            self.learner.freeze_up_to(stage)
            seconds += cost_probe(self.learner, few, self.losses, self._share, num_rows)
        return seconds * (1 + 1 / SETTLING_PART)

    def _climb(self, stage: str, streams: dict[str, Stream], folder: str, training: Training) -> None:
        self.learner.freeze_up_to(stage)
        workspace = self.workspace and self.workspace / folder
        train(self.learner, streams, self.losses, training, workspace, self.after_step)
        if workspace:
            shutil.rmtree(workspace / "cache", ignore_errors=True)

    def _reached(self, stage: str, beginning: State, held: ImageSet) -> Reached:
        boundary, transform = self.learner.freeze_up_to(stage), self.learner.transform()
        shown = Activations(boundary, "held", Stream(held, View()), transform, 1, self.training.seed, None)
        state = _state_of(self.learner)
        found = []
        for share in SHARES:
            self.learner.load_state_dict(average(beginning, state, share))
            scores = self._scores(shown, len(held))
            found.append(row_losses(scores, held.labels, fit_temperature(scores, held.labels)))
        self.learner.load_state_dict(state)
        best = min(range(len(found)), key=lambda index: float(found[index].mean()))
        return Reached(stage, state, SHARES[best], found[best])

    def _scores(self, shown: Activations, num_rows: int) -> Floats:
        parts = [np.arange(start, min(start + BATCH_ROWS, num_rows)) for start in range(0, num_rows, BATCH_ROWS)]
        with torch.no_grad():  # not inference mode: an engine may have to be made, and that traces
            return np.concatenate([self.learner.eval()(shown.of(rows, np.zeros_like(rows))).numpy() for rows in parts])


def settling(training: Training) -> Training:
    """The last steps, on all rows: few and small."""
    epochs = max(1, training.epochs // SETTLING_PART)
    return training.model_copy(update={"epochs": epochs, "lr": SETTLING_RATE * training.lr, "warmup": 0.0})


def average(beginning: State, state: State, share: float) -> State:
    """The weights at a share, in [0, 1], of the way from the beginning to the state; integers are the state's."""
    return {
        name: beginning[name].lerp(tensor, share) if tensor.dtype.is_floating_point else tensor for name, tensor in state.items()
    }


def _state_of(learner: Classifier) -> State:
    return {name: tensor.detach().clone() for name, tensor in learner.state_dict().items()}
