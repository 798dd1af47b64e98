"""ProtoNet: nearest class mean in an embedding learned from episodes (ProtoNet)."""

from __future__ import annotations

from typing import final

from torch import Tensor

from headstart.losses.episodic import prototypes
from headstart.methods.meta_learner import EpisodeHead, MetaLearner
from headstart.training.meta_training import Parameters


@final
class ProtoNet(MetaLearner):
    """Meta-learns an embedding in which queries are nearest to the mean of their class's support rows.

    A class is its mean, so that classes come and go without training. At one shot it is the nearest neighbor.

    Needs: rows of several classes, two of them at least with two rows.
    Helps: where many classes are at hand and new ones differ from one another as those do.
    Hurts: where the new classes are of another kind; then the frozen features are better.

    Reference: Snell, Swersky & Zemel, "Prototypical Networks for Few-shot Learning", NeurIPS 2017, eqs. 1-3.
    Differs: the embedding is a linear map of frozen features; squared distances are scaled by a learned inverse temperature, as
        rows have unit length.
    """

    def episode_head(self, parameters: Parameters, support: Tensor, targets: Tensor) -> EpisodeHead:
        """See `MetaLearner.episode_head`: squared distances without the query's own length, which no class changes."""
        scale = parameters["log_scale"].exp()
        centers = prototypes(support @ parameters["embedding"], targets)
        return EpisodeHead(2 * scale * centers.transpose(-1, -2), -scale * (centers**2).sum(dim=-1))
