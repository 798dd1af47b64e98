"""MixStyle: ERM whose pictures borrow each other's style inside the network."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

from pydantic import Field
from torch import Tensor

from headstart.methods._domain_generalization import DomainGeneralization
from headstart.methods.base import Need
from headstart.training.batches import Batch
from headstart.training.domain_streams import losses_by_domain
from headstart.training.learner import Classifier
from headstart.training.mix_style import mixing_styles


@final
class MixStyle(DomainGeneralization):
    """Does what erm does while channels' means and deviations over places are blended between pictures inside the network.

    The network thus meets styles between those of the sources.

    Needs: labeled source pictures, best of several domains, and a network of maps; none of the target.
    Helps: where domains differ in style: color, contrast, texture, medium.
    Hurts: where style tells classes apart.

    Reference: Zhou et al., "Domain Generalization with MixStyle", ICLR 2021.
    Differs: where the first part of the network is frozen, styles are mixed where the trained part begins, which is later than
        in the paper; elsewhere behind the first two stages. Partners are drawn from all domains.

    Attributes:
        probability: Of mixing at all in a step; 0.5 in the paper.
        alpha: Of the beta distribution of shares; 0.1 in the paper.
    """

    needs: ClassVar[tuple[Need, ...]] = ("pictures", "source", "stages")

    probability: Annotated[float, Field(ge=0, le=1)] = 0.5
    alpha: Annotated[float, Field(gt=0, le=10)] = 0.1

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        with mixing_styles(learner, self.probability, self.alpha):
            return {"cross_entropy": losses_by_domain(learner, batch).mean()}
