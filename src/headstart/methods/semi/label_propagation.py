"""LabelPropagation: unlabeled rows take the mean of their neighbors in a graph of features, by closed form."""

from __future__ import annotations

from typing import Annotated, final

from pydantic import Field

from headstart.core.types import Floats, Integers
from headstart.heads.label_propagation import label_propagation
from headstart.heads.neighbor_graph import Graph
from headstart.heads.unlabeled_pool import UnlabeledPool
from headstart.methods._semi_supervised import GraphProbe


@final
class LabelPropagation(GraphProbe):
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

    strength: Annotated[float, Field(gt=0, lt=1)] = 0.99

    def probs(self, pool: UnlabeledPool, graph: Graph, labels: Integers) -> Floats:
        return label_propagation(graph, labels, pool.num_classes, self.strength)
