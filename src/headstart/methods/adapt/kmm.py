"""KMM: source rows weighted so that kernel means meet (KMM), then ridge."""

from __future__ import annotations

from typing import final

from headstart.core.types import Floats
from headstart.methods._feature_adaptation import WeightedSource
from headstart.shift.density_ratio import kernel_mean_ratio
from headstart.shift.projected_domains import ProjectedDomains


@final
class KMM(WeightedSource):
    """Weights source rows so that their mean in a Gaussian kernel's feature space matches the target's, and fits weighted ridge.

    Needs: a labeled source and some target images without labels.
    Helps: where the target covers a part of the source.
    Hurts: where the domains hardly overlap.

    Reference: Huang et al., "Correcting Sample Selection Bias by Unlabeled Data", NeurIPS 2006.
    Differs: at most 2,000 rows of each domain are matched.
    """

    def ratio(self, domains: ProjectedDomains) -> Floats:
        return kernel_mean_ratio(domains.source, domains.target, domains.seed)
