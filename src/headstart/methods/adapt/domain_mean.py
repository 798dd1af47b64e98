"""DomainMean: source features moved to the target's mean, then ridge."""

from __future__ import annotations

from typing import final

import numpy as np

from headstart.core.types import Floats
from headstart.methods._feature_adaptation import MovedSource
from headstart.shift.projected_domains import ProjectedDomains


@final
class DomainMean(MovedSource):
    """Moves all source rows by the difference of the two domains' means, and fits ridge to them.

    Needs: a labeled source and some target images without labels; ten suffice.
    Helps: where one thing, such as another camera or background, moves all images alike.
    Hurts: where class shares differ, as means then differ for that reason.

    Reference: the first moment alone of Sun, Feng & Saenko, "Return of Frustratingly Easy Domain Adaptation", AAAI 2016.
    """

    def moved(self, domains: ProjectedDomains) -> Floats:
        return np.asarray(domains.source - domains.source.mean(axis=0) + domains.target.mean(axis=0))
