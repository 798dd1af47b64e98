"""LabelSpreading: labels spread along a neighbor graph of features, by closed form."""

from __future__ import annotations

from typing import Annotated, final

from pydantic import Field

from headstart.core.types import Floats, Integers
from headstart.heads.label_propagation import label_spreading
from headstart.heads.neighbor_graph import Graph
from headstart.heads.unlabeled_pool import UnlabeledPool
from headstart.methods._semi_supervised import GraphProbe


@final
class LabelSpreading(GraphProbe):
    """Lets every row of a neighbor graph give its class to its neighbors while labeled rows hold on to theirs.

    Labels follow chains of like pictures, so that a class may have any shape. A labeled row can be outvoted, which forgives wrong
    labels. New pictures ask their nearest rows of the graph.

    Needs: labeled rows, one a class suffices, and unlabeled pictures of the same kind.
    Helps: with one to five labels a class where like pictures are of one class, as digits.
    Hurts: where like pictures are not: on solar cells it is 8 points below ridge with 5 labels a class, on emoji 12 with 20.

    Reference: Zhou et al., "Learning with local and global consistency", NeurIPS 2003; new rows as in Delalleau, Bengio &
        Le Roux, "Efficient non-parametric function induction in semi-supervised learning", AISTATS 2005, eq. 7.
    Differs: the graph joins nearest neighbors by the cube of their cosine along 256 principal axes.

    Attributes:
        blocks: What the graph sees; pixels beside all stages gain up to 7 points on digits and lose none elsewhere.
        num_neighbors: Joins that each row makes; 5 gain a point over 10.
        strength: How much neighbors count against a row's own label; 0.9 lets a label reach some ten joins far.
    """

    strength: Annotated[float, Field(gt=0, lt=1)] = 0.9

    def probs(self, pool: UnlabeledPool, graph: Graph, labels: Integers) -> Floats:
        return label_spreading(graph, labels, pool.num_classes, self.strength)
