"""Semi-supervised learning: what its methods share, by gradient and on frozen features."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Annotated, ClassVar, TypeAlias, final

from pydantic import Field

from headstart.backbones.backbone import Backbone
from headstart.core.types import Floats, Integers
from headstart.data.augmentation.views import ViewName
from headstart.data.streams import Stream
from headstart.data.task import Task
from headstart.features.representation import Blocks
from headstart.heads.neighbor_graph import Graph, neighbor_graph
from headstart.heads.unlabeled_pool import NUM_AXES, UnlabeledPool, unlabeled_pool
from headstart.methods._staged import Staged
from headstart.methods.base import Method, Need, check_needs
from headstart.methods.graph_head import GraphHead
from headstart.methods.heads import Head
from headstart.methods.model import Model
from headstart.training.settings import Training
from headstart.training.unlabeled_streams import streams_with_pool

Ratio: TypeAlias = Annotated[int, Field(ge=1, le=7)]


class SemiSupervised(Staged):
    """A method that trains on labeled pictures and on unlabeled ones of the same classes.

    Training starts from the ridge head. Views are computed once where the first part of the network is frozen. Strong views
    change colors and hide a square, in place of the papers' RandAugment or CTAugment.

    Attributes:
        labeled_views: Views of each labeled picture; the first is `Batch.images`, the others are `Batch.also`.
        unlabeled_views: Views of each unlabeled picture, likewise.
        unlabeled_ratio: Unlabeled rows a step for each labeled one; mu in FixMatch and its successors, 7 there.
        unlabeled_weight: Weight of the loss on unlabeled pictures.
    """

    needs: ClassVar[tuple[Need, ...]] = ("pictures", "unlabeled")
    labeled_views: ClassVar[tuple[ViewName, ...]] = ("weak",)
    unlabeled_views: ClassVar[tuple[ViewName, ...]] = ("weak", "strong")

    unlabeled_ratio: Ratio = 3
    unlabeled_weight: Annotated[float, Field(ge=0, le=10)] = 1.0

    def streams(self, task: Task) -> dict[str, Stream]:
        return streams_with_pool(task, self.unlabeled_ratio, self.flip, self.labeled_views, self.unlabeled_views)


class SemiSupervisedProbe(Method):
    """A head fitted to frozen features of labeled and unlabeled rows.

    Attributes:
        blocks: What is seen of the features.
    """

    needs: ClassVar[tuple[Need, ...]] = ("unlabeled",)
    row_bytes: ClassVar[int] = 6 * 4 * NUM_AXES
    """Six copies along the axes of the pool, as measured (`python -m benchmarks.memory`)."""

    blocks: Blocks = "stages+pixels"

    @abstractmethod
    def head_of(self, pool: UnlabeledPool) -> tuple[Head, float]:
        """The head and its temperature, fitted to labeled and unlabeled rows."""

    @final
    def fit(self, task: Task, backbone: Backbone, training: Training, workspace: Path | None = None) -> Model:
        """See `Method.fit`; unlabeled rows are read as well, and of `training` the seed alone is used."""
        check_needs(self, task, backbone)
        head, temperature = self.head_of(unlabeled_pool(task, backbone, self.blocks, training.seed))
        return Model(backbone, head, temperature, task.classes)


class GraphProbe(SemiSupervisedProbe):
    """A method that gives every row of a neighbor graph class probabilities; new pictures ask their nearest rows of the graph.

    Attributes:
        num_neighbors: Joins that each row of the graph makes; 5 gain a point over 10.
    """

    num_neighbors: Annotated[int, Field(ge=1, le=100)] = 5

    @abstractmethod
    def probs(self, pool: UnlabeledPool, graph: Graph, labels: Integers) -> Floats:
        """Class probabilities of the graph's rows, float [row, class], from int64 labels [row], some of them `UNLABELED`."""

    @final
    def head_of(self, pool: UnlabeledPool) -> tuple[GraphHead, float]:
        graph = neighbor_graph(pool.directions, self.num_neighbors)

        def scores_of(labels: Integers, rows: Integers) -> Floats:
            return graph.neighbors.take(rows).class_scores(self.probs(pool, graph, labels))

        probs = self.probs(pool, graph, pool.labels)
        return GraphHead.of(pool, probs, self.num_neighbors), pool.temperature(scores_of)
