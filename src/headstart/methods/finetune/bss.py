"""BSS: fine-tuning that holds down the weakest directions of its features."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

from pydantic import Field
from torch import Tensor

from headstart.backbones.backbone import Backbone
from headstart.core.ranges import Searched
from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.data.views import ViewName, view_of
from headstart.losses.batch_spectral_shrinkage import batch_spectral_shrinkage
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.methods.base import GradientMethod
from headstart.training.batches import Batch
from headstart.training.depth import Depth, stages_behind
from headstart.training.learner import Classifier
from headstart.training.ridge_start import fitted_classifier
from headstart.training.settings import Training


@final
class Bss(GradientMethod):
    """Fine-tunes with a penalty on the smallest singular values of each batch of features.

    Directions in which the features of a batch hardly differ carry what the source knew and the task does not need; held down,
    they cannot be fitted to noise.

    Needs: labeled rows, and weights worth keeping.
    Helps: a little, with few rows on features that are wider than the task is rich.
    Hurts: hardly; it costs one decomposition of a batch of features a step.

    Reference: Chen et al., "Catastrophic Forgetting Meets Negative Transfer", NeurIPS 2019, section 4.
    Differs: the head starts at the ridge solution, and batch normalization of pretrained weights keeps its statistics.

    Attributes:
        weight: Of the penalty, eta in the paper, which uses 0.001.
        num_smallest: How many singular values are held down, k in the paper, which uses 1.
        depth: How far training may reach down, as in lp_ft.
        view: How pictures are varied.
        flip: Whether "weak" mirrors half of them; off, as mirroring changes the class of digits and text.
        body_scale: Step size of the backbone's last stage as a multiple of the head's, as in lp_ft.
        stage_decay: Factor from each stage to the one before it, as in lp_ft.
    """

    summary: ClassVar[str] = "Fine-tuning with the smallest singular values of the features held down"

    weight: Annotated[float, Field(ge=0, le=1e3), Searched(1e-4, 1e-1)] = 1e-3
    num_smallest: Annotated[int, Field(ge=1, le=4096), Searched(1, 4)] = 1
    depth: Depth = "middle"
    view: ViewName = "weak"
    flip: bool = False
    body_scale: Annotated[float, Field(gt=0, le=1)] = 0.5
    stage_decay: Annotated[float, Field(gt=0, le=1)] = 0.7

    def streams(self, task: Task) -> dict[str, Stream]:
        return {"train": Stream(task.train, view_of(self.view, task.native_pixels, self.flip))}

    def stages(self, backbone: Backbone) -> tuple[str, ...]:
        return stages_behind(backbone, self.depth)

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        return fitted_classifier(backbone, task.train, self.body_scale, self.stage_decay)

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        features = learner.features(batch["train"].images)
        return {
            "cross_entropy": soft_cross_entropy(learner.head(features), batch["train"].targets),
            "spectral_shrinkage": self.weight * batch_spectral_shrinkage(features, self.num_smallest),
        }
