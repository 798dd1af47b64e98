"""Bi-Tuning: fine-tuning that also contrasts pictures by their class, with a slow second network for keys."""

from __future__ import annotations

import copy
from typing import Annotated, cast, final

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from headstart.backbones.backbone import Backbone
from headstart.core.ranges import Searched
from headstart.data.augmentation.views import view_of
from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.losses.contrastive import supervised_info_nce
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.methods._fine_tuning import ScaledFineTuning
from headstart.training.batches import Batch
from headstart.training.key_queue import KeyQueue
from headstart.training.learner import Classifier
from headstart.training.settings import Training
from headstart.training.teacher import Teacher


@final
class BiTuning(ScaledFineTuning):
    """Fine-tunes with cross-entropy and two contrastive losses against a queue of recent pictures.

    The classifier contrast draws each class's weights to the features of its pictures and away from those of others; the
    categorical contrast draws projected features of one class together. Keys come from a second view, computed by slowly
    averaged weights, and from a queue of earlier ones.

    Needs: labeled rows, and weights worth keeping, supervised or not.
    Helps: with fine classes and 15 or more rows of each, most of all fine-tuning methods of Jiang et al., arXiv 2201.05867.
    Hurts: with very few rows, whose pictures are contrasted with each other again and again; it also runs the network a second
        time at each step.

    Reference: Zhong et al., "Bi-tuning of Pre-trained Representations", arXiv 2011.06182, section 3.
    Differs: keys of the whole batch are contrasted; the queue holds the latest keys of all classes together, not as many of
        each; a blended picture counts for the class that most of it shows.

    Attributes:
        temperature: Of both contrasts; the paper uses 0.07.
        momentum: Share of its weights that the key network keeps at each step; the paper uses 0.999.
        queue_length: Keys a class, on average; 40 as in Jiang et al.
        projection_width: Of the features that are contrasted; 128 as in Jiang et al.
    """

    temperature: Annotated[float, Field(gt=0, le=10), Searched(0.03, 0.5)] = 0.07
    momentum: Annotated[float, Field(ge=0, lt=1), Searched(0.9, 0.999)] = 0.999
    queue_length: Annotated[int, Field(ge=1, le=1000), Searched(8, 64)] = 40
    projection_width: Annotated[int, Field(ge=2, le=4096), Searched(64, 256)] = 128

    def streams(self, task: Task) -> dict[str, Stream]:
        view = view_of(self.view, task.native_pixels, self.flip)
        return {"train": Stream(task.train, view, also=(view,))}

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        learner = super().build(task, backbone, training)
        learner.extra = _Contrast(learner, self.projection_width, self.queue_length * task.num_classes)
        return learner

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        contrast = cast(_Contrast, learner.extra)
        shown = batch["train"]
        labels = shown.targets.argmax(dim=1)
        features = learner.features(shown.images)
        keys = contrast.teacher.features(learner, shown.also[0])
        by_class = contrast.of_classes(learner.head, features, keys, labels, self.temperature)
        by_picture = contrast.of_pictures(features, keys, labels, self.temperature)
        return {
            "cross_entropy": soft_cross_entropy(learner.head(features), shown.targets),
            "classifier_contrast": by_class,
            "categorical_contrast": by_picture,
        }

    def after_step(self, learner: Classifier, step: int) -> None:
        cast(_Contrast, learner.extra).follow(learner, self.momentum)


class _Contrast(nn.Module):
    """What is kept beside the classifier: a projector, the slow networks that make keys, and the keys of earlier steps."""

    def __init__(self, learner: Classifier, projection_width: int, queue_length: int) -> None:
        super().__init__()
        width = learner.backbone.feature_width
        self.teacher = Teacher(learner)
        self.projector = nn.Linear(width, projection_width)
        self.key_projector = copy.deepcopy(self.projector).requires_grad_(False)
        self.features = KeyQueue(queue_length, width + 1)
        self.projections = KeyQueue(queue_length, projection_width)

    def of_classes(self, head: nn.Linear, features: Tensor, keys: Tensor, labels: Tensor, temperature: float) -> Tensor:
        """The weights of each row's class against features of the batch and earlier keys."""
        weights = functional.normalize(torch.cat([head.weight, head.bias[:, None]], dim=1))
        candidates, candidate_labels = self.features.behind(_with_one(features), labels)
        self.features.push(_with_one(keys), labels)
        return supervised_info_nce(weights[labels], candidates, labels[:, None] == candidate_labels, temperature)

    def of_pictures(self, features: Tensor, keys: Tensor, labels: Tensor, temperature: float) -> Tensor:
        """The projection of each row against projected keys of the batch and earlier ones."""
        queries = functional.normalize(self.projector(features))
        projected = functional.normalize(self.key_projector(keys))
        candidates, candidate_labels = self.projections.behind(projected, labels)
        self.projections.push(projected, labels)
        return supervised_info_nce(queries, candidates, labels[:, None] == candidate_labels, temperature)

    @torch.no_grad()
    def follow(self, learner: Classifier, momentum: float) -> None:
        """Move what makes keys toward what makes queries."""
        self.teacher.update(learner, momentum)
        for slow, fast in zip(self.key_projector.parameters(), self.projector.parameters(), strict=True):
            slow.lerp_(fast, 1 - momentum)


def _with_one(features: Tensor) -> Tensor:
    """Unit rows of the features and a 1, which meets the bias of a class."""
    return functional.normalize(functional.pad(features, (0, 1), value=1.0))
