"""Teacher: a second set of a classifier's weights, fixed or following it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call

from headstart.training.learner import Classifier, Learner


class Teacher(nn.Module):
    """The weights that a classifier had when this was made, and later a running average of them if `update` is called.

    It holds tensors only and runs them through the classifier's own layers, so that it follows where the classifier is cut.
    Put it into the classifier's `extra`: a checkpoint then holds it.

    Args:
        learner: Whose weights and buffers are copied; those of its `extra` are not.
    """

    def __init__(self, learner: Learner) -> None:
        super().__init__()
        own = {name: tensor for name, tensor in learner.state_dict().items() if not name.startswith("extra.")}
        self.names = tuple(own)
        for index, tensor in enumerate(own.values()):
            self.register_buffer(f"tensor_{index}", tensor.detach().clone())

    def weights(self) -> dict[str, Tensor]:
        """Its tensors by their names in the classifier."""
        return {name: self.get_buffer(f"tensor_{index}") for index, name in enumerate(self.names)}

    @torch.no_grad()
    def forward(self, learner: Learner, inputs: Tensor) -> Tensor:
        """Logits [batch, class] by the teacher's weights, without gradients, in the mode that the classifier is in."""
        logits: Tensor = functional_call(learner, {name: tensor.clone() for name, tensor in self.weights().items()}, (inputs,))
        return logits

    @torch.no_grad()
    def features(self, learner: Classifier, inputs: Tensor) -> Tensor:
        """Penultimate features [batch, feature], made as `forward` makes logits."""
        weights = {f"learner.{name}": tensor.clone() for name, tensor in self.weights().items()}
        features: Tensor = functional_call(_Features(learner), weights, (inputs,))
        return features

    @torch.no_grad()
    def update(self, learner: Learner, decay: float) -> None:
        """Move to the classifier's weights: teacher = decay * teacher + (1 - decay) * classifier; integers are copied.

        Reference: Tarvainen & Valpola, "Mean teachers are better role models", NeurIPS 2017, section 2.
        """
        state = learner.state_dict()
        for name, tensor in self.weights().items():
            if tensor.dtype.is_floating_point:
                tensor.lerp_(state[name], 1 - decay)
            else:
                tensor.copy_(state[name])


class _Features(nn.Module):
    """A classifier whose output is its penultimate features."""

    def __init__(self, learner: Classifier) -> None:
        super().__init__()
        self.learner = learner

    def forward(self, inputs: Tensor) -> Tensor:
        return self.learner.features(inputs)
