"""DANN: features that a discriminator cannot tell the domain from."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

from pydantic import Field
from torch import Tensor

from headstart.backbones.backbone import Backbone
from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.losses.domain_adversarial import domain_cross_entropy, reversal_strength, reversed_gradient
from headstart.methods.base import GradientMethod, Need
from headstart.training.batches import Batch
from headstart.training.depth import Depth, stages_behind
from headstart.training.domains import Discriminator, features_by_domain
from headstart.training.learner import Classifier
from headstart.training.pool import learner_with_memory, streams_with_pool
from headstart.training.settings import Training


@final
class Dann(GradientMethod):
    """Trains on source pictures while a discriminator learns to tell the domains apart and the features learn to prevent it.

    The gradient of the discriminator's loss is turned around on its way into the network, ever more as training goes on.

    Needs: labeled source pictures, and unlabeled target pictures of the same classes.
    Helps: with hundreds of steps, where domains look different and classes are about equally frequent in both.
    Hurts: where classes are more frequent in one domain, and in short trainings with large steps: on digits it mostly lost to
        training on the source alone, and gained with a fifth of the step size (docs/across-domains.md).

    Reference: Ganin et al., "Domain-Adversarial Training of Neural Networks", JMLR 2016.
    Differs: training starts from the ridge head, and views are computed once where the first part of the network is frozen.

    Attributes:
        depth: How far training reaches down; see lp_ft.
        flip: Whether views mirror half of the pictures; off, as mirroring changes the class of digits and text.
        unlabeled_ratio: Unlabeled rows a step for each labeled one.
        weight: Of the discriminator's loss.
        width: Of the discriminator; 1,024 in the paper.
    """

    summary: ClassVar[str] = "Features that a discriminator cannot tell the domain from"
    needs: ClassVar[tuple[Need, ...]] = ("pictures", "source", "unlabeled")

    depth: Depth = "middle"
    flip: bool = False
    unlabeled_ratio: Annotated[int, Field(ge=1, le=7)] = 1
    weight: Annotated[float, Field(ge=0, le=100)] = 1.0
    width: Annotated[int, Field(ge=8, le=4096)] = 256

    def streams(self, task: Task) -> dict[str, Stream]:
        return streams_with_pool(task, self.unlabeled_ratio, self.flip, unlabeled=("weak",))

    def stages(self, backbone: Backbone) -> tuple[str, ...]:
        return stages_behind(backbone, self.depth)

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        return learner_with_memory(backbone, task, Discriminator(backbone.feature_width, self.width))

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        source, target = features_by_domain(learner, batch)
        discriminator, strength = learner.extra, reversal_strength(progress)
        assert isinstance(discriminator, Discriminator)
        scores = (discriminator(reversed_gradient(features, strength)) for features in (source, target))
        return {
            "cross_entropy": soft_cross_entropy(learner.head(source), batch["train"].targets),
            "domain": self.weight * domain_cross_entropy(*scores),
        }
