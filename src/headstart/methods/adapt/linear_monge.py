"""LinearMonge: source features moved by the least affine map to the target's moments, then ridge."""

from __future__ import annotations

from typing import final

from headstart.core.types import Floats
from headstart.methods._feature_adaptation import MovedSource
from headstart.shift.moments import monge_transported
from headstart.shift.projected_domains import ProjectedDomains


@final
class LinearMonge(MovedSource):
    """Moves source rows by the affine map that gives them the target's mean and covariance and moves them least.

    It does what `coral` does, rotating rows no more than needed.

    Needs: a labeled source and some target images without labels.
    Helps: where an affine change moves all classes alike, such as another camera.
    Hurts: where class shares differ or classes are missing.

    Reference: Flamary, Lounici & Ferrari, "Concentration bounds for linear Monge mapping estimation and optimal transport domain
        adaptation", 2019, eq. 5.
    Differs: covariances are shrunk as by Ledoit and Wolf.
    """

    def moved(self, domains: ProjectedDomains) -> Floats:
        return monge_transported(domains.source, domains.target)
