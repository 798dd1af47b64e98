"""Self-Tuning: features contrasted by label or pseudo-label; the head learns true labels only."""

from __future__ import annotations

from typing import Annotated, ClassVar, cast, final

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from headstart.backbones.backbone import Backbone
from headstart.data.augmentation.views import ViewName
from headstart.data.task import Task
from headstart.losses.contrastive import supervised_info_nce
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.methods._semi_supervised import Ratio, SemiSupervised
from headstart.training.batches import Batch
from headstart.training.key_queue import KeyQueue
from headstart.training.learner import Classifier


@final
class SelfTuning(SemiSupervised):
    """Contrasts features by label or pseudo-label, and trains the head on true labels alone.

    A wrong pseudo-label then hurts less: a picture is always a positive pair with its own other view, and the head never learns
    from pseudo-labels.

    Needs: labeled rows, and unlabeled pictures of the same classes.
    Helps: with few labels on pretrained weights, where pseudo-labels are often wrong.
    Hurts: where a few steps are all there is, as the projection starts from random weights.

    Reference: Wang et al., "Self-Tuning for Data-Efficient Deep Learning", ICML 2021, eqs. 5 and 6 (pseudo group contrast).
    Differs: one queue for all classes in place of one a class; keys come from the network itself, not from a slower copy; the
        other keys of the batch count as if they were in the queue; strong views give keys and weak ones queries.

    Attributes:
        unlabeled_ratio: Unlabeled rows a step for each labeled one; 1 in the paper.
        unlabeled_weight: Weight of the contrast, on labeled and unlabeled pictures.
        temperature: Divides the cosines.
        width: Of the projection; 1,024 in the paper.
        keys_per_class: Length of the queue over the number of classes.
    """

    labeled_views: ClassVar[tuple[ViewName, ...]] = ("weak", "strong")

    unlabeled_ratio: Ratio = 1
    temperature: Annotated[float, Field(ge=0.01, le=1)] = 0.07
    width: Annotated[int, Field(ge=8, le=1024)] = 128
    keys_per_class: Annotated[int, Field(ge=1, le=256)] = 32

    def memory(self, task: Task, backbone: Backbone) -> Contrast:
        return Contrast(backbone.feature_width, self.width, self.keys_per_class * task.num_classes)

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        memory = cast(Contrast, learner.extra)
        train, pool = batch["train"], batch["unlabeled"]
        features = learner.features(torch.cat([train.images, pool.images]))
        scores, num_labeled = learner.head(features), len(train.images)
        labels = torch.cat([train.labels, scores[num_labeled:].argmax(dim=1)])
        with torch.no_grad():
            other = learner.features(torch.cat([*train.also, *pool.also]))
        return {
            "cross_entropy": soft_cross_entropy(scores[:num_labeled], train.targets),
            "contrast": self.unlabeled_weight * memory(features, other, labels, self.temperature),
        }


class Contrast(nn.Module):
    """A projection of features, and a queue of earlier ones to compare with."""

    def __init__(self, width_in: int, width: int, size: int) -> None:
        super().__init__()
        self.projection = nn.Linear(width_in, width)
        self.queue = KeyQueue(size, width)

    def forward(self, features: Tensor, other: Tensor, labels: Tensor, temperature: float) -> Tensor:
        """The contrast of features [batch, feature] with those of other views of the same pictures, which the queue takes in."""
        queries = functional.normalize(self.projection(features), dim=1)
        own = functional.normalize(self.projection(other), dim=1).detach()
        keys, classes = self.queue.behind(own, labels)
        loss = supervised_info_nce(queries, keys, labels[:, None] == classes, temperature)
        self.queue.push(own, labels)
        return loss
