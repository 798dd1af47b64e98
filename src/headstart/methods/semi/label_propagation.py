"""LabelPropagation: every unlabeled row is what its neighbors are on average."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, final

from pydantic import Field

from headstart.backbones.backbone import Backbone
from headstart.core.types import Floats, Integers
from headstart.data.task import Task
from headstart.features.graph import neighbor_graph
from headstart.features.label_spread import propagate_labels
from headstart.features.pool import Pool, pool_of
from headstart.features.representation import Blocks
from headstart.methods.base import Method, Need, check_needs
from headstart.methods.heads import GraphHead
from headstart.methods.model import Model
from headstart.training.settings import Training


@final
class LabelPropagation(Method):
    """Makes every unlabeled row of a neighbor graph the mean of its neighbors while labeled rows keep their labels.

    Labels follow chains of like pictures, so that a class may have any shape. Labels are taken to be right. New pictures ask
    their nearest rows of the graph.

    Needs: labeled rows, one a class suffices, and unlabeled pictures of the same kind.
    Helps: with one to five labels a class where like pictures are of one class, as digits.
    Hurts: where like pictures are not, and with wrong labels, which spread like any other.

    Reference: Zhu & Ghahramani, "Learning from labeled and unlabeled data with label propagation", CMU-CALD-02-107, 2002; new
        rows as in Delalleau, Bengio & Le Roux, "Efficient non-parametric function induction in semi-supervised learning",
        AISTATS 2005, eq. 7.
    Differs: the graph joins nearest neighbors by the cube of their cosine along 256 principal axes, each row is tied a little to
        the labeled class shares, and class masses are not normalized.

    Attributes:
        blocks: What the graph sees; pixels beside all stages gain up to 6 points on digits and lose none elsewhere.
        num_neighbors: Joins that each row makes; 5 gain two points over 10.
        strength: How much neighbors count against the labeled class shares; what is left of 1 keeps parts of the graph without a
            label solvable.
    """

    summary: ClassVar[str] = "Unlabeled rows take the mean of their neighbors in a graph of features, by closed form"
    needs: ClassVar[tuple[Need, ...]] = ("unlabeled",)

    blocks: Blocks = "stages+pixels"
    num_neighbors: Annotated[int, Field(ge=1, le=100)] = 5
    strength: Annotated[float, Field(gt=0, lt=1)] = 0.99

    def head_of(self, pool: Pool) -> tuple[GraphHead, float]:
        """The head and its temperature, fitted to labeled and unlabeled rows."""
        graph = neighbor_graph(pool.directions, self.num_neighbors)

        def scores_of(labels: Integers, rows: Integers) -> Floats:
            probs = propagate_labels(graph, labels, pool.num_classes, self.strength)
            return graph.neighbors.take(rows).votes(probs)

        probs = propagate_labels(graph, pool.labels, pool.num_classes, self.strength)
        return GraphHead.of(pool, probs, self.num_neighbors), pool.temperature(scores_of)

    def fit(self, task: Task, backbone: Backbone, training: Training, workspace: Path | None = None) -> Model:
        """See `Method.fit`; unlabeled rows are read as well, and of `training` the seed alone is used."""
        check_needs(self, task, backbone)
        head, temperature = self.head_of(pool_of(task, backbone, self.blocks, training.seed))
        return Model(backbone, head, temperature, task.classes)
