"""DensityRatio: source rows weighted by a classifier of domains, then ridge."""

from __future__ import annotations

from typing import final

from headstart.core.types import Floats
from headstart.methods._feature_adaptation import WeightedSource
from headstart.shift.density_ratio import logistic_ratio
from headstart.shift.projected_domains import ProjectedDomains


@final
class DensityRatio(WeightedSource):
    """Weights source rows by the odds of a logistic domain classifier that they are of the target, and fits weighted ridge.

    Needs: a labeled source and some target images without labels.
    Helps: under covariate shift, where the target covers a part of the source.
    Hurts: where the domains hardly overlap: few rows then get all the weight.

    Reference: Bickel, Brueckner & Scheffer, "Discriminative Learning for Differing Training and Test Distributions", ICML 2007;
        Shimodaira, "Improving predictive inference under covariate shift", JSPI 2000.
    """

    def ratio(self, domains: ProjectedDomains) -> Floats:
        return logistic_ratio(domains.source, domains.target, domains.seed)
