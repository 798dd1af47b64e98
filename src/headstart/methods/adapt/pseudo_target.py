"""PseudoTarget: target rows labeled by the source model and learned, in rounds."""

from __future__ import annotations

from typing import Annotated, final

import numpy as np
from pydantic import Field
from scipy.special import softmax

from headstart.methods._feature_adaptation import FeatureAdaptation, head_of_ridge
from headstart.methods.heads import ProjectedHead
from headstart.shift.label_shift import class_shares, matching_factors
from headstart.shift.projected_domains import ProjectedDomains


@final
class PseudoTarget(FeatureAdaptation):
    """Labels target rows by the source model, fits a model to them, labels them again, and so on; source rows are not used again.

    Class by class, probabilities are scaled to the source's class shares before the likeliest class is taken.

    Needs: a labeled source and target images without labels whose classes come in about the source's shares.
    Helps: where the target's classes form clusters of their own that the source model finds mostly right.
    Hurts: where it finds them mostly wrong, and where shares differ.

    Reference: Lee, "Pseudo-Label", ICML 2013 Workshops; the shares as in Berthelot et al., "ReMixMatch", ICLR 2020, section 3.1.

    Attributes:
        rounds: How often rows are labeled and learned.
    """

    rounds: Annotated[int, Field(ge=1, le=100)] = 5

    def head_of(self, domains: ProjectedDomains) -> tuple[ProjectedHead, float]:
        found = domains.ridge()
        shares = class_shares(domains.source_labels, domains.num_classes)
        before = np.full(len(domains.target), -1)
        for _ in range(self.rounds):
            probs = softmax(domains.target_scores(found) / found.fit.temperature, axis=1)
            scaled = probs * matching_factors(probs, shares)
            if (scaled.argmax(axis=1) == before).all():
                break
            before = scaled.argmax(axis=1)
            found = domains.target_ridge(scaled / scaled.sum(axis=1, keepdims=True))
        return head_of_ridge(domains, found)
