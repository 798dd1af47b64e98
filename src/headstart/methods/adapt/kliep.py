"""KLIEP: source rows weighted by their density ratio (KLIEP), then ridge."""

from __future__ import annotations

from typing import ClassVar, final

from headstart.core.types import Floats
from headstart.methods._feature_adaptation import WeightedSource
from headstart.shift.density_ratio import kliep_ratio
from headstart.shift.projected_domains import ProjectedDomains


@final
class KLIEP(WeightedSource):
    """Weights source rows by a sum of Gaussians that maximizes the likelihood of the target rows, and fits weighted ridge.

    Needs: a labeled source and some target images without labels.
    Helps: where the target covers a part of the source.
    Hurts: with wide features, for which Gaussian kernels are flat, and where the domains hardly overlap.

    Reference: Sugiyama et al., "Direct Importance Estimation with Model Selection and Its Application to Covariate Shift
        Adaptation", NeurIPS 2007.
    """

    trial_order: ClassVar[int] = 1

    def ratio(self, domains: ProjectedDomains) -> Floats:
        return kliep_ratio(domains.source, domains.target, domains.seed)
