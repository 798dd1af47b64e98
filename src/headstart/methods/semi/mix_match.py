"""MixMatch: sharpened guesses for unlabeled pictures, all pictures blended in pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, final

import torch
from pydantic import Field
from torch import Tensor

from headstart.core.seeds import generator_for
from headstart.data.augmentation.views import ViewName
from headstart.losses.consistency import squared_difference
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.losses.pseudo_labels import sharpened
from headstart.methods._semi_supervised import Ratio, SemiSupervised
from headstart.training.batches import Batch
from headstart.training.learner import Classifier
from headstart.training.mixing import mixed_in_pairs
from headstart.training.ramps import linear_ramp
from headstart.training.unlabeled_streams import fixed_scores

RAMP_END = 0.4
"""Share of the training over which the weight grows."""


@final
class MixMatch(SemiSupervised):
    """Guesses the classes of unlabeled pictures, sharpens the guesses, and blends all pictures and labels in pairs.

    The guess is the mean prediction over two weak views. Blended pictures keep the network from being overconfident between
    classes.

    Needs: labeled rows, and unlabeled pictures of the same classes.
    Helps: with small networks and pictures without fine detail.
    Hurts: where blended pictures are not recognizable; where the unlabeled pictures' classes are skewed.

    Reference: Berthelot et al., "MixMatch", NeurIPS 2019, eqs. 2 to 14.
    Differs: behind a frozen first part activations are blended in place of pictures (as in Verma et al., "Manifold Mixup", ICML
        2019), and each picture has a few views that are computed once.

    Attributes:
        unlabeled_ratio: Unlabeled rows a step for each labeled one; each is shown in two views.
        unlabeled_weight: Weight of the squared difference on unlabeled pictures; 75 on CIFAR-10, 250 on SVHN in the paper.
        temperature: Of the sharpening.
        alpha: Of the Beta distribution of blends.
    """

    unlabeled_views: ClassVar[tuple[ViewName, ...]] = ("weak", "weak")

    unlabeled_ratio: Ratio = 1
    unlabeled_weight: Annotated[float, Field(ge=0, le=250)] = 75.0
    temperature: Annotated[float, Field(ge=0.1, le=1)] = 0.5
    alpha: Annotated[float, Field(ge=0.01, le=2)] = 0.75

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        train, pool = batch["train"], batch["unlabeled"]
        views = (pool.images, *pool.also)
        guesses = sharpened(mean_probs(fixed_scores(learner, *views)), self.temperature)
        inputs = torch.cat([train.images, *views])
        targets = torch.cat([train.targets, *[guesses] * len(views)])
        inputs, targets = mixed_in_pairs(inputs, targets, self.alpha, generator_for(torch.initial_seed(), "pairs"))
        scores, num_labeled = learner(inputs), len(train.images)
        weight = self.unlabeled_weight * linear_ramp(progress, 0.0, RAMP_END)
        return {
            "cross_entropy": soft_cross_entropy(scores[:num_labeled], targets[:num_labeled]),
            "mix_match": weight * squared_difference(scores[num_labeled:].softmax(dim=1), targets[num_labeled:]),
        }


def mean_probs(scores: Sequence[Tensor]) -> Tensor:
    """The mean over views of the softmax of logits [batch, class]."""
    return torch.stack([view.softmax(dim=1) for view in scores]).mean(dim=0)
