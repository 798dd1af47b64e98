"""V-REx: ERM with the variance of the losses of the sources held down."""

from __future__ import annotations

from typing import final

from torch import Tensor

from headstart.losses.risk_variance import risk_variance
from headstart.methods._domain_generalization import PenalizedGeneralization, PenaltyWeight
from headstart.training.batches import Batch
from headstart.training.domain_streams import losses_by_domain
from headstart.training.learner import Classifier


@final
class VRex(PenalizedGeneralization):
    """Does what erm does with a penalty on the variance of the source domains' losses.

    Equal losses indicate causal features rather than spurious correlations.

    Needs: labeled pictures of two source domains or more; none of the target.
    Helps: where a spurious feature predicts better in some sources than in others.
    Hurts: it seldom beats erm where nothing of the target is known.

    Reference: Krueger et al., "Out-of-Distribution Generalization via Risk Extrapolation", ICML 2021.

    Attributes:
        weight: Of the variance, at the end; 10 in published comparisons.
    """

    weight: PenaltyWeight = 10.0

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        losses = losses_by_domain(learner, batch)
        return {"cross_entropy": losses.mean(), "risk_variance": self.penalty_weight(progress) * risk_variance(losses)}
