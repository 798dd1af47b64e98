"""DomainMean: source features moved to the target's mean."""

from __future__ import annotations

from typing import ClassVar, final

from headstart.features.domains import Domains
from headstart.methods._adapted import FeatureAdaptation, adapted_head
from headstart.methods.heads import ChartHead


@final
class DomainMean(FeatureAdaptation):
    """Moves all source rows by the difference of the two domains' means, and fits ridge to them.

    Needs: a labeled source and some target images without labels; ten suffice.
    Helps: where one thing, such as another camera or background, moves all images alike.
    Hurts: where the classes come in other shares: then means differ for that reason.

    Reference: the first moment alone of Sun, Feng & Saenko, "Return of Frustratingly Easy Domain Adaptation", AAAI 2016.

    Attributes:
        blocks: What is taken of the features.
        num_axes: Principal axes of both domains that are kept.
    """

    summary: ClassVar[str] = "Source features moved to the target's mean, then ridge"
    own_means: ClassVar[bool] = True

    def head_of(self, domains: Domains) -> tuple[ChartHead, float]:
        """The head and its temperature."""
        return adapted_head(domains.moved(domains.source - domains.source.mean(axis=0) + domains.target.mean(axis=0)))
