"""IRM: ERM with a penalty where a source would like another head."""

from __future__ import annotations

from typing import ClassVar, final

import torch
from torch import Tensor

from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.losses.irm_penalty import irm_penalty
from headstart.methods._domain_generalization import PenalizedGeneralization, PenaltyWeight
from headstart.training.batches import Batch
from headstart.training.domain_streams import scores_by_domain
from headstart.training.learner import Classifier


@final
class Irm(PenalizedGeneralization):
    """Does what erm does with a penalty where scaling the scores would lower the loss of a source domain.

    A feature that predicts better in one source than in another calls for another head there, and is penalized.

    Needs: labeled pictures of two source domains or more; none of the target.
    Helps: as v_rex.
    Hurts: it seldom beats erm where nothing of the target is known.

    Reference: Arjovsky et al., "Invariant Risk Minimization", 2019 (IRMv1).

    Attributes:
        weight: Of the penalty, at the end; 100 in published comparisons.
    """

    batch_statistics: ClassVar[bool] = True

    weight: PenaltyWeight = 100.0

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        scored = scores_by_domain(learner, batch)
        losses = torch.stack([soft_cross_entropy(logits, targets) for logits, targets in scored])
        penalties = torch.stack([irm_penalty(logits, targets) for logits, targets in scored])
        return {"cross_entropy": losses.mean(), "invariance": self.penalty_weight(progress) * penalties.mean()}
