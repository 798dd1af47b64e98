"""Handover: from a backbone that was trained without labels to a model."""

from __future__ import annotations

import numpy as np

from headstart.backbones.backbone import Backbone
from headstart.data.task import Task
from headstart.features.extract import features_of
from headstart.methods.heads import LinearHead, ridge_head
from headstart.methods.model import Model


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
