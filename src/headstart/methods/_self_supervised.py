"""Self-supervised learning: what its methods share."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field
from torch import nn

from headstart.backbones.backbone import Backbone
from headstart.data.augmentation.two_views import two_views
from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.features.extract import features_of
from headstart.methods.base import GradientMethod
from headstart.methods.heads import LinearHead, ridge_head
from headstart.methods.model import Model
from headstart.training.embedder import Embedder, check_batch
from headstart.training.settings import Training


class SelfSupervised(GradientMethod):
    """A method that trains a backbone on pictures without reading a label.

    What was put behind the backbone is thrown away, and a ridge head on the labeled rows makes a model of it.

    Attributes:
        flip: Whether varied pictures are mirrored half of the time; off, as mirroring changes the class of digits and text.
    """

    label_free: ClassVar[bool] = True

    flip: bool = False

    def deploy(self, learner: Any, task: Task) -> Model:
        return handed_over(learner.backbone, task)


class TwoViews(SelfSupervised):
    """A method that compares two views of each picture.

    Attributes:
        crop: Smallest share of the area that a view shows; 0.08 in most papers, more here as small pictures hold less.
    """

    crop: Annotated[float, Field(gt=0, le=1)] = 0.3

    @abstractmethod
    def projector(self, width: int) -> nn.Module:
        """What makes of features of that width what is compared."""

    def streams(self, task: Task) -> dict[str, Stream]:
        return {"pool": two_views(task, self.crop, self.flip)}

    def build(self, task: Task, backbone: Backbone, training: Training) -> Embedder:
        check_batch(self.kind(), training)
        return Embedder(backbone, self.projector(backbone.feature_width))


def handed_over(backbone: Backbone, task: Task) -> Model:
    """The trained backbone with a ridge head on the task's labeled rows; its weights count as pretrained from now on.

    The model predicts nothing where the task has no classes.
    """
    backbone = backbone.refreshed()
    backbone.weights = "pretrained"
    if not task.classes:
        nothing = LinearHead(None, np.empty((backbone.feature_width, 0), np.float32), np.empty(0))
        return Model(backbone, nothing, 1.0, ())
    train = task.train
    head, temperature = ridge_head(features_of(train, backbone), train.labels, task.num_classes, groups=train.groups)
    return Model(backbone, head, temperature, task.classes)
