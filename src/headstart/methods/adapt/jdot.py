"""JDOT: labels transported to target rows by features and predictions together (JDOT)."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

import numpy as np
from pydantic import Field
from scipy.spatial.distance import cdist
from scipy.special import softmax

from headstart.heads.class_statistics import one_hot
from headstart.methods._feature_adaptation import FeatureAdaptation, head_of_ridge
from headstart.methods.heads import ProjectedHead
from headstart.shift.projected_domains import ProjectedDomains
from headstart.shift.transport import MOST_ROWS, plan_of, scaled_costs, some_rows


@final
class JDOT(FeatureAdaptation):
    """Transports labeled rows to target rows by features and predictions together, and fits the model to the labels that arrive.

    Transport and fit alternate, from the source model on.

    Needs: a labeled source, and some target images without labels.
    Helps: where features and the decision rule shift together.
    Hurts: where class shares differ.

    Reference: Courty et al., "Joint Distribution Optimal Transportation for Domain Adaptation", NeurIPS 2017, algorithm 1.
    Differs: target rows take the likeliest label that arrives, weighted by its share; at most 1,000 rows of each domain.

    Attributes:
        feature_weight: alpha, the weight of distances of features against those of labels.
        rounds: How often both are done.
    """

    own_means: ClassVar[bool] = True
    trial_order: ClassVar[int] = 1

    feature_weight: Annotated[float, Field(gt=0, le=100)] = 1.0
    rounds: Annotated[int, Field(ge=1, le=100)] = 10

    def head_of(self, domains: ProjectedDomains) -> tuple[ProjectedHead, float]:
        ours = some_rows(len(domains.source), MOST_ROWS, domains.seed, "source")
        theirs = some_rows(len(domains.target), MOST_ROWS, domains.seed, "target")
        rows, labels = domains.target[theirs], one_hot(domains.source_labels[ours], domains.num_classes)
        distances = self.feature_weight * scaled_costs(domains.source[ours], rows)
        found = domains.ridge()
        before = np.full(len(theirs), -1)
        for _ in range(self.rounds):
            probs = softmax(domains.target_scores(found, theirs) / found.fit.temperature, axis=1)
            apart = cdist(labels, probs, "sqeuclidean")
            arrived = plan_of(distances + apart, 0).T @ labels
            if (arrived.argmax(axis=1) == before).all():
                break
            before = arrived.argmax(axis=1)
            found = domains.target_ridge(arrived / arrived.sum(axis=1, keepdims=True), theirs)
        return head_of_ridge(domains, found)
