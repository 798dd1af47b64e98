"""A network, trained from random weights or fine-tuned."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, final

import numpy as np
import torch
from torch import Tensor

from headstart.backbones.backbone import Backbone
from headstart.core.seeds import seed_for
from headstart.core.types import Integers
from headstart.data.augmentation.views import view_of
from headstart.data.images import ImageSet
from headstart.data.streams import Stream
from headstart.features.extract import features_of
from headstart.heads.ridge_leave_one_out import loo_sample, ridge_path
from headstart.methods.heads import LinearHead
from headstart.multioutput.candidate import OutputCandidate
from headstart.multioutput.fits.base import OutputFit
from headstart.multioutput.fits.ridge import least_press
from headstart.multioutput.kinds.base import OutputKind
from headstart.multioutput.member import Member
from headstart.multioutput.task import OutputTask
from headstart.training.batches import Batch
from headstart.training.cost import cost_probe, probe_rows
from headstart.training.depth import Depth, stages_behind
from headstart.training.learner import Classifier
from headstart.training.loop import train
from headstart.training.settings import Training

DEPTH: Depth = "third"
"""How far down a pretrained network is trained: behind its first third, as the fine-tuning of classes is."""


BODY_SCALE, STAGE_DECAY = 0.5, 0.7
"""Step size of the last stage as a multiple of the head's, and its factor from each stage to the one before: those of `lp_ft`."""


@dataclass(frozen=True)
class OutputLoss:
    """What the loop minimizes: the loss of the kind, of the rows of a batch.

    Attributes:
        kind: Of the outputs.
        encoded: float32 [sample, output]: the targets of the stream's rows.
    """

    kind: OutputKind
    encoded: Tensor = field(repr=False)

    def __call__(self, learner: Any, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        """The loss by name."""
        shown = batch["train"]
        return {"outputs": self.kind.network_loss(learner(shown.images), self.encoded[shown.rows].to(shown.images.device))}


@final
class Network(OutputFit):
    """All of a network from random weights, or what lies behind the first third of a pretrained one, from the ridge head on.

    Reference: Kumar et al., "Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution", ICLR 2022,
        section 4 (LP-FT).
    """

    trains: ClassVar[bool] = True

    def fit(
        self, task: OutputTask, rows: Integers, candidate: OutputCandidate, backbone: Backbone, workspace: Path | None
    ) -> Member:
        learner, stream, losses = _prepared(task, rows, candidate, backbone)
        train(learner, {"train": stream}, losses, _training_of(candidate), workspace)
        learner.thaw()
        weight, bias = learner.head.weight.detach().numpy().T, learner.head.bias.detach().numpy()
        return Member(learner.backbone.refreshed(), LinearHead(None, np.ascontiguousarray(weight), np.array(bias)))


def seconds_of_training(task: OutputTask, rows: Integers, candidate: OutputCandidate, backbone: Backbone) -> float:
    """Predicted seconds of a fit to those rows of the labeled images, by the operations of a few steps."""
    training = _training_of(candidate)
    few = rows[probe_rows(task.images.labeled.take(rows), training)]
    learner, stream, losses = _prepared(task, few, candidate, backbone)
    return cost_probe(learner, {"train": stream}, losses, training, {"train": len(rows)})


def _training_of(candidate: OutputCandidate) -> Training:
    """Its training; mixed pictures would need mixed targets."""
    return (candidate.training or Training()).model_copy(update={"mix": "none", "balance": "none"})


def _prepared(
    task: OutputTask, rows: Integers, candidate: OutputCandidate, backbone: Backbone
) -> tuple[Classifier, Stream, OutputLoss]:
    """What is trained, on what, by which loss."""
    images, encoded, training = task.images.labeled.take(rows), task.encoded[rows], _training_of(candidate)
    pretrained = backbone.weights != "none"
    with torch.random.fork_rng():
        torch.manual_seed(seed_for(training.seed, "build", "network"))
        scales = (BODY_SCALE, STAGE_DECAY) if pretrained else (1.0, 1.0)
        learner = Classifier(backbone.copy(), len(task.outputs), pretrained, *scales)
    if pretrained:
        _start_from_ridge(learner, task, rows, images)
        for stage in stages_behind(backbone, DEPTH):
            learner.freeze_up_to(stage)
    view = view_of(task.kind.view, task.images.native_pixels, flip=False)
    return learner, Stream(images, view), OutputLoss(task.kind, torch.from_numpy(np.asarray(encoded, np.float32)))


def _start_from_ridge(learner: Classifier, task: OutputTask, rows: Integers, images: ImageSet) -> None:
    """Set the head to the ridge solution on penultimate features, in the scale of what the network predicts."""
    features = features_of(images, learner.backbone.eval()).penultimate
    targets = task.encoded[rows]
    scored = loo_sample(len(rows), targets.shape[1], images.groups)
    weight, bias, scores = least_press(ridge_path(features, targets, groups=images.groups, loo_rows=scored), targets)
    link = task.kind.start(scores, task.targets[rows][scored])
    with torch.no_grad():
        learner.head.weight.copy_(torch.from_numpy(np.asarray(weight.T * link.slope[:, None], np.float32)))
        learner.head.bias.copy_(torch.from_numpy(np.asarray(link(bias[None])[0], np.float32)))
