"""DAN: features of both domains aligned by maximum mean discrepancy."""

from __future__ import annotations

from typing import final

from torch import Tensor

from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.losses.mmd import mmd
from headstart.methods._domain_adaptation import DomainAdaptation, Weight
from headstart.training.batches import Batch
from headstart.training.domain_streams import features_by_domain
from headstart.training.learner import Classifier


@final
class Dan(DomainAdaptation):
    """Trains on source pictures and aligns the features of both domains by maximum mean discrepancy.

    Without an adversary, training is more stable than with one.

    Needs: labeled source pictures, and unlabeled target pictures of the same classes.
    Helps: where a few dozen rows a step show what the domains are like, and classes are about equally frequent in both.
    Hurts: where classes are much more frequent in one domain: aligned features then confuse them.

    Reference: Long et al., "Learning Transferable Features with Deep Adaptation Networks", ICML 2015.
    Differs: the last features alone are aligned, with equally weighted kernels around the median distance.

    Attributes:
        weight: Of the discrepancy.
    """

    weight: Weight = 1.0

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        source, target = features_by_domain(learner, batch)
        return {
            "cross_entropy": soft_cross_entropy(learner.head(source), batch["train"].targets),
            "mmd": self.weight * mmd(source, target),
        }
