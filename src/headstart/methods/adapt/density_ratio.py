"""DensityRatio: source rows weighted as the target would."""

from __future__ import annotations

from typing import ClassVar, final

from headstart.features.density_ratio import bounded, logistic_ratio
from headstart.features.domains import Domains
from headstart.methods._adapted import FeatureAdaptation, adapted_head
from headstart.methods.heads import ChartHead


@final
class DensityRatio(FeatureAdaptation):
    """Weighs source rows by the odds, says a logistic classifier of domains, that they are of the target; weighted ridge follows.

    Needs: a labeled source and some target images without labels.
    Helps: where the target is a part of what the source shows: same rule, other rows.
    Hurts: where the domains hardly overlap: then few rows get all the weight.

    Reference: Bickel, Brueckner & Scheffer, "Discriminative Learning for Differing Training and Test Distributions", ICML 2007;
        Shimodaira, "Improving predictive inference under covariate shift", JSPI 2000.
    Differs: weights are kept below the root of the number of rows.

    Attributes:
        blocks: What is taken of the features.
        num_axes: Principal axes of both domains that are kept.
    """

    summary: ClassVar[str] = "Source rows weighted by a classifier of domains, then ridge"

    def head_of(self, domains: Domains) -> tuple[ChartHead, float]:
        """The head and its temperature."""
        return adapted_head(domains, bounded(logistic_ratio(domains.source, domains.target, domains.seed)))
