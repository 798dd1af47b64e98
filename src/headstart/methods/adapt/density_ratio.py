"""DensityRatio: source rows weighted as the target would."""

from __future__ import annotations

from typing import ClassVar, final

from headstart.core.types import Floats
from headstart.methods._feature_adaptation import WeightedSource
from headstart.shift.density_ratio import logistic_ratio
from headstart.shift.projected_domains import ProjectedDomains


@final
class DensityRatio(WeightedSource):
    """Weighs source rows by the odds, says a logistic classifier of domains, that they are of the target; weighted ridge follows.

    Needs: a labeled source and some target images without labels.
    Helps: where the target is a part of what the source shows: same rule, other rows.
    Hurts: where the domains hardly overlap: then few rows get all the weight.

    Reference: Bickel, Brueckner & Scheffer, "Discriminative Learning for Differing Training and Test Distributions", ICML 2007;
        Shimodaira, "Improving predictive inference under covariate shift", JSPI 2000.
    """

    summary: ClassVar[str] = "Source rows weighted by a classifier of domains, then ridge"

    def ratio(self, domains: ProjectedDomains) -> Floats:
        return logistic_ratio(domains.source, domains.target, domains.seed)
