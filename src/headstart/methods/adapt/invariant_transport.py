"""InvariantTransport: optimal transport up to a rotation of the whole source."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from headstart.core.types import Floats
from headstart.methods._feature_adaptation import TransportedSource
from headstart.shift.projected_domains import ProjectedDomains
from headstart.shift.transport import best_rotation


@final
class InvariantTransport(TransportedSource):
    """Turns or mirrors all source rows as one until carrying them onto target rows costs least; ridge on the turned rows follows.

    Needs: a labeled source, some target images without labels, and POT.
    Helps: where the target is turned, mirrored or sign-flipped against the source and has the same shape, as embeddings of two
        trainings have.
    Hurts: wherever nothing was turned and the shape has several positions that fit about as well.

    Reference: Alvarez-Melis, Jegelka & Jaakkola, "Towards Optimal Transport with Global Invariances", AISTATS 2019.
    """

    summary: ClassVar[str] = "Source rows turned as one so that transport to the target costs least, then ridge"

    def moved(self, domains: ProjectedDomains) -> Floats:
        ours, theirs = domains.source.mean(axis=0), domains.target.mean(axis=0)
        turn = best_rotation(domains.source - ours, domains.target - theirs, domains.seed)
        return np.asarray((domains.source - ours) @ turn + theirs)
