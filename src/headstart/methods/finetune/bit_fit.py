"""BitFit: biases are trained, and a head."""

from __future__ import annotations

from typing import ClassVar, final

from torch import Tensor, nn

from headstart.backbones.backbone import Backbone
from headstart.core.errors import PlanError
from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.data.views import ViewName, view_of
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.methods.base import GradientMethod
from headstart.training.batches import Batch
from headstart.training.depth import Depth, stages_behind
from headstart.training.learner import Classifier
from headstart.training.ridge_start import fitted_classifier
from headstart.training.settings import Training


@final
class BitFit(GradientMethod):
    """Trains every bias of the network, those of normalization layers among them, and a head that starts at the ridge solution.

    Biases move the thresholds at which features fire, not what they respond to. It differs from norm_only by leaving
    the scales of normalization out and taking the biases of other layers in; on convolutional networks, whose convolutions
    mostly have none, it trains half of what norm_only trains.

    Needs: labeled rows, and a network with biases.
    Helps: with few rows, above all on transformers, whose layers all have biases.
    Hurts: where new features are needed; choose lp_ft there.

    Reference: Ben Zaken et al., "BitFit: Simple Parameter-efficient Fine-tuning for Transformer-based Masked Language-models",
        ACL 2022, section 3.
    Differs: the head starts at the ridge solution.

    Attributes:
        depth: How far training may reach down, as in lp_ft; "all" is the paper's.
        view: How pictures are varied.
        flip: Whether "weak" mirrors half of them; off, as mirroring changes the class of digits and text.
    """

    summary: ClassVar[str] = "Biases trained from a fitted linear head, nothing else"

    depth: Depth = "middle"
    view: ViewName = "weak"
    flip: bool = False

    def streams(self, task: Task) -> dict[str, Stream]:
        return {"train": Stream(task.train, view_of(self.view, task.native_pixels, self.flip))}

    def stages(self, backbone: Backbone) -> tuple[str, ...]:
        return stages_behind(backbone, self.depth)

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        weights = biases(backbone)
        if not weights:
            raise PlanError(f"bit_fit trains biases, and {backbone.card.name} has none. Choose another network, or lp_ft.")
        learner = fitted_classifier(backbone, task.train)
        learner.freeze_all_but(weights)
        return learner

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        return {"cross_entropy": soft_cross_entropy(learner(batch["train"].images), batch["train"].targets)}


def biases(backbone: Backbone) -> list[nn.Parameter]:
    """All biases of a backbone, without those of the network's own classifier."""
    body = {id(weight) for _, weights in backbone.parameter_blocks() for weight in weights}
    named = backbone.module.named_parameters()
    return [weight for name, weight in named if name.endswith("bias") and id(weight) in body]
