"""BSP: adversarial adaptation that keeps more than the easiest directions."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

from pydantic import Field
from torch import Tensor

from headstart.backbones.backbone import Backbone
from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.losses.batch_spectral_penalization import batch_spectral_penalization
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
class Bsp(GradientMethod):
    """Does what dann does, with a penalty on the largest singular values of each domain's features.

    Adversarial training lets the few directions that are easiest to align rule; classes are told apart by the others.

    Needs: labeled source pictures, and unlabeled target pictures of the same classes.
    Helps: a little beyond dann, with many classes.
    Hurts: where dann hurts.

    Reference: Chen et al., "Transferability vs. Discriminability: Batch Spectral Penalization for Adversarial Domain
        Adaptation", ICML 2019.
    Differs: training starts from the ridge head, and views are computed once where the first part of the network is frozen.

    Attributes:
        depth: How far training reaches down; see lp_ft.
        flip: Whether views mirror half of the pictures; off, as mirroring changes the class of digits and text.
        unlabeled_ratio: Unlabeled rows a step for each labeled one.
        weight: Of the discriminator's loss.
        width: Of the discriminator; 1,024 in the paper.
        penalty: Of the squared singular values, beta in the paper, which uses 1e-4.
        num_largest: How many singular values are held down, k in the paper, which uses 1.
    """

    summary: ClassVar[str] = "DANN with the largest singular values of the features held down"
    needs: ClassVar[tuple[Need, ...]] = ("pictures", "source", "unlabeled")

    depth: Depth = "middle"
    flip: bool = False
    unlabeled_ratio: Annotated[int, Field(ge=1, le=7)] = 1
    weight: Annotated[float, Field(ge=0, le=100)] = 1.0
    width: Annotated[int, Field(ge=8, le=4096)] = 256
    penalty: Annotated[float, Field(ge=0, le=1)] = 1e-4
    num_largest: Annotated[int, Field(ge=1, le=64)] = 1

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
        largest = [batch_spectral_penalization(features, self.num_largest) for features in (source, target)]
        return {
            "cross_entropy": soft_cross_entropy(learner.head(source), batch["train"].targets),
            "domain": self.weight * domain_cross_entropy(*scores),
            "spectral_penalty": self.penalty * (largest[0] + largest[1]),
        }
