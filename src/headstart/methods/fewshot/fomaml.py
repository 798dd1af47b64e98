"""FOMAML: MAML whose inner steps count as constants."""

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
class FOMAML(MetaLearner):
    """Meta-learns where embedding and head start, as MAML does, but takes the inner steps for constants.

    It costs a third of MAML and follows it where inner steps are small.

    Needs: rows of several classes, two of them at least with two rows.
    Helps: as MAML, where time is short.
    Hurts: where inner steps are large; their sizes are then learned from a wrong gradient: they stay as they are.

    Reference: Finn, Abbeel & Levine, "Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks", ICML 2017, section 5.2.
    Differs: what is adapted is a linear map of frozen features and a linear head, not a network; classes are drawn from cached
        features at unit length; all classes start from one learned weight, so that their number is free; step sizes are learned.

    Attributes:
        inner_steps: Steps on the support rows; 5 as in the paper's image experiments.
    """

    summary: ClassVar[str] = "MAML by first-order gradients (FOMAML)"

    inner_steps: Annotated[int, Field(ge=1, le=100), Searched(1, 10)] = 5

    def parameters(self, embedding: Tensor) -> Parameters:
        """See `MetaLearner.parameters`."""
        return inner_parameters(embedding, adapts_embedding=True)

    def adapted(self, parameters: Parameters, support: Tensor, targets: Tensor) -> Adapted:
        """See `MetaLearner.adapted`."""
        return inner_adapted(parameters, support, targets, self.inner_steps, second_order=False)

    def embedded(self, rows: Tensor, embedding: Tensor) -> Tensor:
        """See `MetaLearner.embedded`: at unit length."""
        return functional.normalize(rows @ embedding, dim=-1)
