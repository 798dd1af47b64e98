"""Residual fine-tuning: network trained on what ridge on every depth leaves unexplained."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from headstart.backbones.backbone import Backbone
from headstart.core.ranges import Searched
from headstart.core.rows import linear_scores
from headstart.core.types import Floats
from headstart.data.augmentation.views import view_of
from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.features.extract import features_of
from headstart.features.representation import Blocks, Representation
from headstart.heads.class_statistics import has_mates
from headstart.heads.ridge_leave_one_out import fit_ridge
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.methods._fine_tuning import ScaledFineTuning
from headstart.methods.base import deployed
from headstart.methods.heads import ridge_head
from headstart.methods.model import Model
from headstart.training.batches import Batch
from headstart.training.learner import Classifier
from headstart.training.settings import Training


class Corrector(Classifier):
    """A classifier whose head starts at zero, and the backbone it started from, which is not trained and not its state."""

    def __init__(self, backbone: Backbone, num_classes: int, body_scale: float, stage_decay: float) -> None:
        super().__init__(backbone, num_classes, backbone.weights != "none", body_scale, stage_decay)
        self._initial = (backbone.copy(),)
        with torch.no_grad():
            self.head.weight.zero_()
            self.head.bias.zero_()

    @property
    def initial_backbone(self) -> Backbone:
        """The backbone before the first step."""
        return self._initial[0]


@final
class Residual(ScaledFineTuning):
    """Keeps ridge on frozen features of every depth, and trains the network to correct it.

    Each row's margin is ridge's score of it by a fit without it, over the leave-one-out temperature; the network's scores are
    added, and the loss is that of the sum. So the network learns from rows that ridge gets wrong or is unsure of, and before
    the first step the model is ridge. What it learned is added at a fraction of its size.

    Needs: labeled rows.
    Helps: where ridge on all depths beats a network trained from its last layer, as on small sets, and errs often enough.
    Hurts: where few rows are wrong by leave-one-out, so that little is left to learn from. It predicts with two networks.

    The model's temperature is 1: training scores must not set it. Whoever has held-out scores replaces it.

    Reference: Friedman, "Greedy Function Approximation: A Gradient Boosting Machine", Annals of Statistics 2001, sections 2 and 5
        (a stage fitted to what the ones before leave, and its shrinkage); Wolpert, "Stacked Generalization", Neural Networks 1992
        (what a stage is fitted to is predicted without the row itself).
    Differs: one further stage, a pretrained network trained by cross-entropy over several epochs.

    Attributes:
        shrinkage: What the network adds is multiplied by this when the training ends. With 20 labels a class, of 0.2 to 1, 0.2
            has the lowest test loss on emoji and Fashion-MNIST, and 1 on digits (EfficientNet-Lite0, two seeds each).
        blocks: What ridge sees.
    """

    keeps_initial_network: ClassVar[bool] = True

    shrinkage: Annotated[float, Field(gt=0, le=1), Searched(0.05, 1.0)] = 0.2
    blocks: Blocks = "stages+pixels"
    body_scale: Annotated[float, Field(gt=0, le=1), Searched(0.05, 1.0)] = 0.5
    stage_decay: Annotated[float, Field(gt=0, le=1), Searched(0.4, 1.0)] = 0.7

    def streams(self, task: Task) -> dict[str, Stream]:
        return {"train": Stream(task.train, view_of(self.view, task.native_pixels, self.flip), smooth=False)}

    def margins(self, task: Task, backbone: Backbone) -> Floats:
        rows = task.train
        features = features_of(rows, backbone)
        seen = Representation.fitted(features, self.blocks).rows(features)
        fit = fit_ridge(seen, rows.labels, task.num_classes, groups=rows.groups)
        scores = linear_scores(seen, fit.weight, fit.bias)
        fair = has_mates(rows.labels, rows.groups)[fit.loo_rows]  # without its only group, a class would not be known
        scores[fit.loo_rows[fair]] = fit.loo_scores[fair]
        return np.asarray(scores / fit.temperature)

    def build(self, task: Task, backbone: Backbone, training: Training) -> Corrector:
        return Corrector(backbone, task.num_classes, self.body_scale, self.stage_decay)

    def losses(self, learner: Corrector, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        rows = batch["train"]
        return {"cross_entropy": soft_cross_entropy(learner(rows.images) + rows.margins, rows.targets)}

    def deploy(self, learner: Corrector, task: Task) -> Model:
        with torch.no_grad():
            learner.head.weight.mul_(self.shrinkage)
            learner.head.bias.mul_(self.shrinkage)
        initial, rows = learner.initial_backbone, task.train
        features = features_of(rows, initial)
        head, temperature = ridge_head(features, rows.labels, task.num_classes, self.blocks, rows.groups)
        corrected = Model(initial, head, temperature, task.classes)
        corrector = deployed(learner, task)
        return Model(corrector.backbone, corrector.head, 1.0, task.classes, base=corrected)
