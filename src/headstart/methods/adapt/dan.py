"""DAN: features of both domains aligned by maximum mean discrepancy."""

from __future__ import annotations

from typing import final

from torch import Tensor

from headstart.losses.mmd import mmd
from headstart.methods._domain_adaptation import JointAdaptation, Rows, Weight
from headstart.training.learner import Classifier


@final
class Dan(JointAdaptation):
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

    def adaptation(self, learner: Classifier, source: Rows, target: Rows, progress: float) -> dict[str, Tensor]:
        return {"mmd": self.weight * mmd(source.features, target.features)}
