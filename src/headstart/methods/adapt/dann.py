"""DANN: features that a discriminator cannot tell the domain from."""

from __future__ import annotations

from typing import ClassVar, final

from torch import Tensor

from headstart.methods._domain_adaptation import AdversarialAdaptation, Rows
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

    def adaptation(self, learner: Classifier, source: Rows, target: Rows, progress: float) -> dict[str, Tensor]:
        return {"domain": self.domain_loss(learner, source.features, target.features, progress)}
