"""DomainStandardization: source features with the target's mean and deviation on every axis, then ridge."""

from __future__ import annotations

from typing import final

import numpy as np

from headstart.core.types import Floats
from headstart.methods._feature_adaptation import MovedSource
from headstart.shift.projected_domains import ProjectedDomains
from headstart.shift.projection import column_deviations


@final
class DomainStandardization(MovedSource):
    """Gives source rows the mean and the deviation of the target along every axis, and fits ridge to them.

    It is what standardizing each domain by itself does, and asks for far fewer images than a covariance.

    Needs: a labeled source and some target images without labels.
    Helps: where contrast or scale differ.
    Hurts: where class shares differ, or axes are rotated.

    Reference: per-domain normalization as in Li et al., "Revisiting Batch Normalization for Practical Domain Adaptation", ICLR
        2017 Workshops, eq. 2.
    Differs: it acts on features along principal axes, once, instead of on every layer.
    """

    def moved(self, domains: ProjectedDomains) -> Floats:
        source, target = domains.source.mean(axis=0), domains.target.mean(axis=0)
        scale = column_deviations(domains.target, target) / column_deviations(domains.source, source)
        return np.asarray((domains.source - source) * scale + target)
