"""GraphHead: a head that asks the nearest rows of a graph, labeled and unlabeled ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from headstart.core.rows import unit_rows
from headstart.core.shapes import check_range
from headstart.core.types import Floats
from headstart.features.feature_set import FeatureSet
from headstart.features.representation import representation_arrays, representation_from
from headstart.heads.principal_components import PrincipalComponents

if TYPE_CHECKING:  # to predict takes no PyTorch
    from torch import nn

    from headstart.heads.unlabeled_pool import UnlabeledPool


@dataclass(frozen=True)
class GraphHead:
    """scores = log of the mean class probabilities of the nearest rows of a graph, weighted by the cube of the cosine.

    Attributes:
        projection: What the head sees.
        rows: Unit-length rows of the graph, float32 [graph row, axis].
        probs: What class each is, float32 [graph row, class].
        num_neighbors: How many are asked.
    """

    projection: PrincipalComponents
    rows: Floats = field(repr=False)
    probs: Floats = field(repr=False)
    num_neighbors: int

    axes: ClassVar[dict[str, str]] = {"axes": "feature axis", "rows": "row axis", "probs": "row class"}

    @classmethod
    def of(cls, pool: UnlabeledPool, probs: Floats, num_neighbors: int) -> Self:
        """The head that asks all rows of a pool; `probs` is float [row, class]."""
        return cls(pool.projection, pool.directions, np.asarray(probs, np.float32), num_neighbors)

    def scores(self, features: FeatureSet) -> Floats:
        from headstart.heads.neighbor_graph import nearest  # noqa: PLC0415

        return nearest(unit_rows(self.projection.rows(features)), self.rows, self.num_neighbors).class_scores(self.probs)

    def graph(self) -> nn.Module:
        from headstart.methods.head_graphs import WeightedNeighborsGraph  # noqa: PLC0415

        return WeightedNeighborsGraph(self.projection.graph(), self.rows, self.probs, self.num_neighbors)

    def arrays(self) -> dict[str, Floats]:
        known = {"rows": self.rows, "probs": self.probs, "axes": self.projection.axes}
        return known | representation_arrays(self.projection.representation)

    def settings(self) -> dict[str, Any]:
        return {"kind": "graph", "blocks": self.projection.representation.blocks, "num_neighbors": self.num_neighbors}

    @classmethod
    def made_of(cls, arrays: dict[str, Floats], settings: dict[str, Any], sizes: Mapping[str, int]) -> Self:
        """See `head_from`."""
        projection = PrincipalComponents(representation_from(arrays, settings["blocks"]), arrays["axes"])
        check_range("num_neighbors", settings["num_neighbors"], 1, sizes["row"])
        return cls(projection, arrays["rows"], arrays["probs"], settings["num_neighbors"])
