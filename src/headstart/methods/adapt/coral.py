"""Coral: source features recolored with the target's covariance."""

from __future__ import annotations

from typing import ClassVar, final

from headstart.features.domain_maps import carried, coral_matrix, moments_of
from headstart.features.domains import Domains
from headstart.methods._adapted import FeatureAdaptation, adapted_head
from headstart.methods.heads import ChartHead


@final
class Coral(FeatureAdaptation):
    """Whitens source rows, colors them with the target's covariance and mean, and fits ridge to them.

    Needs: a labeled source and some target images without labels; with fewer than axes the covariances are mostly shrinkage.
    Helps: where the domains differ by contrast, color or sharpness, which moves all classes alike.
    Hurts: where the classes come in other shares, or only some of them: then means and covariances differ for that reason.

    Reference: Sun, Feng & Saenko, "Return of Frustratingly Easy Domain Adaptation", AAAI 2016, algorithm 1.
    Differs: means are aligned as well; covariances are shrunk as by Ledoit and Wolf instead of adding the identity.

    Attributes:
        blocks: What is taken of the features.
        num_axes: Principal axes of both domains that are kept.
    """

    summary: ClassVar[str] = "Source features recolored with the target's covariance, then ridge"
    own_means: ClassVar[bool] = True

    def head_of(self, domains: Domains) -> tuple[ChartHead, float]:
        """The head and its temperature."""
        source, target = moments_of(domains.source), moments_of(domains.target)
        matrix = coral_matrix(source.covariance, target.covariance)
        return adapted_head(domains.moved(carried(domains.source, source, target, matrix)))
