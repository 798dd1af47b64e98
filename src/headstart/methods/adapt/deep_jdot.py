"""DeepJDOT: source and target pictures paired by optimal transport and aligned."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.losses.distances import squared_distances
from headstart.losses.joint_transport import joint_cost, optimal_coupling
from headstart.methods._domain_adaptation import DomainAdaptation, Weight
from headstart.training.batches import Batch
from headstart.training.domain_streams import features_by_domain
from headstart.training.learner import Classifier


@final
class DeepJdot(DomainAdaptation):
    """Couples source and target pictures of each step by optimal transport, and reduces the cost of the pairs.

    A target picture learns the labels of the source pictures that it is coupled with.

    Needs: labeled source pictures, and unlabeled target pictures of the same classes.
    Helps: where one domain is a shifted copy of the other, with batches that show every class.
    Hurts: where classes are more frequent in one domain, as all mass has to be transported.

    Reference: Damodaran et al., "DeepJDOT: Deep Joint Distribution Optimal Transport for Unsupervised Domain Adaptation",
        ECCV 2018.
    Differs: squared distances are divided by their mean, so that weights do not depend on the features.

    Attributes:
        feature_weight: Of the distances; alpha in the paper.
        label_weight: Of the cross-entropies of coupled pictures; lambda_t in the paper.
    """

    feature_weight: Weight = 0.1
    label_weight: Weight = 1.0

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        source, target = features_by_domain(learner, batch)
        targets = batch["train"].targets
        distances = squared_distances(source, target)
        scaled = distances / distances.detach().mean().clamp_min(torch.finfo(distances.dtype).tiny)
        cost = joint_cost(scaled, targets, learner.head(target), self.feature_weight, self.label_weight)
        return {
            "cross_entropy": soft_cross_entropy(learner.head(source), targets),
            "transport": (optimal_coupling(cost) * cost).sum(),
        }
