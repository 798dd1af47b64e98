"""LP-FT: fine-tuning that starts from a fitted linear head."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, final

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from headstart.backbones.backbone import Backbone
from headstart.backbones.boundary import cuts_of
from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.data.views import ViewName, view_of
from headstart.features.extract import features_of
from headstart.features.ridge_solver import fit_ridge
from headstart.methods.base import GradientMethod
from headstart.methods.heads import LinearHead
from headstart.methods.model import Model
from headstart.training.batches import Batch
from headstart.training.learner import Classifier
from headstart.training.settings import Training

SHARES = {"late": (0.85,), "middle": (0.6,), "early": (0.6, 0.3), "all": ()}
"""Of a network's work, what is left as it is. EfficientNet-Lite0 is cut behind blocks 5, 4 and 2, as in the measurements."""


@final
class LpFt(GradientMethod):
    """Fits the head to frozen features first, then trains head and backbone together with small steps.

    A fitted head has small gradients from the first step on, so that good features are not distorted on the way. The head is
    the ridge solution on penultimate features divided by its leave-one-out temperature: before the first step the model
    predicts what ridge predicts. Batch normalization of pretrained weights keeps its statistics.

    Needs: labeled rows, and weights worth keeping.
    Helps: with five to a few hundred rows a class on weights whose features are near the task.
    Hurts: where the weights know nothing of the task; then train from scratch.

    The model's temperature is 1: training scores must not set it. Whoever has held-out scores replaces it.

    Reference: Kumar et al., "Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution", ICLR 2022,
        section 4 (LP-FT).
    Differs: the linear probe is ridge with its leave-one-out temperature, and earlier stages take smaller steps.

    Attributes:
        depth: How far training may reach down: "middle" trains what lies behind the middle of the network's work, "early" goes on
            from there to what lies behind its first third, where rows can be held out only if it helps on them, "late"
            trains the last seventh; "all" trains everything at once, as in the paper.
        view: How pictures are varied.
        flip: Whether "weak" mirrors half of them; off, as mirroring changes the class of digits and text.
        body_scale: Step size of the backbone's last stage as a multiple of the head's (Clark et al., "ELECTRA", ICLR 2020,
            and Kumar et al. take smaller steps below the head; half of it here).
        stage_decay: Factor from each stage to the one before it (layer-wise decay: Bao et al., "BEiT", ICLR 2022).
    """

    summary: ClassVar[str] = "Fine-tuning from a fitted linear head, earlier stages in smaller steps"

    depth: Literal["late", "middle", "early", "all"] = "middle"
    view: ViewName = "weak"
    flip: bool = False
    body_scale: Annotated[float, Field(gt=0, le=1)] = 0.5
    stage_decay: Annotated[float, Field(gt=0, le=1)] = 0.7

    def streams(self, task: Task) -> dict[str, Stream]:
        return {"train": Stream(task.train, view_of(self.view, task.native_pixels, self.flip))}

    def stages(self, backbone: Backbone) -> tuple[str, ...]:
        return cuts_of(backbone, SHARES[self.depth]) if backbone.weights != "none" else ()

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        frozen = backbone.weights != "none"
        learner = Classifier(backbone, task.num_classes, training.label_smoothing, frozen, self.body_scale, self.stage_decay)
        features = features_of(task.train, backbone.eval()).penultimate
        fit = fit_ridge(features, task.train.labels, task.num_classes, groups=task.train.groups)
        with torch.no_grad():
            learner.head.weight.copy_(torch.from_numpy(np.asarray(fit.weight.T / fit.temperature)))
            learner.head.bias.copy_(torch.from_numpy(np.asarray(fit.bias / fit.temperature)))
        return learner

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        logits = learner(batch["train"].images)
        loss = functional.cross_entropy(logits, batch["train"].labels, label_smoothing=learner.label_smoothing)
        return {"cross_entropy": loss}

    def deploy(self, learner: Classifier, task: Task) -> Model:
        weight, bias = learner.head.weight.detach().numpy().T, learner.head.bias.detach().numpy()
        head = LinearHead(None, np.ascontiguousarray(weight), np.array(bias))
        return Model(learner.backbone.refreshed(), head, 1.0, task.classes)
