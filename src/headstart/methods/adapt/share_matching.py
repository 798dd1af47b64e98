"""ShareMatching: source model scaled so that the target's predictions have the source's class shares."""

from __future__ import annotations

from typing import final

from headstart.methods._feature_adaptation import FeatureAdaptation, corrected_head
from headstart.methods.heads import ProjectedHead
from headstart.shift.label_shift import matching_factors
from headstart.shift.projected_domains import ProjectedDomains


@final
class ShareMatching(FeatureAdaptation):
    """Scales the source model's probabilities, class by class, until their mean over the target is the source's class shares.

    Needs: a labeled source and target images without labels whose classes come in the source's shares.
    Helps: where images moved across the boundaries, so that some classes are predicted too often.
    Hurts: where class shares really differ.

    Reference: the distribution alignment of Berthelot et al., "ReMixMatch", ICLR 2020, section 3.1.
    Differs: it is done once, exactly, on a fitted model.
    """

    def head_of(self, domains: ProjectedDomains) -> tuple[ProjectedHead, float]:
        return corrected_head(domains, lambda _, __, target, shares: matching_factors(target, shares))
