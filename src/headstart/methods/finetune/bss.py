"""BSS: fine-tuning with the smallest singular values of the features held down."""

from __future__ import annotations

from typing import Annotated, final

from pydantic import Field
from torch import Tensor

from headstart.core.ranges import Searched
from headstart.losses.batch_spectral_shrinkage import batch_spectral_shrinkage
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.methods._fine_tuning import ScaledFineTuning
from headstart.training.batches import Batch
from headstart.training.learner import Classifier


@final
class Bss(ScaledFineTuning):
    """Fine-tunes with a penalty on the smallest singular values of each batch of features.

    Directions in which the features of a batch hardly differ carry knowledge of the source that the task does not need;
    suppressed, they cannot be fitted to noise.

    Needs: labeled rows, and weights worth keeping.
    Helps: a little, with few rows on features that are wider than the task is rich.
    Hurts: hardly; it costs one decomposition of a batch of features a step.

    Reference: Chen et al., "Catastrophic Forgetting Meets Negative Transfer", NeurIPS 2019, section 4.
    Differs: the head starts at the ridge solution, and batch normalization of pretrained weights keeps its statistics.

    Attributes:
        weight: Of the penalty, eta in the paper, which uses 0.001.
        num_smallest: How many singular values are held down, k in the paper, which uses 1.
    """

    weight: Annotated[float, Field(ge=0, le=1e3), Searched(1e-4, 1e-1)] = 1e-3
    num_smallest: Annotated[int, Field(ge=1, le=4096), Searched(1, 4)] = 1

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        features = learner.features(batch["train"].images)
        return {
            "cross_entropy": soft_cross_entropy(learner.head(features), batch["train"].targets),
            "spectral_shrinkage": self.weight * batch_spectral_shrinkage(features, self.num_smallest),
        }
