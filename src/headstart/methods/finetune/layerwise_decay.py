"""Layer-wise rate decay: everything trained from a fitted linear head, each block in smaller steps than the next."""

from __future__ import annotations

from typing import Annotated, final

from pydantic import Field

from headstart.backbones.backbone import Backbone
from headstart.core.ranges import Searched
from headstart.data.task import Task
from headstart.methods._fine_tuning import FineTuning
from headstart.training.learner import Classifier
from headstart.training.ridge_start import fitted_classifier
from headstart.training.settings import Training


@final
class LayerwiseDecay(FineTuning):
    """Trains the whole network from the ridge head; the step size falls by one factor from each block to the one before it.

    The l-th of L blocks takes steps of decay^(L - l + 1) times the head's. Early blocks, which serve most tasks, hardly move, and
    no block has to be chosen as frozen. It differs from lp_ft with depth = "all" by its decay: a block, not a stage, at a time.

    Needs: labeled rows, and weights worth keeping.
    Helps: with hundreds of rows a class, above all on transformers.
    Hurts: when time is short: nothing is frozen, so every step runs through the whole network.

    Reference: Clark et al., "ELECTRA", ICLR 2020, appendix B; Bao et al., "BEiT", ICLR 2022, whose layers are blocks.
    Differs: the head starts at the ridge solution, and batch normalization of pretrained weights keeps its statistics.

    Attributes:
        decay: The factor; 0.75 as He et al., "Masked Autoencoders", CVPR 2022, table 9. With 1 everything takes equal steps.
    """

    decay: Annotated[float, Field(gt=0, le=1), Searched(0.5, 1.0)] = 0.75

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        return fitted_classifier(backbone, task.train, body_scale=self.decay, block_decay=self.decay)
