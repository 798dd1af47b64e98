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
    Hurts: where class shares differ between the domains, as features and mean predictions are matched.

    Reference: Ganin et al., "Domain-Adversarial Training of Neural Networks", JMLR 2016.
    Differs: the discriminator sees features of unit length, in place of a bottleneck; the mean prediction for target rows is kept
        near the class shares of the labeled rows. On the same rows (MNIST to digits and back, one seed) it lost 17.6 and 9.5
        points to the training without adaptation with neither of the two, gained 8.6 and 4.5 with the second, and 7.2 (digits
        to MNIST) with both; on other rows it gained 12.5 and 3.6 with both (benchmarks/RESULTS.md).
    """

    tried_by_run: ClassVar[bool] = True
    trial_order: ClassVar[int] = 4

    def adaptation(self, learner: Classifier, source: Rows, target: Rows, progress: float) -> dict[str, Tensor]:
        return {"domain": self.domain_loss(learner, source, target, progress)}
