"""ERM: fine-tuning on all source domains, each counting alike."""

from __future__ import annotations

from typing import final

from torch import Tensor

from headstart.methods._domain_generalization import DomainGeneralization
from headstart.training.batches import Batch
from headstart.training.domain_streams import losses_by_domain
from headstart.training.learner import Classifier


@final
class Erm(DomainGeneralization):
    """Fine-tunes on all source domains, each counting alike in every step.

    Their differences are ignored; in careful comparisons no method is clearly better.

    Needs: labeled source pictures; none of the target.
    Helps: as the baseline, and mostly as the best choice.
    Hurts: where a domain of few pictures counts as much as one of many though it is worse.

    Reference: Gulrajani & Lopez-Paz, "In Search of Lost Domain Generalization", ICLR 2021, section 4 (ERM).
    """

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        return {"cross_entropy": losses_by_domain(learner, batch).mean()}
