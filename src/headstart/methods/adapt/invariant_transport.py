"""InvariantTransport: optimal transport up to a rotation of the whole source."""

from __future__ import annotations

from typing import ClassVar, final

from headstart.features.domains import Domains
from headstart.features.transport import best_rotation
from headstart.methods._adapted import FeatureAdaptation, adapted_head
from headstart.methods.base import Need
from headstart.methods.heads import ChartHead


@final
class InvariantTransport(FeatureAdaptation):
    """Turns or mirrors all source rows as one until carrying them onto target rows costs least; ridge on the turned rows follows.

    Needs: a labeled source, some target images without labels, and POT.
    Helps: where the target is turned, mirrored or sign-flipped against the source and has the same shape, as embeddings of two
        trainings have.
    Hurts: wherever nothing was turned and the shape has several positions that fit about as well.

    Reference: Alvarez-Melis, Jegelka & Jaakkola, "Towards Optimal Transport with Global Invariances", AISTATS 2019.

    Attributes:
        blocks: What is taken of the features.
        num_axes: Principal axes of both domains that are kept.
    """

    summary: ClassVar[str] = "Source rows turned as one so that transport to the target costs least, then ridge"
    own_means: ClassVar[bool] = True
    needs: ClassVar[tuple[Need, ...]] = ("source", "transport")

    def head_of(self, domains: Domains) -> tuple[ChartHead, float]:
        """The head and its temperature."""
        ours, theirs = domains.source.mean(axis=0), domains.target.mean(axis=0)
        turn = best_rotation(domains.source - ours, domains.target - theirs, domains.seed)
        return adapted_head(domains.moved((domains.source - ours) @ turn + theirs))
