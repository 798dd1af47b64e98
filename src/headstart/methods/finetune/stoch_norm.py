"""StochNorm: fine-tuning with batch normalization that mixes batch and moving statistics at random."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

from pydantic import Field

from headstart.backbones.backbone import Backbone
from headstart.core.errors import PlanError
from headstart.data.task import Task
from headstart.methods._fine_tuning import ScaledFineTuning
from headstart.methods.base import Need
from headstart.methods.model import Model
from headstart.training.learner import Classifier
from headstart.training.settings import Training
from headstart.training.stochastic_norm import make_plain, make_stochastic


@final
class StochNorm(ScaledFineTuning):
    """Fine-tunes with batch normalization that uses, channel by channel and step by step, the batch's or the moving statistics.

    The draw varies what later layers see, as dropout does, and lets the moving statistics of the source, which follow the
    task's slowly, act from the first step on. What is deployed has plain batch normalization.

    Needs: labeled rows, weights worth keeping, a network with batch normalization, and batches of two rows or more.
    Helps: with few rows, where training otherwise overfits; where the task's statistics differ from the source's.
    Hurts: in small batches, whose statistics are noise; choose lp_ft there.

    Reference: Kou et al., "Stochastic Normalization", NeurIPS 2020, section 3.
    Differs: statistics of frozen stages stay.

    Attributes:
        batch_share: Probability that a channel uses the batch's statistics, p in the paper, which uses 0.5.
    """

    needs: ClassVar[tuple[Need, ...]] = ("pictures", "batch_norm")

    batch_share: Annotated[float, Field(ge=0, le=1)] = 0.5

    def build(self, task: Task, backbone: Backbone, training: Training) -> Classifier:
        if training.batch_size < 2:
            raise PlanError(
                "stoch_norm takes statistics of batches, and training.batch_size = 1 leaves none. Set it to 2 or more, better 16."
            )
        learner = super().build(task, backbone, training)
        make_stochastic(learner.backbone.module, self.batch_share)
        return learner

    def deploy(self, learner: Classifier, task: Task) -> Model:
        make_plain(learner.backbone.module)
        return super().deploy(learner, task)
