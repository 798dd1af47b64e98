"""Meta-Baseline: a classifier's embedding, then episodes by cosine (Meta-Baseline)."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from headstart.core.ranges import Searched
from headstart.losses.episodic import cosine_logits, prototypes
from headstart.methods.meta_learner import EpisodeHead, MetaLearner, cosine_head
from headstart.training.meta_training import Parameters


@final
class MetaBaseline(MetaLearner):
    """Learns all known classes at once by a cosine classifier, then episodes by cosine to class means, its scale learned.

    The first stage makes the embedding, the second fits it to few shots.

    Needs: rows of several classes, two of them at least with two rows.
    Helps: as ProtoNet, and where the known classes have many rows each.
    Hurts: where they have one or two: the classifier learns them by heart.

    Reference: Chen et al., "Meta-Baseline: Exploring Simple Meta-Learning for Few-Shot Learning", ICCV 2021, sections 3.2-3.3.
    Differs: the embedding is a linear map of frozen features; the first stage compares by cosine, too, and passes all rows in
        every step.

    Attributes:
        classifier_steps: Steps of the first stage.
    """

    unit_rows: ClassVar[bool] = True

    classifier_steps: Annotated[int, Field(ge=0, le=10_000), Searched(0, 200)] = 50

    def prepared(self, parameters: Parameters, rows: Tensor, labels: Tensor) -> Parameters:
        """See `MetaLearner.prepared`: the first stage; the classifier starts at class means and is thrown away."""
        present, numbered = torch.unique(labels, return_inverse=True)
        ways = functional.one_hot(numbered, len(present)).to(rows.dtype)
        embedding = parameters["embedding"].clone().requires_grad_()
        classifier = prototypes(rows @ embedding.detach(), ways).requires_grad_()
        optimizer = torch.optim.Adam([embedding, classifier], lr=self.lr)
        for _ in range(self.classifier_steps):
            loss = functional.cross_entropy(cosine_logits(rows @ embedding, classifier, parameters["log_scale"].exp()), numbered)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return {**parameters, "embedding": embedding.detach()}

    def episode_head(self, parameters: Parameters, support: Tensor, targets: Tensor) -> EpisodeHead:
        return cosine_head(parameters, support, targets)
