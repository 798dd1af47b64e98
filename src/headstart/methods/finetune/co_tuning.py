"""Co-Tuning: fine-tuning that trains the network's own classifier along, on source classes like the labels."""

from __future__ import annotations

from typing import Annotated, ClassVar, cast, final

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from headstart.backbones.backbone import Backbone
from headstart.backbones.source_head import source_head_of
from headstart.core.ranges import Searched
from headstart.data.task import Task
from headstart.features.extract import features_of
from headstart.heads.source_classes import source_given_target
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.methods._fine_tuning import ScaledFineTuning
from headstart.methods.base import Need
from headstart.training.batches import Batch
from headstart.training.learner import Classifier
from headstart.training.settings import Training


@final
class CoTuning(ScaledFineTuning):
    """Fine-tunes with two heads: the task's on its labels, and the network's own on the source classes that go with each label.

    The source classes of a label are estimated once, from the original network's predictions for the training rows. Its own
    classifier, often discarded, thus keeps features that separate source classes.

    Needs: labeled rows, and the classifier that the network was trained with.
    Helps: with few rows of fine classes that resemble source classes (birds, cars and planes on ImageNet weights).
    Hurts: where the source has no similar classes: its predictions are noise then, and lp_ft is safer.

    Reference: You et al., "Co-Tuning for Transfer Learning", NeurIPS 2020, section 3.
    Differs: the relation of classes is the mean of source predictions (the paper's direct approach; it learns the reverse one
        too), calibrated on rows of the task, as source data are not at hand; smoothed, weighted and mixed labels go over to
        source classes in proportion.

    Attributes:
        weight: Of the source classes' cross-entropy, lambda in the paper, which chooses it by validation; 2.3 as in its code.
    """

    needs: ClassVar[tuple[Need, ...]] = ("pictures", "source_classes")

    weight: Annotated[float, Field(ge=0, le=100), Searched(0.1, 10)] = 2.3

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        learner = super().build(task, backbone, training)
        logits = features_of(task.train, learner.backbone.eval()).source_logits
        if logits is None:
            raise AssertionError("a network with a classifier of its own gives source logits")
        relation = source_given_target(np.asarray(logits), task.train.labels, task.num_classes)
        learner.extra = _SourceTask(source_head_of(learner.backbone), torch.from_numpy(relation).float())
        return learner

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        source = cast(_SourceTask, learner.extra)
        features, targets = learner.features(batch["train"].images), batch["train"].targets
        return {
            "cross_entropy": soft_cross_entropy(learner.head(features), targets),
            "source_cross_entropy": self.weight * soft_cross_entropy(source.head(features), targets @ source.relation),
        }


class _SourceTask(nn.Module):
    """The source classifier, to be trained along, and p(source class | class), [class, source class]."""

    relation: Tensor

    def __init__(self, head: nn.Linear, relation: Tensor) -> None:
        super().__init__()
        self.head = head
        self.register_buffer("relation", relation)
