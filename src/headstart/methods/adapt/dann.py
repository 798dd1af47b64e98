"""DANN: features that a discriminator cannot tell the domain from."""

from __future__ import annotations

from typing import ClassVar, final

from torch import Tensor

from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.methods._domain_adaptation import AdversarialAdaptation
from headstart.training.batches import Batch
from headstart.training.domain_streams import features_by_domain
from headstart.training.learner import Classifier


@final
class Dann(AdversarialAdaptation):
    """Trains on source pictures while a discriminator learns to tell the domains apart and the features learn to prevent it.

    The gradient of the discriminator's loss is reversed on its way into the network, with growing weight.

    Needs: labeled source pictures, and unlabeled target pictures of the same classes.
    Helps: with hundreds of steps, where domains look different and classes are about equally frequent in both.
    Hurts: where classes are more frequent in one domain, and in short trainings with large steps: on digits it mostly lost to
        training on the source alone, and gained with a fifth of the step size (docs/across-domains.md).

    Reference: Ganin et al., "Domain-Adversarial Training of Neural Networks", JMLR 2016.
    """

    tried_by_run: ClassVar[bool] = True
    trial_order: ClassVar[int] = 7

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        source, target = features_by_domain(learner, batch)
        return {
            "cross_entropy": soft_cross_entropy(learner.head(source), batch["train"].targets),
            "domain": self.domain_loss(learner, source, target, progress),
        }
