"""KLIEP: source rows weighted as the target would."""

from __future__ import annotations

from typing import ClassVar, final

from headstart.features.density_ratio import bounded, kliep_ratio
from headstart.features.domains import Domains
from headstart.methods._adapted import FeatureAdaptation, adapted_head
from headstart.methods.heads import ChartHead


@final
class KLIEP(FeatureAdaptation):
    """Weighs source rows by a sum of Gaussians that makes the target rows likeliest; weighted ridge follows.

    Needs: a labeled source and some target images without labels.
    Helps: where the target is a part of what the source shows.
    Hurts: with wide features, in which Gaussians see nothing, and where the domains hardly overlap.

    Reference: Sugiyama et al., "Direct Importance Estimation with Model Selection and Its Application to Covariate Shift
        Adaptation", NeurIPS 2007.
    Differs: weights are kept below the root of the number of rows.

    Attributes:
        blocks: What is taken of the features.
        num_axes: Principal axes of both domains that are kept.
    """

    summary: ClassVar[str] = "Source rows weighted by their density ratio (KLIEP), then ridge"

    def head_of(self, domains: Domains) -> tuple[ChartHead, float]:
        """The head and its temperature."""
        return adapted_head(domains, bounded(kliep_ratio(domains.source, domains.target, domains.seed)))
