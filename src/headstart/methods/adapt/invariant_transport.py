"""InvariantTransport: source rows rotated together so that transport to the target costs least, then ridge."""

from __future__ import annotations

from typing import ClassVar, final

from headstart.core.types import Floats
from headstart.methods._feature_adaptation import MovedSource
from headstart.shift.hypotheses import Change, rotated_source
from headstart.shift.projected_domains import ProjectedDomains


@final
class InvariantTransport(MovedSource):
    """Rotates or reflects all source rows together so that transport to target rows costs least, and fits ridge to the result.

    Needs: a labeled source, and some target images without labels.
    Helps: where the target is rotated, reflected or sign-flipped against the source and has the same shape, as embeddings of
        two trainings have.
    Hurts: where nothing is rotated and several rotations fit about as well.

    Reference: Alvarez-Melis, Jegelka & Jaakkola, "Towards Optimal Transport with Global Invariances", AISTATS 2019.
    """

    assumes: ClassVar[Change] = "rotation"

    def moved(self, domains: ProjectedDomains) -> Floats:
        return rotated_source(domains.source, domains.target, domains.seed)
