"""Heads: what turns features into one score a class."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from headstart.core.errors import DataError
from headstart.core.types import Floats
from headstart.features.feature_set import FeatureSet
from headstart.features.representation import BLOCKS, Representation
from headstart.features.rows import linear_scores, parts


class Head(Protocol):
    """Scores a FeatureSet and can be written as named arrays plus plain settings."""

    def scores(self, features: FeatureSet) -> Floats:
        """One score a class, float64 [sample, class]; softmax of scores over temperature gives probabilities."""
        ...

    def arrays(self) -> dict[str, Floats]:
        """The arrays that make the head again."""
        ...

    def settings(self) -> dict[str, Any]:
        """What else makes it again, as plain JSON values; `kind` names the class."""
        ...


VOTE_VALUES = 16_000_000
"""Cosines held at once: 64 MB."""


def unit_rows(matrix: Floats) -> Floats:
    """The rows scaled to unit length; rows of zeros stay."""
    return np.asarray(matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-12))


def _representation_arrays(representation: Representation) -> dict[str, Floats]:
    return {f"mean.{index}": mean for index, mean in enumerate(representation.means)}


def _representation_from(arrays: dict[str, Floats], blocks: str) -> Representation:
    if blocks not in BLOCKS:
        raise DataError(f"model.json: blocks = {blocks!r} is not one of {', '.join(BLOCKS)}. Fit the run again.")
    means = sorted((key for key in arrays if key.startswith("mean.")), key=lambda key: int(key[5:]))
    return Representation(blocks, tuple(arrays[key] for key in means))


@dataclass(frozen=True)
class LinearHead:
    """scores = matrix(features) @ weight + bias.

    Attributes:
        representation: What the head sees; None for the raw penultimate features, as a network's own classifier does.
        weight: [feature, class].
        bias: [class].
    """

    representation: Representation | None
    weight: Floats = field(repr=False)
    bias: Floats = field(repr=False)

    def scores(self, features: FeatureSet) -> Floats:
        rows = features.penultimate if self.representation is None else self.representation.rows(features)
        return linear_scores(rows, self.weight, self.bias)

    def arrays(self) -> dict[str, Floats]:
        means = _representation_arrays(self.representation) if self.representation else {}
        return {"weight": self.weight, "bias": self.bias, **means}

    def settings(self) -> dict[str, Any]:
        return {"kind": "linear", "blocks": self.representation.blocks if self.representation else None}


@dataclass(frozen=True)
class NeighborHead:
    """scores = log of the smoothed share of each class among the k nearest training rows by cosine.

    Attributes:
        representation: What the head sees.
        rows: Unit-length training rows, float32 [sample, feature].
        labels: int64 [sample].
        num_neighbors: k.
        num_classes: C.
    """

    representation: Representation
    rows: Floats = field(repr=False)
    labels: Floats = field(repr=False)
    num_neighbors: int
    num_classes: int

    def scores(self, features: FeatureSet) -> Floats:
        rows = self.representation.rows(features)
        out = np.empty((len(rows), self.num_classes))
        for part in parts(len(rows), max(1, VOTE_VALUES // len(self.rows))):
            out[part] = self.votes(unit_rows(rows[part]) @ self.rows.T, self.num_neighbors)
        return out

    def votes(self, cosines: Floats, num_neighbors: int) -> Floats:
        """Log of the smoothed share of each class among the nearest, float64 [sample, class].

        Args:
            cosines: float [sample, training sample].
            num_neighbors: How many vote.

        Returns:
            The scores.
        """
        near = np.argpartition(-cosines, num_neighbors - 1, axis=1)[:, :num_neighbors]
        places = np.arange(len(near))[:, None] * self.num_classes + self.labels.astype(np.int64)[near]
        votes = np.bincount(places.ravel(), minlength=len(near) * self.num_classes).reshape(len(near), self.num_classes)
        return np.asarray(np.log((votes + 1.0 / self.num_classes) / (num_neighbors + 1.0)))

    def arrays(self) -> dict[str, Floats]:
        return {"rows": self.rows, "labels": self.labels, **_representation_arrays(self.representation)}

    def settings(self) -> dict[str, Any]:
        return {
            "kind": "neighbors",
            "blocks": self.representation.blocks,
            "num_neighbors": self.num_neighbors,
            "num_classes": self.num_classes,
        }


def head_from(arrays: dict[str, Floats], settings: dict[str, Any]) -> Head:
    """The head that `arrays` and `settings` of another one describe."""
    if settings["kind"] == "linear":
        blocks = settings["blocks"]
        representation = None if blocks is None else _representation_from(arrays, blocks)
        return LinearHead(representation, arrays["weight"], arrays["bias"])
    if settings["kind"] == "neighbors":
        representation = _representation_from(arrays, settings["blocks"])
        return NeighborHead(representation, arrays["rows"], arrays["labels"], settings["num_neighbors"], settings["num_classes"])
    raise DataError(f"model.json: head.kind = {settings['kind']!r} is unknown. Fit the run again with this version.")
