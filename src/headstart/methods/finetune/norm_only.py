"""Norm only: scales and shifts of normalization layers are trained, and a head."""

from __future__ import annotations

from typing import ClassVar, final

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

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

NORMS = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


@final
class NormOnly(GradientMethod):
    """Trains the scale and the shift of every normalization layer and a head that starts at the ridge solution, nothing else.

    These weights, well under one in a hundred, turn each channel up, down or off: enough to choose among the features that a
    network has, too few to forget them. The statistics of batch normalization stay.

    Needs: labeled rows, and a network with normalization layers (batch, layer, group, instance or root mean square).
    Helps: with few rows, or where pictures differ from those of the source in brightness, contrast or sharpness.
    Hurts: where new features are needed; choose lp_ft there.

    Reference: Frankle et al., "Training BatchNorm and Only BatchNorm", ICLR 2021, section 3.
    Differs: they train on random weights without a head's help; here weights are pretrained and the head is fitted first.

    Attributes:
        depth: How far training may reach down, as in lp_ft; "all" is the paper's.
        view: How pictures are varied.
        flip: Whether "weak" mirrors half of them; off, as mirroring changes the class of digits and text.
    """

    summary: ClassVar[str] = "Scales and shifts of normalization layers trained from a fitted linear head"

    depth: Depth = "middle"
    view: ViewName = "weak"
    flip: bool = False

    def streams(self, task: Task) -> dict[str, Stream]:
        return {"train": Stream(task.train, view_of(self.view, task.native_pixels, self.flip))}

    def stages(self, backbone: Backbone) -> tuple[str, ...]:
        return stages_behind(backbone, self.depth)

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        weights = norm_weights(backbone.module)
        if not weights:
            raise PlanError(
                f"norm_only trains normalization layers, and {backbone.card.name} has none. Choose another network, or lp_ft."
            )
        learner = fitted_classifier(backbone, task.train)
        learner.freeze_all_but(weights)
        return learner

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        return {"cross_entropy": soft_cross_entropy(learner(batch["train"].images), batch["train"].targets)}


def norm_weights(network: nn.Module) -> list[nn.Parameter]:
    """The scales and shifts of all normalization layers of a network."""
    return [weight for part in network.modules() if isinstance(part, NORMS) for weight in part.parameters(recurse=False)]
