"""Fine-tune: new head, everything trained at one step size; with weights = none, training from scratch."""

from __future__ import annotations

from typing import ClassVar, final

from headstart.backbones.backbone import Backbone
from headstart.data.task import Task
from headstart.methods._fine_tuning import FineTuning
from headstart.training.learner import Classifier
from headstart.training.settings import Training


@final
class FineTune(FineTuning):
    """Puts a new, randomly initialized linear head on the backbone and trains everything with cross-entropy.

    All parameters share one step size and batch normalization goes on learning. With weights = "none" this is training from
    scratch; with SGD at 0.001, momentum 0.9, a constant schedule and view = "plain" it is the classic recipe.

    Needs: labeled rows.
    Helps: with hundreds of rows a class; from scratch also with few rows when the pictures are small.
    Hurts: with few rows on large pretrained networks: the random head's first gradients distort the features (Kumar et al.,
        ICLR 2022); choose lp_ft there.

    The model's temperature is 1: training scores must not set it. Whoever has held-out scores replaces it.
    """

    tried_by_run: ClassVar[bool] = True
    starts_from_features: ClassVar[bool] = False

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        return Classifier(backbone, task.num_classes)
