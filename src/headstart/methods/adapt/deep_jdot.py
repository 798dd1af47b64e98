"""DeepJDOT: source and target pictures paired by optimal transport and aligned."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from headstart.losses.distances import squared_distances
from headstart.losses.joint_transport import joint_cost, optimal_coupling
from headstart.methods._domain_adaptation import JointAdaptation, Rows, Weight
from headstart.training.learner import Classifier


@final
class DeepJdot(JointAdaptation):
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

    def adaptation(self, learner: Classifier, source: Rows, target: Rows, progress: float) -> dict[str, Tensor]:
        distances = squared_distances(source.features, target.features)
        scaled = distances / distances.detach().mean().clamp_min(torch.finfo(distances.dtype).tiny)
        cost = joint_cost(scaled, source.targets, target.logits, self.feature_weight, self.label_weight)
        return {"transport": (optimal_coupling(cost) * cost).sum()}
