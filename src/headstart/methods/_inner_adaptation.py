"""What meta-learners by gradient share: a head that starts alike for every class, and its adaptation on the support rows."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

import torch
from pydantic import Field
from torch import Tensor
from torch.func import vmap
from torch.nn import functional

from headstart.core.ranges import Searched
from headstart.methods.meta_learner import Adapted, MetaLearner
from headstart.training.inner_loop import Parameters, descended

HEAD_RATE = 5.0
"""The head's step size at the start: one step from equal logits then gives about the logits of class means at scale 5."""
EMBEDDING_RATE = 0.05
"""The embedding's step size at the start; it is learned from there on. Chosen, not measured."""


class GradientMetaLearner(MetaLearner):
    """A meta-learner that adapts by a few steps of gradient descent on the support rows.

    Attributes:
        adapts_embedding: Whether inner steps change the embedding beside the head.
        second_order: Whether gradients flow through the inner steps.
        inner_steps: Steps on the support rows; 5 as in the image experiments of the papers.
    """

    unit_rows: ClassVar[bool] = True
    adapts_embedding: ClassVar[bool] = True
    second_order: ClassVar[bool] = True

    inner_steps: Annotated[int, Field(ge=1, le=100), Searched(1, 10)] = 5

    @final
    def parameters(self, embedding: Tensor) -> Parameters:
        return inner_parameters(embedding, self.adapts_embedding)

    @final
    def adapted(self, parameters: Parameters, support: Tensor, targets: Tensor) -> Adapted:
        return inner_adapted(parameters, support, targets, self.inner_steps, self.second_order)


def inner_parameters(embedding: Tensor, adapts_embedding: bool) -> Parameters:
    """An embedding [feature, embedded], the weight with which every class starts, and the logarithms of the learned step sizes.

    Reference: Ye & Chao, "How to Train Your MAML to Excel in Few-Shot Classification", ICLR 2022, section 5 (one start for all
        classes); Li et al., "Meta-SGD", arXiv 1707.09835, eq. 3 (learned step sizes).
    """
    learning_rates = {"log_head_rate": HEAD_RATE} | ({"log_embedding_rate": EMBEDDING_RATE} if adapts_embedding else {})
    logs = {name: torch.tensor(rate, dtype=embedding.dtype).log() for name, rate in learning_rates.items()}
    return {"embedding": embedding, "class_weight": torch.zeros(embedding.shape[1], dtype=embedding.dtype), **logs}


def inner_adapted(parameters: Parameters, support: Tensor, targets: Tensor, num_steps: int, second_order: bool = True) -> Adapted:
    """The head, and the embedding where it has a rate, after steps of gradient descent on the support rows.

    The loss is summed over the classes and averaged within each, so that a step means the same for five ways and a thousand.
    `support` is float [..., shot row, feature] with episodes as leading axes, `targets` float [..., shot row, way], one-hot.
    """
    if support.ndim > 2:
        return Adapted(*vmap(lambda rows, ways: inner_adapted(parameters, rows, ways, num_steps, second_order))(support, targets))
    num_ways = targets.shape[-1]
    moving = {"embedding": parameters["embedding"], "weight": parameters["class_weight"][:, None].expand(-1, num_ways)}
    learning_rates = {"weight": parameters["log_head_rate"].exp()}
    if "log_embedding_rate" in parameters:
        learning_rates["embedding"] = parameters["log_embedding_rate"].exp()
    shares = targets / targets.sum(dim=0)

    def loss(moved: Parameters) -> Tensor:
        logits = functional.normalize(support @ moved["embedding"], dim=-1) @ moved["weight"]
        return -(shares * torch.log_softmax(logits, dim=-1)).sum()

    found = descended(loss, moving, learning_rates, num_steps, second_order)
    return Adapted(found["embedding"], found["weight"], support.new_zeros(num_ways))
