"""Reptile: a start that moves to where gradient descent on episodes ends (Reptile)."""

from __future__ import annotations

from typing import ClassVar, final

import torch
from torch import Tensor

from headstart.methods._inner_adaptation import GradientMetaLearner
from headstart.training.inner_loop import Parameters
from headstart.training.meta_training import EpisodeRows


@final
class Reptile(GradientMetaLearner):
    """Moves the start of the embedding toward the embeddings that a few steps on each episode end at.

    No gradient passes through the steps, and nothing is held out: support and query rows are learned from alike.

    Needs: rows of several classes, two of them at least with two rows.
    Helps: as MAML, where memory is short.
    Hurts: where episodes are small: without held-out queries it fits what they share by chance.

    Reference: Nichol, Achiam & Schulman, "On First-Order Meta-Learning Algorithms", arXiv 1803.02999, algorithm 2.
    Differs: what is adapted is a linear map of frozen features and a linear head that starts at zero and is not meta-learned; the
        outer step is Adam's on half the squared distance, whose gradient is the paper's direction.

    Attributes:
        inner_steps: Steps on an episode's rows; the paper takes 5 to 8.
    """

    second_order: ClassVar[bool] = False

    def objective(self, parameters: Parameters, batch: EpisodeRows) -> Tensor:
        """See `MetaLearner.objective`: half the squared distance to where each episode ends, averaged over episodes."""
        ways = torch.nn.functional.one_hot(batch.query_labels, batch.targets.shape[-1]).to(batch.targets.dtype)
        rows = torch.cat([batch.support, batch.query], dim=1)
        targets = torch.cat([batch.targets, ways.expand(len(rows), -1, -1)], dim=1)
        detached = {name: value.detach() for name, value in parameters.items()}
        ends = self.adapted(detached, rows, targets).embedding.detach()
        return 0.5 * ((parameters["embedding"] - ends) ** 2).sum(dim=(-1, -2)).mean()
