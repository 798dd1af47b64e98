"""ReMixMatch: mixMatch with aligned guesses from weak views as targets of strong ones."""

from __future__ import annotations

from typing import Annotated, ClassVar, cast, final

import torch
from pydantic import Field
from torch import Tensor, nn

from headstart.backbones.backbone import Backbone
from headstart.core.seeds import generator_for
from headstart.data.augmentation.views import ViewName
from headstart.data.task import Task
from headstart.losses.cross_entropy import soft_cross_entropy
from headstart.losses.distribution_alignment import aligned
from headstart.losses.pseudo_labels import sharpened
from headstart.methods._semi_supervised import Ratio, SemiSupervised
from headstart.training.batches import Batch
from headstart.training.learner import Classifier
from headstart.training.mixing import mixed_in_pairs
from headstart.training.running_mean import RunningMean
from headstart.training.unlabeled_streams import fixed_scores, scores_of

DECAY = 1 - 1 / 128
"""Of the running mean of predictions a step; the paper averages the last 128 batches."""


@final
class ReMixMatch(SemiSupervised):
    """Guesses the classes of unlabeled pictures on weak views, and trains strong views and blends of all pictures on them.

    The guesses are scaled so that classes come up as often as among labeled pictures, then sharpened.

    Needs: labeled rows, and unlabeled pictures of the same classes. The classes must be as frequent among unlabeled pictures as
        among labeled ones.
    Helps: with few labels, more than mix_match does.
    Hurts: where the shares of the classes differ between labeled and unlabeled pictures.

    Reference: Berthelot et al., "ReMixMatch", ICLR 2020, algorithm 1 and eq. 5.
    Differs: no rotation is predicted, as what a frozen first part makes of a picture cannot be turned; two strong views in
        place of eight; the running mean of the predictions decays in place of ending after 128 batches; behind a frozen part
        activations are blended, and views are computed once.

    Attributes:
        unlabeled_ratio: Unlabeled rows a step for each labeled one; each is shown in three views.
        unlabeled_weight: Weight of the loss on blends of unlabeled pictures.
        anchor_weight: Weight of the loss on one strong view that is not blended.
        temperature: Of the sharpening.
        alpha: Of the Beta distribution of blends.
    """

    labeled_views: ClassVar[tuple[ViewName, ...]] = ("strong",)
    unlabeled_views: ClassVar[tuple[ViewName, ...]] = ("weak", "strong", "strong")

    unlabeled_ratio: Ratio = 1
    unlabeled_weight: Annotated[float, Field(ge=0, le=10)] = 1.5
    anchor_weight: Annotated[float, Field(ge=0, le=10)] = 0.5
    temperature: Annotated[float, Field(ge=0.1, le=1)] = 0.5
    alpha: Annotated[float, Field(ge=0.01, le=2)] = 0.75

    def memory(self, task: Task, backbone: Backbone) -> Shares:
        return Shares(torch.from_numpy(task.train.class_counts / len(task.train)).float())

    def losses(self, learner: Classifier, batch: dict[str, Batch], progress: float) -> dict[str, Tensor]:
        train, pool = batch["train"], batch["unlabeled"]
        views = (pool.images, *pool.also)
        guesses = self._guesses(learner, pool.images)
        inputs = torch.cat([train.images, *views])
        targets = torch.cat([train.targets, *[guesses] * len(views)])
        inputs, targets = mixed_in_pairs(inputs, targets, self.alpha, generator_for(torch.initial_seed(), "pairs"))
        blends, anchored = scores_of(learner, inputs, pool.also[0])
        num_labeled = len(train.images)
        return {
            "cross_entropy": soft_cross_entropy(blends[:num_labeled], targets[:num_labeled]),
            "re_mix_match": self.unlabeled_weight * soft_cross_entropy(blends[num_labeled:], targets[num_labeled:]),
            "anchor": self.anchor_weight * soft_cross_entropy(anchored, guesses),
        }

    def _guesses(self, learner: Classifier, images: Tensor) -> Tensor:
        """Aligned, sharpened probabilities of weak views, [batch, class]."""
        memory = cast(Shares, learner.extra)
        (scores,) = fixed_scores(learner, images)
        probs = scores.softmax(dim=1)
        return sharpened(aligned(probs, memory.labeled, memory.predicted(probs.mean(dim=0))), self.temperature)


class Shares(nn.Module):
    """How often classes come up: among labeled pictures, float [class], and in predictions."""

    labeled: Tensor

    def __init__(self, labeled: Tensor) -> None:
        super().__init__()
        self.register_buffer("labeled", labeled)
        self.predicted = RunningMean(DECAY, (len(labeled),))
