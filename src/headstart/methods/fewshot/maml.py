"""MAML: a start from which a few steps of gradient descent suffice."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

from pydantic import Field
from torch import Tensor
from torch.nn import functional

from headstart.core.ranges import Searched
from headstart.methods._inner_adaptation import inner_adapted, inner_parameters
from headstart.methods.meta_learner import Adapted, MetaLearner
from headstart.training.inner_loop import Parameters


@final
class MAML(MetaLearner):
    """Meta-learns where embedding and head start, so that a few steps on the support rows predict the queries.

    Gradients flow through the steps, second derivatives included.

    Needs: rows of several classes, two of them at least with two rows.
    Helps: where new classes ask for other features than the known ones do.
    Hurts: at the price: some five times that of ProtoNet, seldom paid back on frozen features.

    Reference: Finn, Abbeel & Levine, "Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks", ICML 2017, algorithm 2.
    Differs: what is adapted is a linear map of frozen features and a linear head, not a network; classes are drawn from cached
        features at unit length; all classes start from one learned weight, so that their number is free; step sizes are learned.

    Attributes:
        inner_steps: Steps on the support rows; 5 as in the paper's image experiments.
    """

    summary: ClassVar[str] = "A start from which a few gradient steps suffice, by second-order gradients (MAML)"

    inner_steps: Annotated[int, Field(ge=1, le=100), Searched(1, 10)] = 5

    def parameters(self, embedding: Tensor) -> Parameters:
        """See `MetaLearner.parameters`."""
        return inner_parameters(embedding, adapts_embedding=True)

    def adapted(self, parameters: Parameters, support: Tensor, targets: Tensor) -> Adapted:
        """See `MetaLearner.adapted`."""
        return inner_adapted(parameters, support, targets, self.inner_steps)

    def embedded(self, rows: Tensor, embedding: Tensor) -> Tensor:
        """See `MetaLearner.embedded`: at unit length."""
        return functional.normalize(rows @ embedding, dim=-1)
