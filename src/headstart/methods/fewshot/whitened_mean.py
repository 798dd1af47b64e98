"""Whitened mean: nearest mean direction after whitening within known classes."""

from __future__ import annotations

from typing import ClassVar, Literal, final

from torch import Tensor

from headstart.methods.meta_learner import EpisodeHead, MetaLearner, cosine_head
from headstart.training.meta_training import Parameters


@final
class WhitenedMean(MetaLearner):
    """Learns from many classes in which directions pictures of one class differ, and gives these directions less weight for all
    others.

    It is the meta-learners' embedding at its start, without an episode: one eigendecomposition. On emoji identities it gains as
    much over frozen features as any of them.

    Needs: rows of several classes, some of them with two rows.
    Helps: where new classes vary as the known ones do, such as between two hands that draw them.
    Hurts: with few rows, whose scatter says nothing of other classes.

    Reference: Hatch, Kajarekar & Stolcke, "Within-class covariance normalization for SVM-based speaker recognition",
        Interspeech 2006.
    Differs: see `within_class_whitening`; classes are their mean directions, compared by cosine.
    """

    unit_rows: ClassVar[bool] = True

    num_steps: Literal[0] = 0

    def episode_head(self, parameters: Parameters, support: Tensor, targets: Tensor) -> EpisodeHead:
        return cosine_head(parameters, support, targets)
