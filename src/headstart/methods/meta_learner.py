"""MetaLearner: what meta-learners on frozen features share: one linear embedding, episodes, an outer loop, a linear head."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal, NamedTuple, final

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from headstart.backbones.backbone import Backbone
from headstart.core.ranges import Searched
from headstart.core.rows import linear_scores
from headstart.core.seeds import generator_for, seed_for
from headstart.core.types import Floats, Integers
from headstart.data.folds import Fold
from headstart.data.images import ImageSet
from headstart.data.task import Task
from headstart.features.extract import features_of
from headstart.features.representation import Blocks
from headstart.heads.class_statistics import compact, with_absent_classes
from headstart.heads.out_of_fold import inner_folds
from headstart.heads.principal_components import PrincipalComponents
from headstart.heads.unlabeled_pool import NUM_AXES
from headstart.heads.whitening import within_class_whitening
from headstart.losses.episodic import episode_loss, prototypes
from headstart.methods._probe import held_out_temperature
from headstart.methods.base import Method
from headstart.methods.heads import LinearHead
from headstart.methods.model import Model
from headstart.training.episodes import Episodes, draw_episodes
from headstart.training.meta_training import EpisodeRows, Parameters, meta_trained
from headstart.training.settings import Training

LOG_SCALE = float(np.log(10.0))
"""Inverse temperature at the start: Chen et al., "Meta-Baseline", ICCV 2021, section 4.1."""


class EpisodeHead(NamedTuple):
    """The linear head that support rows make: logits = embedded rows @ weight + bias.

    Attributes:
        weight: float [..., embedded, way].
        bias: float [..., way].
    """

    weight: Tensor
    bias: Tensor


def cosine_head(parameters: Parameters, support: Tensor, targets: Tensor) -> EpisodeHead:
    """Mean directions of classes, times the learned inverse temperature; for embedded rows of unit length."""
    centers = prototypes(functional.normalize(support @ parameters["embedding"], dim=-1), targets)
    weight = parameters["log_scale"].exp() * functional.normalize(centers, dim=-1).transpose(-1, -2)
    return EpisodeHead(weight, torch.zeros_like(weight[..., 0, :]))


class MetaLearner(Method):
    """Learns from episodes of many classes how to learn new ones from a few images. Subclasses say what head support rows make.

    All meta-learners here train one linear map of frozen features: with a few hundred classes, networks of two layers forget more
    than they learn (emoji identities). Fitted to a task, its own training rows are what episodes are drawn from, and then the
    support set. `headstart fewshot enroll GALLERY NAME IMAGE --source DATA` meta-trains on other classes than those to come.

    Attributes:
        unit_rows: Whether embedded rows are scaled to unit length before the head sees them in training.
        blocks: What the embedding sees, along 256 principal axes.
        start: Where the embedding starts: "whitened" within the classes, which alone gains more than episodes add, or "frozen".
        ways: Classes an episode; fewer where the source has fewer.
        shots: Support rows a class; fewer where classes have fewer.
        queries: Query rows a class; likewise.
        num_steps: Outer steps.
        episodes_a_step: Episodes a step.
        lr: Step size of the outer loop.
    """

    unit_rows: ClassVar[bool] = False

    blocks: Blocks = "stages"
    start: Literal["whitened", "frozen"] = "whitened"
    ways: Annotated[int, Field(ge=2, le=1000), Searched(5, 50)] = 20
    shots: Annotated[int, Field(ge=1, le=100), Searched(1, 5)] = 1
    queries: Annotated[int, Field(ge=1, le=100), Searched(1, 8)] = 4
    num_steps: Annotated[int, Field(ge=0, le=100_000), Searched(25, 400)] = 100
    episodes_a_step: Annotated[int, Field(ge=1, le=1000), Searched(4, 32)] = 8
    lr: Annotated[float, Field(gt=0, le=1), Searched(1e-5, 1e-2)] = 3e-4

    def parameters(self, embedding: Tensor) -> Parameters:
        """What is meta-learned, at its start: tensors by name, among them "embedding", float [feature, embedded]."""
        return {"embedding": embedding, "log_scale": torch.tensor(LOG_SCALE, dtype=embedding.dtype)}

    @abstractmethod
    def episode_head(self, parameters: Parameters, support: Tensor, targets: Tensor) -> EpisodeHead:
        """The head that the support rows make, given the parameters.

        Args:
            parameters: What `parameters` gave, or training made of it.
            support: float [..., shot row, feature]; leading axes are episodes.
            targets: float [..., shot row, way], one-hot.

        Returns:
            The head.
        """

    @final
    def logits(self, parameters: Parameters, support: Tensor, targets: Tensor, query: Tensor) -> Tensor:
        """Logits of queries, float [..., query row, way]; `query` is float [..., query row, feature], the rest as for a head."""
        found = self.episode_head(parameters, support, targets)
        return self.embedded(query, parameters["embedding"]) @ found.weight + found.bias[..., None, :]

    @final
    def embedded(self, rows: Tensor, embedding: Tensor) -> Tensor:
        """Rows as the head sees them in training."""
        return functional.normalize(rows @ embedding, dim=-1) if self.unit_rows else rows @ embedding

    def objective(self, parameters: Parameters, batch: EpisodeRows) -> Tensor:
        """What an outer step minimizes: the cross-entropy of the queries."""
        return episode_loss(self.logits(parameters, batch.support, batch.targets, batch.query), batch.query_labels)

    def prepared(self, parameters: Parameters, rows: Tensor, labels: Tensor) -> Parameters:
        """The parameters before the first episode; a stage without episodes may come here."""
        return parameters

    @final
    def meta_train(self, rows: Floats, labels: Integers, domains: Integers | None, seed: int) -> Parameters:
        """The parameters after all steps on rows [sample, feature] of mean squared length 1.

        Where there are several domains, support and query of an episode come from different ones; None stands for one domain.
        `TrainingError` when a loss is not finite.
        """
        source = np.asarray(rows, np.float32)
        start = within_class_whitening(source, labels) if self.start == "whitened" else np.eye(source.shape[1])
        known = torch.from_numpy(source)
        begun = self.prepared(self.parameters(torch.from_numpy(start).float()), known, torch.from_numpy(labels))
        draw = EpisodeDraw.of(self, labels, domains, seed)
        return meta_trained(self.objective, begun, known, draw.at, self.num_steps, self.lr) if draw else begun

    @final
    def head_of(self, rows: Floats, labels: Integers, num_classes: int, parameters: Parameters) -> tuple[Floats, Floats]:
        """Embedding and head as one linear map of rows: weight, float64 [feature, class], and bias, float64 [class].

        Classes without rows get a score below all others.
        """
        present, numbered = np.unique(labels, return_inverse=True)
        targets = functional.one_hot(torch.from_numpy(numbered), len(present)).float()
        with torch.no_grad():
            found = self.episode_head(parameters, torch.from_numpy(np.asarray(rows, np.float32)), targets)
        weight, bias = (parameters["embedding"] @ found.weight).double().numpy(), found.bias.double().numpy()
        scores = rows @ weight + bias
        lowest = 2.0 * float(scores.min()) - float(scores.max()) - 1.0
        return with_absent_classes(weight, bias, present, num_classes, lowest)

    @final
    def fit(self, task: Task, backbone: Backbone, training: Training, workspace: Path | None = None) -> Model:
        """See `Method.fit`; of `training` the seed alone is used."""
        train, seed = task.train, training.seed
        features = features_of(train, backbone)
        projection = PrincipalComponents.scaled(features, self.blocks, NUM_AXES, seed)
        rows, labels = projection.rows(features), train.labels
        parameters = self.meta_train(rows, labels, numbered_domains(train), seed)

        def held_out_scores(fold: Fold) -> Floats:
            return linear_scores(
                rows[fold.held_out], *self.head_of(rows[fold.fit], labels[fold.fit], task.num_classes, parameters)
            )

        folds = inner_folds(labels, train.groups, seed)
        weight, bias = self.head_of(rows, labels, task.num_classes, parameters)
        head = LinearHead(projection.representation, np.asarray(projection.axes @ weight, np.float32), bias)
        # Support sets lack the held-out rows; the embedding has seen them.
        return Model(backbone, head, held_out_temperature(held_out_scores, folds, labels), task.classes)


def numbered_domains(images: ImageSet) -> Integers | None:
    """The domain of each row as a number, int64 [sample]; None where there is one domain."""
    names, numbers = np.unique(images.domains, return_inverse=True)
    return np.asarray(numbers, np.int64) if len(names) > 1 else None


@dataclass(frozen=True)
class EpisodeDraw:
    """Batches of episodes by step, in the largest shape that the rows allow.

    Attributes:
        labels: int64 [sample].
        domains: int64 [sample]; None where support and query come from the same rows.
        shape: Ways, shots and queries.
        num_episodes: A batch.
        seed: Decides everything.
    """

    labels: Integers
    domains: Integers | None
    shape: tuple[int, int, int]
    num_episodes: int
    seed: int

    @classmethod
    def of(cls, learner: MetaLearner, labels: Integers, domains: Integers | None, seed: int) -> EpisodeDraw | None:
        """The draw nearest to what a meta-learner asks for; None where no two classes have two rows."""
        for own in (_at_least_two(domains), None):
            per_class = _fewest_of_a_domain(labels, own)
            usable = per_class[per_class > (0 if own is not None else 1)]
            if len(usable) > 1:
                typical = int(np.median(usable))
                shots = min(learner.shots, typical if own is not None else typical - 1)
                queries = min(learner.queries, typical if own is not None else typical - shots)
                needed = max(shots, queries) if own is not None else shots + queries
                ways = min(learner.ways, int((per_class >= needed).sum()))
                if ways > 1:
                    return cls(labels, own, (ways, shots, queries), learner.episodes_a_step, seed)
        return None

    def at(self, step: int) -> Episodes:
        """The batch of a step, counted from 0."""
        draw = seed_for(self.seed, "meta-training", step)
        if self.domains is None:
            return draw_episodes(self.labels, *self.shape, self.num_episodes, draw)
        first, second = generator_for(draw, "domains").permutation(self.domains.max() + 1)[:2]
        masks = (self.domains == first, self.domains == second)
        return draw_episodes(self.labels, *self.shape, self.num_episodes, draw, *masks)


def _at_least_two(domains: Integers | None) -> Integers | None:
    """The domains numbered without gaps, as rows may be a part of those that were numbered; None where there is one."""
    return None if domains is None or len(np.unique(domains)) < 2 else compact(domains)


def _fewest_of_a_domain(labels: Integers, domains: Integers | None) -> Integers:
    """Rows a class, int64 [class]; of several domains those of the one where it has fewest."""
    if domains is None:
        return np.bincount(labels)
    num = int(labels.max()) + 1
    each = [np.bincount(labels[domains == domain], minlength=num) for domain in np.unique(domains)]
    return np.asarray(np.min(each, axis=0), np.int64)
