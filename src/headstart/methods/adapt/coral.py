"""Coral: source features recolored with the target's covariance, then ridge."""

from __future__ import annotations

from typing import final

from headstart.core.types import Floats
from headstart.methods._feature_adaptation import MovedSource
from headstart.shift.moments import coral_matrix, moments_of, transported
from headstart.shift.projected_domains import ProjectedDomains


@final
class Coral(MovedSource):
    """Whitens source rows, colors them with the target's covariance and mean, and fits ridge to them.

    Needs: a labeled source and some target images without labels; with fewer than axes the covariances are mostly shrinkage.
    Helps: where the domains differ by contrast, color or sharpness, which moves all classes alike.
    Hurts: where class shares differ or classes are missing, as means and covariances then differ for that reason.

    Reference: Sun, Feng & Saenko, "Return of Frustratingly Easy Domain Adaptation", AAAI 2016, algorithm 1.
    Differs: means are aligned as well; covariances are shrunk as by Ledoit and Wolf instead of adding the identity.
    """

    def moved(self, domains: ProjectedDomains) -> Floats:
        source, target = moments_of(domains.source), moments_of(domains.target)
        matrix = coral_matrix(source.covariance, target.covariance)
        return transported(domains.source, source, target, matrix)
