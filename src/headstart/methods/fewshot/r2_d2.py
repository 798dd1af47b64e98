"""R2-D2: ridge on the support rows in an embedding learned from episodes (R2-D2)."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from headstart.losses.episodic import ridge_weights
from headstart.methods.meta_learner import EpisodeHead, MetaLearner
from headstart.training.meta_training import Parameters


@final
class R2D2(MetaLearner):
    """Meta-learns an embedding, a penalty and a scale so that ridge regression on the support rows predicts the queries.

    The inner problem is solved in closed form, among as many unknowns as there are support rows, and gradients flow through the
    solution.

    Needs: rows of several classes, two of them at least with two rows.
    Helps: as ProtoNet, and with five shots and more, where a mean wastes what rows tell together.
    Hurts: where the new classes are of another kind.

    Reference: Bertinetto et al., "Meta-learning with differentiable closed-form solvers", ICLR 2019, eqs. 4-6.
    Differs: the embedding is a linear map of frozen features; the offset of the logits, which no class changes, is left out.
    """

    def parameters(self, embedding: Tensor) -> Parameters:
        """See `MetaLearner.parameters`: with the logarithm of the penalty, at 1 for rows of unit length."""
        return {**super().parameters(embedding), "log_penalty": torch.zeros((), dtype=embedding.dtype)}

    def episode_head(self, parameters: Parameters, support: Tensor, targets: Tensor) -> EpisodeHead:
        solved = ridge_weights(support @ parameters["embedding"], targets, parameters["log_penalty"].exp())
        weight = parameters["log_scale"].exp() * solved
        return EpisodeHead(weight, torch.zeros_like(weight[..., 0, :]))
