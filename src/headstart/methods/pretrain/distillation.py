"""Distillation: without labels: a small network learns the features of a large one."""

from __future__ import annotations

from typing import Annotated, final

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from headstart.backbones.backbone import Backbone
from headstart.backbones.catalog import card_of
from headstart.backbones.loading import load_backbone
from headstart.data.augmentation.views import ViewName, view_of
from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.features.extract import features_of, num_missing, seconds_an_image
from headstart.losses.cosine_distance import cosine_distance
from headstart.losses.similarity_preserving import similarity_preserving
from headstart.methods._self_supervised import SelfSupervised
from headstart.training.batches import Batch
from headstart.training.embedder import Embedder, check_batch
from headstart.training.settings import Training


class TeacherFeatures(nn.Module):
    """The teacher's centered features of every picture of the pool; no part of checkpoints, as they are cached on disk."""

    features: Tensor

    def __init__(self, features: Tensor) -> None:
        super().__init__()
        self.register_buffer("features", features - features.mean(dim=0), persistent=False)


@final
class Distillation(SelfSupervised):
    """Trains the backbone so that a linear layer on it predicts a larger network's features and similarities.

    The teacher sees each picture once, without augmentation, and the student sees augmented views. The layer is thrown away,
    and a ridge head on the labeled rows makes a model of the backbone.

    Needs: pictures, no labels; a teacher that knows such pictures.
    Helps: to get a small, fast network out of a large one.
    Hurts: where the teacher's features do not tell the classes apart.

    Reference: Romero et al., "FitNets", ICLR 2015, eq. 3 (a regressor from the student's to the teacher's features); Tung & Mori,
        "Similarity-Preserving Knowledge Distillation", ICCV 2019, eq. 5 (likenesses within a batch).
    Differs: penultimate features, the teacher's centered over the pool and compared by cosine; likenesses of features that are
        centered, the student's within the batch, as those of features above 0 would never be negative and the teacher's are; the
        teacher sees unvaried pictures; no labels take part.

    Attributes:
        teacher: Name of the model to learn from, as `headstart models` lists them.
        teacher_pixels: Side of the pictures that the teacher sees, no larger than its own.
        relation: Weight of the likenesses; 3000 in Tung & Mori.
        view: How the student's pictures are varied.
    """

    teacher: str = "efficientnet_lite0"
    teacher_pixels: Annotated[int, Field(ge=8, le=1024)] = 128
    relation: Annotated[float, Field(ge=0)] = 3000.0
    view: ViewName = "weak"

    def streams(self, task: Task) -> dict[str, Stream]:
        return {"pool": Stream(task.pool, view_of(self.view, task.native_pixels, self.flip))}

    def build(self, task: Task, backbone: Backbone, training: Training) -> Embedder:
        check_batch(self.kind(), training)
        teacher = self._loaded_teacher()
        features = torch.from_numpy(np.array(features_of(task.pool, teacher).penultimate, np.float32))
        learner = Embedder(backbone, nn.Linear(backbone.feature_width, teacher.feature_width))
        learner.extra = TeacherFeatures(features)
        return learner

    def extraction_seconds(self, task: Task, backbone: Backbone) -> float:
        teacher = self._loaded_teacher()
        count = num_missing(task.pool, teacher)
        return count * seconds_an_image(teacher) if count else 0.0

    def _loaded_teacher(self) -> Backbone:
        return load_backbone(self.teacher, input_pixels=min(self.teacher_pixels, card_of(self.teacher).input_pixels))

    def losses(self, learner: Embedder, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        features = learner.backbone(batch["pool"].images)
        wanted = learner.extra.features[batch["pool"].rows.to(features.device)]
        return {
            "features": cosine_distance(learner.projector(features), wanted),
            "relation": self.relation * similarity_preserving(features - features.mean(dim=0), wanted),
        }
