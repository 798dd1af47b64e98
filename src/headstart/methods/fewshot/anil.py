"""ANIL: MAML whose inner steps adapt the head alone."""

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
class ANIL(MetaLearner):
    """Meta-learns an embedding and a start of the head so that a few steps of the head alone predict the queries.

    It shows that most of what MAML gains lies in the features.

    Needs: rows of several classes, two of them at least with two rows.
    Helps: as MAML, at a fraction of its cost.
    Hurts: where the new classes are of another kind.

    Reference: Raghu et al., "Rapid Learning or Feature Reuse? Towards Understanding the Effectiveness of MAML", ICLR 2020,
        section 4.
    Differs: what is meta-learned is a linear map of frozen features, not a network; classes are drawn from cached
        features at unit length; all classes start from one learned weight, so that their number is free; step sizes are learned.

    Attributes:
        inner_steps: Steps on the support rows; 5 as in the paper's image experiments.
    """

    summary: ClassVar[str] = "An embedding in which a few gradient steps of the head suffice (ANIL)"

    inner_steps: Annotated[int, Field(ge=1, le=100), Searched(1, 10)] = 5

    def parameters(self, embedding: Tensor) -> Parameters:
        """See `MetaLearner.parameters`."""
        return inner_parameters(embedding, adapts_embedding=False)

    def adapted(self, parameters: Parameters, support: Tensor, targets: Tensor) -> Adapted:
        """See `MetaLearner.adapted`."""
        return inner_adapted(parameters, support, targets, self.inner_steps)

    def embedded(self, rows: Tensor, embedding: Tensor) -> Tensor:
        """See `MetaLearner.embedded`: at unit length."""
        return functional.normalize(rows @ embedding, dim=-1)
